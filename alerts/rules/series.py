"""Load rates in time order, and the tracks along which levels look at them: which readings, and what came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import tzinfo
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alerts.rules.local_days import LocalDays
from alerts.rules.rule_set import Quantity
from alerts.rules.threshold_runs import NEVER, Flags, Heads, Numbers, Positions, Rates, Timestamps, point_of, within_gap
from grid.supply import Supply
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
    supply: NDArray[np.int8]
    """(n,) `Supply`. From `GONE` on there is no load rate: the reading is passed over, as a sign of life."""

    @staticmethod
    def of(
        transformer: NDArray[np.int32],
        measured_at_us: NDArray[np.int64],
        load_rate: NDArray[np.float64],
        worst_phase_load_rate: NDArray[np.float64],
        supply: NDArray[np.int8] | None = None,
    ) -> SortedRates:
        """Sort columns (n,) in any order, all trusted; of several rows for one moment the first given counts.

        Without `supply` no voltage was sent.
        """
        rows = in_time_order(transformer, measured_at_us)
        if supply is None:
            supply = np.full(len(transformer), Supply.NOT_TOLD, np.int8)
        is_load = supply < Supply.GONE
        return SortedRates(
            transformer[rows],
            measured_at_us[rows],
            np.where(is_load, load_rate, np.nan)[rows],
            np.where(is_load, worst_phase_load_rate, np.nan)[rows],
            np.ones(len(rows), bool),
            supply[rows],
        )

    @cached_property
    def passed(self) -> Flags | None:
        """Which readings (n,) show life and no load; None where there is none, as in nearly every block."""
        passed: Flags = self.supply >= Supply.GONE
        return passed if passed.any() else None

    def take(self, rows: Flags) -> SortedRates:
        """Return the readings that a mask (n,) picks."""
        return SortedRates(*(getattr(self, column.name)[rows] for column in fields(self)))


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
    passed_us: Timestamps | None
    """(n,) as in `Pairs`; None where nothing was passed over."""

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
            None if self.passed_us is None else self.passed_us[rows],
        )

    def highest_at_us(self, transformer: Positions) -> Timestamps:
        """Return when some of the transformers (k,), by their place among the g, first had their highest load rate."""
        first_row = self.heads.first_row
        if self.single:
            return self.measured_at_us[first_row[transformer]]
        is_highest = self.load_rate == np.repeat(self.highest, self.size)
        row = np.where(is_highest, np.arange(len(is_highest)), len(is_highest))
        return self.measured_at_us[np.minimum.reduceat(row, first_row)[transformer]]

    def gapless(self, gap_us: int, points_us: int = 0, *, over_passed: bool = True) -> Flags:
        """Return which transformers (g,) have no gap between their readings, or points, nor before the first.

        `over_passed`: a reading that was passed over keeps its neighbours together.
        """
        passed_us = self.passed_us if over_passed else None
        heads = self.heads
        known = heads.last_at_us != NEVER
        at_us, last_at_us = self.measured_at_us, heads.last_at_us
        if points_us:
            at_us, last_at_us = point_of(at_us, points_us), point_of(last_at_us, points_us)
        since_us = at_us[heads.first_row] - last_at_us
        if self.single:
            near = since_us <= gap_us
            if passed_us is not None:
                near |= within_gap(since_us, passed_us, gap_us)
            return np.asarray(known & near)
        every_us = np.empty(len(self.load_rate), np.int64)
        every_us[1:] = np.diff(at_us)
        every_us[heads.first_row] = since_us
        near = every_us <= gap_us
        if passed_us is not None:
            near |= within_gap(every_us, passed_us, gap_us)
        near[heads.first_row] &= known
        return np.asarray(np.logical_and.reduceat(near, heads.first_row))


def slice_rows(first_row: Positions, size: Positions) -> Positions:
    """Return the rows from `first_row` (k,) on, `size` (k,) of each, one after another."""
    begins = np.cumsum(size) - size
    return np.repeat(first_row - begins, size) + np.arange(int(size.sum()))


class TrackHeads:
    """What a track remembers of each transformer of a fleet: its last reading, and what was passed over behind it."""

    def __init__(self, track: Track, zones: Sequence[tzinfo]) -> None:
        """Start with no past. `zones[i]` is the time zone of row i of the fleet."""
        self._track = track
        self._local_days = LocalDays(zones) if track.cut_at_midnight else None
        self.last_at_us = np.full(len(zones), NEVER, np.int64)
        """`NEVER` for none."""
        self.last_rate = np.full(len(zones), np.nan)
        self._passed_us: Timestamps | None = None
        """How long behind the last reading the first one was passed over that shows no load but life; 0 for none. None
        until there is any: most fleets never need it."""

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes [bytes]."""
        passed = 0 if self._passed_us is None else self._passed_us.nbytes
        return self.last_at_us.nbytes + self.last_rate.nbytes + passed

    @property
    def passed_us(self) -> Timestamps:
        """Return how long behind its last reading each transformer's first one was passed over (n,) [µs]; 0: none."""
        return np.zeros(len(self.last_at_us), np.int64) if self._passed_us is None else self._passed_us

    def advance(self, rates: SortedRates) -> Stretches | None:
        """Return the readings of a sorted block that count on this track, None for none, and remember the last."""
        transformer, measured_at_us = rates.transformer, rates.measured_at_us
        rate = _quantity_of(rates, self._track.quantity)
        counts = ~np.isnan(rate)
        passed = None if self._track.quantity is Quantity.NO_VOLTAGE else rates.passed
        if self._track.trusted_only:
            counts &= rates.trusted
        if self._track.points_minutes:
            counts = self._points(transformer, measured_at_us, counts)
        passed_us = (
            self._pass_over(rates, counts, passed) if self._passed_us is not None or passed is not None else None
        )
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
        return Stretches(heads, size, measured_at_us, rate, highest, lowest, passed_us)

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
        if self._passed_us is not None:
            self._passed_us[transformer] = 0

    def restore(self, last_at_us: Timestamps, last_rate: Rates, passed_us: Timestamps) -> None:
        """Take over what another track of as many transformers remembered (n,)."""
        self.last_at_us[:], self.last_rate[:] = last_at_us, last_rate
        self._passed_us = passed_us.copy() if passed_us.any() else None

    def _pass_over(self, rates: SortedRates, counts: Flags, passed: Flags | None) -> Timestamps | None:
        """Return for the readings that count (k,) how long behind the one before the first was passed over; 0: none.

        Of several that were passed over in a row only the first keeps the readings on both sides together.
        """
        if passed is None:
            assert self._passed_us is not None, "nothing to pass over, now or before"
            if not self._passed_us[rates.transformer].any():
                return None
            passed = np.zeros(len(counts), bool)
        if self._passed_us is None:
            self._passed_us = np.zeros(len(self.last_at_us), np.int64)
        either = counts | passed
        number, at_us, is_passed = rates.transformer[either], rates.measured_at_us[either], passed[either]
        if not len(number):
            return None
        last_of_past_us = self.last_at_us[number]
        has_past = last_of_past_us != NEVER
        if points_us := self._track.points_minutes * MINUTE_US:
            at_us, last_of_past_us = point_of(at_us, points_us), point_of(last_of_past_us, points_us)
        is_first = np.append(True, number[1:] != number[:-1])
        first = np.flatnonzero(is_first)
        position = np.arange(len(number))
        begin = np.repeat(first, np.diff(np.append(first, len(number))))
        # Before each row: the last one that counts, -1 for the head, and how long ago that is.
        before = _last_before(~is_passed, is_first, begin)
        known = (before >= 0) | has_past
        since_us = at_us - np.where(before >= 0, at_us[before], last_of_past_us)
        # In the slot of a point that counts nothing has to be passed over.
        passes = is_passed & known & (since_us > 0)
        waits_us = np.where(before < 0, self._passed_us[number], 0)
        begins = passes & (_last_before(passes, is_first, begin) <= before) & (waits_us == 0)
        found = np.maximum.accumulate(np.where(begins, position, -1))
        found_us = np.where((found > before) & (found >= begin), since_us[found], waits_us)
        ends = np.append(first[1:], len(number)) - 1
        self._passed_us[number[ends]] = np.where(is_passed[ends], found_us[ends], 0)
        return found_us[~is_passed]


def _last_before(chosen: Flags, is_first: Flags, begin: Positions) -> Positions:
    """Return for each row (n,) the last chosen one before it of its transformer, -1 for none."""
    position = np.arange(len(chosen))
    last = np.maximum.accumulate(np.where(chosen, position, -1))
    before = np.where(is_first, -1, np.roll(last, 1))
    return np.where(before >= begin, before, -1)


def _quantity_of(rates: SortedRates, quantity: Quantity) -> Rates:
    match quantity:
        case Quantity.LOAD_RATE:
            return rates.load_rate
        case Quantity.WORST_PHASE_LOAD_RATE:
            return rates.worst_phase_load_rate
        case Quantity.NO_VOLTAGE:
            return np.asarray(rates.supply == Supply.GONE, np.float64)
