"""Everything that is not air conditioning: lights, cooking, cold chain, plugs. Draws follow uses, with scatter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.customers import Bools, Customers, Draws, Floats
from simulator.physics.refrigeration import ColdStores
from simulator.rng import rng
from simulator.scenario.day import DayCurve, DayTable

_SHARE_RISES_FROM_C = 30.0
LIGHTING_POWER_FACTOR = 0.92
"""Shop LED drivers, practice."""
_LIGHTING_HEAT = 0.9
"""Share of the lighting power that ends as heat in the room, practice."""


@dataclass(frozen=True)
class Drawn:
    """What lights and other appliances of all customers draw in one step."""

    active_kw: Floats
    reactive_kvar: Floats
    heat_kw: Floats
    """(c,) into the room."""


class Appliances:
    """State of lights and other appliances: the scatter of each draw, an AR(1) walk around its use."""

    def __init__(self, customers: Customers, draws: Draws, seed: int) -> None:
        """Start with every draw at its use's share."""
        self._customers = customers
        self._draws = draws
        self._chance = rng(seed, "draws")
        uses = draws.uses
        self._shares = DayTable([DayCurve.of(use.share) for use in uses])
        self._tan_phi = np.array([np.tan(np.arccos(use.power_factor)) for use in uses])[draws.use]
        self._heat = np.array([use.heat_to_room for use in uses])[draws.use]
        self._while_open = np.array([use.while_open for use in uses], np.bool_)[draws.use]
        self._scatter = np.array([use.scatter for use in uses])[draws.use]
        self._scatter_minutes = np.array([use.scatter_minutes for use in uses])[draws.use]
        self._per_k = np.array([use.per_k for use in uses])[draws.use]
        self._deviation: Floats = np.zeros(len(draws.customer))
        store_minutes = np.array([use.store_minutes for use in uses])[draws.use]
        self._stored = np.flatnonzero(store_minutes > 0.0)
        self._stores = ColdStores(store_minutes[self._stored], rng(seed, "cold stores"))
        self.lights_on_share: Floats = np.ones(len(customers))
        """(c,) share of the lights that is on while open; visits lower it."""

    def step(
        self, is_open: Bools, minute: float, outdoor_c: float, minutes: float, has_supply: Bools | None = None
    ) -> Drawn:
        """Move the scatter by `minutes` and return what is drawn at `minute` of the day.

        `is_open`, `has_supply` (c,); without the latter everybody has supply.
        """
        keep = np.exp(-minutes / self._scatter_minutes)
        noise = self._chance.standard_normal(len(self._deviation))
        self._deviation = keep * self._deviation + np.sqrt(1.0 - keep**2) * noise
        share = self._shares.at(minute)[self._draws.use]
        share = share * (1.0 + self._per_k * (outdoor_c - _SHARE_RISES_FROM_C))
        share = np.maximum(share * (1.0 + self._scatter * self._deviation), 0.0)
        on = ~self._while_open | is_open[self._draws.customer]
        if has_supply is not None:
            on &= has_supply[self._draws.customer]
            is_open = is_open & has_supply
        if len(self._stored):
            share[self._stored] = self._stores.step(share[self._stored], on[self._stored], minutes)
        active_kw = self._draws.rated_kw * share * on
        lighting_kw = self._customers.lighting_kw * is_open * self.lights_on_share
        lighting_tan_phi = float(np.tan(np.arccos(LIGHTING_POWER_FACTOR)))
        return Drawn(
            self._by_customer(active_kw) + lighting_kw,
            self._by_customer(active_kw * self._tan_phi) + lighting_kw * lighting_tan_phi,
            self._by_customer(active_kw * self._heat) + lighting_kw * _LIGHTING_HEAT,
        )

    def _by_customer(self, values: Floats) -> Floats:
        return np.bincount(self._draws.customer, weights=values, minlength=len(self._customers)).astype(np.float64)
