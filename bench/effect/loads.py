"""Loads of areas over two months with weather, made for the study of effects alone: nothing here is in the product.

An area is people and cooling: a daily profile, its weekend, a response to the heat that builds up over hours, days
that are busier than others, noise that lasts for hours, and noise of single readings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import DAY_US, MINUTE_US, parse_timestamp_us

Floats = NDArray[np.float64]
FIRST_US = parse_timestamp_us("2021-05-24T00:00:00+08:00")
"""A Monday."""
UTC_OFFSET_US = 8 * 60 * MINUTE_US
DAYS = 70


@dataclass(frozen=True)
class AreaLoad:
    """One transformer area's power, one value a minute, and the outdoor air."""

    at_us: NDArray[np.int64]
    power_kw: Floats
    temperature_c: Floats
    rated_kw: float


def _lasting(random: np.random.Generator, n: int, hold: float, spread: float) -> Floats:
    """Return noise (n,) that falls to 1/e after `hold` steps."""
    keep = float(np.exp(-1.0 / hold))
    steps = random.normal(0.0, spread * np.sqrt(1.0 - keep**2), n)
    steps[0] = random.normal(0.0, spread)
    return _filtered(steps, keep)


def _filtered(steps: Floats, keep: float) -> Floats:
    found = np.empty_like(steps)
    value = 0.0
    for i, step in enumerate(steps.tolist()):
        value = keep * value + step
        found[i] = value
    return found


def weather(random: np.random.Generator, hot: bool) -> Floats:
    """Return the air temperature [°C] of every quarter of an hour: fronts that last days, and a day's swing."""
    n = DAYS * 96
    season = np.linspace(23.0, 29.0, n) if hot else np.linspace(15.0, 21.0, n)
    hour = np.arange(n) % 96 / 4.0
    swing = random.uniform(3.5, 5.5) * np.cos(2.0 * np.pi * (hour - 15.0) / 24.0)
    return season + _lasting(random, n, 3 * 96, 2.8) + swing + _lasting(random, n, 12, 0.5)


def area_load(seed: int, *, hot: bool, large: bool) -> AreaLoad:
    """Return one area: many customers or few, a hot season or a mild one."""
    random = np.random.default_rng([seed, int(hot), int(large)])
    n, hour = DAYS * 96, np.arange(DAYS * 96) % 96 / 4.0
    air = weather(random, hot)
    weekend = np.arange(n) // 96 % 7 >= 5
    shops = random.uniform(0.2, 0.8)

    def hump(at: float, width: float) -> Floats:
        return np.exp(-0.5 * (((hour - at + 12.0) % 24.0 - 12.0) / width) ** 2)

    homes = 0.35 + 0.35 * hump(12.2, 1.2) + 0.7 * hump(19.8, 2.2) + 0.12 * hump(7.5, 1.2)
    trade = 0.15 + 0.75 / (1 + np.exp(-(hour - 8.8) * 3)) / (1 + np.exp((hour - 20.5) * 3))
    trade = trade * np.where(weekend, random.uniform(0.6, 1.15), 1.0)
    homes = homes * np.where(weekend, random.uniform(1.0, 1.2), 1.0)
    felt = _filtered(air / 12.0, 1.0 - 1.0 / 12.0)
    cooling = random.uniform(0.05, 0.11) * np.logaddexp(0.0, (felt - 24.5) * 1.2) / 1.2
    shape = shops * trade + (1 - shops) * homes
    busy = np.repeat(_lasting(random, DAYS, 1.5, random.uniform(0.02, 0.05)), 96)
    drift = _lasting(random, n, 10, 0.025 if large else 0.06)
    drift += _lasting(random, n, 2, 0.015 if large else 0.07)
    power = (shape + cooling * (0.5 + shape)) * np.exp(busy + drift)
    minutes = np.interp(np.arange(n * 15), np.arange(n) * 15.0, power)
    minutes = minutes * np.exp(random.normal(0.0, 0.01 if large else 0.05, n * 15))
    rated = 400.0 if large else 100.0
    power_kw = minutes * rated * 0.8 / float(np.quantile(minutes, 0.995))
    at_us = FIRST_US + np.arange(n * 15) * MINUTE_US
    return AreaLoad(at_us, power_kw, np.interp(np.arange(n * 15), np.arange(n) * 15.0, air), rated)


def first_minute_of(day: int) -> int:
    """Return the row of a day's midnight."""
    return day * (DAY_US // MINUTE_US)
