"""What was not received: readings that should lie between two others, by each transformer's own rhythm.

A transformer's rhythm is the median of the intervals between its readings, so a meter that sends each minute
and one that sends each quarter of an hour are judged alike, whatever the settings say of slots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GAP_RATIO = 1.5
"""An interval longer than so many usual ones lacks at least one reading (own choice: half an interval of jitter)."""
INTERVALS_MIN = 3
"""Fewer intervals than this tell no rhythm; then the settings' slot stands for it."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Gaps as columns (k,), by transformer and time."""

    transformer: NDArray[np.int32]
    after_us: NDArray[np.int64]
    """The last reading before the gap."""
    before_us: NDArray[np.int64]
    """The first reading behind it."""
    missing: NDArray[np.int64]
    """How many readings should lie between."""

    def __len__(self) -> int:
        """Return the number of gaps."""
        return len(self.transformer)

    def behind(self, from_us: int) -> Gaps:
        """Return the gaps that end after a moment."""
        rows = self.before_us > from_us
        return Gaps(self.transformer[rows], self.after_us[rows], self.before_us[rows], self.missing[rows])


def find_gaps(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64], slot_us: int) -> Gaps:
    """Return the gaps between readings (n,), given in any order; equal moments of a transformer count once.

    `slot_us`: how often a transformer sends that has too few readings here to tell by itself.
    """
    order = np.lexsort((measured_at_us, transformer))
    number, at_us = transformer[order], measured_at_us[order]
    interval_us = np.diff(at_us)
    follows = (np.diff(number) == 0) & (interval_us > 0)
    number, after_us, before_us, interval_us = (
        number[:-1][follows],
        at_us[:-1][follows],
        at_us[1:][follows],
        interval_us[follows],
    )
    usual_us = _usual_interval_us(number, interval_us, slot_us)
    rows = interval_us > GAP_RATIO * usual_us
    missing = np.rint(interval_us[rows] / usual_us[rows]).astype(np.int64) - 1
    return Gaps(number[rows], after_us[rows], before_us[rows], missing)


def _usual_interval_us(number: NDArray[np.int32], interval_us: NDArray[np.int64], slot_us: int) -> NDArray[np.float64]:
    """Return for each interval (m,) the lower median of its transformer's; `number` (m,) is sorted."""
    if not len(number):
        return np.empty(0)
    by_length = np.lexsort((interval_us, number))
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
    count = np.diff(np.append(first, len(number)))
    median = interval_us[by_length][first + (count - 1) // 2].astype(np.float64)
    median[count < INTERVALS_MIN] = slot_us
    return np.repeat(median, count)


def still_missing(after_us: int, before_us: int, missing: int, measured_at_us: NDArray[np.int64]) -> Gaps:
    """Return what is left of one gap when readings (n,) in any order were measured within it: nothing, it, or parts.

    The transformer is 0 in the answer. The rhythm is the one by which the gap was found.
    """
    usual_us = (before_us - after_us) / (missing + 1)
    within = np.unique(measured_at_us[(measured_at_us > after_us) & (measured_at_us < before_us)])
    at_us = np.concatenate([[after_us], within, [before_us]]).astype(np.int64)
    interval_us = np.diff(at_us)
    rows = interval_us > GAP_RATIO * usual_us
    left = np.rint(interval_us[rows] / usual_us).astype(np.int64) - 1
    return Gaps(np.zeros(int(rows.sum()), np.int32), at_us[:-1][rows], at_us[1:][rows], left)
