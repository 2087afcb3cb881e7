"""What merchants do when asked, and after: promises fall due, neighbours follow, who is too warm takes a unit back."""

from __future__ import annotations

import numpy as np

from grid.assets import ApplianceKind, Ledger
from simulator.customers import Bools, Floats
from simulator.physics.appliances import Appliances
from simulator.physics.rooms import Rooms
from simulator.scenario.parts import PeoplePart
from simulator.town.peer_effect import Example
from simulator.town.people import Measures, People


class MerchantActions:
    """State of what merchants have switched off. It turns real switches: units, set points, lights."""

    def __init__(self, ledger: Ledger, people: People, part: PeoplePart, rooms: Rooms, appliances: Appliances) -> None:
        """Start with nobody taking part."""
        self._part = part
        self._rooms = rooms
        self._appliances = appliances
        self._row = {m.merchant_id: i for i, m in enumerate(ledger.merchants)}
        self._example = Example(ledger, people, part.example_doors)
        self._endures_c = np.array([people.temper(m.merchant_id).endures_c for m in ledger.merchants])
        self._can_switch_off = np.zeros(len(ledger.merchants), np.int64)
        for appliance in ledger.appliances:
            if appliance.appliance is ApplianceKind.AIR_CONDITIONER:
                self._can_switch_off[self._row[appliance.merchant_id]] += appliance.can_switch_off
        self._too_warm_minutes: Floats = np.zeros(len(ledger.merchants))
        self._promised: list[tuple[int, int, Measures]] = []
        self._last_asked: Measures | None = None
        self.takes_part: Bools = np.zeros(len(ledger.merchants), np.bool_)
        """(m,) who has switched something off and not gone back to normal."""

    def promise(self, merchant_id: str, measures: Measures, at_us: int) -> None:
        """Let a merchant do what was asked at `at_us` [µs]. Raises KeyError for nobody."""
        self._promised.append((at_us, self._row[merchant_id], measures))
        self._promised.sort(key=lambda promise: promise[:2])

    def release(self, merchant_id: str) -> None:
        """Let a merchant go back to normal: all units, own set points, lights. Raises KeyError for nobody."""
        row = self._row[merchant_id]
        units = self._rooms.units_of(row)
        self._rooms.allowed[units] = True
        self._rooms.wanted_setpoint_c[units] = self._rooms.own_setpoint_c[units]
        self._appliances.lights_on_share[row] = 1.0
        self._promised = [promise for promise in self._promised if promise[1] != row]
        self.takes_part[row] = False

    def step(self, now_us: int, inside: Bools, minutes: float) -> None:
        """Move to `now_us` [µs] by `minutes`. `inside` (c,): where somebody is in, the merchants first."""
        while self._promised and self._promised[0][0] <= now_us:
            _, row, measures = self._promised.pop(0)
            self._last_asked = measures
            self._do(row, measures)
        if self._last_asked is not None:
            for row in np.flatnonzero(self._example.follow(self.takes_part, minutes)).tolist():
                units = int(self._can_switch_off[row])
                self._do(row, Measures(units, self._last_asked.setpoint_to_c, self._last_asked.lights_off))
        self._take_back(inside, minutes)

    def _take_back(self, inside: Bools, minutes: float) -> None:
        merchants = len(self.takes_part)
        too_warm = self.takes_part & inside[:merchants] & (self._rooms.room_c[:merchants] > self._endures_c)
        self._too_warm_minutes = np.where(too_warm, self._too_warm_minutes + minutes, 0.0)
        for row in np.flatnonzero(self._too_warm_minutes >= self._part.endures_minutes).tolist():
            self._too_warm_minutes[row] = 0.0
            off = [unit for unit in self._rooms.units_of(row) if not self._rooms.allowed[unit]]
            self._rooms.allowed[off[:1]] = True

    def _do(self, row: int, measures: Measures) -> None:
        units = self._rooms.units_of(row)
        self._rooms.allowed[units[: measures.switch_off_units]] = False
        if measures.setpoint_to_c is not None:
            own_c = self._rooms.own_setpoint_c[units]
            self._rooms.wanted_setpoint_c[units] = np.maximum(own_c, measures.setpoint_to_c)
        if measures.lights_off:
            self._appliances.lights_on_share[row] = 1.0 - self._part.lights_share_off
        self.takes_part[row] = True
