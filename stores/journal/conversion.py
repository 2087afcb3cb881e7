"""Taking over a journal that has a row for each reading: they become bundles, in the migration's one transaction."""

from __future__ import annotations

import logging
import sqlite3
from typing import Any

import numpy as np

from grid.readings import ReadingBatch
from stores.journal import row_groups
from stores.journal.newest import Newest
from stores.journal.stored_readings import FIRST_VALUE_COLUMNS, GROUP_SIZE, batch_of_columns

_GROUPS_AT_ONCE = 4096
"""Their readings of one minute are in memory together: some 65,000, some 100 MB."""

_ROWS = f"""
    SELECT block_no, transformer, measured_at_us, received_at_us, {", ".join(FIRST_VALUE_COLUMNS)}, sequence
    FROM reading WHERE slot_minute = ? AND transformer BETWEEN ? AND ? ORDER BY block_no, transformer, measured_at_us
"""  # noqa: S608

log = logging.getLogger("redvest.journal")


def rows_to_row_groups(connection: sqlite3.Connection) -> None:
    """Copy every row of `reading` and of `latest` into `row_group` and `newest`; some 200,000 rows a second."""
    slots = [slot for (slot,) in connection.execute("SELECT slot_minute FROM slot ORDER BY slot_minute")]
    (last,) = connection.execute("SELECT coalesce(max(number), -1) FROM transformer").fetchone()
    if slots:
        log.warning("the journal is of an older version: %d minutes of readings are converted, once", len(slots))
    step = _GROUPS_AT_ONCE * GROUP_SIZE
    for slot in slots:
        for first in range(0, last + 1, step):
            rows = connection.execute(_ROWS, (slot, first, first + step - 1)).fetchall()
            if rows:
                _put(connection, rows)
    _convert_latest(connection)


def _put(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
    block_no, transformer, measured_at_us, received_at_us, *values, sequence = zip(*rows, strict=True)
    readings = batch_of_columns(
        np.array(transformer, np.int32),
        np.array(measured_at_us, np.int64),
        np.array(received_at_us, np.int64),
        [np.array(column, np.float64) for column in values],
        np.array(sequence, np.int64),
    )
    came_with = np.array(block_no, np.int64)
    for number in np.unique(came_with).tolist():
        row_groups.put(connection, readings.take(came_with == number), number)


def _convert_latest(connection: sqlite3.Connection) -> None:
    rows = connection.execute(
        "SELECT transformer, measured_at_us, received_at_us FROM latest ORDER BY transformer"
    ).fetchall()
    newest = Newest(np.empty((2, 0), np.int64))
    if rows:
        number, measured_at_us, received_at_us = np.array(rows, np.int64).T
        newest.hear(ReadingBatch.of(number, measured_at_us, received_at_us=received_at_us))
    (last,) = connection.execute("SELECT coalesce(max(block_no), 0) FROM block").fetchone()
    newest.write(connection, last)
