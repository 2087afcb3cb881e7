"""Readings in a row that say the same, or that are alike in what speaks against them: how many, and since when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.quality.rated_readings import Flags, OrderedPass, RatedReadings, Rows, Timestamps
from alerts.rules.threshold_runs import NEVER


@dataclass(frozen=True)
class RowRuns:
    """The run that each reading of a block (n,) ends."""

    start: Rows
    """(n,) where the run begins in the block."""
    from_past: Flags
    """(n,) the run began before the block."""
    readings: NDArray[np.intp]
    """(n,) how many there are, up to this one; of a past that is not counted, none."""
    since_us: Timestamps
    """(n,) when the first of them was measured."""


def row_runs(
    block: RatedReadings,
    evaluate: OrderedPass,
    goes_on: Flags,
    since_before_us: Timestamps,
    readings_before: NDArray[np.uint8] | None = None,
) -> RowRuns:
    """Return the runs of a block, given which readings (n,) go on with the one before them.

    `since_before_us`, `readings_before` (fleet): the run that the last reading before the block ended.
    """
    position = np.arange(len(block))
    start = np.maximum.accumulate(np.where(~goes_on | evaluate.is_first, position, 0))
    readings, since_us = position - start + 1, block.measured_at_us[start]
    from_past: Flags = (goes_on & evaluate.is_first)[start]
    of_past = block.transformer[from_past]
    if readings_before is not None:
        readings[from_past] += readings_before[of_past]
    since_us[from_past] = since_before_us[of_past]
    return RowRuns(start, from_past, readings, since_us)


def last_within(runs: RowRuns, at_us: Timestamps, events: Rows, last_before_us: Timestamps) -> Timestamps:
    """Return when each reading's run (n,) last had one of the events (rows, k), `NEVER` where it had none.

    `last_before_us` (n,): when the run that the block found, going on at this reading's transformer, last had one.
    """
    latest = np.full(len(at_us), -1)
    latest[events] = events
    latest = np.maximum.accumulate(latest)
    from_past = np.where(runs.from_past, last_before_us, NEVER)
    return np.where(latest >= runs.start, at_us[latest], from_past)
