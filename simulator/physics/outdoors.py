"""What stands outdoors: market stalls that open and close one by one, lamps that burn from sunset to sunrise."""

from __future__ import annotations

import numpy as np

from simulator.customers import Bools
from simulator.physics.equipment import Connections, Load, Now, phases_of
from simulator.physics.rooms import tan_phi
from simulator.scenario.day import DayCurve, minute_of
from simulator.scenario.equipment import OutdoorPart

_SUNSET_ELEVATION = np.radians(-0.833)
"""Upper edge of the sun on the horizon, refraction included: the astronomical almanac's sunset."""
_SCATTER_MINUTES = 7.0
_SCATTER = 0.25


class Outdoors:
    """State: how each stall's draw wanders around its mean."""

    def __init__(self, part: OutdoorPart, transformer: int, chance: np.random.Generator) -> None:
        """Draw sizes, phases and hours."""
        self.connections = Connections.of(transformer, phases_of(part.count, False, part.phase_weights, chance))
        self._part = part
        self._chance = chance
        self._curve = DayCurve.of(part.draw_kw)
        self._size = chance.lognormal(-0.5 * part.draw_scatter**2, part.draw_scatter, part.count)
        opens, closes = minute_of(part.opens), minute_of(part.closes)
        always = opens == 0 and closes == minute_of("24:00")
        early_late = np.zeros((2, part.count)) if always else chance.normal(0.0, part.scatter_minutes, (2, part.count))
        self._opens, self._closes = opens + early_late[0], closes + early_late[1]
        self._deviation = np.zeros(part.count)

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Return what the stalls and lamps draw."""
        keep = np.exp(-now.step_minutes / _SCATTER_MINUTES)
        noise = self._chance.standard_normal(self._part.count)
        self._deviation = keep * self._deviation + np.sqrt(1.0 - keep**2) * noise
        mean_kw = self._curve.at(now.minute) * self._size
        draw_kw = np.maximum(mean_kw * (1.0 + _SCATTER * self._deviation), 0.0)
        lamps_kw = self._part.lamps_kw * (now.sun.elevation < _SUNSET_ELEVATION)
        there = (self._opens <= now.minute) & (now.minute < self._closes) & has_supply
        active_kw = (draw_kw + lamps_kw) * there
        return Load(active_kw, active_kw * tan_phi(self._part.power_factor))
