"""How far a receiver is, as it says itself: a number in a file, or the rows that can be read in its database."""

from __future__ import annotations

import mmap
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

JOURNAL_READINGS = "SELECT value FROM counter WHERE name = 'readings'"
"""What the collector's journal holds; as every answer here, cheap enough to be asked some hundred times a second."""
JOURNAL_INCIDENTS = "SELECT rowid, transformer_id FROM incident WHERE rowid > ? ORDER BY rowid"
PEER_READINGS = "SELECT max(rowid) FROM reading"
PEER_INCIDENTS = "SELECT rowid, transformer_id FROM event WHERE rowid > ? ORDER BY rowid"
_NUMBER = struct.Struct("<q")


class CountFile:
    """A number that one process counts up and others look at."""

    def __init__(self, path: Path) -> None:
        """Begin at 0."""
        path.write_bytes(bytes(_NUMBER.size))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _NUMBER.size)
        self._count = 0

    def __enter__(self) -> Self:
        """Return the count."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the file."""
        self._memory.close()

    def add(self, more: int) -> None:
        """Count up."""
        self._count += more
        _NUMBER.pack_into(self._memory, 0, self._count)


def counted_in(path: Path) -> Callable[[], int]:
    """Return what asks for the number in a `CountFile`; 0 before it is there."""

    def count() -> int:
        raw = path.read_bytes() if path.exists() else b""
        return int(_NUMBER.unpack(raw)[0]) if len(raw) == _NUMBER.size else 0

    return count


class Database:
    """A receiver's SQLite file, read while the receiver writes it. Any thread may ask, one at a time."""

    def __init__(self, path: Path) -> None:
        """Prepare; the file may not be there yet."""
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def number(self, question: str) -> int:
        """Return the one number asked for; 0 when it, its table or the file is not there yet."""
        rows = self.rows(question)
        return int(rows[0][0] or 0) if rows else 0

    def rows(self, question: str, *values: int) -> list[tuple[int, str]]:
        """Return rows; none when the table or the file is not there yet."""
        try:
            if self._connection is None:
                where = f"file:{self._path}?mode=ro"
                self._connection = sqlite3.connect(where, uri=True, check_same_thread=False, isolation_level=None)
            return self._connection.execute(question, values).fetchall()
        except sqlite3.OperationalError:
            return []

    def close(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
