"""Slow, obvious twins of the vectorised rules: reading by reading, straight from the words of the rule.

They share no code with the product. Times are whole microseconds, load rates are fractions.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_US = 60_000_000


@dataclass
class NaiveEpisode:
    """One episode as the slow twin sees it."""

    first_at: int
    started_at: int
    ended_at: int | None
    ended_by: str | None
    peak: float
    peak_at: int
    readings: int


def crossing(t0: int, x0: float, t1: int, x1: float, line: float) -> int:
    """Where the straight line between two readings crosses `line`."""
    return t0 + round((line - x0) / (x1 - x0) * (t1 - t0))


def slot_of(time: int, minutes: int) -> int:
    """The slot a reading lies in, counted from the epoch; 20 s early is in time."""
    return (time + 20_000_000) // (minutes * MINUTE_US)


def points(readings: list[tuple[int, float]], minutes: int) -> list[tuple[int, float]]:
    """The first reading of each slot."""
    result: list[tuple[int, float]] = []
    for reading in readings:
        if not result or slot_of(reading[0], minutes) != slot_of(result[-1][0], minutes):
            result.append(reading)
    return result


def stretches(
    readings: list[tuple[int, float]], gap_minutes: float, points_minutes: int = 0
) -> list[list[tuple[int, float]]]:
    """Cut time-ordered readings wherever two neighbours, or their slots, lie further apart than the gap limit."""

    def place(time: int) -> int:
        return slot_of(time, points_minutes) * points_minutes * MINUTE_US if points_minutes else time

    result: list[list[tuple[int, float]]] = []
    for reading in readings:
        if result and place(reading[0]) - place(result[-1][-1][0]) <= gap_minutes * MINUTE_US:
            result[-1].append(reading)
        else:
            result.append([reading])
    return result


def by_day(
    cut: list[list[tuple[int, float]]], offset_minutes: int, points_minutes: int = 0
) -> tuple[list[list[tuple[int, float]]], list[str]]:
    """Cut stretches further at each local midnight; returns them and what ended each."""

    def day_of(time: int) -> int:
        if points_minutes:
            time = slot_of(time, points_minutes) * points_minutes * MINUTE_US
        return (time // MINUTE_US + offset_minutes) // 1440

    days, ends = [], []
    for stretch in cut:
        day: list[tuple[int, float]] = []
        for time, rate in stretch:
            if day and day_of(time) != day_of(day[-1][0]):
                days.append(day)
                ends.append("midnight")
                day = []
            day.append((time, rate))
        days.append(day)
        ends.append("gap")
    return days, ends


def episodes(  # noqa: C901, PLR0912 - the rule in its own order
    readings: list[tuple[int, float]],
    enter: float,
    leave: float,
    hold_minutes: float,
    leave_minutes: float,
    gap_minutes: float = 20,
    strict: bool = False,
    day_offset_minutes: int | None = None,
    unbroken: bool = False,
    points_minutes: int = 0,
) -> list[NaiveEpisode]:
    """All episodes of one transformer at one level, by walking each stretch reading by reading.

    `day_offset_minutes`: the zone's offset from UTC, for rules that cut every run at midnight. `unbroken`: only
    unbroken time at or above the enter line counts towards the hold. `points_minutes`: only the first reading of each
    slot counts, and each for as long as a slot.
    """
    found = []
    if points_minutes:
        readings = points(readings, points_minutes)
    cut = stretches(readings, gap_minutes, points_minutes)
    ends = ["gap"] * len(cut)
    if day_offset_minutes is not None:
        cut, ends = by_day(cut, day_offset_minutes, points_minutes)
    for number, stretch in enumerate(cut):
        is_last = number == len(cut) - 1
        i = 0
        while i < len(stretch):
            if stretch[i][1] < enter or (strict and stretch[i][1] == enter):
                i += 1
                continue
            first = i
            started = stretch[i][0]
            if i > 0:
                started = crossing(*stretch[i - 1], *stretch[i], enter)
            if unbroken:
                above = i
                while above < len(stretch) and not (
                    stretch[above][1] < enter or (strict and stretch[above][1] == enter)
                ):
                    above += 1
                lasted = (
                    (above - i - 1) * points_minutes * MINUTE_US if points_minutes else stretch[above - 1][0] - started
                )
                if lasted < hold_minutes * MINUTE_US:
                    i = above
                    continue
            closing_from = None
            closed_at_row = None
            j = i
            while j < len(stretch):
                time, rate = stretch[j]
                if rate < leave or (strict and rate == leave):
                    if closing_from is None:
                        closing_from = j
                    if time - stretch[closing_from][0] >= leave_minutes * MINUTE_US:
                        closed_at_row = j
                        break
                else:
                    closing_from = None
                j += 1
            if closed_at_row is not None:
                while_it_lasts = stretch[first:closed_at_row]
                of_the_run = stretch[first:closing_from]
                ended: int | None = crossing(*stretch[closing_from - 1], *stretch[closing_from], leave)
                ended_by: str | None = "leave"
                i = closed_at_row + 1
            else:
                while_it_lasts = of_the_run = stretch[first:]
                ended, ended_by = (None, None) if is_last else (stretch[-1][0], ends[number])
                i = len(stretch)
            lasted = [
                (n * points_minutes * MINUTE_US if points_minutes else t - started)
                for n, (t, _) in enumerate(while_it_lasts)
            ]
            if any(us >= hold_minutes * MINUTE_US for us in lasted):
                peak = max(rate for _, rate in of_the_run)
                peak_at = next(time for time, rate in of_the_run if rate == peak)
                found.append(NaiveEpisode(of_the_run[0][0], started, ended, ended_by, peak, peak_at, len(of_the_run)))
    return found
