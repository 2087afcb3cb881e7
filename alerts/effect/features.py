"""What is known of a window when it begins: how far the day has been from similar days, the weather, other areas.

Everything comes from slots before the window, but for the air temperature, which is no reading of a load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.effect.similar_days import DayKind, is_weekend, usual
from alerts.effect.slots import Floats, PowerSeries, Slots
from grid.timestamps import MINUTE_US

HEAT_ABOVE_C, COLD_BELOW_C = 24.0, 10.0
"""Outdoor air above which areas cool and below which they heat (practice)."""
_LAST_MINUTES, _SHORT_MINUTES, _LONG_MINUTES = 5, 30, 180
"""How far back a day is looked at: what it is now, how it has been, what kind of day it is."""
_HIGHEST_HOURS = 6
_NEAR_HIGHEST = 0.05
"""A window begins as an incident may where the load is within so much of the level of the highest of these hours."""
SHIFTS_MINUTES = (-90, -60, -30, 0, 30, 60, 90)
"""Placebo windows of a day begin so much later than the window; moving blocks at the same hour."""


@dataclass(frozen=True)
class Windows:
    """Windows (k,) of one transformer and one length: the measured one first, then the placebo ones."""

    day: NDArray[np.intp]
    """(k,) how many days before the measured one."""
    usual_kw: Floats
    """(k,) mean over the window's slots of similar days."""
    measured_kw: Floats
    """(k,) mean over the same slots of the day itself."""
    level_kw: Floats
    """(k,) what errors are relative to."""
    begins_highest: NDArray[np.bool_]
    """(k,) whether the day had not been higher before than just before the window; of placebo windows also whether
    the window's first slot is higher still, as that of an incident is."""
    usual_slots_kw: Floats
    """(w,) of the measured window, slot by slot; NaN where similar days say nothing."""
    features: Floats
    """(k, f) deviations known at the beginning, relative to the level; NaN where one is not known."""


@dataclass(frozen=True)
class Surroundings:
    """What is known beside the transformer's own readings, in the slots of its window."""

    temperature_c: Floats | None
    """(n,) outdoor air; None where it is not known."""
    donors_kw: Floats
    """(d, n) power of untouched transformers."""
    utc_offset_us: int


FEATURES = ("last", "short", "long", "heat", "cold", "air", "donors")
"""Columns of `Windows.features`."""


def windows_of(slots: Slots, series: PowerSeries, from_us: int, around: Surroundings, kind: DayKind) -> Windows:
    """Return a window and its placebo windows with what was known at the beginning of each."""
    n, before = len(slots.power_kw), slots.before
    at_us = from_us + (np.arange(n) - before) * slots.step_us
    weekend = is_weekend(at_us, around.utc_offset_us)
    power = slots.power_kw
    usual_kw = usual(slots, power, weekend, kind)
    day, first = _places(slots, n - before)
    span = first[:, None] + np.arange(n - before)
    valid = ~np.isnan(power[span]) & ~np.isnan(usual_kw[span])
    # Placebo windows have holes where the measured one has: the same slots are compared.
    valid &= ~np.isnan(power[before:])
    enough = valid.sum(axis=1)

    def mean(values: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(valid, values[span], 0.0).sum(axis=1) / enough)

    typical, measured = mean(usual_kw), mean(power)
    of_day = _trailing_mean(np.abs(power), first, slots.per_day)
    level = 0.5 * (np.abs(typical) + of_day)
    deviation = power - usual_kw
    short = max(_SHORT_MINUTES * MINUTE_US // slots.step_us, 1)
    long = max(_LONG_MINUTES * MINUTE_US // slots.step_us, 2)
    columns = [
        (_last_kw(series, from_us + (first - before) * slots.step_us) - usual_kw[first - 1]) / level,
        _trailing_mean(deviation, first, int(short)) / level,
        _trailing_mean(deviation, first, int(long)) / level,
        *_weather(slots, around.temperature_c, weekend, kind, mean),
        _donors(slots, around.donors_kw, weekend, kind, first, int(long)),
    ]
    highest = _begins_highest(power, first, slots.per_day, float(level[0]))
    return Windows(day, typical, measured, level, highest, usual_kw[before:], np.column_stack(columns))


def _begins_highest(power: Floats, first: NDArray[np.intp], per_day: int, level: float) -> NDArray[np.bool_]:
    """Return which windows (k,) begin as incidents do: the load has not been so high for hours, and rises on."""
    filled = np.where(np.isnan(power), -np.inf, power)
    hours = max(per_day * _HIGHEST_HOURS // 24, 2)
    back = np.maximum(first[:, None] - 1 - np.arange(hours), 0)
    before = filled[back]
    at_top = before[:, 0] >= before.max(axis=1) - _NEAR_HIGHEST * np.nan_to_num(level)
    rises = filled[np.minimum(first, len(filled) - 1)] > before.max(axis=1)
    rises[0] = True  # what the window itself says is not looked at
    return np.asarray(at_top & rises)


def _places(slots: Slots, window: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return day and first slot of the measured window and of the placebo windows, all of them over before it."""
    per_day, before = slots.per_day, slots.before
    days = np.arange(1, before // per_day + 1)
    shifts = np.unique([round(m * MINUTE_US / slots.step_us) for m in SHIFTS_MINUTES])
    day = np.repeat(days, len(shifts))
    first = before - day * per_day + np.tile(shifts, len(days))
    fits = (first + window <= before) & (first >= per_day)
    return np.append(0, day[fits]), np.append(before, first[fits])


def _last_kw(series: PowerSeries, start_us: NDArray[np.int64]) -> Floats:
    """Return the mean power of the last minutes, or of the last reading, before each window (k,); NaN without one."""
    span_us = max(_LAST_MINUTES * MINUTE_US, round(1.5 * series.interval_us))
    total = np.append(0.0, np.cumsum(series.active_power_kw))
    begin, end = np.searchsorted(series.measured_at_us, [start_us - span_us, start_us])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(end > begin, (total[end] - total[begin]) / (end - begin), np.nan)


def _trailing_mean(values: Floats, first: NDArray[np.intp], slots: int) -> Floats:
    """Return the mean of the slots just before each window (k,); NaN where fewer than half are known."""
    known = ~np.isnan(values)
    total = np.append(0.0, np.cumsum(np.where(known, values, 0.0)))
    count = np.append(0, np.cumsum(known))
    begin = np.maximum(first - slots, 0)
    number = count[first] - count[begin]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(number * 2 >= slots, (total[first] - total[begin]) / number, np.nan)


def _weather(
    slots: Slots,
    temperature_c: Floats | None,
    weekend: NDArray[np.bool_],
    kind: DayKind,
    mean: Callable[[Floats], Floats],
) -> list[Floats]:
    """Return by how much [10 K] a window is hotter, colder and warmer than its similar days; NaN if not known."""
    if temperature_c is None:
        nothing = np.full(len(mean(slots.power_kw)), np.nan)
        return [nothing, nothing, nothing]
    found = []
    for felt in (
        np.maximum(temperature_c - HEAT_ABOVE_C, 0.0),
        np.maximum(COLD_BELOW_C - temperature_c, 0.0),
        temperature_c,
    ):
        masked = np.where(np.isnan(slots.power_kw), np.nan, felt)
        found.append(mean(felt - usual(slots, masked, weekend, kind)) / 10.0)
    return found


def _donors(
    slots: Slots, donors_kw: Floats, weekend: NDArray[np.bool_], kind: DayKind, first: NDArray[np.intp], long: int
) -> Floats:
    """Return how far the donors' hours before each window were from their similar days, relative, on average."""
    if not len(donors_kw):
        return np.full(len(first), np.nan)
    found = []
    for power in donors_kw:
        deviation = _trailing_mean(power - usual(slots, power, weekend, kind), first, long)
        found.append(deviation / _trailing_mean(np.abs(power), first, slots.per_day))
    known = ~np.isnan(found)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known.any(axis=0), np.where(known, found, 0.0).sum(axis=0) / known.sum(axis=0), np.nan)
