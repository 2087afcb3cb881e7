"""Rooms and their air conditioners: one thermal mass per customer, thermostats, part load, cycling.

One-resistance one-capacity room (ISO 52016-1 in its simplest form):
C·dT/dt = U·(To − T) + sun + people + machines − cooling. Units follow manufacturers' tables of split
units in their usual slopes (practice): capacity falls by 0.8 %/K and input rises by 1.2 %/K of outdoor
air above 35 °C; an inverter unit is better at part load; a fixed-speed one runs or rests. Moist air
takes a part of the capacity to dry it: the more, the less is left for cooling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.customers import Bools, CoolingUnits, Customers, Floats
from simulator.scenario.parts import CoolingPart

_RATING_OUTDOOR_C = 35.0
"""Outdoor air at which rated input and capacity hold (GB/T 7725, T1)."""
_RATING_MOISTURE_G_KG = 14.2
"""Outdoor air of 35 °C, 24 °C wet bulb (GB/T 7725, T1)."""
_SENSIBLE_SHARES = (0.5, 0.95)


@dataclass(frozen=True)
class Cooling:
    """What the units of all customers do in one step."""

    active_kw: Floats
    """(c,) electrical input."""
    reactive_kvar: Floats
    """(c,)"""
    sensible_kw: Floats
    """(c,) heat taken out of the room's air."""


class Rooms:
    """State of all rooms and units. `step` moves it by whole minutes."""

    def __init__(
        self,
        customers: Customers,
        units: CoolingUnits,
        part: CoolingPart,
        outdoor_c: float,
        minutes_per_k: float,
    ) -> None:
        """Start with every room at the outdoor temperature and every unit off.

        `minutes_per_k`: who takes the set point up does so by a kelvin in so many minutes, as guests bear it.
        """
        self._minutes_per_k = minutes_per_k
        self._customers = customers
        self._units = units
        self._part = part
        self._tan_phi = np.where(units.inverter, tan_phi(part.inverter_power_factor), tan_phi(part.fixed_power_factor))
        self.room_c: Floats = np.full(len(customers), outdoor_c)
        """(c,) air temperature of the rooms."""
        self.own_setpoint_c: Floats = units.setpoint_c
        """(u,) as the merchant likes it."""
        self.setpoint_c: Floats = units.setpoint_c.copy()
        """(u,) as it stands now."""
        self.wanted_setpoint_c: Floats = units.setpoint_c.copy()
        """(u,) where the merchant is taking it."""
        self.allowed: Bools = np.ones(len(units.customer), np.bool_)
        """(u,) False for a unit that its merchant has switched off on request."""
        self.fraction: Floats = np.zeros(len(units.customer))
        """(u,) of full capacity; 0 when off."""
        self._rest_minutes: Floats = np.zeros(len(units.customer))
        self._cooling_on: Bools = np.zeros(len(customers), np.bool_)

    def step(
        self,
        inside: Bools,
        switched_on: Bools,
        heat_kw: Floats,
        outdoor_c: float,
        minutes: float,
        moisture_g_kg: float | None = None,
    ) -> Cooling:
        """Move rooms and units by `minutes` and return what the units drew.

        `inside` (c,): somebody is there to be cooled. `switched_on` (u,): by the shop's own habit.
        `heat_kw` (c,): sun, people, machines, heaters. `moisture_g_kg` of the outdoor air; None: as at the rating.
        """
        self._turn_on_and_off(inside, switched_on, minutes)
        part, units = self._part, self._units
        over_k = outdoor_c - _RATING_OUTDOOR_C
        full_input_kw = units.rated_kw * (1.0 + part.power_per_k * over_k)
        capacity_kw = units.rated_kw * part.rated_cop * (1.0 + part.capacity_per_k * over_k)
        gain = np.where(units.inverter, part.part_load_gain, 0.0)
        input_kw = full_input_kw * self.fraction / (1.0 + gain * (1.0 - self.fraction))
        sensible_kw = capacity_kw * self.fraction * self._sensible_share(moisture_g_kg)
        cooling = Cooling(
            self._by_customer(input_kw), self._by_customer(input_kw * self._tan_phi), self._by_customer(sensible_kw)
        )
        self._warm(heat_kw - cooling.sensible_kw, outdoor_c, minutes)
        return cooling

    def _sensible_share(self, moisture_g_kg: float | None) -> float:
        if moisture_g_kg is None:
            return self._part.sensible_share
        more = self._part.sensible_per_g_kg * (moisture_g_kg - _RATING_MOISTURE_G_KG)
        low, high = _SENSIBLE_SHARES
        return min(max(self._part.sensible_share + more, low), high)

    def units_of(self, customer: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        """Return the rows of one customer's units."""
        return np.flatnonzero(self._units.customer == customer)

    def _turn_on_and_off(self, inside: Bools, switched_on: Bools, minutes: float) -> None:
        """Move every unit's thermostat. A unit that stops rests before it may start again."""
        part, units = self._part, self._units
        warm_enough = self.room_c > self._customers.cools_above_c
        self._cooling_on = inside & (self._cooling_on | warm_enough)
        step_k = minutes / self._minutes_per_k if self._minutes_per_k else np.inf
        self.setpoint_c = np.minimum(self.setpoint_c + step_k, self.wanted_setpoint_c)
        above_k = self.room_c[units.customer] + units.sensor_error_k - self.setpoint_c
        runs = self.fraction > 0.0
        self._rest_minutes = np.maximum(self._rest_minutes - minutes, 0.0)
        wanted = np.where(runs, above_k > -part.swing_k, (above_k > part.swing_k) & (self._rest_minutes == 0.0))
        runs_now = wanted & switched_on & self.allowed & self._cooling_on[units.customer]
        self._rest_minutes[runs & ~runs_now] = part.rest_minutes
        modulated = np.clip((above_k + part.swing_k) / part.band_k, part.fraction_lowest, 1.0)
        self.fraction = np.where(runs_now, np.where(units.inverter, modulated, 1.0), 0.0)

    def _warm(self, gain_kw: Floats, outdoor_c: float, minutes: float) -> None:
        """Move the room temperatures, exactly for constant gains over the step."""
        loss, mass = self._customers.loss_kw_per_k, self._customers.mass_kwh_per_k
        rest_c = outdoor_c + gain_kw / np.maximum(loss, 1e-9)
        decay = np.exp(-loss / mass * minutes / 60.0)
        self.room_c = np.where(loss > 0.0, rest_c + (self.room_c - rest_c) * decay, self.room_c)

    def _by_customer(self, values: Floats) -> Floats:
        return np.bincount(self._units.customer, weights=values, minlength=len(self._customers)).astype(np.float64)


def tan_phi(power_factor: float) -> float:
    """Return reactive over active power at a power factor."""
    return float(np.tan(np.arccos(power_factor)))
