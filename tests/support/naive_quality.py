"""Slow, obvious twin of the doubts about readings: each reading looks back over all that came before it.

It shares no code with the product and keeps no state between readings. Times are whole microseconds.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
STUCK, JUMP, RATIO, PHASE_SWAP, ACTIVE_ONLY, POWERS_LOW, POWERS_HIGH, ALWAYS_OFF = 1, 2, 4, 8, 16, 32, 64, 128
DAY_US = 24 * HOUR_US


@dataclass(frozen=True)
class NaiveReading:
    """One reading: its time, its load rate and the values behind it; `values` ends with the three currents."""

    at: int
    rate: float
    values: tuple[float, ...]
    ct_ratio: float = 1.0
    active_only: bool = False
    phases_rate: float = math.nan
    by_phases: bool = False
    rated_kva: float = 400.0


def flags(all_readings: list[NaiveReading], gap_minutes: float = 20) -> list[int]:
    """The doubts about each of one transformer's time-ordered readings, as a sum of bits."""
    found = []
    for number, reading in enumerate(all_readings):
        if math.isnan(reading.rate):
            found.append(0)
            continue
        past = [r for r in all_readings[: number + 1] if not math.isnan(r.rate)]
        gap = gap_minutes * MINUTE_US
        low = is_apart_for_long(past, gap, "low")
        found.append(
            (not low) * STUCK * (is_stuck(past, gap) or is_source_stuck(past, gap))
            + (not low) * JUMP * is_jump(past, gap)
            + (not low) * RATIO * is_off_ratio(past)
            + PHASE_SWAP * is_swapped(past, gap)
            + ACTIVE_ONLY * reading.active_only
            + POWERS_LOW * low
            + POWERS_HIGH * is_apart_for_long(past, gap, "high")
            + (not low) * ALWAYS_OFF * (is_light_for_a_day(past, gap) or is_heavy_for_a_day(past))
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


def source(reading: NaiveReading) -> float:
    """What made the load: the larger of P and Q, P alone, or the sum of the currents."""
    if reading.by_phases:
        return sum(reading.values[-3:])
    active = reading.values[0]
    reactive = reading.values[1] if len(reading.values) == 8 else math.nan
    return reactive if abs(reactive) > abs(active) else active


def steps(value: float) -> int:
    """How many steps of its last of at most four decimals a value is."""
    text = f"{abs(value):.4f}".rstrip("0").rstrip(".")
    return int(text.replace(".", ""))


def is_source_stuck(past: list[NaiveReading], gap: float) -> bool:
    """Whether what makes the load has been the same, of many steps, for 12 readings over more than half an hour."""
    run = [past[-1]]
    for earlier in reversed(past[:-1]):
        if run[-1].at - earlier.at > gap or source(earlier) != source(run[-1]):
            break
        run.append(earlier)
    of = source(past[-1])
    return of != 0 and len(run) >= 12 and run[0].at - run[-1].at > 30 * MINUTE_US and steps(of) >= 500


def apart(reading: NaiveReading) -> str:
    """Whether the powers are far below, or above, voltages times currents."""
    if reading.active_only or reading.by_phases or math.isnan(reading.phases_rate):
        return ""
    if reading.rate * 2.5 < reading.phases_rate and reading.phases_rate >= 0.05:
        return "low"
    return "high" if reading.rate > 1.5 * reading.phases_rate and reading.rate > 0.05 else ""


def is_apart_for_long(past: list[NaiveReading], gap: float, how: str) -> bool:
    """Whether the two have been apart in one way for 45 minutes and four readings, at a load worth speaking of."""
    run: list[NaiveReading] = []
    for earlier in reversed(past):
        if apart(earlier) != how or (run and run[-1].at - earlier.at > gap):
            break
        run.append(earlier)
    if len(run) < 4 or run[0].at - run[-1].at < 45 * MINUTE_US:
        return False
    return how == "high" or any(r.phases_rate >= 0.3 and run[0].at - r.at <= DAY_US for r in run)


def is_light(past: list[NaiveReading], gap: float) -> bool:
    """Whether the last reading is as light as an area whose ratio is missing, and no leap from the one before."""
    now = past[-1]
    usual_ratio = now.rated_kva / (math.sqrt(3.0) * 0.4 * 5)
    if now.ct_ratio >= 5 or not 0.0002 <= now.rate <= 0.02 or not 0.08 <= now.rate * usual_ratio <= 1.3:
        return False
    currents = [abs(amp) for amp in now.values[-3:]]
    if min(currents) < 0.3 * max(currents):
        return False
    if len(past) > 1 and now.at - past[-2].at < 10 * MINUTE_US and any(math.isnan(amp) for amp in now.values[-3:]):
        return False
    if len(past) > 1 and now.at - past[-2].at <= gap:
        leap = 1.25 if any(math.isnan(amp) for amp in now.values[-3:]) else 1.7
        return past[-2].rate > 0 and abs(math.log(now.rate / past[-2].rate)) <= math.log(leap)
    return True


def is_light_for_a_day(past: list[NaiveReading], gap: float) -> bool:
    """Whether all readings of 22 hours are light, and spread as an area's are: by two to five half octaves."""
    run: list[NaiveReading] = []
    for number in range(len(past), 0, -1):
        if not is_light(past[:number], gap) or (run and run[-1].at - past[number - 1].at > 2 * HOUR_US):
            break
        run.append(past[number - 1])
    if not run or run[0].at - run[-1].at < 22 * HOUR_US:
        return False
    piece = past[-1].at // (2 * HOUR_US)
    counted = [past[-1]] + [r for r in run if piece - 11 <= r.at // (2 * HOUR_US) < piece]
    classes = [int(2 * math.log2(r.rate / 0.0002)) for r in counted]
    return 2 <= max(classes) - min(classes) <= 5


def is_heavy_for_a_day(past: list[NaiveReading]) -> bool:
    """Whether all readings of 22 hours are above 150 %."""
    run: list[NaiveReading] = []
    for earlier in reversed(past):
        if earlier.rate <= 1.5 or (run and run[-1].at - earlier.at > 2 * HOUR_US):
            break
        run.append(earlier)
    return bool(run) and run[0].at - run[-1].at >= 22 * HOUR_US


def is_held_jump(past: list[NaiveReading]) -> bool:
    """Whether a jump of the last day led into the zone above 200 %, which the load rate has not left since."""
    now = past[-1]
    for number in range(len(past) - 1, -1, -1):
        after = past[number]
        if after.rate <= 2.0:
            return False
        if number and after.at - past[number - 1].at <= 2 * HOUR_US and after.rate - past[number - 1].rate > 1.0:
            return now.at - after.at <= DAY_US
    return False


def is_jump(past: list[NaiveReading], gap: float) -> bool:
    """Whether the last reading lies more than the rating away from both readings before it, or is a held jump."""
    if is_held_jump(past):
        return True
    if len(past) < 3 or is_held_jump(past[:-1]):
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
