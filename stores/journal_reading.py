"""The questions that the journal's file answers, each one statement or a few of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from grid.moments import HOUR_US, MINUTE_US
from grid.readings import ReadingBatch
from stores.journal_rows import READING_COLUMNS, batch_of
from stores.journal_segments import (
    HOUR_MINUTES,
    NEIGHBOURS,
    StoredReadings,
    newest_hour,
    of_neighbours,
    stored_readings_of,
    with_blocks,
)
from stores.journal_values import JournalCounts, StoredReject

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
_SINCE_SLOT = f"""
    SELECT {READING_COLUMNS} FROM reading WHERE slot_minute >= ? AND measured_at_us >= ?
    ORDER BY slot_minute, transformer, measured_at_us
"""  # noqa: S608
_UNIT = f"""
    SELECT {READING_COLUMNS} FROM slot CROSS JOIN reading USING (slot_minute)
    WHERE slot_minute BETWEEN ? AND ? AND transformer BETWEEN ? AND ?
"""  # noqa: S608
_HOURS = f"""
    SELECT DISTINCT hour FROM segment WHERE hour >= :first
    UNION SELECT DISTINCT slot_minute / {HOUR_MINUTES} FROM slot
        WHERE slot_minute >= :first * {HOUR_MINUTES} AND slot_minute < (:last + 1) * {HOUR_MINUTES}
    ORDER BY 1
"""  # noqa: S608
_NEIGHBOURS = f"""
    SELECT neighbours FROM segment WHERE hour = ?
    UNION SELECT transformer / {NEIGHBOURS} FROM slot CROSS JOIN reading USING (slot_minute)
        WHERE slot_minute BETWEEN ? AND ?
    ORDER BY 1
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
    rows = batch_of(connection.execute(_SERIES, asked).fetchall())
    segments = of_neighbours(connection, number // NEIGHBOURS, from_us // HOUR_US, to_us // HOUR_US)
    if not segments:
        return rows
    together = ReadingBatch.concatenate([rows, *(segment.readings_of(number) for segment in segments)])
    order = np.argsort(together.measured_at_us)
    in_order = together.measured_at_us[order]
    return together.take(order[np.searchsorted(in_order, from_us) : np.searchsorted(in_order, to_us, side="right")])


def latest(connection: sqlite3.Connection) -> ReadingBatch:
    """Return the reading with the newest measured_at of each transformer, by number."""
    return batch_of(connection.execute(_LATEST).fetchall())


def since(
    connection: sqlite3.Connection, from_us: int, numbers: Sequence[int] | None, rows_max: int
) -> Iterator[ReadingBatch]:
    """Yield readings with measured_at ≥ from_us, of all transformers or of some, in batches of ≤ rows_max.

    Each transformer's come in time order: hour by hour as far as anything is packed, then as the rows lie. Wants to be
    asked in one transaction.
    """
    packed_hour = newest_hour(connection)
    first_slot = from_us // MINUTE_US
    if packed_hour is not None and packed_hour >= from_us // HOUR_US:
        first_slot = (packed_hour + 1) * HOUR_MINUTES
        yield from _regrouped(_units(connection, from_us, packed_hour, numbers), rows_max)
    asked = connection.execute(_SINCE_SLOT, (first_slot, from_us))
    while rows := asked.fetchmany(rows_max):
        batch = batch_of(rows)
        wanted = batch if numbers is None else batch.take(np.isin(batch.transformer, numbers))
        if len(wanted):
            yield wanted


def _units(
    connection: sqlite3.Connection, from_us: int, last_hour: int, numbers: Sequence[int] | None
) -> Iterator[ReadingBatch]:
    """Yield, hour by hour, the readings of sixteen neighbours each, packed or not, by transformer and time."""
    wanted = None if numbers is None else {number // NEIGHBOURS for number in numbers}
    asked_hours = {"first": from_us // HOUR_US, "last": last_hour}
    for (hour,) in connection.execute(_HOURS, asked_hours).fetchall():
        minutes = (hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES - 1)
        for (neighbours,) in connection.execute(_NEIGHBOURS, (hour, *minutes)).fetchall():
            if wanted is not None and neighbours not in wanted:
                continue
            row_numbers = (neighbours * NEIGHBOURS, (neighbours + 1) * NEIGHBOURS - 1)
            parts = [batch_of(connection.execute(_UNIT, (*minutes, *row_numbers)).fetchall())]
            parts += [segment.stored().readings for segment in of_neighbours(connection, neighbours, hour, hour)]
            unit = ReadingBatch.concatenate(parts)
            unit = unit.take(np.lexsort((unit.measured_at_us, unit.transformer)))
            of_interest = unit.measured_at_us >= from_us
            if numbers is not None:
                of_interest &= np.isin(unit.transformer, numbers)
            yield unit.take(of_interest)


def _regrouped(batches: Iterable[ReadingBatch], rows_max: int) -> Iterator[ReadingBatch]:
    """Yield the same readings in the same order, rows_max in a batch, fewer in the last one."""
    waiting: list[ReadingBatch] = []
    for batch in batches:
        waiting.append(batch)
        while sum(len(one) for one in waiting) >= rows_max:
            together = ReadingBatch.concatenate(waiting)
            yield together.take(np.arange(rows_max))
            waiting = [together.take(np.arange(rows_max, len(together)))]
    rest = ReadingBatch.concatenate(waiting)
    if len(rest):
        yield rest


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
    found: list[StoredReadings] = []
    for (slot,) in slots:
        found.append(stored_readings_of(connection.execute(_BLOCK, (slot, block_no + 1, last)).fetchall()))
    for hour in sorted({slot // HOUR_MINUTES for (slot,) in slots}):
        for segment in with_blocks(connection, hour, block_no + 1, last):
            stored = segment.stored()
            found.append(stored.take((stored.block_no > block_no) & (stored.block_no <= last)))
    batch = ReadingBatch.concatenate([one.readings for one in found])
    came_with = np.concatenate([one.block_no for one in found]) if found else np.empty(0, np.int64)
    return batch.take(np.lexsort((batch.measured_at_us, batch.transformer, came_with))), last


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
    slots = connection.execute("SELECT min(slot_minute), max(slot_minute) FROM slot").fetchone()
    hours = connection.execute("SELECT min(hour), max(hour) FROM segment").fetchone()
    first = [
        minute for minute in (slots[0], None if hours[0] is None else hours[0] * HOUR_MINUTES) if minute is not None
    ]
    last = [
        minute
        for minute in (slots[1], None if hours[1] is None else (hours[1] + 1) * HOUR_MINUTES - 1)
        if minute is not None
    ]
    return (min(first), max(last)) if first else None


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
