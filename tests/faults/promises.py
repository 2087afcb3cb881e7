"""Whether a promise was kept: sets of keys are compared, never counters."""

from __future__ import annotations

import sqlite3
from collections.abc import Set
from pathlib import Path

from tests.faults.street import Key


class PromiseBroken(AssertionError):
    """The product did not keep a promise. A test of a broken build expects this, and no other failure."""


def require(kept: bool, what: str) -> None:
    """Raise PromiseBroken unless a promise was kept."""
    if not kept:
        raise PromiseBroken(what)


def nothing_lost(acknowledged: Set[Key], stored: Set[Key]) -> None:
    """Everything that the broker acknowledged to a device is stored."""
    lost = acknowledged - stored
    some = ", ".join(f"{name}@{at_us}" for name, at_us in sorted(lost)[:3])
    require(not lost, f"{len(lost):,} of {len(acknowledged):,} acknowledged readings are lost: {some}")


def nothing_invented(sent: Set[Key], stored: Set[Key]) -> None:
    """Nothing is stored that no device sent."""
    require(stored <= sent, f"{len(stored - sent):,} readings are stored that nobody sent")


def file_is_whole(file: Path) -> None:
    """SQLite finds nothing wrong with a database file."""
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True)
    try:
        found = connection.execute("PRAGMA integrity_check").fetchall()
    finally:
        connection.close()
    require(found == [("ok",)], f"{file.name} is damaged: {found[:3]}")
