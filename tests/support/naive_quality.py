"""Slow, obvious twin of the doubts about readings: each reading looks back over all that came before it.

It shares no code with the product and keeps no state between readings. Times are whole microseconds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
STUCK, JUMP, RATIO, PHASE_SWAP, ACTIVE_ONLY = 1, 2, 4, 8, 16


@dataclass(frozen=True)
class NaiveReading:
    """One reading: its time, its load rate and the values behind it; `values` ends with the three currents."""

    at: int
    rate: float
    values: tuple[float, ...]
    ct_ratio: float = 1.0
    active_only: bool = False


def flags(all_readings: list[NaiveReading], gap_minutes: float = 20) -> list[int]:
    """The doubts about each of one transformer's time-ordered readings, as a sum of bits."""
    found = []
    for number, reading in enumerate(all_readings):
        if math.isnan(reading.rate):
            found.append(0)
            continue
        past = [r for r in all_readings[: number + 1] if not math.isnan(r.rate)]
        gap = gap_minutes * MINUTE_US
        found.append(
            STUCK * is_stuck(past, gap)
            + JUMP * is_jump(past, gap)
            + RATIO * is_off_ratio(past)
            + PHASE_SWAP * is_swapped(past, gap)
            + ACTIVE_ONLY * reading.active_only
        )
    return found


def same(one: NaiveReading, other: NaiveReading) -> bool:
    """Whether two readings say the same of the load."""
    pairs = zip((one.rate, *one.values), (other.rate, *other.values), strict=True)
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)


def is_stuck(past: list[NaiveReading], gap: float) -> bool:
    """Whether the last reading ends 12 equal ones in a row, no gap between, over more than ten minutes."""
    run = [past[-1]]
    for earlier in reversed(past[:-1]):
        if run[-1].at - earlier.at > gap or not same(run[-1], earlier):
            break
        run.append(earlier)
    return past[-1].rate != 0 and len(run) >= 12 and run[0].at - run[-1].at > 10 * MINUTE_US


def is_jump(past: list[NaiveReading], gap: float) -> bool:
    """Whether the last reading lies more than the rating away from both readings before it."""
    if len(past) < 3:
        return False
    a, b, c = past[-3:]
    if b.at - a.at > gap or c.at - b.at > gap:
        return False
    return abs(c.rate - b.rate) > 1.0 and abs(c.rate - a.rate) > 1.0


def zone(reading: NaiveReading) -> str:
    """Where a load rate lies so high or so low that a wrong ratio comes to mind."""
    if reading.rate > 1.5:
        return "high"
    if reading.ct_ratio >= 5 and reading.rate * reading.ct_ratio < 1.5:
        return "low"
    return ""


def is_step(before: NaiveReading, after: NaiveReading) -> bool:
    """Whether the load rate went by the CT ratio, or up by a thousand, into such a zone."""
    if after.at - before.at > 2 * HOUR_US or before.rate == 0:
        return False
    factor = after.rate / before.rate
    if zone(after) == "high":
        by_ratio = after.ct_ratio >= 5 and abs(factor / after.ct_ratio - 1) <= 0.15
        return by_ratio or abs(factor / 1000 - 1) <= 0.15
    return zone(after) == "low" and abs(factor * after.ct_ratio - 1) <= 0.15


def is_off_ratio(past: list[NaiveReading]) -> bool:
    """Whether a step of the last 24 hours led into the zone that the load rate has not left since."""
    now = past[-1]
    for number in range(len(past) - 1, 0, -1):
        if zone(past[number]) != zone(now) or not zone(now):
            return False
        if is_step(past[number - 1], past[number]):
            return now.at - past[number].at <= 24 * HOUR_US
    return False


def is_swapped(past: list[NaiveReading], gap: float) -> bool:
    """Whether the currents are those of the reading before, on other phases."""
    if len(past) < 2 or past[-1].at - past[-2].at > gap:
        return False
    before, now = past[-2].values[-3:], past[-1].values[-3:]
    for order in itertools.permutations(range(3)):
        moved = [(before[place], before[old]) for place, old in enumerate(order) if place != old]
        fits = all(abs(now[place] - before[old]) <= 0.03 * before[old] for place, old in enumerate(order))
        if moved and fits and all(abs(a - b) > 0.15 * max(a, b) for a, b in moved):
            return True
    return False
