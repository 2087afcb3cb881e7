"""A small street for tests of one's own: one transformer, some shops and homes, one summer day, in a few lines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid.assets import Ledger
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from simulator.scenario.day import minute_of
from simulator.scenario.scenario import Scenario, parse_scenario
from simulator.town.ledger_generator import settle
from simulator.town.town import Town

_BELOW_HOTTEST_K = (
    ("00:00", 8.5), ("05:00", 10.0), ("08:00", 5.5), ("11:00", 1.8), ("14:30", 0.0), ("17:00", 1.0), ("20:00", 5.0),
    ("24:00", 8.0),
)  # fmt: skip
"""A clear summer day of the north of China, practice."""
_SETTLES_MINUTES = 360


@dataclass(frozen=True)
class StreetDay:
    """A street's readings with what is needed to judge them."""

    ledger: Ledger
    fleet: Fleet
    readings: ReadingBatch
    """One reading per interval, in time order."""

    @property
    def load_rate(self) -> NDArray[np.float64]:
        """Return the load rates (n,), fractions."""
        return LoadRates(self.readings, self.fleet).load_rate


@dataclass(frozen=True)
class SmallStreet:
    """One transformer area with its ledger and scenario. Days are played anew each time, always alike."""

    scenario: Scenario
    ledger: Ledger

    def town(self) -> Town:
        """Return the street as a town of one's own to move and to visit."""
        return Town.of(self.ledger, self.scenario)

    def day(self, first: str = "08:00", last: str = "20:00") -> StreetDay:
        """Play the day and return the readings from one clock time to another, both included. Raises ValueError."""
        first_minute, last_minute = minute_of(first), minute_of(last)
        if first_minute >= last_minute:
            raise ValueError(f"{first} must lie before {last}")
        midnight = self.scenario.starts_at.replace(hour=0, minute=0)
        starts, ends, settles_from = (
            midnight + timedelta(minutes=minute)
            for minute in (first_minute, last_minute, max(first_minute - _SETTLES_MINUTES, 0))
        )
        scenario = msgspec.structs.replace(self.scenario, starts_at=starts, ends_at=ends, settles_from=settles_from)
        town = Town.of(self.ledger, scenario)
        return StreetDay(self.ledger, town.fleet, town.advance_to(scenario.ends_at_us))


def small_street(
    shops: Mapping[str, int],
    homes: int,
    rated_power_kva: float,
    hottest_c: float,
    date: str,
    interval_minutes: int,
    seed: int,
    transformer_id: str,
) -> SmallStreet:
    """Build the street that `simulator.street` describes."""
    counts = ", ".join(f"{json.dumps(category, ensure_ascii=False)} = {count}" for category, count in shops.items())
    air = ", ".join(f'["{at}", {hottest_c - below:.1f}]' for at, below in _BELOW_HOTTEST_K)
    text = f"""
name = "street"
title = {{ zh = "小街（模拟）", en = "Small street (simulated)" }}
sentence = {{ zh = "测试用的一条小街。", en = "A small street for tests." }}
habits = "county-town"
seed = {seed}
starts_at = {date}T08:00:00+08:00
ends_at = {date}T20:00:00+08:00
settles_from = {date}T02:00:00+08:00
interval_minutes = {interval_minutes}

[census]
station = "模拟供电所"

[[census.area]]
transformer_id = "{transformer_id}"
name = "模拟小街台区"
rated_power_kva = {rated_power_kva:g}
shops = {{ {counts} }}

[weather]
latitude_deg = 40.3
longitude_deg = 116.6
temperature_c = [{air}]
clearness = [["00:00", 0.75]]

[[block]]
name = "homes"
transformer_id = "{transformer_id}"
count = {homes}
floor_area_m2 = 75.0
units = 1
rated_kw = 0.85
setpoint_c = 26.0
cools_above_c = 28.5
present = [["00:00", 0.95], ["08:00", 0.7], ["12:00", 0.65], ["18:30", 0.9]]
draw_kw = [["00:00", 0.15], ["07:30", 0.4], ["11:45", 0.6], ["14:00", 0.3], ["18:00", 0.75], ["20:30", 0.6]]
"""
    scenario = parse_scenario(text, "simulator.street")
    return SmallStreet(scenario, settle(scenario))
