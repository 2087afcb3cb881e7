"""Segments: the readings of neighbouring transformers in one hour, packed, beside the bundles of the same file.

A reading is either in one bundle or in one segment, never in both: it moves in one transaction. A damaged segment
counts as not there: its readings are missing, they are taken again when they are sent again, and its bytes stay.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from grid.errors import StoreError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US
from stores.journal.packed_columns import inflated, integers_in, pack_integers, pack_values, unpack_values
from stores.journal.stored_readings import (
    FIRST_VALUE_COLUMNS,
    GROUP_SIZE,
    NO_READINGS,
    VALUE_COLUMNS,
    StoredReadings,
    batch_of_columns,
    value_columns,
)

SEGMENT_READINGS_MAX = 4096
"""Readings that come more often than every 15 s fill several segments in an hour; unpacking one takes 1 ms."""

_HAS_APPARENT_POWER = 0x80
"""In the first byte of the keys, beside the number of transformers: what is said includes S."""

HOUR_MINUTES = HOUR_US // MINUTE_US
_COLUMNS = "segment_no, neighbours, hour, readings, keys, told"

log = logging.getLogger("redvest.journal")


@dataclass(frozen=True)
class Segment:
    """One segment as the table holds it."""

    segment_no: int
    group: int
    hour: int
    readings: int
    keys: bytes
    told: bytes

    def timestamps(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return transformer (n,) and moment (n,) [µs] of its readings, sorted so; none of a damaged one."""
        try:
            raw, numbers, lengths = _transformers_in(self.keys)
            return np.repeat(numbers, lengths), integers_in(raw, _head_bytes(numbers), lengths)[0]
        except ValueError as error:
            self._say(error)
            return NO_READINGS.readings.transformer, NO_READINGS.block_no

    def stored(self) -> StoredReadings:
        """Return its readings by transformer and time; none of a damaged one, and that is said in the log."""
        try:
            return unpacked(self.keys, self.told)
        except ValueError as error:
            self._say(error)
            return NO_READINGS

    def readings_of(self, number: int) -> ReadingBatch:
        """Return the readings of one transformer, in time order."""
        try:
            return unpacked(self.keys, self.told, number).readings
        except ValueError as error:
            self._say(error)
            return NO_READINGS.readings

    def _say(self, error: ValueError) -> None:
        first = self.group * GROUP_SIZE
        log.error(
            "segment %d of the journal is damaged (%s): %d readings of transformers %d to %d in hour %d are missing",
            self.segment_no,
            error,
            self.readings,
            first,
            first + GROUP_SIZE - 1,
            self.hour,
        )


def packed(stored: StoredReadings) -> tuple[bytes, bytes]:
    """Return readings that are sorted by transformer and time as two parts: which they are, and what they say."""
    readings = stored.readings
    numbers, lengths = np.unique(readings.transformer, return_counts=True)
    values = value_columns(readings)
    if np.isnan(readings.apparent_power_kva).all():
        values = values[: len(FIRST_VALUE_COLUMNS)]
    has_apparent_power = len(values) > len(FIRST_VALUE_COLUMNS)
    head = (
        bytes([len(numbers) | _HAS_APPARENT_POWER * has_apparent_power])
        + numbers.astype("<i4").tobytes()
        + lengths.astype("<i4").tobytes()
    )
    integers = np.vstack([readings.received_at_us - readings.measured_at_us, stored.block_no, readings.sequence])
    keys = pack_integers(readings.measured_at_us[None, :], lengths, head)
    return keys, pack_values(integers, values, lengths)


def unpacked(keys: bytes, told: bytes, only: int | None = None) -> StoredReadings:
    """Return what was packed, to the bit, or what there is of one transformer. Raises ValueError for damaged parts."""
    raw, numbers, lengths = _transformers_in(keys)
    run = None
    if only is not None:
        found = np.flatnonzero(numbers == only)
        if not len(found):
            return NO_READINGS
        run = int(found[0])
    measured_at_us = integers_in(raw, _head_bytes(numbers), lengths, run)[0]
    columns = len(VALUE_COLUMNS if raw[0] & _HAS_APPARENT_POWER else FIRST_VALUE_COLUMNS)
    (waited_us, block_no, sequence), values = unpack_values(told, columns, lengths, run)
    number = np.repeat(numbers, lengths) if run is None else np.repeat(numbers[run], lengths[run])
    received_at_us = measured_at_us + waited_us
    return StoredReadings(batch_of_columns(number, measured_at_us, received_at_us, values, sequence), block_no)


def _transformers_in(keys: bytes) -> tuple[bytes, NDArray[np.int32], NDArray[np.int64]]:
    """Return the keys inflated, the transformers (m,) and how many readings each of them has (m,)."""
    raw = inflated(keys)
    count = raw[0] & ~_HAS_APPARENT_POWER if raw else 0
    numbers, lengths = np.frombuffer(raw, "<i4", 2 * count, 1).reshape(2, count)
    return raw, numbers.astype(np.int32), lengths.astype(np.int64)


def _head_bytes(numbers: NDArray[np.int32]) -> int:
    return 1 + 8 * len(numbers)


def newest_hour(connection: sqlite3.Connection) -> int | None:
    """Return the last hour since the epoch of which anything is packed, None when nothing is."""
    newest = connection.execute("SELECT max(hour) FROM segment").fetchone()[0]
    return None if newest is None else int(newest)


def of_group(connection: sqlite3.Connection, group: int, first_hour: int, last_hour: int) -> list[Segment]:
    """Return the segments of some neighbours in the hours from one to another, by hour."""
    return _found(connection, "WHERE neighbours = ? AND hour BETWEEN ? AND ? ORDER BY hour, segment_no",
                  (group, first_hour, last_hour))  # fmt: skip


def with_blocks(connection: sqlite3.Connection, hour: int, first_block: int, last_block: int) -> list[Segment]:
    """Return the segments of an hour that may hold readings of the blocks from one to another."""
    return _found(connection, "WHERE hour = ? AND last_block >= ? AND first_block <= ?",
                  (hour, first_block, last_block))  # fmt: skip


def since_hour(connection: sqlite3.Connection, hour: int, first: int, last: int) -> Iterator[Segment]:
    """Yield the segments since an hour of the neighbours from `first` to `last`, by hour."""
    asked = f"SELECT {_COLUMNS} FROM segment WHERE hour >= ? AND neighbours BETWEEN ? AND ? ORDER BY hour, neighbours"  # noqa: S608
    for row in connection.execute(asked, (hour, first, last)):
        yield Segment(*row)


def put(connection: sqlite3.Connection, group: int, hour: int, stored: StoredReadings, instead_of: int | None) -> None:
    """Keep readings (by transformer and time) as a segment, new or in place of another; none: that one goes.

    Raises StoreError when unpacking it did not give back every bit; nothing is kept then.
    """
    if not len(stored):
        connection.execute("DELETE FROM segment WHERE segment_no = ?", (instead_of,))
        return
    keys, told = packed(stored)
    if not _same(unpacked(keys, told), stored):
        raise StoreError(
            Text("压缩会改变读数", "packing would change readings"),
            where="journal",
            remedy=Text("请设置 [data] pack_after_hours = 0", "set [data] pack_after_hours = 0"),
        )
    blocks = stored.block_no
    row = (instead_of, group, hour, len(stored), int(blocks.min()), int(blocks.max()), keys, told)
    connection.execute("INSERT OR REPLACE INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)


def take_out(connection: sqlite3.Connection, segment_no: int, keys: set[tuple[int, int]]) -> None:
    """Remove readings (transformer, moment [µs]) from a segment that is whole."""
    (segment,) = _found(connection, "WHERE segment_no = ?", (segment_no,))
    stored = unpacked(segment.keys, segment.told)
    of = zip(stored.readings.transformer.tolist(), stored.readings.measured_at_us.tolist(), strict=True)
    stays = np.array([key not in keys for key in of])
    put(connection, segment.group, segment.hour, stored.take(stays), segment_no)


def _found(connection: sqlite3.Connection, where: str, asked: tuple[int, ...]) -> list[Segment]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM segment {where}", asked).fetchall()  # noqa: S608
    return [Segment(*row) for row in rows]


def _same(one: StoredReadings, other: StoredReadings) -> bool:
    pairs = [(getattr(one.readings, c.name), getattr(other.readings, c.name)) for c in fields(ReadingBatch)]
    # A missing value has one set of bits only: bundles see to that.
    return all(np.array_equal(_bits(a), _bits(b)) for a, b in [*pairs, (one.block_no, other.block_no)])


def _bits(column: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.int64] | NDArray[np.float64]:
    return np.ascontiguousarray(column).view(np.int64) if column.dtype == np.float64 else column
