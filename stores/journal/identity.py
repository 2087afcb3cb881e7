"""Which installation a journal belongs to, and whether its transformers still have the numbers that they were given.

Readings are stored under numbers: with two numbers exchanged, every reading of two transformers says what the other
measured, and no checksum of readings shows it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from hashlib import sha256

_INSTALLATION, _NUMBERS = "installation", "transformer_numbers"
_PUT = "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_MODULUS = 2**62


def installation(connection: sqlite3.Connection) -> int:
    """Return the id of the installation that the journal belongs to; 0 while it belongs to none."""
    return _value(connection, _INSTALLATION) or 0


def set_installation(connection: sqlite3.Connection, installation: int) -> None:
    """Note which installation the journal belongs to."""
    connection.execute(_PUT, (_INSTALLATION, installation))


def add_numbers(connection: sqlite3.Connection, given: Iterable[tuple[int, str]]) -> None:
    """Add numbers that were just given to the sum that is kept of all."""
    kept = _value(connection, _NUMBERS)
    total = _sum(_rows(connection)) if kept is None else (kept + _sum(given)) % _MODULUS
    connection.execute(_PUT, (_NUMBERS, total))


def numbers_are_kept(connection: sqlite3.Connection) -> bool:
    """Return whether every transformer has the number it was given; True for a journal that keeps no sum yet."""
    kept = _value(connection, _NUMBERS)
    return kept is None or kept == _sum(_rows(connection))


def accept_numbers(connection: sqlite3.Connection) -> None:
    """Keep the sum of the numbers as they are."""
    connection.execute(_PUT, (_NUMBERS, _sum(_rows(connection))))


def _rows(connection: sqlite3.Connection) -> Iterable[tuple[int, str]]:
    return connection.execute("SELECT number, transformer_id FROM transformer")


def _sum(rows: Iterable[tuple[int, str]]) -> int:
    # A sum, so that numbers can be added without reading those that are there.
    digests = (sha256(f"{number}:{transformer_id}".encode()).digest() for number, transformer_id in rows)
    return sum(int.from_bytes(digest[:8], "little") for digest in digests) % _MODULUS


def _value(connection: sqlite3.Connection, name: str) -> int | None:
    row = connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])
