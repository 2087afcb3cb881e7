"""Electric heating: heat pumps that work harder the colder it gets, their auxiliary heaters, resistance heaters.

A heat pump gives less heat from colder air and needs more input for each kilowatt of it, just when the room
loses more: that is why a cold morning loads a transformer. The slopes are those of manufacturers' tables
(practice), from the rating point of 7 °C outdoors (GB/T 7725); capacity falls by 1.7 %/K, COP by 1.8 %/K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.customers import Bools, Floats, HeatingUnits
from simulator.physics.rooms import tan_phi
from simulator.scenario.equipment import HeatingPart

_RATING_OUTDOOR_C = 7.0
_AUXILIARY_BELOW_K = 2.0
_COP_LEAST = 1.2


@dataclass(frozen=True)
class Heated:
    """What the heaters of all customers do in one step."""

    active_kw: Floats
    """(c,) electrical input."""
    reactive_kvar: Floats
    """(c,)"""
    heat_kw: Floats
    """(c,) into the room."""


class Heating:
    """State of all heaters."""

    def __init__(self, units: HeatingUnits, part: HeatingPart, customers: int) -> None:
        """Start with every heater off, for c `customers`."""
        self._units = units
        self._part = part
        self._customers = customers
        self._tan_phi = np.array([tan_phi(factor) for factor in units.power_factor.tolist()])
        self.fraction: Floats = np.zeros(len(units.customer))
        """(h,) of full capacity; 0 when off."""

    def step(self, room_c: Floats, inside: Bools, has_supply: Bools, outdoor_c: float) -> Heated:
        """Turn heaters up and down and return what they do. `inside`, `has_supply` (c,): who is in, who has supply."""
        part, units = self._part, self._units
        owner = units.customer
        wanted_c = units.setpoint_c - np.where(inside[owner], 0.0, units.away_k)
        below_k = wanted_c - room_c[owner]
        runs = np.where(self.fraction > 0.0, below_k > -part.swing_k, below_k > part.swing_k) & has_supply[owner]
        modulated = np.clip((below_k + part.swing_k) / part.band_k, part.fraction_lowest, 1.0)
        self.fraction = np.where(runs, np.where(units.heat_pump, modulated, 1.0), 0.0)
        colder_k = outdoor_c - _RATING_OUTDOOR_C
        cop = max(part.rated_cop * (1.0 + part.cop_per_k * colder_k), _COP_LEAST)
        pumped_kw = units.rated_kw * part.rated_cop * max(1.0 + part.capacity_per_k * colder_k, 0.3) * self.fraction
        helps = units.heat_pump & runs & (below_k > _AUXILIARY_BELOW_K)
        auxiliary_kw = np.where(helps, units.auxiliary_kw, 0.0)
        heat_kw = np.where(units.heat_pump, pumped_kw, units.rated_kw * self.fraction)
        input_kw = np.where(units.heat_pump, heat_kw / cop, heat_kw)
        return Heated(
            self._by_customer(input_kw + auxiliary_kw),
            self._by_customer(input_kw * self._tan_phi),
            self._by_customer(heat_kw + auxiliary_kw),
        )

    def _by_customer(self, values: Floats) -> Floats:
        return np.bincount(self._units.customer, weights=values, minlength=self._customers).astype(np.float64)
