"""The journal's tables, as steps from one schema version to the next.

Readings are keyed in order of arrival (slot, neighbours, block), so that appending touches few pages however large the
file grows; one transformer's curve is read by seeking each slot.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from stores.journal.conversion import rows_to_row_groups
from stores.journal.stored_readings import FIRST_VALUE_COLUMNS

APPLICATION_ID = 0x52564A31
"""`RVJ1` in the file's header: this is a Redvest journal."""

_VALUES = ", ".join(f"{name} REAL" for name in FIRST_VALUE_COLUMNS)

_STEPS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
    (
        """CREATE TABLE transformer (
            number INTEGER PRIMARY KEY,
            transformer_id TEXT NOT NULL UNIQUE
        )""",
        f"""CREATE TABLE reading (
            slot_minute INTEGER NOT NULL,   -- measured_at_us in whole minutes
            transformer INTEGER NOT NULL,
            measured_at_us INTEGER NOT NULL,
            received_at_us INTEGER NOT NULL,
            block_no INTEGER NOT NULL,
            {_VALUES},
            sequence INTEGER NOT NULL,
            PRIMARY KEY (slot_minute, transformer, measured_at_us)
        ) WITHOUT ROWID""",
        # The slots that hold anything: a curve is read by seeking its transformer in each of them.
        "CREATE TABLE slot (slot_minute INTEGER PRIMARY KEY)",
        """CREATE TABLE latest (
            transformer INTEGER PRIMARY KEY,
            measured_at_us INTEGER NOT NULL,  -- newest, whenever it arrived
            received_at_us INTEGER NOT NULL   -- last arrival, whatever it measured
        )""",
        """CREATE TABLE block (
            block_no INTEGER PRIMARY KEY,
            received_at_us INTEGER NOT NULL,
            readings INTEGER NOT NULL
        )""",
        """CREATE TABLE block_slot (
            block_no INTEGER NOT NULL,
            slot_minute INTEGER NOT NULL,
            PRIMARY KEY (block_no, slot_minute)
        ) WITHOUT ROWID""",
        f"""CREATE TABLE conflict (
            transformer INTEGER NOT NULL,
            measured_at_us INTEGER NOT NULL,
            digest TEXT NOT NULL,            -- of the values, so that a repeated conflict is one row
            received_at_us INTEGER NOT NULL,
            {_VALUES},
            sequence INTEGER NOT NULL,
            PRIMARY KEY (transformer, measured_at_us, digest)
        ) WITHOUT ROWID""",
        """CREATE TABLE reject (
            reject_no INTEGER PRIMARY KEY AUTOINCREMENT,
            received_at_us INTEGER NOT NULL,
            topic TEXT NOT NULL,
            reason TEXT NOT NULL,
            field TEXT NOT NULL,
            detail TEXT NOT NULL,
            payload BLOB NOT NULL,
            sha256 TEXT NOT NULL
        )""",
        "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    ),
    (
        """CREATE TABLE gap (
            transformer INTEGER NOT NULL,
            after_us INTEGER NOT NULL,       -- the last reading before it
            before_us INTEGER NOT NULL,      -- the first reading behind it
            missing INTEGER NOT NULL,        -- readings that should lie between
            cause TEXT NOT NULL,
            found_at_us INTEGER NOT NULL,
            filled_at_us INTEGER,            -- NULL while anything is missing
            PRIMARY KEY (transformer, after_us, before_us)
        ) WITHOUT ROWID""",
        "CREATE INDEX gap_open ON gap (before_us) WHERE filled_at_us IS NULL",
    ),
    (
        """CREATE TABLE segment (
            segment_no INTEGER PRIMARY KEY,
            neighbours INTEGER NOT NULL,     -- sixteen transformers: their number // 16
            hour INTEGER NOT NULL,           -- measured_at_us in whole hours
            readings INTEGER NOT NULL,
            first_block INTEGER NOT NULL,
            last_block INTEGER NOT NULL,
            keys BLOB NOT NULL,              -- transformer and measured_at_us, packed
            told BLOB NOT NULL               -- everything else, packed
        )""",
        "CREATE INDEX segment_neighbours ON segment (neighbours, hour)",
        "CREATE INDEX segment_hour ON segment (hour, neighbours)",
    ),
    (
        """CREATE TABLE bundle (
            slot_minute INTEGER NOT NULL,
            neighbours INTEGER NOT NULL,     -- sixteen transformers: their number // 16
            block_no INTEGER NOT NULL,
            told BLOB NOT NULL,              -- their readings, 112 bytes each (stores/journal/row_groups.py)
            PRIMARY KEY (slot_minute, neighbours, block_no)
        ) WITHOUT ROWID""",
        """CREATE TABLE newest (
            first_transformer INTEGER PRIMARY KEY,
            told BLOB NOT NULL               -- of 128 transformers: newest measured_at_us, last received_at_us
        )""",
        rows_to_row_groups,
        "DROP TABLE reading",
        "DROP TABLE latest",
    ),
    # Bundles and segments of readings with an apparent power have a part for it; the others are as they were.
    (
        "ALTER TABLE conflict ADD COLUMN apparent_power_kva REAL",
        # 1: the reading was taken, and what is told is of one value that is missing in it.
        "ALTER TABLE reject ADD COLUMN taken INTEGER NOT NULL DEFAULT 0",
    ),
)

SCHEMA_VERSION = len(_STEPS)
"""Kept in the file as `PRAGMA user_version`."""


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that the file lacks, in one transaction; a kill leaves the old schema or the new one."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in _STEPS[schema_version(connection) :]:
            for statement in step:
                if isinstance(statement, str):
                    connection.execute(statement)
                else:
                    statement(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    except sqlite3.Error:
        connection.rollback()
        raise


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the file's schema version, 0 for a new file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
