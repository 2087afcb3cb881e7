"""Appending a block to the journal: which readings are new, which are known, which contradict what is known.

Called inside the one transaction of `Journal.append`; a failure anywhere undoes all of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grid.precedence import rows_with_precedence
from grid.readings import ReadingBatch
from stores.journal import row_groups
from stores.journal.newest import Newest
from stores.journal.previous import StoredBefore
from stores.journal.stored_readings import VALUE_COLUMNS, digest, same_values, slot_minute, values_of
from stores.journal.values import StoredReject
from stores.storable_text import storable

_INSERT_CONFLICT = (
    f"INSERT INTO conflict (transformer, measured_at_us, digest, received_at_us, {', '.join(VALUE_COLUMNS)}, "  # noqa: S608
    f"sequence) VALUES (?, ?, ?, ?, {', '.join('?' * len(VALUE_COLUMNS))}, ?) ON CONFLICT DO NOTHING"
)
_INSERT_REJECT = """
    INSERT INTO reject (received_at_us, topic, reason, field, detail, payload, sha256, taken)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_TO_COUNTER = """
    INSERT INTO counter (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value
"""


@dataclass(frozen=True)
class Added:
    """What became of a batch of n readings."""

    new: NDArray[np.bool_]
    """(n,) stored by this block."""
    conflicts: int
    """Contradictions met; one of each two went to the conflicts."""
    replaced: int
    """New readings that took the place of a stored one."""


def append_readings(connection: sqlite3.Connection, batch: ReadingBatch, block_no: int, newest: Newest) -> Added:
    """Store what is new of a batch as a block.

    A reading that contradicts a stored one takes its place if it stands by `grid.precedence`, and is new then; the
    other one goes to the conflicts.
    """
    rows = rows_with_precedence(batch)
    standing = batch.take(rows)
    before = StoredBefore.met_by(connection, standing, newest.may_hold(standing.transformer, standing.measured_at_us))
    is_new = ~before.holds
    conflicts: list[tuple[Any, ...]] = []
    replaced = 0
    for row in np.flatnonzero(before.holds & ~before.says_the_same).tolist():
        both = ReadingBatch.concatenate([before.of(row), standing.take(np.array([row]))])
        stands = int(rows_with_precedence(both)[0])
        conflicts.append(_conflict(both, 1 - stands))
        if stands == 1:
            before.replace(row)
            is_new[row] = True
            replaced += 1
    if len(rows) < len(batch):
        conflicts += _contradictions_within(batch, rows, before, is_new)
    before.take_out_replaced(connection)
    connection.executemany(_INSERT_CONFLICT, conflicts)
    new = np.zeros(len(batch), np.bool_)
    new[rows[is_new]] = True
    if is_new.any():
        stored = standing.where(is_new)
        _store_block(connection, stored, block_no)
        newest.hear(stored)
        # What was replaced is not among the blocks any more, so that they no longer tell what was heard when.
        if newest.is_due or replaced:
            newest.write(connection, block_no)
    return Added(new, len(conflicts), replaced)


def append_rejects(
    connection: sqlite3.Connection, rejects: Sequence[StoredReject], rows_max: int, bytes_max: int
) -> int:
    """Put rejects into the quarantine and push the oldest out where its caps are passed. Return how many went."""
    if not rejects:
        return 0
    connection.executemany(
        _INSERT_REJECT,
        [
            (
                r.received_at_us,
                storable(r.topic),
                r.reason,
                storable(r.field),
                storable(r.detail),
                r.payload,
                r.sha256,
                r.taken,
            )
            for r in rejects
        ],
    )
    values = sum(r.taken for r in rejects)
    count(connection, {"rejects": len(rejects) - values, "values_listed": values})
    count(connection, {"rejects_held_bytes": sum(len(r.payload) for r in rejects)})
    return _push_out_oldest(connection, rows_max, bytes_max)


def _push_out_oldest(connection: sqlite3.Connection, rows_max: int, bytes_max: int) -> int:
    total = dict(connection.execute("SELECT name, value FROM counter").fetchall())
    rows_over = total.get("rejects", 0) + total.get("values_listed", 0) - total.get("rejects_dropped", 0) - rows_max
    bytes_over = total["rejects_held_bytes"] - bytes_max
    dropped, freed_bytes, last_dropped = 0, 0, 0
    oldest_first = connection.execute("SELECT reject_no, length(payload) FROM reject ORDER BY reject_no")
    while dropped < rows_over or freed_bytes < bytes_over:
        last_dropped, payload_bytes = oldest_first.fetchone()
        dropped, freed_bytes = dropped + 1, freed_bytes + payload_bytes
    oldest_first.close()
    connection.execute("DELETE FROM reject WHERE reject_no <= ?", (last_dropped,))
    count(connection, {"rejects_dropped": dropped, "rejects_held_bytes": -freed_bytes})
    return dropped


def count(connection: sqlite3.Connection, added: Mapping[str, int]) -> None:
    """Add to the journal's lifelong counters."""
    connection.executemany(_ADD_TO_COUNTER, [(name, value) for name, value in added.items() if value])


def _contradictions_within(
    batch: ReadingBatch, standing: NDArray[np.intp], before: StoredBefore, is_new: NDArray[np.bool_]
) -> list[tuple[Any, ...]]:
    """Return the conflicts of readings that do not stand for their key within the batch with what does stand."""
    others = np.ones(len(batch), np.bool_)
    others[standing] = False
    row_of = {key: row for row, key in enumerate(_keys(batch.take(standing)))}
    losers = batch.take(others)
    rows = np.array([row_of[key] for key in _keys(losers)], np.intp)
    same = same_values(batch.take(standing[rows]), losers)
    overruled = before.holds[rows] & ~before.says_the_same[rows] & ~is_new[rows]
    for loser in np.flatnonzero(overruled).tolist():
        same[loser] = same_values(before.of(int(rows[loser])), losers.take(np.array([loser])))[0]
    return [_conflict(losers, loser) for loser in np.flatnonzero(~same).tolist()]


def _keys(batch: ReadingBatch) -> list[tuple[int, int]]:
    return list(zip(batch.transformer.tolist(), batch.measured_at_us.tolist(), strict=True))


def _conflict(batch: ReadingBatch, row: int) -> tuple[Any, ...]:
    values = values_of(batch, row)
    return (
        int(batch.transformer[row]),
        int(batch.measured_at_us[row]),
        digest(values),
        int(batch.received_at_us[row]),
        *values,
        int(batch.sequence[row]),
    )


def _store_block(connection: sqlite3.Connection, new: ReadingBatch, block_no: int) -> None:
    """Store readings, sorted by transformer and time, that are not there."""
    row_groups.put(connection, new, block_no)
    connection.execute(
        "INSERT INTO block (block_no, received_at_us, readings) VALUES (?, ?, ?)",
        (block_no, int(new.received_at_us.min()), len(new)),
    )
    slots = np.unique(slot_minute(new.measured_at_us)).tolist()
    connection.executemany("INSERT INTO block_slot VALUES (?, ?)", [(block_no, slot) for slot in slots])
    connection.executemany("INSERT INTO slot VALUES (?) ON CONFLICT DO NOTHING", [(slot,) for slot in slots])
