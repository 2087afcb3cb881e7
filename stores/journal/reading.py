"""The questions that the journal's file answers, each one statement or a few of them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US
from stores.journal import row_groups
from stores.journal.newest import NEVER, Newest, written
from stores.journal.segments import HOUR_MINUTES, newest_hour, of_group, with_blocks
from stores.journal.stored_readings import GROUP_SIZE, StoredReadings, slot_minute
from stores.journal.values import JournalCounts, StoredReject

_HOURS = f"""
    SELECT DISTINCT hour FROM segment WHERE hour >= :first
    UNION SELECT DISTINCT slot_minute / {HOUR_MINUTES} FROM slot
        WHERE slot_minute >= :first * {HOUR_MINUTES} AND slot_minute < (:last + 1) * {HOUR_MINUTES}
    ORDER BY 1
"""  # noqa: S608
_GROUP_SIZE = """
    SELECT neighbours FROM segment WHERE hour = ?
    UNION SELECT neighbours FROM slot CROSS JOIN bundle USING (slot_minute) WHERE slot_minute BETWEEN ? AND ?
    ORDER BY 1
"""


def series(connection: sqlite3.Connection, number: int, from_us: int, to_us: int) -> ReadingBatch:
    """Return one transformer's readings with from_us ≤ measured_at ≤ to_us, in time order."""
    group = number // GROUP_SIZE
    rows = row_groups.of_group(connection, group, group, from_us // MINUTE_US, to_us // MINUTE_US)
    loose = row_groups.readings_in(list(rows), number).readings
    segments = of_group(connection, group, from_us // HOUR_US, to_us // HOUR_US)
    together = ReadingBatch.concatenate([loose, *(segment.readings_of(number) for segment in segments)])
    order = np.argsort(together.measured_at_us)
    in_order = together.measured_at_us[order]
    return together.take(order[np.searchsorted(in_order, from_us) : np.searchsorted(in_order, to_us, side="right")])


def latest(connection: sqlite3.Connection) -> ReadingBatch:
    """Return the reading with the newest measured_at of each transformer, by number."""
    measured_at_us = newest(connection).timestamps[0]
    number = np.flatnonzero(measured_at_us != NEVER)
    newest_us = measured_at_us[number]
    # The newest reading of each is never packed.
    found = row_groups.at(connection, slot_minute(newest_us), number // GROUP_SIZE).readings
    found = found.take(found.measured_at_us == measured_at_us[found.transformer])
    return found.take(np.argsort(found.transformer))


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
    batches = (one.readings for one in row_groups.since(connection, first_slot, rows_max))
    wanted = (batch.where(_are_wanted(batch, from_us, numbers)) for batch in batches)
    yield from _regrouped(wanted, rows_max)


def _are_wanted(batch: ReadingBatch, from_us: int, numbers: Sequence[int] | None) -> NDArray[np.bool_]:
    wanted = batch.measured_at_us >= from_us
    return wanted if numbers is None else wanted & np.isin(batch.transformer, numbers)


def _units(
    connection: sqlite3.Connection, from_us: int, last_hour: int, numbers: Sequence[int] | None
) -> Iterator[ReadingBatch]:
    """Yield, hour by hour, the readings of sixteen neighbours each, packed or not, by transformer and time."""
    wanted = None if numbers is None else {number // GROUP_SIZE for number in numbers}
    asked_hours = {"first": from_us // HOUR_US, "last": last_hour}
    for (hour,) in connection.execute(_HOURS, asked_hours).fetchall():
        minutes = (hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES - 1)
        for (group,) in connection.execute(_GROUP_SIZE, (hour, *minutes)).fetchall():
            if wanted is not None and group not in wanted:
                continue
            rows = list(row_groups.of_group(connection, group, group, *minutes))
            parts = [row_groups.readings_in(rows).readings]
            parts += [segment.stored().readings for segment in of_group(connection, group, hour, hour)]
            unit = ReadingBatch.concatenate(parts)
            unit = unit.take(np.lexsort((unit.measured_at_us, unit.transformer)))
            yield unit.take(_are_wanted(unit, from_us, numbers))


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


def newest(connection: sqlite3.Connection) -> Newest:
    """Return what is newest of each transformer: what is written of it, and what later blocks brought."""
    found, up_to = written(connection)
    arrived = _arrived(connection, up_to, last_block(connection))
    bounds = np.flatnonzero(np.diff(arrived.block_no, prepend=-1, append=-1))
    for first, beyond in pairwise(bounds.tolist()):
        found.hear(arrived.readings.take(np.arange(first, beyond)))
    return found


def last_block(connection: sqlite3.Connection) -> int:
    """Return the number of the last block, 0 in an empty journal."""
    (last,) = connection.execute("SELECT coalesce(max(block_no), 0) FROM block").fetchone()
    return int(last)


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
    return _arrived(connection, block_no, last).readings, last


def _arrived(connection: sqlite3.Connection, block_no: int, last: int) -> StoredReadings:
    """Return the readings of the blocks after one, up to another, by block, transformer and time."""
    slots = connection.execute(
        "SELECT DISTINCT slot_minute FROM block_slot WHERE block_no > ? AND block_no <= ?", (block_no, last)
    ).fetchall()
    found = [row_groups.of_blocks(connection, (slot for (slot,) in slots), block_no + 1, last)]
    for hour in sorted({slot // HOUR_MINUTES for (slot,) in slots}):
        for segment in with_blocks(connection, hour, block_no + 1, last):
            stored = segment.stored()
            found.append(stored.take((stored.block_no > block_no) & (stored.block_no <= last)))
    readings = ReadingBatch.concatenate([one.readings for one in found])
    came_with = np.concatenate([one.block_no for one in found])
    order = np.lexsort((readings.measured_at_us, readings.transformer, came_with))
    return StoredReadings(readings, came_with).take(order)


def rejects(
    connection: sqlite3.Connection, limit: int, since_us: int | None, with_values: bool
) -> tuple[StoredReject, ...]:
    """Return the newest rejects, newest first, received since a moment."""
    rows = connection.execute(
        "SELECT received_at_us, topic, reason, field, detail, payload, sha256, taken FROM reject "
        "WHERE received_at_us >= ? AND taken <= ? ORDER BY reject_no DESC LIMIT ?",
        (since_us if since_us is not None else -(2**63), with_values, limit),
    )
    return tuple(replace(StoredReject(*row[:7]), taken=bool(row[7])) for row in rows)


def rejects_between(
    connection: sqlite3.Connection, numbers: tuple[int, int], reasons: Sequence[str], since_us: int, limit: int
) -> tuple[tuple[int, StoredReject], ...]:
    """Return rejects of some reasons by number, behind the first number up to the second, received since a moment."""
    rows = connection.execute(
        "SELECT reject_no, received_at_us, topic, reason, field, detail, payload, sha256 FROM reject "
        "WHERE reject_no > ? AND reject_no <= ? AND received_at_us >= ? AND NOT taken "
        "AND reason IN (SELECT value FROM json_each(?)) ORDER BY reject_no LIMIT ?",
        (*numbers, since_us, json.dumps(list(reasons)), limit),
    )
    return tuple((row[0], StoredReject(*row[1:])) for row in rows)


def last_reject(connection: sqlite3.Connection) -> int:
    """Return the number of the newest reject, 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(reject_no), 0) FROM reject").fetchone()[0])


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
    files = (path, path.with_name(path.name + "-wal"))
    return JournalCounts(
        readings=total.get("readings", 0),
        transformers=transformers,
        duplicates=total.get("duplicates", 0),
        conflicts=total.get("conflicts", 0),
        rejects=total.get("rejects", 0),
        rejects_dropped=total.get("rejects_dropped", 0),
        blocks=last_block(connection),
        bytes=sum(file.stat().st_size for file in files if file.exists()),
    )
