"""One level's runs above its line, over the readings of many transformers at once.

A *run* begins at the first reading at or above the enter line and lasts until the readings have stayed below
the leave line for long enough. An episode is a run that held for `hold_minutes`. The walk is vectorised
along time; what it must remember between two blocks is an `OpenRun` for each transformer that is in a run.
`tests/naive.py` holds the slow twin that walks reading by reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from alerts.rules import Level
from grid.moments import MINUTE_US

Moments = NDArray[np.int64]
Rates = NDArray[np.float64]
Flags = NDArray[np.bool_]
Positions = NDArray[np.intp]

NEVER = np.iinfo(np.int64).min
"""The time of the reading before a transformer's first one."""


class Gaps(IntEnum):
    """What a gap in the readings does to a run."""

    END_THE_RUN = 0
    BRIDGED = 1
    """The run goes on; only the sequence of readings below the leave line starts anew (incidents)."""


class RunEnd(IntEnum):
    """How a run stands at the end of a block."""

    OPEN = 0
    LEFT = 1
    CUT_BY_GAP = 2
    CUT_AT_MIDNIGHT = 3


@dataclass(frozen=True, slots=True)
class OpenRun:
    """A run that the last block did not finish."""

    first_at_us: int
    first_load_rate: float
    started_at_us: int
    peak_load_rate: float
    peak_at_us: int
    readings: int
    """All readings of the run so far, those below the leave line at its end included."""
    below: int
    """How many readings at its end are below the leave line, without a break."""
    below_since_us: int
    below_crossed_at_us: int
    """Where the load rate crossed the leave line before them."""
    held: bool
    """The run is an episode."""


@dataclass(frozen=True)
class Heads:
    """What came before a block: for each of g transformers its last reading, and its open run if it is in one."""

    transformer: NDArray[np.int32]
    """(g,) row in the fleet."""
    first_row: Positions
    """(g,) where its readings begin in the block; readings are sorted by transformer, then time."""
    last_at_us: Moments
    """(g,) `NEVER` when it has no earlier reading."""
    last_load_rate: Rates
    """(g,)"""


@dataclass(frozen=True)
class Runs:
    """The k runs that a block touched, in order of transformer and time; equal-length columns."""

    transformer: NDArray[np.int32]
    first_at_us: Moments
    first_load_rate: Rates
    started_at_us: Moments
    ended_at_us: Moments
    """Meaningless while `end` is OPEN."""
    end: NDArray[np.int8]
    peak_load_rate: Rates
    peak_at_us: Moments
    last_load_rate: Rates
    """Of the reading that closed the run, or else of the last one in it."""
    last_at_us: Moments
    readings: NDArray[np.int64]
    held: Flags
    held_before: Flags
    """The run was an episode already before this block."""
    below: NDArray[np.int64]
    below_since_us: Moments
    below_crossed_at_us: Moments

    def open_runs(self) -> dict[int, OpenRun]:
        """Return the unfinished runs by transformer, to be handed to the next block."""
        return {
            int(self.transformer[i]): OpenRun(
                int(self.first_at_us[i]),
                float(self.first_load_rate[i]),
                int(self.started_at_us[i]),
                float(self.peak_load_rate[i]),
                int(self.peak_at_us[i]),
                int(self.readings[i]),
                int(self.below[i]),
                int(self.below_since_us[i]),
                int(self.below_crossed_at_us[i]),
                bool(self.held[i]),
            )
            for i in np.flatnonzero(self.end == RunEnd.OPEN)
        }


def crossing_us(before_us: Moments, after_us: Moments, before: Rates, after: Rates, line: float) -> Moments:
    """Return where the straight line between two readings crosses `line` (n,) [µs], rounded to a microsecond.

    Meaningless, but without a warning, where there is no earlier reading: the caller picks the others.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        share = (line - before) / (after - before)
        return before_us + np.rint(share * (after_us - before_us)).astype(np.int64)


def fold_level(
    level: Level,
    gap_us: int,
    gaps: Gaps,
    measured_at_us: Moments,
    load_rate: Rates,
    heads: Heads,
    open_runs: Mapping[int, OpenRun],
    new_day: Flags | None = None,
) -> Runs:
    """Walk a block of readings, sorted by transformer and time, through one level.

    `measured_at_us` (n,) strictly rises within a transformer and is later than its head; `load_rate` (n,) has
    no NaN (a reading without a load rate neither opens nor closes: leave it out). `new_day` (n,) marks readings
    that begin a day of their own, as rule sets that cut at midnight want it.
    """
    rows, groups = len(measured_at_us), len(heads.transformer)
    # One more row ahead of each transformer's readings stands for its past; one at the very end is a stop.
    head = heads.first_row + np.arange(groups)
    is_head = np.zeros(rows + groups, bool)
    is_head[head] = True
    at_us = np.empty(rows + groups, np.int64)
    at_us[head], at_us[~is_head] = heads.last_at_us, measured_at_us
    rate = np.empty(rows + groups, np.float64)
    rate[head], rate[~is_head] = heads.last_load_rate, load_rate
    position = np.arange(rows + groups)

    carried = [open_runs.get(number) for number in heads.transformer.tolist()]
    head_in_run = np.array([run is not None for run in carried], bool)
    below_since_us = at_us.copy()
    below_since_us[head] = [run.below_since_us if run else 0 for run in carried]

    previous = np.maximum(position - 1, 0)
    no_past = at_us[previous] == NEVER
    after_gap = ~is_head & (no_past | (at_us - at_us[previous] > gap_us))
    at_midnight = np.zeros(rows + groups, bool)
    if new_day is not None:
        at_midnight[~is_head] = new_day & ~after_gap[~is_head]
    begins_stretch = after_gap | at_midnight

    enters = ~is_head & (rate > level.enter if level.strict else rate >= level.enter)
    below = rate <= level.leave if level.strict else rate < level.leave
    below[head] = [run is not None and run.below > 0 for run in carried]
    sequence_begins = is_head | (below & (begins_stretch | ~below[previous]))
    sequence_start = np.maximum.accumulate(np.where(sequence_begins, position, 0))
    leave_us = round(level.leave_minutes * MINUTE_US)
    leaves = ~is_head & below & (at_us - below_since_us[sequence_start] >= leave_us)

    cut = begins_stretch if gaps is Gaps.END_THE_RUN else after_gap & no_past
    says_in_run = enters.copy()
    says_in_run[head] = head_in_run
    speaks = is_head | cut | enters | leaves
    in_run = says_in_run[np.maximum.accumulate(np.where(speaks, position, 0))]
    in_run_before = ~is_head & ~cut & in_run[previous]
    begins = ~is_head & in_run & ~in_run_before
    leaves_run = in_run_before & ~in_run
    cut_off = ~is_head & cut & in_run[previous]

    start = np.flatnonzero(begins | (is_head & in_run))
    group_end = np.append(head[1:], rows + groups)
    open_at_end = in_run[group_end - 1]
    stop = np.sort(np.concatenate([np.flatnonzero(leaves_run | cut_off), group_end[open_at_end]]))

    at_stop = np.minimum(stop, rows + groups - 1)
    end = np.full(len(start), RunEnd.OPEN, np.int8)
    inside = ~np.isin(stop, group_end, assume_unique=True)
    end[inside & leaves_run[at_stop]] = RunEnd.LEFT
    end[inside & cut_off[at_stop]] = RunEnd.CUT_BY_GAP
    end[inside & cut_off[at_stop] & at_midnight[at_stop]] = RunEnd.CUT_AT_MIDNIGHT

    # What a run brings along from before the block, nothing for one that begins in it.
    from_past = is_head[start]
    group = np.searchsorted(head, start, side="right") - 1
    past = [carried[g] if old else None for g, old in zip(group.tolist(), from_past.tolist(), strict=True)]

    def brought(name: str, otherwise: NDArray[np.generic]) -> list[object]:
        return [getattr(run, name) if run else own for run, own in zip(past, otherwise.tolist(), strict=True)]

    before = previous[start]
    crossed_up = crossing_us(at_us[before], at_us[start], rate[before], rate[start], level.enter)
    own_start = np.where(begins_stretch[start], at_us[start], crossed_up)
    started_at_us = np.array(brought("started_at_us", own_start), np.int64)

    # The sequence below the leave line that closed the run, or with which it ends for now.
    last = stop - 1
    left = end == RunEnd.LEFT
    tail = sequence_start[np.where(left, at_stop, last)]
    has_tail = left | below[last]
    tail_from_past = is_head[tail]
    tail_crossed = np.where(
        begins_stretch[tail],
        at_us[tail],
        crossing_us(at_us[previous[tail]], at_us[tail], rate[previous[tail]], rate[tail], level.leave),
    )
    past_crossed = np.array([run.below_crossed_at_us if run else 0 for run in past], np.int64)
    below_crossed_at_us = np.where(tail_from_past, past_crossed, tail_crossed)

    own_readings = stop - start - from_past
    past_readings = np.array([run.readings if run else 0 for run in past], np.int64)
    past_below = np.array([run.below if run else 0 for run in past], np.int64)
    tail_readings = np.where(tail_from_past, past_below + last - tail, stop - tail) * has_tail
    readings = past_readings + own_readings - np.where(left, tail_readings, 0)

    peak, peak_at_us = _peaks(rate, at_us, start, stop, past)
    held = at_us[last] - started_at_us >= round(level.hold_minutes * MINUTE_US)
    return Runs(
        transformer=heads.transformer[group],
        first_at_us=np.array(brought("first_at_us", at_us[start]), np.int64),
        first_load_rate=np.array(brought("first_load_rate", rate[start]), np.float64),
        started_at_us=started_at_us,
        ended_at_us=np.where(left, below_crossed_at_us, at_us[last]),
        end=end,
        peak_load_rate=peak,
        peak_at_us=peak_at_us,
        last_load_rate=rate[np.where(left, at_stop, last)],
        last_at_us=at_us[np.where(left, at_stop, last)],
        readings=readings,
        held=held,
        held_before=np.array([run is not None and run.held for run in past], bool),
        below=tail_readings,
        below_since_us=below_since_us[tail],
        below_crossed_at_us=below_crossed_at_us,
    )


def _peaks(
    rate: Rates, at_us: Moments, start: Positions, stop: Positions, past: list[OpenRun | None]
) -> tuple[Rates, Moments]:
    """Return the greatest load rate of each run (k,) and the first time it was reached (k,)."""
    if not len(start):
        return np.empty(0), np.empty(0, np.int64)
    rate_or_past = np.append(rate, -np.inf)
    for at, run in zip(start.tolist(), past, strict=True):
        if run:
            rate_or_past[at] = run.peak_load_rate
    bounds = np.column_stack([start, stop]).ravel()
    peak = np.maximum.reduceat(rate_or_past, bounds)[::2]
    run_of = np.cumsum(np.bincount(start, minlength=len(rate_or_past))) - 1
    is_peak = rate_or_past == peak[np.maximum(run_of, 0)]
    first = np.minimum.reduceat(np.where(is_peak, np.arange(len(is_peak)), len(is_peak)), bounds)[::2]
    peak_at_us = np.append(at_us, 0)[first]
    for i, (at, run) in enumerate(zip(start.tolist(), past, strict=True)):
        if run and first[i] == at:
            peak_at_us[i] = run.peak_at_us
    return peak, peak_at_us
