"""A simulated town over weeks of changing weather: people and machines, not a formula, make its load.

Its customers are those of the shipped heat-wave scenario. The town is moved day after day with another day's weather.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid.timestamps import DAY_US, MINUTE_US
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.scenario.weather import Weather
from simulator.town.ledger_generator import settle
from simulator.town.town import Town

AREAS = 8
_SWING_C = (
    ("00:00", -4.5), ("05:00", -6.5), ("07:00", -5.0), ("09:00", -1.0), ("11:00", 2.0), ("13:00", 3.8),
    ("14:30", 4.2), ("16:00", 3.8), ("18:00", 2.0), ("21:00", -2.0), ("24:00", -4.5),
)  # fmt: skip


@dataclass(frozen=True)
class TownLoads:
    """The power of every area of a town, one value a minute."""

    at_us: NDArray[np.int64]
    power_kw: NDArray[np.float64]
    """(areas, n)"""
    rated_kva: NDArray[np.float64]
    temperature_c: NDArray[np.float64]


def town_loads(seed: int, days: int, *, hot: bool) -> TownLoads:
    """Play a town for so many days; a hot season or a mild one."""
    random = np.random.default_rng([seed, int(hot)])
    scenario = _scenario(seed, days)
    town = Town.of(settle(scenario), scenario)
    mean_c, power, air = (31.0 if hot else 22.0), [], []
    front = 0.0
    for day in range(days):
        front = 0.7 * front + float(random.normal(0.0, 1.6))
        points = tuple((at, mean_c + front + swing) for at, swing in _SWING_C)
        part = msgspec.structs.replace(scenario.weather, temperature_c=points)
        date = (scenario.starts_at + timedelta(days=day)).date()
        town._weather = Weather.of(date, scenario.utc_offset_hours, part)
        readings = town.advance_to(scenario.starts_at_us + (day + 1) * DAY_US)
        rows = len(readings) // len(town.fleet)
        ratio = town.fleet.ct_ratio[readings.transformer].reshape(rows, -1)
        power.append(readings.active_power_kw.reshape(rows, -1) * ratio)
        air.append(readings.ambient_temperature_c.reshape(rows, -1)[:, 0])
    all_power, all_air = np.concatenate(power).T, np.concatenate(air)
    at_us = scenario.starts_at_us + np.arange(all_power.shape[1]) * MINUTE_US
    return TownLoads(at_us, all_power, town.fleet.rated_power_kva, all_air)


def _scenario(seed: int, days: int) -> Scenario:
    heat = load_scenario("town-heat-wave")
    assert heat.census is not None and heat.census.many is not None
    many = msgspec.structs.replace(heat.census.many, count=AREAS)
    starts_at = heat.starts_at.replace(month=6, day=7, hour=0, minute=0)
    return msgspec.structs.replace(
        heat,
        seed=seed,
        census=msgspec.structs.replace(heat.census, many=many),
        starts_at=starts_at,
        settles_from=starts_at - timedelta(hours=3),
        ends_at=starts_at + timedelta(days=days),
        interval_minutes=1,
        expected=None,
    )
