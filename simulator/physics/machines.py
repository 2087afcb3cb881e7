"""A line of induction motors: shifts and breaks, work and running empty, and reactive power that stays when work stops.

Reactive power of a motor = rated × (idle share + (1 − idle share) × load²): magnetising does not depend on the load,
leakage grows with the square of the current. So an idle line draws few kilowatts and many kilovars. Shares are
those of manufacturers' tables for motors of 5 to 50 kW (practice). Capacitors are switched in steps by a regulator that
does not overcompensate.
"""

from __future__ import annotations

import numpy as np

from simulator.customers import Bools
from simulator.physics.equipment import Connections, Load, Now, phases_of
from simulator.physics.rooms import tan_phi
from simulator.scenario.day import minute_of
from simulator.scenario.equipment import MachinesPart


class Machines:
    """State: which motors work and which run empty. The last row is the plant's capacitors."""

    def __init__(self, part: MachinesPart, transformer: int, chance: np.random.Generator) -> None:
        """Draw when each motor is started and stopped, and which work at first."""
        self.connections = Connections.of(
            transformer, phases_of(part.count + 1, three_phase=True, weights=(1.0, 1.0, 1.0), chance=chance)
        )
        self._part = part
        self._chance = chance
        self._shifts = [(minute_of(start), minute_of(end)) for start, end in part.shifts]
        self._late_minutes = chance.uniform(0.0, part.scatter_minutes, part.count)
        self._works = chance.random(part.count) < part.works_share

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Let motors take up work and lay it down, and return what line and capacitors draw."""
        part = self._part
        self._change_work(now.step_minutes)
        runs = np.zeros(part.count, np.bool_)
        for start, end in self._shifts:
            runs |= (now.minute >= start + self._late_minutes) & (now.minute < end - self._late_minutes)
        load = np.where(self._works, part.load, part.idle_load)
        active_kw = part.rated_kw / part.efficiency * load * runs
        rated_kvar = part.rated_kw / part.efficiency * tan_phi(part.power_factor)
        reactive_kvar = rated_kvar * (part.idle_kvar_share + (1.0 - part.idle_kvar_share) * load**2) * runs
        capacitors_kvar = -min(part.compensation_kvar, float(reactive_kvar.sum()))
        return Load(np.append(active_kw, 0.0) * has_supply, np.append(reactive_kvar, capacitors_kvar) * has_supply)

    def _change_work(self, minutes: float) -> None:
        """A two-state chain with the mean cycle and the share of work that the scenario says."""
        part = self._part
        changes = 1.0 - np.exp(-minutes / part.cycle_minutes)
        drawn = self._chance.random(part.count)
        self._works = np.where(drawn < changes, drawn < changes * part.works_share, self._works)
