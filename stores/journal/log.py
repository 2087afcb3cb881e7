"""The journal's write-ahead log after a crash: whether it is there, and whether all of it can be read.

SQLite takes the log up to the first frame whose checksum is wrong, and says nothing of commits behind it.
The file format is https://www.sqlite.org/fileformat2.html, section 4.
"""

from __future__ import annotations

import sqlite3
import struct
from enum import Enum
from pathlib import Path

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_MAGIC = 0x377F0682


class LogState(Enum):
    """How the log was found when the journal was opened for writing."""

    SOUND = "sound"
    MISSING = "missing"
    """The writer before us did not close the file, and its log is gone: its last commits may be lost."""
    DAMAGED = "damaged"
    """There are commits in it that cannot be read any more."""


def log_of(path: Path) -> Path:
    """Return where the log of a journal lies."""
    return path.with_name(path.name + "-wal")


def unreadable_commits(connection: sqlite3.Connection, log: Path) -> int:
    """Return how many commits lie in the log behind what SQLite can read of it; -1 when its header is damaged.

    Moves what can be read into the journal. A block that was being written at a power cut may look alike.
    """
    if not log.exists() or log.stat().st_size <= _HEADER.size:
        return 0
    with log.open("rb") as file:
        if not _is_header(file.read(_HEADER.size)):
            return -1
        _, readable, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if readable < 0:
            return 0
        file.seek(0)
        _, _, page_bytes, _, *salts, _, _ = _HEADER.unpack(file.read(_HEADER.size))
        unreadable = 0
        at = _HEADER.size + readable * (_FRAME.size + page_bytes)
        while True:
            file.seek(at)
            frame = file.read(_FRAME.size)
            if len(frame) < _FRAME.size:
                return unreadable
            _, pages_after_commit, *frame_salts, _, _ = _FRAME.unpack(frame)
            unreadable += frame_salts == salts and pages_after_commit > 0
            at += _FRAME.size + page_bytes


def _is_header(header: bytes) -> bool:
    if len(header) < _HEADER.size:
        return False
    magic = struct.unpack_from(">I", header)[0]
    if magic & ~1 != _MAGIC:
        return False
    words = struct.unpack((">" if magic & 1 else "<") + "6I", header[:24])
    one = other = 0
    for first, second in zip(words[::2], words[1::2], strict=True):
        one = (one + first + other) & 0xFFFFFFFF
        other = (other + second + one) & 0xFFFFFFFF
    return (one, other) == struct.unpack_from(">2I", header, 24)
