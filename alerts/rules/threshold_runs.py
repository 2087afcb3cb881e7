"""Runs above the lines of levels, over the readings of many transformers at once.

A *run* begins at the first reading at or above the enter line and lasts until the readings have stayed below
the leave line for long enough. An episode is a run that held for `hold_minutes`. Where a level counts unbroken time
only (`Level.unbroken_hold`), a run that has not held yet is over at its first reading below the enter line. The
evaluation is
vectorised along time, and over every pair of a level and a transformer; what it must remember of a pair between two
blocks is one `OPEN_RUN`.
`tests/support/naive.py` holds the slow twin that goes reading by reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from alerts.rules.rule_set import Level
from grid.timestamps import MINUTE_US, SECOND_US

Timestamps = NDArray[np.int64]
Rates = NDArray[np.float64]
Flags = NDArray[np.bool_]
Positions = NDArray[np.intp]
Numbers = NDArray[np.int32]

NEVER = np.iinfo(np.int64).min
"""The time of the reading before a transformer's first one."""
NEVER_TOO_LONG_US = np.iinfo(np.int64).max
"""A gap that is bridged however long it is."""

OPEN_RUN = np.dtype(
    [
        ("first_at_us", np.int64),
        ("first_load_rate", np.float64),
        ("started_at_us", np.int64),
        ("peak_load_rate", np.float64),
        ("peak_at_us", np.int64),
        ("below_since_us", np.int64),
        ("below_crossed_at_us", np.int64),  # where the load rate crossed the leave line before them
        ("readings", np.int32),  # all readings of the run so far, those below the leave line at its end included
        ("below", np.int32),  # how many readings at its end are below the leave line, without a break
    ]
)
"""A run that the last block did not finish. Whether it is an episode follows from the newest reading's time."""


POINT_EARLY_US = 20 * SECOND_US
"""A reading that comes so little before a slot belongs to it: clocks of meters differ by seconds (practice)."""


def point_of(measured_at_us: Timestamps, points_us: int | Timestamps) -> Timestamps:
    """Return the slot (n,) [µs] of `points_us` each that readings lie in; its first reading is the slot's point."""
    return np.asarray((measured_at_us + POINT_EARLY_US) // points_us * points_us)


class Gaps(IntEnum):
    """What a gap in the readings does to a run."""

    END_THE_RUN = 0
    BRIDGED = 1
    """The run goes on; only the sequence of readings below the leave line starts anew (incidents). A gap longer than
    `Lines.bridged_us` ends it all the same: nobody can know any more what was."""


class RunEnd(IntEnum):
    """How a run stands at the end of a block."""

    OPEN = 0
    LEFT = 1
    CUT_BY_GAP = 2
    CUT_AT_MIDNIGHT = 3


@dataclass(frozen=True)
class Lines:
    """The lines of l levels, as columns (l,)."""

    enter: Rates
    enters_from: Rates
    """The least load rate that enters."""
    leave: Rates
    stays_from: Rates
    """The least load rate that is not below the leave line."""
    hold_us: Timestamps
    leave_us: Timestamps
    bridged: Flags
    unbroken: Flags
    """Only unbroken time at or above the enter line counts towards the hold."""
    points_us: Timestamps
    """What lies between two points, where only points count; 0 where every reading does."""
    bridged_us: int
    """Maximum length of a bridged gap; a longer one ends the run."""

    @staticmethod
    def of(
        levels: Sequence[tuple[Level, Gaps]],
        points_minutes: Sequence[int] | None = None,
        bridged_us: int = NEVER_TOO_LONG_US,
    ) -> Lines:
        """Take the lines from levels; of a strict one a reading exactly at a line is below it."""
        strict = np.array([level.strict for level, _ in levels], bool)
        enter = np.array([level.enter for level, _ in levels], np.float64)
        leave = np.array([level.leave for level, _ in levels], np.float64)
        return Lines(
            enter,
            np.where(strict, np.nextafter(enter, np.inf), enter),
            leave,
            np.where(strict, np.nextafter(leave, np.inf), leave),
            np.array([round(level.hold_minutes * MINUTE_US) for level, _ in levels], np.int64),
            np.array([round(level.leave_minutes * MINUTE_US) for level, _ in levels], np.int64),
            np.array([gaps is Gaps.BRIDGED for _, gaps in levels], bool),
            np.array([level.unbroken_hold for level, _ in levels], bool),
            np.array(points_minutes if points_minutes is not None else [0] * len(levels), np.int64) * MINUTE_US,
            bridged_us,
        )

    def lasted_us(
        self, level: Positions, started_at_us: Timestamps, last_at_us: Timestamps, readings: NDArray[np.int64]
    ) -> Timestamps:
        """Return how long runs (k,) have lasted: from start to last reading, or as many points as there are."""
        points_us = self.points_us[level]
        return np.where(points_us > 0, (readings - 1) * points_us, last_at_us - started_at_us)


@dataclass(frozen=True)
class Heads:
    """What came before a block: for each of g transformers its last reading."""

    transformer: Numbers
    """(g,) row in the fleet."""
    first_row: Positions
    """(g,) where its readings begin in the block; readings are sorted by transformer, then time."""
    last_at_us: Timestamps
    """(g,) `NEVER` when it has no earlier reading."""
    last_load_rate: Rates
    """(g,)"""


@dataclass(frozen=True)
class Pairs:
    """p pairs of a level and a transformer, each with its readings (n,), one pair after another."""

    level: Positions
    """(p,) row in `Lines`."""
    heads: Heads
    """(p,) of the pair's transformer; `first_row` is where the pair's own readings begin."""
    past: NDArray[np.void]
    """(p,) `OPEN_RUN`; zeros where the pair is in no run."""
    in_run: Flags
    """(p,)"""
    measured_at_us: Timestamps
    """(n,) strictly rising within a pair, and later than its head."""
    load_rate: Rates
    """(n,) without NaN: a reading without a load rate neither opens nor closes, and is left out."""
    new_day: Flags | None
    """(n,) readings that begin a day of their own, where a rule set cuts at midnight."""
    passed_us: Timestamps | None = None
    """(n,) how long behind the reading before it a reading was passed over that shows no load but life, 0 for none."""


@dataclass(frozen=True)
class Runs:
    """The k runs that a block touched, by pair and time; equal-length columns."""

    level: Positions
    transformer: Numbers
    first_at_us: Timestamps
    first_load_rate: Rates
    started_at_us: Timestamps
    ended_at_us: Timestamps
    """Meaningless while `end` is OPEN."""
    end: NDArray[np.int8]
    peak_load_rate: Rates
    peak_at_us: Timestamps
    last_load_rate: Rates
    """Of the reading that closed the run, or else of the last one in it."""
    last_at_us: Timestamps
    readings: NDArray[np.int64]
    held: Flags
    held_before: Flags
    """The run was an episode already before this block."""
    below: NDArray[np.int64]
    below_since_us: Timestamps
    below_crossed_at_us: Timestamps

    def __len__(self) -> int:
        """Return k."""
        return len(self.level)

    def take(self, rows: Flags | Positions) -> Runs:
        """Return the runs that a mask (k,) or row numbers pick."""
        return Runs(*(getattr(self, column.name)[rows] for column in fields(self)))

    @staticmethod
    def concatenate(parts: Sequence[Runs]) -> Runs:
        """Return the runs of at least one part, in order."""
        if len(parts) == 1:
            return parts[0]
        return Runs(*(np.concatenate([getattr(part, column.name) for part in parts]) for column in fields(Runs)))

    def unfinished(self) -> NDArray[np.void]:
        """Return the runs (k,) as `OPEN_RUN`; meaningful for those that are open."""
        kept = np.empty(len(self), OPEN_RUN)
        for name in OPEN_RUN.names or ():
            kept[name] = getattr(self, name)
        return kept


def crossing_us(before_us: Timestamps, after_us: Timestamps, before: Rates, after: Rates, line: Rates) -> Timestamps:
    """Return where the straight line between two readings crosses `line` (n,) [µs], rounded to a microsecond.

    Meaningless, but without a warning, where there is no earlier reading: the caller picks the others.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = (line - before) / (after - before)
        return before_us + np.rint(share * (after_us - before_us)).astype(np.int64)


def within_gap(since_us: Timestamps, passed_us: Timestamps, gap_us: int) -> Flags:
    """Return where a reading (n,) follows the one before it, `since_us` ago, over one that was passed over.

    `passed_us` (n,) is when that one came, behind the reading before; 0 for none.
    """
    return (passed_us > 0) & (passed_us <= gap_us) & (since_us - passed_us <= gap_us)


def evaluate(lines: Lines, gap_us: int, pairs: Pairs) -> Runs:  # noqa: PLR0915 - one pass over shared columns
    """Evaluate every pair's readings through its level; return the runs touched."""
    rows, count = len(pairs.measured_at_us), len(pairs.level)
    heads, past, level = pairs.heads, pairs.past, pairs.level
    # One more row ahead of each pair's readings stands for its past; one at the very end is a stop.
    head = heads.first_row + np.arange(count)
    is_head = np.zeros(rows + count, bool)
    is_head[head] = True
    is_reading = ~is_head
    at_us = np.empty(rows + count, np.int64)
    at_us[head], at_us[is_reading] = heads.last_at_us, pairs.measured_at_us
    rate = np.empty(rows + count, np.float64)
    rate[head], rate[is_reading] = heads.last_load_rate, pairs.load_rate
    position = np.arange(rows + count)
    pair_end = np.append(head[1:], rows + count)
    pair = np.repeat(np.arange(count), pair_end - head)
    level_of = level[pair]

    below_since_us = at_us.copy()
    below_since_us[head] = past["below_since_us"]
    previous = np.maximum(position - 1, 0)
    at_before_us = at_us[previous]
    no_past = at_before_us == NEVER
    between_us = at_us - at_before_us
    if lines.points_us.any():
        points_us = lines.points_us[level_of]
        every_us = np.maximum(points_us, 1)
        between_us = np.where(points_us > 0, point_of(at_us, every_us) - point_of(at_before_us, every_us), between_us)
    near = between_us <= gap_us
    if pairs.passed_us is not None:
        near[is_reading] |= within_gap(between_us[is_reading], pairs.passed_us, gap_us)
    after_gap = is_reading & (no_past | ~near)
    at_midnight = np.zeros(rows + count, bool)
    if pairs.new_day is not None:
        at_midnight[is_reading] = pairs.new_day & ~after_gap[is_reading]
    begins_stretch = after_gap | at_midnight

    enters = is_reading & (rate >= lines.enters_from[level_of])
    below = rate < lines.stays_from[level_of]
    below[head] = past["below"] > 0
    sequence_begins = is_head | (below & (begins_stretch | ~below[previous]))
    sequence_start = np.maximum.accumulate(np.where(sequence_begins, position, 0))
    leaves = is_reading & below & (at_us - below_since_us[sequence_start] >= lines.leave_us[level_of])

    bridged = lines.bridged[level_of]
    cut = np.where(bridged, after_gap & (no_past | (between_us > lines.bridged_us)), begins_stretch)
    says_in_run = enters.copy()
    says_in_run[head] = pairs.in_run
    speaks = is_head | cut | enters | leaves
    in_run = says_in_run[np.maximum.accumulate(np.where(speaks, position, 0))]
    unbroken = lines.unbroken[level_of]
    if unbroken.any():
        rows_of = _Rows(at_us, rate, level_of, head, is_head, is_reading, position, begins_stretch)
        in_run_unbroken, begun_anew = _unbroken_runs(lines, pairs, rows_of, enters, leaves, cut)
        in_run = np.where(unbroken, in_run_unbroken, in_run)
        cut = cut | (begun_anew & unbroken)
    was_in_run = is_reading & in_run[previous]
    in_run_before = was_in_run & ~cut
    begins = is_reading & in_run & ~in_run_before
    leaves_run = in_run_before & ~in_run
    cut_off = was_in_run & cut

    start = np.flatnonzero(begins | (is_head & in_run))
    open_at_end = in_run[pair_end - 1]
    stop = np.sort(np.concatenate([np.flatnonzero(leaves_run | cut_off), pair_end[open_at_end]]))

    at_stop = np.minimum(stop, rows + count - 1)
    end = np.full(len(start), RunEnd.OPEN, np.int8)
    # A stop at the head of the next pair is none: there the readings are over, and not the run.
    inside = (stop < rows + count) & is_reading[at_stop]
    end[inside & leaves_run[at_stop]] = RunEnd.LEFT
    end[inside & cut_off[at_stop]] = RunEnd.CUT_BY_GAP
    end[inside & cut_off[at_stop] & at_midnight[at_stop]] = RunEnd.CUT_AT_MIDNIGHT

    # What a run brings along from before the block, nothing for one that begins in it.
    from_past, of_pair = is_head[start], pair[start]
    brought, level = past[of_pair], level[of_pair]
    before = previous[start]
    crossed_up = crossing_us(at_us[before], at_us[start], rate[before], rate[start], lines.enter[level])
    own_start = np.where(begins_stretch[start], at_us[start], crossed_up)
    started_at_us = np.where(from_past, brought["started_at_us"], own_start)

    # The sequence below the leave line that closed the run, or with which it ends for now.
    last = stop - 1
    left = end == RunEnd.LEFT
    tail = sequence_start[np.where(left, at_stop, last)]
    has_tail = left | below[last]
    tail_from_past = is_head[tail]
    before_tail = previous[tail]
    crossed_down = crossing_us(at_us[before_tail], at_us[tail], rate[before_tail], rate[tail], lines.leave[level])
    tail_crossed = np.where(begins_stretch[tail], at_us[tail], crossed_down)
    below_crossed_at_us = np.where(tail_from_past, past["below_crossed_at_us"][of_pair], tail_crossed)

    tail_readings = np.where(tail_from_past, past["below"][of_pair] + last - tail, stop - tail) * has_tail
    own_readings = stop - start - from_past
    every_reading = np.where(from_past, brought["readings"], 0) + own_readings
    readings = every_reading - np.where(left, tail_readings, 0)
    peak, peak_at_us = _peaks(rate, at_us, start, stop, from_past, brought)
    last_row = np.where(left, at_stop, last)
    held = lines.lasted_us(level, started_at_us, at_us[last], every_reading) >= lines.hold_us[level]
    lasted_before_us = lines.lasted_us(level, started_at_us, at_us[start], brought["readings"].astype(np.int64))
    ended_at_us = np.where(left, below_crossed_at_us, at_us[last])
    begun_anew = left & ~held & lines.unbroken[level]
    if begun_anew.any():
        below_enter = crossing_us(at_us[last], at_us[at_stop], rate[last], rate[at_stop], lines.enter[level])
        ended_at_us = np.where(begun_anew, below_enter, ended_at_us)
    return Runs(
        level=level,
        transformer=heads.transformer[of_pair],
        first_at_us=np.where(from_past, brought["first_at_us"], at_us[start]),
        first_load_rate=np.where(from_past, brought["first_load_rate"], rate[start]),
        started_at_us=started_at_us,
        ended_at_us=ended_at_us,
        end=end,
        peak_load_rate=peak,
        peak_at_us=peak_at_us,
        last_load_rate=rate[last_row],
        last_at_us=at_us[last_row],
        readings=readings,
        held=held,
        held_before=from_past & (lasted_before_us >= lines.hold_us[level]),
        below=tail_readings,
        below_since_us=below_since_us[tail],
        below_crossed_at_us=below_crossed_at_us,
    )


@dataclass(frozen=True)
class _Rows:
    """The rows of an evaluation (m,): every pair's head, then its readings."""

    at_us: Timestamps
    rate: Rates
    level: Positions
    head: Positions
    """(p,) the row of each pair's head."""
    is_head: Flags
    is_reading: Flags
    position: Positions
    begins_stretch: Flags


def _unbroken_runs(
    lines: Lines, pairs: Pairs, rows: _Rows, enters: Flags, leaves: Flags, cut: Flags
) -> tuple[Flags, Flags]:
    """Return which rows (m,) lie in a run, and which begin one anew behind a gap, where time must be unbroken.

    A sequence of readings at or above the enter line is a run; once it has held, the run lasts until it is left.
    """
    at_us, previous = rows.at_us, np.maximum(rows.position - 1, 0)
    started_before_us = np.where(pairs.in_run, pairs.past["started_at_us"], NEVER)
    brought = pairs.past["readings"].astype(np.int64)
    lasted_us = lines.lasted_us(pairs.level, pairs.past["started_at_us"], at_us[rows.head], brought)
    has_held = pairs.in_run & (lasted_us >= lines.hold_us[pairs.level])
    above = enters.copy()
    above[rows.head] = pairs.in_run & ~has_held
    begins = above & (rows.is_head | rows.begins_stretch | ~above[previous])
    crossed_us = crossing_us(at_us[previous], at_us, rows.rate[previous], rows.rate, lines.enter[rows.level])
    above_since_us = np.where(rows.begins_stretch, at_us, crossed_us)
    above_since_us[rows.head] = started_before_us
    start = np.maximum.accumulate(np.where(begins | rows.is_head, rows.position, 0))
    # The head of a pair in a run stands for all that it brings along.
    more = np.ones(len(at_us), np.int64)
    more[rows.head] = brought
    readings = rows.position - start + more[start]
    held_us = lines.lasted_us(rows.level, above_since_us[start], at_us, readings)
    holds = rows.is_reading & above & (held_us >= lines.hold_us[rows.level])
    says_held = holds.copy()
    says_held[rows.head] = has_held
    speaks = rows.is_head | cut | holds | leaves
    held = says_held[np.maximum.accumulate(np.where(speaks, rows.position, 0))]
    return held | above, begins & rows.begins_stretch & ~held[previous]


def _peaks(
    rate: Rates, at_us: Timestamps, start: Positions, stop: Positions, from_past: Flags, brought: NDArray[np.void]
) -> tuple[Rates, Timestamps]:
    """Return the greatest load rate of each run (k,) and the first time it was reached (k,)."""
    if not len(start):
        return np.empty(0), np.empty(0, np.int64)
    rate_or_past = np.append(rate, -np.inf)
    rate_or_past[start[from_past]] = brought["peak_load_rate"][from_past]
    bounds = np.column_stack([start, stop]).ravel()
    peak = np.maximum.reduceat(rate_or_past, bounds)[::2]
    run_of = np.cumsum(np.bincount(start, minlength=len(rate_or_past))) - 1
    is_peak = rate_or_past == peak[np.maximum(run_of, 0)]
    first = np.minimum.reduceat(np.where(is_peak, np.arange(len(is_peak)), len(is_peak)), bounds)[::2]
    in_past = from_past & (first == start)
    return peak, np.where(in_past, brought["peak_at_us"], np.append(at_us, 0)[first])
