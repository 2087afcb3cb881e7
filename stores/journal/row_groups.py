"""Bundles: the readings that sixteen neighbours sent in one minute with one block, one row of the journal.

They are kept as they came, eight bytes a number, until their hour is over and packed into segments. A row for each
reading costs SQLite five times what a bundle of sixteen does, and Python twice as much to read back (bench.journal).
"""

from __future__ import annotations

import logging
import sqlite3
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from stores.journal.stored_readings import (
    FIRST_VALUE_COLUMNS,
    GROUP_SIZE,
    NO_READINGS,
    StoredReadings,
    slot_minute,
    value_columns,
)

_TOLD_FIRST = 3
_WORDS = _TOLD_FIRST + len(FIRST_VALUE_COLUMNS)
RECORD_BYTES = 8 * _WORDS
"""Of a reading: its place in the slot, how long after measuring it was received [µs], its sequence, eleven values."""
_WITH_S_BYTES = RECORD_BYTES + 8
"""Where a device sends S: behind all records a word for the S of each, then `_S_MARK`."""
_S_MARK = b"kVA\0"
"""It makes the length a multiple of eight, which that of records alone with their checksum never is."""
_SEAL_BYTES = 4
"""CRC-32 of a bundle's key and all its records, behind them: SQLite's pages have no checksum of their own."""
_KEY = struct.Struct("<qqq")
_SEALED = 0x2144DF1C
"""CRC-32 of any bytes with their own CRC-32 behind them (its residue)."""

_COLUMNS = "slot_minute, neighbours, block_no, told"
# CROSS JOIN keeps SQLite from turning the loops round: for each slot one seek.
_OF_GROUP = f"""
    SELECT {_COLUMNS} FROM slot CROSS JOIN bundle USING (slot_minute)
    WHERE slot_minute BETWEEN ? AND ? AND neighbours BETWEEN ? AND ? ORDER BY slot_minute, neighbours, block_no
"""  # noqa: S608
_AT = f"SELECT {_COLUMNS} FROM bundle WHERE slot_minute = ? AND neighbours = ?"  # noqa: S608
_OF_BLOCKS = f"SELECT {_COLUMNS} FROM bundle WHERE slot_minute = ? AND block_no BETWEEN ? AND ?"  # noqa: S608
_PUT = "INSERT INTO bundle VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM bundle WHERE slot_minute = ? AND neighbours = ? AND block_no = ?"

Row = tuple[int, int, int, bytes]
"""slot_minute, neighbours, block_no and the records."""

log = logging.getLogger("redvest.journal")


def put(connection: sqlite3.Connection, readings: ReadingBatch, block_no: int) -> None:
    """Store readings of one block that are sorted by transformer and time, none of which is stored."""
    connection.executemany(_PUT, row_groups_of(readings, block_no))


def row_groups_of(readings: ReadingBatch, block_no: int) -> Iterator[Row]:
    """Yield the rows for readings of one block, sorted by transformer and time, in the order of the table's key."""
    slots = slot_minute(readings.measured_at_us)
    if (slots[1:] < slots[:-1]).any():
        order = np.argsort(slots, kind="stable")
        readings, slots = readings.take(order), slots[order]
    group = readings.transformer // GROUP_SIZE
    is_first = np.ones(len(slots), bool)
    is_first[1:] = (slots[1:] != slots[:-1]) | (group[1:] != group[:-1])
    first = np.flatnonzero(is_first)
    bounds = pairwise((RECORD_BYTES * np.append(first, len(slots))).tolist())
    records = _records(readings)
    has_apparent_power = ~np.isnan(readings.apparent_power_kva)
    apparent_power = _words_of(readings.apparent_power_kva) if has_apparent_power.any() else b""
    for slot, number, (begin, end) in zip(slots[first].tolist(), group[first].tolist(), bounds, strict=True):
        told = records[begin:end]
        if apparent_power and has_apparent_power[begin // RECORD_BYTES : end // RECORD_BYTES].any():
            told += apparent_power[begin // _WORDS : end // _WORDS] + _S_MARK
        yield slot, number, block_no, _sealed((slot, number, block_no), told)


def readings_in(rows: Sequence[Row], only: int | None = None) -> StoredReadings:
    """Return the readings of bundles, or those of one transformer, one bundle after another.

    A damaged bundle counts as not there, which the log says.
    """
    whole = [row for row in rows if is_whole(row)]
    if not whole:
        return NO_READINGS
    slots, group, blocks, told = zip(*whole, strict=True)
    lengths = np.fromiter(map(len, told), np.int64, len(told))
    counts = lengths // RECORD_BYTES
    with_s = lengths % 8 == 0
    if not with_s.any():
        records = b"".join([records[:-_SEAL_BYTES] for records in told])
        apparent_power_kva = np.full(int(counts.sum()), np.nan)
    else:
        counts[with_s] = lengths[with_s] // _WITH_S_BYTES
        records, apparent_power_kva = _parted(told, counts.tolist(), with_s.tolist())
    words = np.frombuffer(records, "<i8").reshape(-1, _WORDS)
    row_group = np.repeat(np.arange(len(whole)), counts)
    if only is not None:
        is_of = (words[:, 0] >> 32) + np.array(group, np.int64)[row_group] * GROUP_SIZE == only
        words, row_group, apparent_power_kva = words[is_of], row_group[is_of], apparent_power_kva[is_of]
    place, waited_us, sequence = words[:, :_TOLD_FIRST].T
    measured_at_us = np.array(slots, np.int64)[row_group] * MINUTE_US + (place & 0xFFFFFFFF)
    values = words[:, _TOLD_FIRST:].view("<f8")
    readings = ReadingBatch(
        transformer=(np.array(group, np.int64)[row_group] * GROUP_SIZE + (place >> 32)).astype(np.int32),
        measured_at_us=measured_at_us,
        received_at_us=measured_at_us + waited_us,
        voltage_v=values[:, 0:3],
        current_amp=values[:, 3:6],
        active_power_kw=values[:, 6],
        reactive_power_kvar=values[:, 7],
        neutral_current_amp=values[:, 8],
        oil_temperature_c=values[:, 9],
        ambient_temperature_c=values[:, 10],
        apparent_power_kva=apparent_power_kva,
        sequence=sequence,
    )
    return StoredReadings(readings, np.array(blocks, np.int64)[row_group])


def _parted(told: Sequence[bytes], counts: Sequence[int], with_s: Sequence[bool]) -> tuple[bytes, NDArray[np.float64]]:
    """Return the records of bundles together, and S of each; NaN in bundles that have none."""
    missing = np.array(np.nan, "<f8").tobytes()
    records, apparent = [], []
    for bundle, count, has_s in zip(told, counts, with_s, strict=True):
        end = RECORD_BYTES * count
        records.append(bundle[:end])
        apparent.append(bundle[end : end + 8 * count] if has_s else missing * count)
    return b"".join(records), np.frombuffer(b"".join(apparent), "<f8")


def of_group(connection: sqlite3.Connection, first: int, last: int, from_minute: int, to_minute: int) -> Iterator[Row]:
    """Yield the bundles of the neighbours from one to another in the slots from one to another, slot by slot."""
    yield from connection.execute(_OF_GROUP, (from_minute, to_minute, first, last))


def since(connection: sqlite3.Connection, slot: int, readings_max: int) -> Iterator[StoredReadings]:
    """Yield all readings since a slot by slot, transformer and time, about `readings_max` at once."""
    asked = connection.execute(
        f"SELECT {_COLUMNS} FROM bundle WHERE slot_minute >= ? ORDER BY slot_minute, neighbours, block_no",  # noqa: S608
        (slot,),
    )
    waiting: list[Row] = []
    held_bytes = 0
    for row in asked:
        # Bundles of the same neighbours and slot stay together: only all of them are in time order.
        if held_bytes >= readings_max * RECORD_BYTES and row[:2] != waiting[-1][:2]:
            yield _in_order(readings_in(waiting))
            waiting, held_bytes = [], 0
        waiting.append(row)
        held_bytes += len(row[3])
    yield _in_order(readings_in(waiting))


def at(
    connection: sqlite3.Connection, slots: NDArray[np.int64], group: NDArray[np.int64] | NDArray[np.int32]
) -> StoredReadings:
    """Return all readings of slots (k,) and neighbours (k,), pair by pair; each pair is asked for once."""
    rows: list[Row] = []
    for pair in dict.fromkeys(zip(slots.tolist(), group.tolist(), strict=True)):
        rows += connection.execute(_AT, pair)
    return readings_in(rows)


def of_blocks(
    connection: sqlite3.Connection, slots: Iterable[int], first_block: int, last_block: int
) -> StoredReadings:
    """Return the readings of some slots that came with the blocks from one to another."""
    rows: list[Row] = []
    for slot in slots:
        rows += connection.execute(_OF_BLOCKS, (slot, first_block, last_block))
    return readings_in(rows)


def take_out(connection: sqlite3.Connection, slot: int, group: int, gone: NDArray[np.int64]) -> int:
    """Remove readings, by `place_in_slot` (k,), from the bundles of some neighbours in a slot; return how many went."""
    removed = 0
    for row in connection.execute(_AT, (slot, group)).fetchall():
        row_group = readings_in([row])
        goes = np.isin(place_in_slot(row_group.readings.transformer, row_group.readings.measured_at_us), gone)
        if not goes.any():
            continue
        removed += int(goes.sum())
        connection.execute(_REMOVE, row[:3])
        if not goes.all():
            put(connection, row_group.readings.take(~goes), row[2])
    return removed


def damaged_readings(connection: sqlite3.Connection) -> int:
    """Return how many readings are in damaged bundles; each of these is said in the log."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM bundle")  # noqa: S608
    return sum(readings_told(row) for row in rows if not is_whole(row))


def readings_told(row: Row) -> int:
    """Return how many readings there are in a bundle by its size; at least one."""
    if not isinstance(row[3], bytes):
        return 1
    return max(len(row[3]) // (RECORD_BYTES if len(row[3]) % 8 else _WITH_S_BYTES), 1)


def place_in_slot(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return for readings of the same neighbours and slot a number each (n,), in the order of their bundle."""
    return (transformer.astype(np.int64) % GROUP_SIZE << 32) + measured_at_us % MINUTE_US


def _records(readings: ReadingBatch) -> bytes:
    words = np.empty((len(readings), _WORDS), "<i8")
    words[:, 0] = place_in_slot(readings.transformer, readings.measured_at_us)
    words[:, 1] = readings.received_at_us - readings.measured_at_us
    words[:, 2] = readings.sequence
    values = words[:, _TOLD_FIRST:].view("<f8")
    for number, column in enumerate(value_columns(readings)[: len(FIRST_VALUE_COLUMNS)]):
        values[:, number] = column
    values[np.isnan(values)] = np.nan  # a missing value has one set of bits
    return words.tobytes()


def _words_of(values: NDArray[np.float64]) -> bytes:
    return np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes()


def _sealed(key: tuple[int, int, int], records: bytes) -> bytes:
    return records + zlib.crc32(records, zlib.crc32(_KEY.pack(*key))).to_bytes(_SEAL_BYTES, "little")


def is_whole(row: Row) -> bool:
    """Return whether a bundle is as it was written; a damaged one is said in the log."""
    if has_its_checksum(row):
        return True
    slot, group, _, _ = row
    log.error(
        "a bundle of the journal is damaged: %d readings of sixteen transformers (number // 16 is %s) in minute %s "
        "are missing",
        readings_told(row),
        group,
        slot,
    )
    return False


def has_its_checksum(row: Row) -> bool:
    """Return whether a bundle's records and key are those that its checksum was made of."""
    slot, group, block_no, told = row
    # A flipped bit in SQLite's own bookkeeping can turn any of them into another kind of value.
    with suppress(TypeError, struct.error):
        key = _KEY.pack(slot, group, block_no)
        is_of_a_form = len(told) % RECORD_BYTES == _SEAL_BYTES or (
            len(told) % _WITH_S_BYTES == len(_S_MARK) + _SEAL_BYTES
            and told[-_SEAL_BYTES - len(_S_MARK) : -_SEAL_BYTES] == _S_MARK
        )
        if is_of_a_form and zlib.crc32(told, zlib.crc32(key)) == _SEALED:
            return True
    return False


def _in_order(stored: StoredReadings) -> StoredReadings:
    readings = stored.readings
    slots = slot_minute(readings.measured_at_us)
    return stored.take(np.lexsort((readings.measured_at_us, readings.transformer, slots)))
