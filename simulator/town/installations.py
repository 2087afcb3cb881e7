"""All equipment of a scenario together: chargers, roofs, machines, stalls, as rows behind the customers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from grid.fleet import Fleet
from simulator.customers import Bools
from simulator.physics.charging import Charging
from simulator.physics.equipment import Connections, Equipment, Load, Now
from simulator.physics.machines import Machines
from simulator.physics.outdoors import Outdoors
from simulator.physics.roofs import Roofs
from simulator.rng import rng
from simulator.scenario.scenario import Scenario
from simulator.town.census_generator import row_of

_Make = Callable[[int, np.random.Generator], Equipment]


class Installations:
    """Every piece of equipment, each with a chance of its own by its name."""

    def __init__(self, scenario: Scenario, fleet: Fleet, seed: int) -> None:
        """Build what the scenario names. Raises SettingsError when it hangs on a transformer that is not there."""
        self._parts: list[Equipment] = []

        def add(table: str, name: str, transformer_id: str, make: _Make) -> None:
            row = row_of(transformer_id, f"{table} {name}", fleet, scenario.name)
            self._parts.append(make(row, rng(seed, table, name)))

        for cars in scenario.charging:
            add("charging", cars.name, cars.transformer_id, partial(Charging, cars))
        for roof in scenario.roof:
            add("roof", roof.name, roof.transformer_id, partial(Roofs, roof))
        for line in scenario.machines:
            add("machines", line.name, line.transformer_id, partial(Machines, line))
        for stalls in scenario.outdoor:
            add("outdoor", stalls.name, stalls.transformer_id, partial(Outdoors, stalls))
        for outage in scenario.outage:
            for transformer_id in outage.transformer_ids:
                row_of(transformer_id, "outage", fleet, scenario.name)
        none = Connections(np.zeros(0, np.int32), np.zeros((0, 3)))
        self.connections = Connections.together([none, *(part.connections for part in self._parts)])

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Move everything by a step and return what it draws (n,)."""
        loads, start = [Load(np.zeros(0), np.zeros(0))], 0
        for part in self._parts:
            end = start + len(part.connections)
            loads.append(part.step(now, has_supply[start:end]))
            start = end
        return Load(
            np.concatenate([load.active_kw for load in loads]), np.concatenate([load.reactive_kvar for load in loads])
        )
