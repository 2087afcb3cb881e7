"""Readings with their load rates, sorted, and what lay before each of them: what doubts are found by."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.rules.series import in_time_order
from alerts.rules.threshold_runs import NEVER
from grid.electrical import LoadRates
from grid.readings import ReadingBatch

Numbers = NDArray[np.int32]
Timestamps = NDArray[np.int64]
Rates = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Picked = NDArray[np.intp] | NDArray[np.int32] | slice


@dataclass(frozen=True)
class RatedReadings:
    """A block of readings with their load rates, sorted by transformer and time, one per moment."""

    transformer: Numbers
    measured_at_us: Timestamps
    load_rate: Rates
    """(n,) NaN where there is none."""
    basis: NDArray[np.int8]
    """(n,) `Basis` of the load rate."""
    ct_ratio: Rates
    """(n,) of the transformer at that time."""
    power: Rates
    """(n, 2) active [kW] and reactive [kvar], as the device sent them."""
    voltage_v: Rates
    """(n, 3)"""
    current_amp: Rates
    """(n, 3) as the device sent them."""
    phases_load_rate: Rates
    """(n,) load rate by Σ U·I, NaN unless all of it is there."""
    rated_power_kva: Rates
    """(n,) of the transformer at that time."""

    @staticmethod
    def of(readings: ReadingBatch, rates: LoadRates, ct_ratio: Rates, rows: Rows | None = None) -> RatedReadings:
        """Sort readings in any order, as `SortedRates.of` sorts them; of several for one moment the first counts.

        `ct_ratio` (n,) belongs to the readings as given. `rows`: `in_time_order` of the readings, where it is known.
        """
        if rows is None:
            rows = in_time_order(readings.transformer, readings.measured_at_us)
        return RatedReadings(
            readings.transformer[rows],
            readings.measured_at_us[rows],
            rates.load_rate[rows],
            rates.basis[rows],
            ct_ratio[rows],
            np.column_stack([readings.active_power_kw[rows], readings.reactive_power_kvar[rows]]),
            readings.voltage_v[rows],
            readings.current_amp[rows],
            np.abs(rates.phase_load_rate.sum(axis=1)[rows]) / 3.0,
            rates.rated_power_kva[rows],
        )

    def __len__(self) -> int:
        """Return n."""
        return len(self.transformer)

    def take(self, rows: Flags) -> RatedReadings:
        """Return the readings that a mask (n,) picks."""
        return RatedReadings(*(getattr(self, column.name)[rows] for column in fields(self)))


class OrderedPass:
    """Where each transformer's readings begin and end in a block, and what lay before each reading."""

    def __init__(self, block: RatedReadings, last_at_us: Timestamps, last_rate: Rates, gap_us: int) -> None:
        """Look at a block of at least one reading; `last_at_us`, `last_rate` (fleet) are those before it."""
        transformer = block.transformer
        self._transformer = transformer
        self.is_first: Flags = np.ones(len(transformer), bool)
        np.not_equal(transformer[1:], transformer[:-1], out=self.is_first[1:])
        first = np.flatnonzero(self.is_first)
        self._first: Picked = first
        self.last: Picked = np.append(first[1:], len(transformer)) - 1
        if len(first) == len(transformer):
            self._first = self.last = slice(None)
        number = transformer[self._first]
        self.number: Picked = number
        # A whole fleet's minute lies in a row; a slice of the past is then many times cheaper than picking.
        if number[-1] - number[0] + 1 == len(number):
            self.number = slice(int(number[0]), int(number[-1]) + 1)
        at_before_us = self.before(block.measured_at_us, last_at_us)
        self._has_past = at_before_us != NEVER
        self._distance_us = block.measured_at_us - at_before_us
        self.rate_before = self.before(block.load_rate, last_rate)
        """(n,) NaN where there is no reading before."""
        self.neighbours: Flags = self._has_past & (self._distance_us <= gap_us)
        """(n,) whether the reading before is near enough to be held against this one."""
        self.neighbour_rate: Rates = np.where(self.neighbours, self.rate_before, np.nan)

    def no_further_than(self, span_us: int, rows: Rows) -> Flags:
        """Return which of some readings (k,) lie at most so long behind the one before them."""
        return np.asarray(self._has_past[rows] & (self._distance_us[rows] <= span_us))

    def before(self, column: NDArray[Any], last: NDArray[Any], rows: Rows | None = None) -> NDArray[Any]:
        """Return what a column held one reading earlier, for all readings or some; `last` is the engine's.

        It may be a view of `last`: use it before `last` is written.
        """
        if rows is not None:
            before = column[rows - 1]
            first = self.is_first[rows]
            before[first] = last[self._transformer[rows[first]]]
            return before
        if isinstance(self._first, slice):
            return last[self.number]
        before = np.empty_like(column)
        before[1:] = column[:-1]
        before[self._first] = last[self.number]
        return before
