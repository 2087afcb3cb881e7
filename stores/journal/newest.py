"""The newest reading of each transformer: which one it is, and when the transformer was last heard of.

The writer has all of it in memory, and with it knows of nearly every reading that it cannot be stored yet. On disk it
is a row for 128 transformers, written now and then, and complete up to a block: whoever reads it adds what the blocks
behind that one brought (`journal_reading.newest`). Written with every block it cost a province as much as all it reads.
"""

from __future__ import annotations

import sqlite3

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch

TOGETHER = 128
"""Transformers in a row: two rows of 2 KiB fill half a page, so that few readings touch few bytes (practice)."""
NEVER = int(np.iinfo(np.int64).min)
UNWRITTEN_READINGS_MAX = 20_000
UNWRITTEN_BLOCKS_MAX = 256
"""What a reader has to add is no more than that: some 10 ms of work."""
_UP_TO = "newest_up_to_block"

Timestamps = NDArray[np.int64]
"""(2, n) by transformer: newest `measured_at_us`, last `received_at_us`; NEVER where nothing is stored."""


class Newest:
    """What is known of every transformer. After a failed commit it is not what is on disk: take another one."""

    def __init__(self, timestamps: Timestamps) -> None:
        """Begin with moments that are on disk."""
        self.timestamps = timestamps
        self._unwritten: set[int] = set()
        """Rows of the table that are behind."""
        self._readings = self._blocks = 0

    def may_hold(self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where (n,) a reading may be stored already: where it is not newer than all of its transformer."""
        self._reach(transformer)
        maybe: NDArray[np.bool_] = measured_at_us <= self.timestamps[0, transformer]
        return maybe

    def hear(self, new: ReadingBatch) -> None:
        """Take over what a block of readings tells that are sorted by transformer and time.

        Another value for the newest moment is no sign of life: a meter whose clock stands still sends nothing else.
        """
        self._reach(new.transformer)
        first = np.flatnonzero(np.append(True, new.transformer[1:] != new.transformer[:-1]))
        transformer = new.transformer[first]
        measured_us = new.measured_at_us[np.append(first[1:], len(new)) - 1]
        before_us = self.timestamps[0, transformer]
        alive = transformer[measured_us != before_us]
        received_us = np.maximum.reduceat(new.received_at_us, first)[measured_us != before_us]
        self.timestamps[0, transformer] = np.maximum(measured_us, before_us)
        self.timestamps[1, alive] = np.maximum(received_us, self.timestamps[1, alive])
        self._unwritten.update(np.unique(transformer // TOGETHER).tolist())
        self._readings += len(new)
        self._blocks += 1

    @property
    def is_due(self) -> bool:
        """Return whether so much was heard that it must be written."""
        return self._readings >= UNWRITTEN_READINGS_MAX or self._blocks >= UNWRITTEN_BLOCKS_MAX

    def write(self, connection: sqlite3.Connection, block_no: int) -> None:
        """Put everything that was heard up to a block, the last one, into the file."""
        if not self._unwritten:
            return
        rows = []
        for row in sorted(self._unwritten):
            told = np.full((2, TOGETHER), NEVER)
            held = self.timestamps[:, row * TOGETHER : (row + 1) * TOGETHER]
            told[:, : held.shape[1]] = held
            rows.append((row * TOGETHER, told.astype("<i8").tobytes()))
        connection.executemany("INSERT OR REPLACE INTO newest VALUES (?, ?)", rows)
        connection.execute("INSERT OR REPLACE INTO counter VALUES (?, ?)", (_UP_TO, block_no))
        self._unwritten.clear()
        self._readings = self._blocks = 0

    def _reach(self, transformer: NDArray[np.int32]) -> None:
        known = self.timestamps.shape[1]
        if len(transformer) and int(transformer.max()) >= known:
            more = max(int(transformer.max()) + 1 - known, known)
            self.timestamps = np.pad(self.timestamps, ((0, 0), (0, more)), constant_values=NEVER)


def written(connection: sqlite3.Connection) -> tuple[Newest, int]:
    """Return what stands in the file, and the block up to which that is all.

    Raises sqlite3.DatabaseError for a row that is not whole.
    """
    rows = connection.execute("SELECT first_transformer, told FROM newest ORDER BY first_transformer").fetchall()
    timestamps = np.full((2, rows[-1][0] + TOGETHER if rows else 0), NEVER)
    for first, told in rows:
        timestamps[:, first : first + TOGETHER] = _whole(first, told)
    (up_to,) = connection.execute("SELECT coalesce(max(value), 0) FROM counter WHERE name = ?", (_UP_TO,)).fetchone()
    return Newest(timestamps), up_to


def written_measured_us(connection: sqlite3.Connection, first: int, count: int) -> NDArray[np.int64]:
    """Return the newest `measured_at_us` in the file of transformers (count,) that share a row of the table."""
    begins = first // TOGETHER * TOGETHER
    row = connection.execute("SELECT told FROM newest WHERE first_transformer = ?", (begins,)).fetchone()
    if row is None:
        return np.full(count, NEVER)
    return _whole(begins, row[0])[0, first - begins : first - begins + count]


def _whole(first: int, told: bytes) -> Timestamps:
    if len(told) != 16 * TOGETHER:
        raise sqlite3.DatabaseError(f"the newest readings of transformers {first} and following are not whole")
    return np.frombuffer(told, "<i8").reshape(2, TOGETHER)
