"""What the journal holds already of the keys of a block: the same readings, or others that say something else.

Nearly every reading is newer than all of its transformer (`journal_newest`), and nothing is looked up for it.
"""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US
from stores.journal import row_groups, segments
from stores.journal.row_groups import place_in_slot
from stores.journal.segments import newest_hour, of_group
from stores.journal.stored_readings import GROUP_SIZE, NO_READINGS, StoredReadings, same_values, slot_minute

_IN_ROW_GROUP = -1


class StoredBefore:
    """What bundles and segments hold of the keys of a batch of n readings, one of each key."""

    def __init__(self, batch: ReadingBatch) -> None:
        """Begin with nothing; use `met_by`."""
        self._batch = batch
        self._found: list[ReadingBatch] = []
        self._found_in = np.full(len(batch), -1)
        self._place = np.full(len(batch), -1)
        self._segment_no = np.full(len(batch), _IN_ROW_GROUP)
        self._replaced: list[int] = []
        self.says_the_same = np.zeros(len(batch), np.bool_)
        """(n,) a stored reading has the key and all values of this one."""

    @staticmethod
    def met_by(connection: sqlite3.Connection, batch: ReadingBatch, maybe: NDArray[np.bool_]) -> StoredBefore:
        """Look readings up that may be stored (n,)."""
        met = StoredBefore(batch)
        rows = np.flatnonzero(maybe)
        if len(rows):
            met._look_in_row_groups(connection, rows)
            met._look_in_segments(connection, rows[~met.holds[rows]])
        return met

    @property
    def holds(self) -> NDArray[np.bool_]:
        """Return (n,) whether the key of a reading is stored."""
        return self._found_in >= 0

    def of(self, row: int) -> ReadingBatch:
        """Return the stored reading that has the key of one of the batch."""
        return self._found[int(self._found_in[row])].take(self._place[row : row + 1])

    def replace(self, row: int) -> None:
        """Note that a reading of the batch takes the place of the stored one."""
        self._replaced.append(row)

    def take_out_replaced(self, connection: sqlite3.Connection) -> None:
        """Remove what was replaced."""
        rows = np.array(self._replaced, np.intp)
        packed = self._segment_no[rows] != _IN_ROW_GROUP
        for segment_no in np.unique(self._segment_no[rows[packed]]).tolist():
            of_segment = self._batch.take(rows[self._segment_no[rows] == segment_no])
            keys = zip(of_segment.transformer.tolist(), of_segment.measured_at_us.tolist(), strict=True)
            segments.take_out(connection, segment_no, set(keys))
        loose = self._batch.take(rows[~packed])
        places = place_in_slot(loose.transformer, loose.measured_at_us)
        slots, group = slot_minute(loose.measured_at_us), loose.transformer // GROUP_SIZE
        for slot, group_no in dict.fromkeys(zip(slots.tolist(), group.tolist(), strict=True)):
            gone = places[(slots == slot) & (group == group_no)]
            row_groups.take_out(connection, slot, group_no, gone)

    def _look_in_row_groups(self, connection: sqlite3.Connection, rows: NDArray[np.intp]) -> None:
        asked = self._batch.take(rows)
        stored = row_groups.at(connection, slot_minute(asked.measured_at_us), asked.transformer // GROUP_SIZE)
        found = _matches(stored.readings.transformer, stored.readings.measured_at_us, asked)
        self._note(stored, _IN_ROW_GROUP, rows, *found)

    def _look_in_segments(self, connection: sqlite3.Connection, rows: NDArray[np.intp]) -> None:
        newest = newest_hour(connection)
        hour = self._batch.measured_at_us[rows] // HOUR_US
        if newest is None or not len(rows) or int(hour.min()) > newest:
            return
        rows = rows[hour <= newest]
        units = np.column_stack([self._batch.transformer[rows] // GROUP_SIZE, hour[hour <= newest]])
        unit, member = np.unique(units, axis=0, return_inverse=True)
        order = np.argsort(member, kind="stable")
        parts = np.split(rows[order], np.cumsum(np.bincount(member))[:-1])
        for (group, of_hour), part in zip(unit.tolist(), parts, strict=True):
            asked = self._batch.take(part)
            for segment in of_group(connection, group, of_hour, of_hour):
                at, hit = _matches(*segment.timestamps(), asked)
                stored = segment.stored() if len(hit) else NO_READINGS
                if len(stored):
                    self._note(stored, segment.segment_no, part, at, hit)

    def _note(
        self,
        stored: StoredReadings,
        segment_no: int,
        rows: NDArray[np.intp],
        at: NDArray[np.intp],
        hit: NDArray[np.intp],
    ) -> None:
        """Note that of some rows those that `hit` (k,) picks are stored, at places (k,) of what was read."""
        if not len(hit):
            return
        there = stored.readings.take(at)
        self.says_the_same[rows[hit]] = same_values(there, self._batch.take(rows[hit]))
        self._segment_no[rows[hit]] = segment_no
        self._found_in[rows[hit]] = len(self._found)
        self._place[rows[hit]] = np.arange(len(hit))
        self._found.append(there)


def _matches(
    number: NDArray[np.int32], measured_at_us: NDArray[np.int64], asked: ReadingBatch
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return places (k,) among stored keys, and which (k,) of the asked ones have them."""
    numbers = np.concatenate([number, asked.transformer])
    timestamps_us = np.concatenate([measured_at_us, asked.measured_at_us])
    order = np.lexsort((timestamps_us, numbers))  # stable: of equal keys the stored one comes first
    numbers, timestamps_us, is_stored = numbers[order], timestamps_us[order], order < len(number)
    same = (numbers[1:] == numbers[:-1]) & (timestamps_us[1:] == timestamps_us[:-1]) & is_stored[:-1] & ~is_stored[1:]
    return order[:-1][same], order[1:][same] - len(number)
