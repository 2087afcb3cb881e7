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

from grid.readings import ReadingBatch
from grid.standing import standing_rows
from stores.journal_packed import PackedReadings
from stores.journal_rows import (
    INSERT_READING,
    READING_COLUMNS,
    batch_of,
    digest,
    measured_values,
    reading_rows,
    slot_minute,
)
from stores.journal_schema import VALUE_COLUMNS
from stores.journal_values import StoredReject
from stores.storable_text import storable

_THIS_KEY = "WHERE slot_minute = ? AND transformer = ? AND measured_at_us = ?"
_FIND_READING = f"SELECT block_no, {READING_COLUMNS} FROM reading {_THIS_KEY}"  # noqa: S608
_REMOVE_READING = f"DELETE FROM reading {_THIS_KEY}"  # noqa: S608
_INSERT_CONFLICT = (
    f"INSERT INTO conflict (transformer, measured_at_us, digest, received_at_us, {', '.join(VALUE_COLUMNS)}, "  # noqa: S608
    f"sequence) VALUES (?, ?, ?, ?, {', '.join('?' * len(VALUE_COLUMNS))}, ?) ON CONFLICT DO NOTHING"
)
_UPSERT_LATEST = """
    INSERT INTO latest (transformer, measured_at_us, received_at_us) VALUES (?, ?, ?)
    ON CONFLICT (transformer) DO UPDATE SET
        measured_at_us = max(measured_at_us, excluded.measured_at_us),
        received_at_us = CASE WHEN excluded.measured_at_us = measured_at_us THEN received_at_us
            ELSE max(received_at_us, excluded.received_at_us) END
"""
"""Another value for the newest moment is no sign of life: a meter whose clock stands still sends nothing else."""
_INSERT_REJECT = """
    INSERT INTO reject (received_at_us, topic, reason, field, detail, payload, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)
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


def append_readings(connection: sqlite3.Connection, batch: ReadingBatch, block_no: int) -> Added:
    """Store what is new of a batch as a block.

    A reading that contradicts a stored one takes its place if it stands by `grid.standing`, and is new then; the
    other one goes to the conflicts.
    """
    standing = _first_to_store(batch)
    packed = PackedReadings.met_by(connection, batch)
    candidates = standing[~packed.holds[standing]]
    stored_before = connection.total_changes
    connection.executemany(INSERT_READING, reading_rows(batch.take(candidates), block_no))
    stored = connection.total_changes - stored_before
    new = np.zeros(len(batch), np.bool_)
    new[candidates] = True
    conflicts = replaced = 0
    if stored < len(batch):
        # Seldom, so the usual block does not pay for it: ask for each reading that may be a repetition.
        # Those that stand in the batch come first: no other of their key can then stand against what is stored.
        others = np.ones(len(batch), np.bool_)
        others[standing] = False
        suspects = standing[packed.holds[standing] | (stored < len(candidates))]
        suspects = np.concatenate([suspects[~packed.says_the_same[suspects]], np.flatnonzero(others)])
        conflicts, replaced = _sort_out_repetitions(connection, batch, block_no, suspects, new, packed)
        packed.take_out_replaced(connection)
    if new.any():
        _record_block(connection, batch.take(new), block_no)
    return Added(new, conflicts, replaced)


def append_rejects(
    connection: sqlite3.Connection, rejects: Sequence[StoredReject], rows_max: int, bytes_max: int
) -> int:
    """Put rejects into the quarantine and push the oldest out where its caps are passed. Return how many went."""
    if not rejects:
        return 0
    connection.executemany(
        _INSERT_REJECT,
        [
            (r.received_at_us, storable(r.topic), r.reason, storable(r.field), storable(r.detail), r.payload, r.sha256)
            for r in rejects
        ],
    )
    count(connection, {"rejects": len(rejects), "rejects_held_bytes": sum(len(r.payload) for r in rejects)})
    return _push_out_oldest(connection, rows_max, bytes_max)


def _push_out_oldest(connection: sqlite3.Connection, rows_max: int, bytes_max: int) -> int:
    total = dict(connection.execute("SELECT name, value FROM counter").fetchall())
    rows_over = total["rejects"] - total.get("rejects_dropped", 0) - rows_max
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


def _first_to_store(batch: ReadingBatch) -> NDArray[np.intp]:
    """Return the rows (k,) that stand for their key, in key order: pages are then touched one after another."""
    standing = standing_rows(batch)
    return standing[np.lexsort((batch.transformer[standing], slot_minute(batch.measured_at_us[standing])))]


def _sort_out_repetitions(
    connection: sqlite3.Connection,
    batch: ReadingBatch,
    block_no: int,
    suspects: NDArray[np.intp],
    new: NDArray[np.bool_],
    packed: PackedReadings,
) -> tuple[int, int]:
    """Clear `new` where a reading was stored before or does not stand; record the conflicts.

    Returns how many conflicts there were, and how many stored readings were replaced.
    """
    slots = slot_minute(batch.measured_at_us)
    conflicts: list[tuple[Any, ...]] = []
    replaced = 0
    for row in suspects.tolist():
        key = (int(slots[row]), int(batch.transformer[row]), int(batch.measured_at_us[row]))
        found = connection.execute(_FIND_READING, key).fetchone()
        if new[row] and found[0] == block_no:
            continue
        one = batch.take(np.array([row]))
        stored = packed.of(row) if found is None else batch_of([found[1:]])
        both = ReadingBatch.concatenate([stored, one])
        if measured_values(both, 0) == measured_values(both, 1):
            new[row] = False
            continue
        stands = int(standing_rows(both)[0])
        new[row] = stands == 1
        conflicts.append(_conflict(both, 1 - stands))
        if stands == 1:
            if found is None:
                packed.replace(row)
            connection.execute(_REMOVE_READING, key)
            connection.executemany(INSERT_READING, reading_rows(one, block_no))
            replaced += 1
    connection.executemany(_INSERT_CONFLICT, conflicts)
    return len(conflicts), replaced


def _conflict(batch: ReadingBatch, row: int) -> tuple[Any, ...]:
    values = measured_values(batch, row)
    return (
        int(batch.transformer[row]),
        int(batch.measured_at_us[row]),
        digest(values),
        int(batch.received_at_us[row]),
        *values,
        int(batch.sequence[row]),
    )


def _record_block(connection: sqlite3.Connection, new: ReadingBatch, block_no: int) -> None:
    connection.execute(
        "INSERT INTO block (block_no, received_at_us, readings) VALUES (?, ?, ?)",
        (block_no, int(new.received_at_us.min()), len(new)),
    )
    slots = np.unique(slot_minute(new.measured_at_us)).tolist()
    connection.executemany("INSERT INTO block_slot VALUES (?, ?)", [(block_no, slot) for slot in slots])
    connection.executemany("INSERT INTO slot VALUES (?) ON CONFLICT DO NOTHING", [(slot,) for slot in slots])
    heard, position = np.unique(new.transformer, return_inverse=True)
    measured_at_us = np.full(len(heard), np.iinfo(np.int64).min)
    received_at_us = measured_at_us.copy()
    np.maximum.at(measured_at_us, position, new.measured_at_us)
    np.maximum.at(received_at_us, position, new.received_at_us)
    connection.executemany(
        _UPSERT_LATEST, zip(heard.tolist(), measured_at_us.tolist(), received_at_us.tolist(), strict=True)
    )
