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


def points(readings: list[tuple[int, float | None]], minutes: int) -> list[tuple[int, float | None]]:
    """The first reading with a load rate of each slot, and every one without."""
    result: list[tuple[int, float | None]] = []
    last: int | None = None
    for time, rate in readings:
        if rate is None or last is None or slot_of(time, minutes) != slot_of(last, minutes):
            result.append((time, rate))
            last = last if rate is None else time
    return result


def stretches(
    readings: list[tuple[int, float | None]], gap_minutes: float, points_minutes: int = 0
) -> list[list[tuple[int, float]]]:
    """Cut time-ordered readings wherever two neighbours, or their slots, lie further apart than the gap limit.

    A reading without a load rate (None) shows life and no load. It is left out; one of them, the first behind a
    reading, keeps its neighbours together where neither lies further from it than the gap limit.
    """

    def place(time: int) -> int:
        return slot_of(time, points_minutes) * points_minutes * MINUTE_US if points_minutes else time

    limit = gap_minutes * MINUTE_US
    result: list[list[tuple[int, float]]] = []
    alive: int | None = None
    for at, rate in readings:
        time, last = place(at), place(result[-1][-1][0]) if result else None
        if rate is None:
            if last is not None and alive is None and time > last:
                alive = time
            continue
        if last is None:
            near = False
        elif time - last <= limit:
            near = True
        else:
            near = alive is not None and alive - last <= limit and time - alive <= limit
        if near:
            result[-1].append((at, rate))
        else:
            result.append([(at, rate)])
        alive = None
    return result


@dataclass
class NaiveIncident:
    """One incident as the slow twin sees it."""

    first_at: int
    opened_at: int
    state: str
    closed_at: int | None
    level: str
    peak: float
    last_at: int
    """Of the reading that closed it, or the last one in it."""


def incidents(
    readings: list[tuple[int, float | None]],
    levels: tuple[tuple[str, float], ...],
    leave: float,
    hold_minutes: float,
    leave_minutes: float,
    gap_minutes: float = 20,
    unknown_after_hours: float = 24,
    unbroken: bool = False,
) -> list[NaiveIncident]:
    """All incidents of one transformer: `levels` (name, enter) rise, the first opens one, the others raise it.

    `unbroken`: before it has held, an incident ends with a reading below the line, and a gap begins it anew.

    Doubtful readings are not among them. Silence ends none before `unknown_after_hours`.
    """
    starts = {stretch[0][0] for stretch in stretches(readings, gap_minutes)}
    found: list[NaiveIncident] = []
    run: NaiveIncident | None = None
    below_since, below_from = None, 0
    before: tuple[int, float] | None = None
    for time, rate in readings:
        if rate is None:
            continue
        is_cut = time in starts
        if run and before and time - before[0] > unknown_after_hours * 60 * MINUTE_US:
            run.state, run.closed_at = "unknown", before[0]
            run = None
        holds_yet = run is not None and run.last_at - run.opened_at >= hold_minutes * MINUTE_US
        if run and unbroken and not holds_yet and (rate < levels[0][1] or is_cut):
            found.remove(run)
            run = None
        if run is None and rate >= levels[0][1]:
            opened = time if is_cut or before is None else crossing(*before, time, rate, levels[0][1])
            run = NaiveIncident(time, opened, "open", None, levels[0][0], rate, time)
            found.append(run)
            below_since = None
        if run:
            run.last_at, run.peak = time, max(run.peak, rate)
            run.level = next(name for name, enter in reversed(levels) if run.peak >= enter)
            if rate >= leave:
                below_since = None
            elif below_since is None or is_cut:
                below_since = time
                below_from = time if is_cut or before is None else crossing(*before, time, rate, leave)
            if below_since is not None and time - below_since >= leave_minutes * MINUTE_US:
                run.state, run.closed_at = "closed", below_from
                run = None
        before = (time, rate)
    return [i for i in found if (i.last_at if i.state != "closed" else before_last(readings, i)) - i.opened_at
            >= hold_minutes * MINUTE_US]  # fmt: skip


def before_last(readings: list[tuple[int, float | None]], incident: NaiveIncident) -> int:
    """The last reading before the one that closed an incident."""
    return max(time for time, rate in readings if rate is not None and time < incident.last_at)


def phase_incidents(
    readings: list[tuple[int, float | None, float | None]],
    total: tuple[float, float, float],
    phase: tuple[float, float, float, float],
    gap_minutes: float = 20,
) -> list[NaiveIncident]:
    """Incidents of the worst phase (time, total, phase), by readings that lie in no incident of the total.

    `total`: enter, leave, leave minutes; `phase`: enter, leave, hold, leave minutes.
    """
    of_total = incidents([(t, rate) for t, rate, _ in readings], (("total", total[0]),), total[1], 0, total[2])
    spans = [(i.first_at, i.last_at if i.state == "closed" else (i.closed_at or 2**62)) for i in of_total]
    free = [
        (t, rate) for t, load, rate in readings
        if load is None or not any(first <= t <= last for first, last in spans)
    ]  # fmt: skip
    return incidents(free, (("phase", phase[0]),), phase[1], phase[2], phase[3], gap_minutes, unbroken=True)


def outages(
    readings: list[tuple[int, bool | None]], hold_minutes: float, gap_minutes: float = 20
) -> list[NaiveEpisode]:
    """All stays without voltage: readings (time, without voltage or not; None where a reading does not tell)."""
    run: list[int] = []
    ended: list[tuple[list[int], str | None]] = []
    for time, without in readings:
        if without is None:
            continue
        if run and time - run[-1] > gap_minutes * MINUTE_US:
            ended.append((run, "gap"))
            run = []
        if without:
            run = [*run, time]
        elif run:
            ended.append((run, "leave"))
            run = []
    if run:
        ended.append((run, None))
    return [
        NaiveEpisode(run[0], run[0], run[-1] if by else None, by, 0.0, run[0], len(run))
        for run, by in ended
        if run[-1] - run[0] >= hold_minutes * MINUTE_US
    ]


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
    readings: list[tuple[int, float | None]],
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
            if closed_at_row is not None and closing_from is not None:
                while_it_lasts = stretch[first:closed_at_row]
                of_the_run = stretch[first:closing_from]
                ended: int | None = crossing(*stretch[closing_from - 1], *stretch[closing_from], leave)
                ended_by: str | None = "leave"
                i = closed_at_row + 1
            else:
                while_it_lasts = of_the_run = stretch[first:]
                ended, ended_by = (None, None) if is_last else (stretch[-1][0], ends[number])
                i = len(stretch)
            lasting = [
                (n * points_minutes * MINUTE_US if points_minutes else t - started)
                for n, (t, _) in enumerate(while_it_lasts)
            ]
            if any(us >= hold_minutes * MINUTE_US for us in lasting):
                peak = max(rate for _, rate in of_the_run)
                peak_at = next(time for time, rate in of_the_run if rate == peak)
                found.append(NaiveEpisode(of_the_run[0][0], started, ended, ended_by, peak, peak_at, len(of_the_run)))
    return found
