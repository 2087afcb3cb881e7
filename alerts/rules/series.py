"""Load rates in time order, and the tracks along which levels look at them: which readings, and what came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.local_days import LocalDays
from alerts.rules.rule_set import Quantity
from alerts.rules.threshold_runs import NEVER, Flags, Heads, Numbers, Positions, Rates, Timestamps, point_of
from grid.timestamps import MINUTE_US


def in_time_order(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows sorted by transformer and time, the first given one of each (transformer, moment)."""
    if (transformer[1:] > transformer[:-1]).all():
        return np.arange(len(transformer))
    order = np.lexsort((measured_at_us, transformer))
    number, at_us = transformer[order], measured_at_us[order]
    first = np.ones(len(order), bool)
    first[1:] = (number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1])
    return order[first]


@dataclass(frozen=True)
class SortedRates:
    """Load rates of a block, sorted by transformer and time, one per moment; NaN where there is none."""

    transformer: NDArray[np.int32]
    measured_at_us: NDArray[np.int64]
    load_rate: NDArray[np.float64]
    worst_phase_load_rate: NDArray[np.float64]
    trusted: NDArray[np.bool_]
    """(n,) False for readings in doubt: episodes count them, incidents neither open nor close by them."""

    @staticmethod
    def of(
        transformer: NDArray[np.int32],
        measured_at_us: NDArray[np.int64],
        load_rate: NDArray[np.float64],
        worst_phase_load_rate: NDArray[np.float64],
    ) -> SortedRates:
        """Sort columns (n,) in any order, all trusted; of several rows for one moment the first given counts."""
        rows = in_time_order(transformer, measured_at_us)
        return SortedRates(
            transformer[rows],
            measured_at_us[rows],
            load_rate[rows],
            worst_phase_load_rate[rows],
            np.ones(len(rows), bool),
        )


@dataclass(frozen=True)
class Track:
    """Which readings a level looks at; levels of one track look at the same ones."""

    quantity: Quantity
    points_minutes: int
    cut_at_midnight: bool
    trusted_only: bool


@dataclass(frozen=True)
class Stretches:
    """The readings (n,) of g transformers on one track."""

    heads: Heads
    size: Positions
    """(g,) how many readings each has."""
    measured_at_us: Timestamps
    load_rate: Rates
    highest: Rates
    """(g,)"""
    lowest: Rates
    """(g,)"""

    @property
    def single(self) -> bool:
        """Return whether every transformer has one reading, the usual block."""
        return len(self.load_rate) == len(self.size)

    @property
    def last_row(self) -> Positions:
        """Return where the last reading of each (g,) is."""
        return self.heads.first_row + self.size - 1

    def of(self, transformers: Flags) -> Stretches:
        """Return the readings of the transformers that a mask (g,) picks."""
        if transformers.all():
            return self
        size, heads = self.size[transformers], self.heads
        rows = slice_rows(heads.first_row[transformers], size)
        return Stretches(
            Heads(
                heads.transformer[transformers],
                np.cumsum(size) - size,
                heads.last_at_us[transformers],
                heads.last_load_rate[transformers],
            ),
            size,
            self.measured_at_us[rows],
            self.load_rate[rows],
            self.highest[transformers],
            self.lowest[transformers],
        )

    def highest_at_us(self, transformer: Positions) -> Timestamps:
        """Return when some of the transformers (k,), by their place among the g, first had their highest load rate."""
        first_row = self.heads.first_row
        if self.single:
            return self.measured_at_us[first_row[transformer]]
        is_highest = self.load_rate == np.repeat(self.highest, self.size)
        row = np.where(is_highest, np.arange(len(is_highest)), len(is_highest))
        return self.measured_at_us[np.minimum.reduceat(row, first_row)[transformer]]

    def gapless(self, gap_us: int, points_us: int = 0) -> Flags:
        """Return which transformers (g,) have no gap between their readings, or points, nor before the first."""
        heads = self.heads
        known = heads.last_at_us != NEVER
        at_us, last_at_us = self.measured_at_us, heads.last_at_us
        if points_us:
            at_us, last_at_us = point_of(at_us, points_us), point_of(last_at_us, points_us)
        near = known & (at_us[heads.first_row] - last_at_us <= gap_us)
        if self.single:
            return np.asarray(near)
        after_gap = np.zeros(len(self.load_rate), bool)
        after_gap[1:] = np.diff(at_us) > gap_us
        after_gap[heads.first_row] = ~near
        return np.asarray(~np.logical_or.reduceat(after_gap, heads.first_row))


def slice_rows(first_row: Positions, size: Positions) -> Positions:
    """Return the rows from `first_row` (k,) on, `size` (k,) of each, one after another."""
    begins = np.cumsum(size) - size
    return np.repeat(first_row - begins, size) + np.arange(int(size.sum()))


class TrackHeads:
    """What a track remembers of each transformer of a fleet: its last reading."""

    def __init__(self, track: Track, zones: Sequence[tzinfo]) -> None:
        """Start with no past. `zones[i]` is the time zone of row i of the fleet."""
        self._track = track
        self._local_days = LocalDays(zones) if track.cut_at_midnight else None
        self.last_at_us = np.full(len(zones), NEVER, np.int64)
        """`NEVER` for none."""
        self.last_rate = np.full(len(zones), np.nan)

    def advance(self, rates: SortedRates) -> Stretches | None:
        """Return the readings of a sorted block that count on this track, None for none, and remember the last."""
        transformer, measured_at_us = rates.transformer, rates.measured_at_us
        rate = rates.load_rate if self._track.quantity is Quantity.LOAD_RATE else rates.worst_phase_load_rate
        counts = ~np.isnan(rate)
        if self._track.trusted_only:
            counts &= rates.trusted
        if self._track.points_minutes:
            counts = self._points(transformer, measured_at_us, counts)
        if not counts.all():
            transformer, measured_at_us, rate = transformer[counts], measured_at_us[counts], rate[counts]
        if not len(rate):
            return None
        is_first = np.ones(len(rate), bool)
        np.not_equal(transformer[1:], transformer[:-1], out=is_first[1:])
        first = np.flatnonzero(is_first)
        number = transformer[first]
        heads = Heads(number, first, self.last_at_us[number], self.last_rate[number])
        if len(first) == len(rate):
            size, highest, lowest = np.ones(len(rate), np.intp), rate, rate
        else:
            size = np.diff(np.append(first, len(rate)))
            highest, lowest = np.maximum.reduceat(rate, first), np.minimum.reduceat(rate, first)
        last = first + size - 1
        self.last_at_us[number] = measured_at_us[last]
        self.last_rate[number] = rate[last]
        return Stretches(heads, size, measured_at_us, rate, highest, lowest)

    def new_day(self, stretches: Stretches) -> Flags | None:
        """Return which readings (n,) begin a day of their own; None where midnight means nothing."""
        if not self._local_days:
            return None
        heads, at_us = stretches.heads, stretches.measured_at_us
        if points_us := self._track.points_minutes * MINUTE_US:
            known = heads.last_at_us != NEVER
            last_at_us = np.where(known, point_of(heads.last_at_us, points_us), NEVER)
            heads, at_us = replace(heads, last_at_us=last_at_us), point_of(at_us, points_us)
        return self._local_days.new_day(heads, at_us)

    def _points(self, transformer: Numbers, measured_at_us: Timestamps, counts: Flags) -> Flags:
        """Return which readings (n,) are the first of their slot, of those that count."""
        rows = np.flatnonzero(counts)
        number = transformer[rows]
        slot = point_of(measured_at_us[rows], self._track.points_minutes * MINUTE_US)
        is_point = np.ones(len(rows), bool)
        is_point[1:] = (slot[1:] != slot[:-1]) | (number[1:] != number[:-1])
        first = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(rows) else rows
        before_us = self.last_at_us[number[first]]
        same_slot = point_of(before_us, self._track.points_minutes * MINUTE_US) == slot[first]
        is_point[first] = (before_us == NEVER) | ~same_slot
        points = np.zeros(len(counts), bool)
        points[rows[is_point]] = True
        return points

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers."""
        self.last_at_us[transformer] = NEVER
        self.last_rate[transformer] = np.nan
