"""The newest reading of each transformer: which one it is, and when the transformer was last heard of.

The writer has all of it in memory, and with it knows of nearly every reading that it cannot be stored yet. On disk it
is a row for 128 transformers, since an upsert for each of them cost more than storing what they said.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch

TOGETHER = 128
"""Transformers in a row: two rows of 2 KiB fill half a page, so that few readings touch few bytes (practice)."""
NEVER = int(np.iinfo(np.int64).min)

_READ = "SELECT first_transformer, told FROM newest ORDER BY first_transformer"
_WRITE = "INSERT OR REPLACE INTO newest VALUES (?, ?)"

Moments = NDArray[np.int64]
"""(2, n) by transformer: newest `measured_at_us`, last `received_at_us`; NEVER where nothing is stored."""


@dataclass(frozen=True)
class Heard:
    """What a block of readings changes: transformers (k,), rising, and their moments (2, k)."""

    transformer: NDArray[np.int32]
    moments: Moments


class Newest:
    """What the writer remembers of every transformer; take a new one from the file after anything went wrong."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read what is stored."""
        self._moments = stored_moments(connection)

    def may_hold(self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return where (n,) a reading may be stored already: where it is not newer than all of its transformer."""
        maybe: NDArray[np.bool_] = measured_at_us <= self._of(transformer)[0]
        return maybe

    def heard(self, new: ReadingBatch) -> Heard:
        """Return what readings change that are sorted by transformer and time.

        Another value for the newest moment is no sign of life: a meter whose clock stands still sends nothing else.
        """
        is_first = np.append(True, new.transformer[1:] != new.transformer[:-1])
        first = np.flatnonzero(is_first)
        transformer = new.transformer[first]
        measured_us = new.measured_at_us[np.append(first[1:], len(new)) - 1]
        received_us = np.maximum.reduceat(new.received_at_us, first)
        before_measured_us, before_received_us = self._of(transformer)
        lives = measured_us != before_measured_us
        return Heard(
            transformer,
            np.stack(
                [
                    np.maximum(measured_us, before_measured_us),
                    np.where(lives, np.maximum(received_us, before_received_us), before_received_us),
                ]
            ),
        )

    def write(self, connection: sqlite3.Connection, heard: Heard) -> None:
        """Put what was heard into the file; memory stays as it is until `keep`."""
        number = heard.transformer // TOGETHER
        groups, place = np.unique(number, return_inverse=True)
        told = np.full((len(groups), 2, TOGETHER), NEVER)
        for row, group in enumerate(groups.tolist()):
            held = self._moments[:, group * TOGETHER : (group + 1) * TOGETHER]
            told[row, :, : held.shape[1]] = held
        told[place, :, heard.transformer % TOGETHER] = heard.moments.T
        rows = zip((groups * TOGETHER).tolist(), (one.astype("<i8").tobytes() for one in told), strict=True)
        connection.executemany(_WRITE, rows)

    def keep(self, heard: Heard) -> None:
        """Remember what was heard: it is on disk now."""
        if len(heard.transformer) and heard.transformer[-1] >= self._moments.shape[1]:
            more = max(int(heard.transformer[-1]) + 1, 2 * self._moments.shape[1]) - self._moments.shape[1]
            self._moments = np.pad(self._moments, ((0, 0), (0, more)), constant_values=NEVER)
        self._moments[:, heard.transformer] = heard.moments

    def _of(self, transformer: NDArray[np.int32]) -> Moments:
        known = transformer < self._moments.shape[1]
        if known.all():
            return self._moments[:, transformer]
        moments = np.full((2, len(transformer)), NEVER)
        moments[:, known] = self._moments[:, transformer[known]]
        return moments


def stored_moments(connection: sqlite3.Connection) -> Moments:
    """Return the moments of all transformers by number. Raises sqlite3.DatabaseError for a row that is not whole."""
    rows = connection.execute(_READ).fetchall()
    moments = np.full((2, rows[-1][0] + TOGETHER if rows else 0), NEVER)
    for first, told in rows:
        moments[:, first : first + TOGETHER] = _whole(first, told)
    return moments


def newest_measured_us(connection: sqlite3.Connection, first: int, count: int) -> NDArray[np.int64]:
    """Return the newest `measured_at_us` of transformers (count,) that share a row of the table, NEVER without any."""
    begins = first // TOGETHER * TOGETHER
    row = connection.execute("SELECT told FROM newest WHERE first_transformer = ?", (begins,)).fetchone()
    if row is None:
        return np.full(count, NEVER)
    return _whole(begins, row[0])[0, first - begins : first - begins + count]


def _whole(first: int, told: bytes) -> Moments:
    if len(told) != 16 * TOGETHER:
        raise sqlite3.DatabaseError(f"the newest readings of transformers {first} and following are not whole")
    return np.frombuffer(told, "<i8").reshape(2, TOGETHER)
