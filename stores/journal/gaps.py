"""The list of gaps in the journal: readings that should be there and are not, each with what is known of why."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import astuple
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import HOUR_US, MINUTE_US
from stores.journal import row_groups
from stores.journal.segments import since_hour
from stores.journal.stored_readings import GROUP_SIZE
from stores.journal.values import Gap

_COLUMNS = "transformer, after_us, before_us, missing, cause, found_at_us, filled_at_us"
_ROWS_AT_ONCE = 10_000
_FOR_EVER = 2**62


def timestamps(
    connection: sqlite3.Connection, from_us: int, numbers: range
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return transformer (n,) and moment (n,) of the readings of some transformers since a moment's minute."""
    transformer, measured_at_us = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    groups = row_groups.of_group(
        connection, numbers.start // GROUP_SIZE, (numbers.stop - 1) // GROUP_SIZE, from_us // MINUTE_US, _FOR_EVER
    )
    while rows := list(islice(groups, _ROWS_AT_ONCE)):
        found = row_groups.readings_in(rows).readings
        wanted = (found.transformer >= numbers.start) & (found.transformer < numbers.stop)
        transformer.append(found.transformer[wanted])
        measured_at_us.append(found.measured_at_us[wanted])
    for segment in since_hour(connection, from_us // HOUR_US, numbers.start // GROUP_SIZE, numbers.stop // GROUP_SIZE):
        number, at_us = segment.timestamps()
        wanted = (number >= numbers.start) & (number < numbers.stop) & (at_us >= from_us // MINUTE_US * MINUTE_US)
        transformer.append(number[wanted])
        measured_at_us.append(at_us[wanted])
    return np.concatenate(transformer), np.concatenate(measured_at_us)


def put(connection: sqlite3.Connection, gaps: Sequence[Gap]) -> int:
    """Add gaps by transformer and bounds; one that is listed already stays as it is. Return how many are new."""
    before = connection.total_changes
    connection.executemany(
        f"INSERT INTO gap ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",  # noqa: S608
        [astuple(gap) for gap in gaps],
    )
    return connection.total_changes - before


def remove(connection: sqlite3.Connection, gaps: Sequence[Gap]) -> None:
    """Take gaps off the list."""
    connection.executemany(
        "DELETE FROM gap WHERE transformer = ? AND after_us = ? AND before_us = ?",
        [(gap.transformer, gap.after_us, gap.before_us) for gap in gaps],
    )


def listed(connection: sqlite3.Connection, open_only: bool, limit: int, skip: int) -> tuple[Gap, ...]:
    """Return gaps, the newest first, without the first `skip`; only those that nothing has filled, or all."""
    which = "WHERE filled_at_us IS NULL" if open_only else ""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM gap {which} ORDER BY before_us DESC, transformer LIMIT ? OFFSET ?",  # noqa: S608
        (limit, skip),
    )
    return tuple(Gap(*row) for row in rows)


def open_totals(connection: sqlite3.Connection) -> tuple[int, int]:
    """Return how many gaps are open, and how many readings are missing in them."""
    gaps, missing = connection.execute(
        "SELECT count(*), coalesce(sum(missing), 0) FROM gap WHERE filled_at_us IS NULL"
    ).fetchone()
    return gaps, missing
