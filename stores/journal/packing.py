"""Moving readings of hours that are over from bundles into segments, a little at a time.

The newest reading of each transformer stays where it is, so that `latest` never unpacks anything.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from grid.timestamps import HOUR_US
from stores.journal import row_groups
from stores.journal.blocks import join_blocks
from stores.journal.newest import written_measured_us
from stores.journal.row_groups import Row, place_in_slot
from stores.journal.segments import HOUR_MINUTES, SEGMENT_READINGS_MAX, of_group, put
from stores.journal.stored_readings import GROUP_SIZE, NO_READINGS, StoredReadings, slot_minute

STEP_READINGS_MAX = 2048
"""Readings that one step moves, or up to a unit more; a step is one commit that appends wait for (about 25 ms)."""
STEP_UNITS_MAX = 32
"""Neighbours' hours that one step looks at, where there is little in each."""

_NEXT_SLOT = "SELECT min(slot_minute) FROM slot WHERE slot_minute >= ? AND slot_minute < ?"
_NEXT_GROUP = """
    SELECT min((SELECT neighbours FROM bundle
        WHERE bundle.slot_minute = slot.slot_minute AND neighbours >= ? ORDER BY neighbours LIMIT 1))
    FROM slot WHERE slot_minute BETWEEN ? AND ?
"""
_REMOVE_EMPTY_SLOTS = """
    DELETE FROM slot WHERE slot_minute BETWEEN ? AND ?
        AND NOT EXISTS (SELECT 1 FROM bundle WHERE bundle.slot_minute = slot.slot_minute)
"""


@dataclass(frozen=True)
class Place:
    """Where a pass over the hours that are over goes on."""

    hour: int
    group: int = 0


FIRST_PLACE = Place(-(2**40))


@dataclass(frozen=True)
class Packed:
    """What one step did."""

    readings: int
    """Moved from bundles into segments."""
    goes_on_at: Place | None
    """None: the pass is done."""


def pack_step(connection: sqlite3.Connection, place: Place, before_us: int) -> Packed:
    """Move up to about `STEP_READINGS_MAX` readings of hours that end by `before_us`, from a place on.

    What is newest of each transformer must stand in the file. When all are moved, the list of blocks is shortened.
    """
    moved = 0
    end_minute = before_us // HOUR_US * HOUR_MINUTES
    for _ in range(STEP_UNITS_MAX):
        (slot,) = connection.execute(_NEXT_SLOT, (place.hour * HOUR_MINUTES, end_minute)).fetchone()
        if slot is None:
            return Packed(moved, place if join_blocks(connection, before_us) else None)
        hour = slot // HOUR_MINUTES
        minutes = (hour * HOUR_MINUTES, (hour + 1) * HOUR_MINUTES - 1)
        first = place.group if hour == place.hour else 0
        (group,) = connection.execute(_NEXT_GROUP, (first, *minutes)).fetchone()
        if group is None:
            place = Place(hour + 1)
            continue
        unit_moved, is_done = _pack_unit(connection, group, hour, minutes)
        moved += unit_moved
        place = Place(hour, group + is_done)
        if moved >= STEP_READINGS_MAX:
            break
    return Packed(moved, place)


def _pack_unit(connection: sqlite3.Connection, group: int, hour: int, minutes: tuple[int, int]) -> tuple[int, bool]:
    """Move what some neighbours sent in an hour; return how many readings, and whether those were all."""
    rows: list[Row] = list(row_groups.of_group(connection, group, group, *minutes))
    stored = row_groups.readings_in(rows)
    first = group * GROUP_SIZE
    newest_us = written_measured_us(connection, first, GROUP_SIZE)
    stored = stored.take(stored.readings.measured_at_us != newest_us[stored.readings.transformer - first])
    slots = slot_minute(stored.readings.measured_at_us)
    is_done = len(stored) <= STEP_READINGS_MAX
    if not is_done:  # slot by slot, the last one whole
        stored, slots = stored.take(slots <= slots[STEP_READINGS_MAX]), slots[slots <= slots[STEP_READINGS_MAX]]
    if len(stored):
        _keep(connection, group, hour, stored)
        places = place_in_slot(stored.readings.transformer, stored.readings.measured_at_us)
        for slot in np.unique(slots).tolist():
            row_groups.take_out(connection, slot, group, places[slots == slot])
        connection.execute(_REMOVE_EMPTY_SLOTS, minutes)
    return len(stored), is_done


def _keep(connection: sqlite3.Connection, group: int, hour: int, stored: StoredReadings) -> None:
    for segment in of_group(connection, group, hour, hour):
        there = segment.stored() if segment.readings + len(stored) <= SEGMENT_READINGS_MAX else NO_READINGS
        if len(there):
            put(connection, group, hour, there.plus(stored), segment.segment_no)
            return
    put(connection, group, hour, NO_READINGS.plus(stored), None)
