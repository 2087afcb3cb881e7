"""Readings of a block that are packed already: the same ones, or others that say something else of the same moment."""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from grid.moments import HOUR_US
from grid.readings import ReadingBatch
from stores.journal_rows import value_columns
from stores.journal_segments import NEIGHBOURS, NO_READINGS, newest_hour, of_neighbours, place_in_unit, take_out


class PackedReadings:
    """What segments hold of the keys of a batch of n readings."""

    def __init__(self, batch: ReadingBatch) -> None:
        """Begin with nothing; use `met_by`."""
        self._batch = batch
        self._found: list[ReadingBatch] = []
        self._found_in = np.full(len(batch), -1)
        self._replaced: dict[int, set[tuple[int, int]]] = {}
        self._segment_no = np.full(len(batch), -1)
        self._place = np.full(len(batch), -1)
        self.says_the_same = np.zeros(len(batch), np.bool_)
        """(n,) a packed reading has the key and all values of this one."""

    @staticmethod
    def met_by(connection: sqlite3.Connection, batch: ReadingBatch) -> PackedReadings:
        """Look the readings of a batch up; quick where none of them is as old as what is packed."""
        met = PackedReadings(batch)
        newest = newest_hour(connection) if len(batch) else None
        hour = batch.measured_at_us // HOUR_US
        if newest is None or int(hour.min()) > newest:
            return met
        rows = np.flatnonzero(hour <= newest)
        units = np.column_stack([batch.transformer[rows] // NEIGHBOURS, hour[rows]])
        unit, member = np.unique(units, axis=0, return_inverse=True)
        order = np.argsort(member, kind="stable")
        parts = np.split(rows[order], np.cumsum(np.bincount(member))[:-1])
        for (neighbours, of_hour), part in zip(unit.tolist(), parts, strict=True):
            met._look_up(connection, neighbours, of_hour, part)
        return met

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Return (n,) whether the key of a reading is packed."""
        return self._segment_no >= 0

    def of(self, row: int) -> ReadingBatch:
        """Return the packed reading that has the key of one of the batch."""
        found: ReadingBatch = self._found[int(self._found_in[row])]
        return found.take(self._place[row : row + 1])

    def replace(self, row: int) -> None:
        """Note that a reading of the batch takes the place of the packed one."""
        key = (int(self._batch.transformer[row]), int(self._batch.measured_at_us[row]))
        self._replaced.setdefault(int(self._segment_no[row]), set()).add(key)

    def take_out_replaced(self, connection: sqlite3.Connection) -> None:
        """Remove from the segments what was replaced."""
        for segment_no, keys in self._replaced.items():
            take_out(connection, segment_no, keys)

    def _look_up(self, connection: sqlite3.Connection, neighbours: int, hour: int, rows: NDArray[np.intp]) -> None:
        asked = place_in_unit(self._batch.transformer[rows], self._batch.measured_at_us[rows])
        for segment in of_neighbours(connection, neighbours, hour, hour):
            held = place_in_unit(*segment.moments())
            at = np.searchsorted(held, asked)
            hit = np.flatnonzero(at < len(held))
            hit = hit[held[at[hit]] == asked[hit]]
            stored = segment.stored() if len(hit) else NO_READINGS
            if not len(stored):
                continue
            there, mine = stored.readings.take(at[hit]), self._batch.take(rows[hit])
            self._segment_no[rows[hit]] = segment.segment_no
            pairs = zip(value_columns(there), value_columns(mine), strict=True)
            same = [(one == other) | (np.isnan(one) & np.isnan(other)) for one, other in pairs]
            self.says_the_same[rows[hit]] = np.logical_and.reduce(same)
            self._found_in[rows[hit]] = len(self._found)
            self._place[rows[hit]] = np.arange(len(hit))
            self._found.append(there)
