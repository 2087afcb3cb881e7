"""Electric cars: they come, plug in, take what they need at the charger's power, and are done."""

from __future__ import annotations

import numpy as np

from simulator.customers import Bools, Floats
from simulator.physics.equipment import Connections, Load, Now, phases_of
from simulator.physics.rooms import tan_phi
from simulator.scenario.day import DAY_MINUTES, DayCurve
from simulator.scenario.equipment import ChargingPart


class Charging:
    """State: what each car still needs. A session that an outage interrupts goes on when supply is back."""

    def __init__(self, part: ChargingPart, transformer: int, chance: np.random.Generator) -> None:
        """Draw arrivals and needs."""
        self.connections = Connections.of(
            transformer, phases_of(part.count, part.three_phase, part.phase_weights, chance)
        )
        self._part = part
        self._tan_phi = tan_phi(part.power_factor)
        curve = DayCurve.of(part.arrives)
        weights = np.maximum(np.interp(np.arange(DAY_MINUTES), curve.minutes, curve.values), 0.0)
        if weights.sum() == 0.0:
            weights = np.ones(DAY_MINUTES)
        self.arrives_minute: Floats = np.interp(
            chance.random(part.count), np.cumsum(weights) / weights.sum(), np.arange(DAY_MINUTES)
        )
        """(n,) minute of the scenario's day."""
        self.needs_kwh: Floats = chance.uniform(*part.energy_kwh, part.count)
        """(n,) at the plug, still to come."""

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Let the cars that are there charge."""
        here = (now.minutes_since_midnight >= self.arrives_minute) & (self.needs_kwh > 0.0) & has_supply
        hours = now.step_minutes / 60.0
        active_kw = np.where(here, np.minimum(self._part.power_kw, self.needs_kwh / hours), 0.0)
        self.needs_kwh = self.needs_kwh - active_kw * hours
        return Load(active_kw, active_kw * self._tan_phi)
