"""Load rates in time order, and the levels that look at the same ones of them, over a whole fleet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.local_days import LocalDays
from alerts.rules import Level, Quantity, RuleSet
from alerts.runs import NEVER, Gaps, Heads, OpenRun, Runs, fold_level
from grid.moments import MINUTE_US


def in_time_order(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows sorted by transformer and time, the first given one of each (transformer, moment)."""
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
    """Which readings a level looks at; levels of one track are walked together."""

    quantity: Quantity
    points_minutes: int
    cut_at_midnight: bool
    trusted_only: bool


class TrackFold:
    """The levels of one track, over a whole fleet."""

    def __init__(
        self, track: Track, levels: Sequence[tuple[RuleSet, Level, Gaps]], gap_us: int, zones: Sequence[tzinfo]
    ) -> None:
        """Start with no past. `zones[i]` is the time zone of row i of the fleet."""
        self.levels = levels
        self._track = track
        self._gap_us = gap_us
        self._local_days = LocalDays(zones) if track.cut_at_midnight else None
        self._lowest_enter = min((level.enter for _, level, _ in levels), default=np.inf)
        self._last_at_us = np.full(len(zones), NEVER, np.int64)
        self._last_rate = np.full(len(zones), np.nan)
        self._in_a_run = np.zeros(len(zones), bool)
        self._open: list[dict[int, OpenRun]] = [{} for _ in levels]

    def last_at_us(self, transformer: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the time (n,) of the last reading seen of each transformer, `NEVER` for none."""
        return self._last_at_us[transformer]

    def advance(self, rates: SortedRates) -> list[Runs]:
        """Walk sorted readings through every level; returns the runs touched, one `Runs` per level."""
        transformer, measured_at_us = rates.transformer, rates.measured_at_us
        rate = rates.load_rate if self._track.quantity is Quantity.LOAD_RATE else rates.worst_phase_load_rate
        counts = ~np.isnan(rate)
        if self._track.trusted_only:
            counts &= rates.trusted
        if self._track.points_minutes:
            counts &= measured_at_us % (self._track.points_minutes * MINUTE_US) == 0
        if not counts.all():
            transformer, measured_at_us, rate = transformer[counts], measured_at_us[counts], rate[counts]
        if not len(rate):
            return []
        heads = self._heads(transformer)
        self._remember(heads, measured_at_us, rate)
        # Most transformers are in no run and stay below every line: nothing can happen to them.
        hot = np.logical_or.reduceat(rate >= self._lowest_enter, heads.first_row)
        busy = hot | self._in_a_run[heads.transformer]
        if not busy.any():
            return []
        if not busy.all():
            sizes = np.diff(np.append(heads.first_row, len(rate)))
            rows = np.repeat(busy, sizes)
            measured_at_us, rate = measured_at_us[rows], rate[rows]
            heads = Heads(
                heads.transformer[busy],
                np.concatenate([[0], np.cumsum(sizes[busy])[:-1]]).astype(np.intp),
                heads.last_at_us[busy],
                heads.last_load_rate[busy],
            )
        new_day = self._local_days.new_day(heads, measured_at_us) if self._local_days else None
        touched = []
        self._in_a_run[heads.transformer] = False
        for i, (_, level, gaps) in enumerate(self.levels):
            runs = fold_level(level, self._gap_us, gaps, measured_at_us, rate, heads, self._open[i], new_day)
            still_open = runs.open_runs()
            for number in runs.transformer.tolist():
                self._open[i].pop(number, None)
            self._open[i].update(still_open)
            self._in_a_run[list(still_open)] = True
            touched.append(runs)
        return touched

    def forget(self, transformer: NDArray[np.int32]) -> None:
        """Drop the past of some transformers, before they are walked anew."""
        self._last_at_us[transformer] = NEVER
        self._last_rate[transformer] = np.nan
        self._in_a_run[transformer] = False
        for number in transformer.tolist():
            for open_runs in self._open:
                open_runs.pop(number, None)

    def _heads(self, transformer: NDArray[np.int32]) -> Heads:
        first = np.flatnonzero(np.append(True, transformer[1:] != transformer[:-1]))
        number = transformer[first]
        return Heads(number, first, self._last_at_us[number], self._last_rate[number])

    def _remember(self, heads: Heads, measured_at_us: NDArray[np.int64], rate: NDArray[np.float64]) -> None:
        last = np.append(heads.first_row[1:], len(rate)) - 1
        self._last_at_us[heads.transformer] = measured_at_us[last]
        self._last_rate[heads.transformer] = rate[last]
