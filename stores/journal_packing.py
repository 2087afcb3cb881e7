"""Moving readings of hours that are over from rows into segments, a little at a time.

The newest reading of each transformer stays a row, so that `latest` never unpacks anything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from grid.errors import StoreError
from grid.moments import HOUR_US
from stores.journal_blocks import join_blocks
from stores.journal_rows import READING_COLUMNS, slot_minute
from stores.journal_segments import (
    HOUR_MINUTES,
    NEIGHBOURS,
    NO_READINGS,
    SEGMENT_READINGS_MAX,
    StoredReadings,
    of_neighbours,
    put,
    stored_readings_of,
)

STEP_READINGS_MAX = 2048
"""Readings that one step moves, or up to a unit more; a step is one commit that appends wait for (about 25 ms)."""
STEP_UNITS_MAX = 32
"""Neighbours' hours that one step looks at, where there is little in each."""

_NOT_NEWEST = """NOT EXISTS (SELECT 1 FROM latest
    WHERE latest.transformer = reading.transformer AND latest.measured_at_us = reading.measured_at_us)"""
_NEXT_SLOT = "SELECT min(slot_minute) FROM slot WHERE slot_minute >= ? AND slot_minute < ?"
_NEXT_TRANSFORMER = """
    SELECT min((SELECT transformer FROM reading
        WHERE reading.slot_minute = slot.slot_minute AND transformer >= ? ORDER BY transformer LIMIT 1))
    FROM slot WHERE slot_minute BETWEEN ? AND ?
"""
_UNIT = f"""
    SELECT block_no, {READING_COLUMNS} FROM slot CROSS JOIN reading USING (slot_minute)
    WHERE slot_minute BETWEEN ? AND ? AND transformer BETWEEN ? AND ? AND {_NOT_NEWEST}
    ORDER BY slot_minute, transformer, measured_at_us LIMIT ?
"""  # noqa: S608
_REMOVE = f"DELETE FROM reading WHERE slot_minute = ? AND transformer BETWEEN ? AND ? AND {_NOT_NEWEST}"  # noqa: S608
_REMOVE_EMPTY_SLOTS = """
    DELETE FROM slot WHERE slot_minute BETWEEN ? AND ?
        AND NOT EXISTS (SELECT 1 FROM reading WHERE reading.slot_minute = slot.slot_minute)
"""


@dataclass(frozen=True)
class Place:
    """Where a pass over the hours that are over goes on."""

    hour: int
    transformer: int = 0


FIRST_PLACE = Place(-(2**40))


@dataclass(frozen=True)
class Packed:
    """What one step did."""

    readings: int
    """Moved from rows into segments."""
    goes_on_at: Place | None
    """None: the pass is done."""


def pack_step(connection: sqlite3.Connection, place: Place, before_us: int) -> Packed:
    """Move up to about `STEP_READINGS_MAX` readings of hours that end by `before_us`, from a place on.

    When all are moved, the list of blocks is shortened.
    """
    moved = 0
    end_minute = before_us // HOUR_US * HOUR_MINUTES
    for _ in range(STEP_UNITS_MAX):
        (slot,) = connection.execute(_NEXT_SLOT, (place.hour * HOUR_MINUTES, end_minute)).fetchone()
        if slot is None:
            return Packed(moved, place if join_blocks(connection, before_us) else None)
        hour = slot // HOUR_MINUTES
        minutes = (hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES - 1)
        first = place.transformer if hour == place.hour else 0
        (number,) = connection.execute(_NEXT_TRANSFORMER, (first, *minutes)).fetchone()
        if number is None:
            place = Place(hour + 1)
            continue
        unit_moved, is_done = _pack_unit(connection, number // NEIGHBOURS, hour, minutes)
        moved += unit_moved
        place = Place(hour, (number // NEIGHBOURS + is_done) * NEIGHBOURS)
        if moved >= STEP_READINGS_MAX:
            break
    return Packed(moved, place)


def _pack_unit(
    connection: sqlite3.Connection, neighbours: int, hour: int, minutes: tuple[int, int]
) -> tuple[int, bool]:
    """Move what some neighbours sent in an hour; return how many readings, and whether those were all."""
    numbers = (neighbours * NEIGHBOURS, (neighbours + 1) * NEIGHBOURS - 1)
    rows = connection.execute(_UNIT, (*minutes, *numbers, STEP_READINGS_MAX)).fetchall()
    if not rows:
        return 0, True
    stored = stored_readings_of(rows)
    slots = slot_minute(stored.readings.measured_at_us)
    is_done = len(rows) < STEP_READINGS_MAX
    if not is_done and slots[0] < slots[-1]:  # rows are removed by whole minutes; the last may not be whole
        stored, slots = stored.take(slots < slots[-1]), slots[slots < slots[-1]]
    elif not is_done:
        rows = connection.execute(_UNIT, (int(slots[0]), int(slots[0]), *numbers, -1)).fetchall()
        stored = stored_readings_of(rows)
    _keep(connection, neighbours, hour, stored)
    before = connection.total_changes
    connection.executemany(_REMOVE, [(slot, *numbers) for slot in np.unique(slots).tolist()])
    if connection.total_changes - before != len(stored):
        raise StoreError("packing met rows that it had not read", where="journal", remedy="report this")
    connection.execute(_REMOVE_EMPTY_SLOTS, minutes)
    return len(stored), is_done


def _keep(connection: sqlite3.Connection, neighbours: int, hour: int, stored: StoredReadings) -> None:
    for segment in of_neighbours(connection, neighbours, hour, hour):
        there = segment.stored() if segment.readings + len(stored) <= SEGMENT_READINGS_MAX else NO_READINGS
        if len(there):
            put(connection, neighbours, hour, there.plus(stored), segment.segment_no)
            return
    put(connection, neighbours, hour, NO_READINGS.plus(stored), None)
