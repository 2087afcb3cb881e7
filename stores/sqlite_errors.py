"""What an sqlite error means for a person: what was wrong, in which file, and what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grid.errors import DamagedError, StoreError

DAMAGED_REMEDY = (
    "stop every redvest process, move the file (and its -wal and -shm neighbours) aside, restore the last backup "
    "or start with a new file; keep what was moved, parts of it can be read back"
)
READ_ONLY_REMEDY = "make the folder and the file writable for the user redvest runs as, or set [data] folder elsewhere"

# Primary result codes: https://www.sqlite.org/rescode.html. The extended codes have them in their low byte.
_MEANING = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free space on that disk; what was not stored was not acknowledged"),
    sqlite3.SQLITE_IOERR: (
        "the disk did not take or give the data",
        "look at the disk's free space and health (df -h, dmesg); what was not stored was not acknowledged",
    ),
    sqlite3.SQLITE_READONLY: ("the file cannot be written", READ_ONLY_REMEDY),
    sqlite3.SQLITE_PERM: ("the file cannot be written", READ_ONLY_REMEDY),
    sqlite3.SQLITE_CANTOPEN: ("the file cannot be opened", READ_ONLY_REMEDY),
    sqlite3.SQLITE_BUSY: (
        "another process held the file for too long",
        "look for a stuck redvest process or a backup tool that locks the file, then try again",
    ),
    sqlite3.SQLITE_LOCKED: ("another reader or writer held a table for too long", "try again"),
    sqlite3.SQLITE_CORRUPT: ("the file is damaged", DAMAGED_REMEDY),
    sqlite3.SQLITE_NOTADB: ("the file is damaged or no database", DAMAGED_REMEDY),
}


_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def store_error(error: sqlite3.Error, where: Path | str) -> StoreError:
    """Return the StoreError that tells an sqlite error to a person."""
    code = getattr(error, "sqlite_errorcode", None)
    what, remedy = _MEANING.get(code & 0xFF, ("", "")) if isinstance(code, int) else ("", "")
    kind = DamagedError if isinstance(code, int) and code & 0xFF in _DAMAGED else StoreError
    return kind(f"{what} ({error})" if what else str(error), where=str(where), remedy=remedy)


@contextmanager
def telling(where: Path | str) -> Iterator[None]:
    """Turn every sqlite error inside into a StoreError about `where`."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(error, where) from error
