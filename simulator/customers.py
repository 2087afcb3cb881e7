"""Everybody below the transformers as columns: merchants of the ledger first, then the blocks of the scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.scenario.day import DayTable
from simulator.scenario.parts import Use

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.int32]


@dataclass(frozen=True)
class Customers:
    """c customers, one row each; the first m rows are the merchants, in the order of `merchant_ids`."""

    merchant_ids: tuple[str, ...]
    transformer: Rows
    """(c,) row in the fleet."""
    phase_share: Floats
    """(c, 3) how the customer's draw is spread over A, B, C."""
    floor_m2: Floats
    loss_kw_per_k: Floats
    mass_kwh_per_k: Floats
    glass_m2: Floats
    """(c,) glass area times solar transmittance, after shade."""
    facade_azimuth_deg: Floats
    opens_minute: Floats
    closes_minute: Floats
    rests_from_minute: Floats
    """(c,) closed from here …"""
    rests_until_minute: Floats
    """(c,) … until here; equal for who does not rest."""
    presence: Rows
    """(c,) index into `presences`."""
    presence_rank: Floats
    """(c,) who is in first: in while the presence curve is above the rank."""
    presences: DayTable
    gain: Rows
    """(c,) index into `gains`."""
    gains: DayTable
    """[W/m²]"""
    lighting_kw: Floats
    cools_above_c: Floats
    """(c,) who comes in switches on when the room is warmer than this; −inf for shops."""

    def __len__(self) -> int:
        """Return c."""
        return len(self.transformer)

    def inside(self, minute: float) -> Bools:
        """Return where somebody is in at a minute of the day (c,): shops that are open, homes with people."""
        presence = self.presences.at(minute)[self.presence]
        is_open = (self.opens_minute <= minute) & (minute < self.closes_minute)
        rests = (self.rests_from_minute <= minute) & (minute < self.rests_until_minute)
        return is_open & ~rests & (presence > self.presence_rank)

    def unit_hours(self, units: CoolingUnits) -> UnitHours:
        """Return when units are on by the habit of opening and closing, one after another."""
        owner, lag = units.customer, units.lag_minutes
        rests_until = self.rests_until_minute[owner]
        rests = rests_until > 0.0
        return UnitHours(
            self.opens_minute[owner] + lag,
            self.closes_minute[owner] - lag,
            np.where(rests, self.rests_from_minute[owner] - lag, np.inf),
            np.where(rests, rests_until + lag, np.inf),
        )


@dataclass(frozen=True)
class UnitHours:
    """When u units are switched on [minute of the day], all (u,)."""

    on_from: Floats
    on_until: Floats
    rests_from: Floats
    """Infinite for who does not rest."""
    rests_until: Floats

    def switched_on(self, minute: float) -> Bools:
        """Return which units are on at a minute of the day (u,)."""
        by_day = (self.on_from <= minute) & (minute < self.on_until)
        return by_day & ~((self.rests_from <= minute) & (minute < self.rests_until))


@dataclass(frozen=True)
class CoolingUnits:
    """u air conditioners, one row each, grouped by customer."""

    customer: Rows
    rated_kw: Floats
    inverter: Bools
    sensor_error_k: Floats
    setpoint_c: Floats
    lag_minutes: Floats
    """(u,) so long after opening it is switched on, so long before closing off."""


@dataclass(frozen=True)
class HeatingUnits:
    """h electric heaters, one row each; the `count` heaters of one customer are one row."""

    customer: Rows
    heat_pump: Bools
    """(h,) else resistance."""
    rated_kw: Floats
    auxiliary_kw: Floats
    setpoint_c: Floats
    away_k: Floats
    power_factor: Floats


@dataclass(frozen=True)
class Draws:
    """d draws of other appliances: each follows a use, with a scatter of its own."""

    customer: Rows
    use: Rows
    """(d,) index into `uses`."""
    rated_kw: Floats
    uses: tuple[Use, ...]


@dataclass(frozen=True)
class Townsfolk:
    """All customers with what they have."""

    customers: Customers
    units: CoolingUnits
    draws: Draws
    heaters: HeatingUnits
