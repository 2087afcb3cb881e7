"""The questions that the journal's file answers, each one statement or a few of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from grid.moments import MINUTE_US
from grid.readings import ReadingBatch
from stores.journal_rows import READING_COLUMNS, batch_of
from stores.journal_values import JournalCounts, StoredReject

ReadingKey = tuple[int, int, int]
"""(slot_minute, transformer, measured_at_us), in the order of the file."""

# CROSS JOIN keeps SQLite from turning the loops round: for each slot one seek.
_SERIES = f"""
    SELECT {READING_COLUMNS} FROM slot CROSS JOIN reading USING (slot_minute)
    WHERE slot_minute BETWEEN :from_minute AND :to_minute
        AND transformer = :number AND measured_at_us BETWEEN :from_us AND :to_us
    ORDER BY slot_minute, measured_at_us
"""  # noqa: S608
_LATEST = f"""
    SELECT {READING_COLUMNS.replace("transformer,", "reading.transformer,", 1)}
    FROM (SELECT transformer AS number, measured_at_us AS at_us FROM latest) CROSS JOIN reading
    ON slot_minute = at_us / {MINUTE_US} AND transformer = number AND measured_at_us = at_us
    ORDER BY number
"""  # noqa: S608
_PAGE = f"""
    SELECT slot_minute, {READING_COLUMNS} FROM reading
    WHERE (slot_minute, transformer, measured_at_us) > (?, ?, ?) AND measured_at_us >= ?
    ORDER BY slot_minute, transformer, measured_at_us LIMIT ?
"""  # noqa: S608
_BLOCK = f"""
    SELECT block_no, {READING_COLUMNS} FROM reading WHERE slot_minute = ? AND block_no BETWEEN ? AND ?
"""  # noqa: S608


def series(connection: sqlite3.Connection, number: int, from_us: int, to_us: int) -> ReadingBatch:
    """Return one transformer's readings with from_us ≤ measured_at ≤ to_us, in time order."""
    asked = {
        "number": number,
        "from_us": from_us,
        "to_us": to_us,
        "from_minute": from_us // MINUTE_US,
        "to_minute": to_us // MINUTE_US,
    }
    return batch_of(connection.execute(_SERIES, asked).fetchall())


def latest(connection: sqlite3.Connection) -> ReadingBatch:
    """Return the reading with the newest measured_at of each transformer, by number."""
    return batch_of(connection.execute(_LATEST).fetchall())


def page(
    connection: sqlite3.Connection, after: ReadingKey, from_us: int, rows_max: int
) -> tuple[ReadingBatch, ReadingKey | None]:
    """Return up to rows_max readings in the order of the file that follow a key, and the last one's key."""
    rows = connection.execute(_PAGE, (*after, from_us, rows_max)).fetchall()
    if not rows:
        return ReadingBatch.empty(), None
    slot, transformer, measured_at_us = rows[-1][:3]
    return batch_of([row[1:] for row in rows]), (slot, transformer, measured_at_us)


def blocks_after(connection: sqlite3.Connection, block_no: int, rows_max: int) -> tuple[ReadingBatch, int]:
    """Return the readings of the blocks after one, as many whole blocks as fit rows_max, and the last one's number."""
    waiting = connection.execute(
        "SELECT block_no, readings FROM block WHERE block_no > ? ORDER BY block_no LIMIT ?", (block_no, rows_max)
    ).fetchall()
    last, readings = block_no, 0
    for waiting_no, waiting_readings in waiting:
        if readings and readings + waiting_readings > rows_max:
            break
        last, readings = waiting_no, readings + waiting_readings
    slots = connection.execute(
        "SELECT DISTINCT slot_minute FROM block_slot WHERE block_no > ? AND block_no <= ?", (block_no, last)
    ).fetchall()
    rows: list[tuple[Any, ...]] = []
    for (slot,) in slots:
        rows.extend(connection.execute(_BLOCK, (slot, block_no + 1, last)))
    rows.sort(key=lambda row: (row[0], row[2], row[1]))
    return batch_of([row[1:] for row in rows]), last


def rejects(connection: sqlite3.Connection, limit: int, since_us: int | None) -> tuple[StoredReject, ...]:
    """Return the newest rejects, newest first, received since a moment."""
    rows = connection.execute(
        "SELECT received_at_us, topic, reason, field, detail, payload, sha256 FROM reject "
        "WHERE received_at_us >= ? ORDER BY reject_no DESC LIMIT ?",
        (since_us if since_us is not None else -(2**63), limit),
    )
    return tuple(StoredReject(*row) for row in rows)


def bounds(connection: sqlite3.Connection) -> tuple[int, int] | None:
    """Return the first and the last slot [minute] that hold anything, None for an empty journal."""
    first, last = connection.execute("SELECT min(slot_minute), max(slot_minute) FROM slot").fetchone()
    return None if first is None else (first, last)


def counts(connection: sqlite3.Connection, path: Path) -> JournalCounts:
    """Return the lifelong totals, and the size of the files at `path`."""
    total = dict(connection.execute("SELECT name, value FROM counter").fetchall())
    (transformers,) = connection.execute("SELECT count(*) FROM transformer").fetchone()
    (blocks,) = connection.execute("SELECT coalesce(max(block_no), 0) FROM block").fetchone()
    files = (path, path.with_name(path.name + "-wal"))
    return JournalCounts(
        readings=total.get("readings", 0),
        transformers=transformers,
        duplicates=total.get("duplicates", 0),
        conflicts=total.get("conflicts", 0),
        rejects=total.get("rejects", 0),
        rejects_dropped=total.get("rejects_dropped", 0),
        blocks=blocks,
        bytes=sum(file.stat().st_size for file in files if file.exists()),
    )
