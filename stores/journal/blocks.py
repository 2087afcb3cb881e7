"""Shortening the list of old blocks: many small ones are listed as one, with the number of the last.

Where readings come one by one, the list would take more room than what is packed. Readings keep the number that they
came with, so a follower that stands anywhere gets each reading once, in the same order, only more of them at a time.
"""

from __future__ import annotations

import sqlite3

JOINED_READINGS = 1000
"""A joined block has so many readings, or up to a block more: less than what a follower takes at once (practice)."""
_BLOCKS_AT_ONCE = 1024
_MARK = "blocks_joined_up_to"

_NEXT = "SELECT block_no, readings FROM block WHERE block_no > ? AND received_at_us < ? ORDER BY block_no LIMIT ?"
_SET_MARK = "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_JOIN = """
    UPDATE block SET (received_at_us, readings) =
        (SELECT min(received_at_us), sum(readings) FROM block WHERE block_no BETWEEN :first AND :last)
    WHERE block_no = :last
"""
_JOIN_SLOTS = """
    INSERT OR IGNORE INTO block_slot
    SELECT DISTINCT :last, slot_minute FROM block_slot WHERE block_no BETWEEN :first AND :last
"""


def join_blocks(connection: sqlite3.Connection, before_us: int) -> bool:
    """List blocks received before a moment as fewer ones; return whether there may be more to do."""
    (mark,) = connection.execute("SELECT coalesce(max(value), 0) FROM counter WHERE name = ?", (_MARK,)).fetchone()
    blocks = connection.execute(_NEXT, (mark, before_us, _BLOCKS_AT_ONCE)).fetchall()
    joined_to, readings = mark, 0
    for block_no, of_block in blocks:
        readings += of_block
        if readings >= JOINED_READINGS:
            _join(connection, {"first": joined_to + 1, "last": block_no})
            joined_to, readings = block_no, 0
    if joined_to == mark:
        return False
    connection.execute(_SET_MARK, (_MARK, joined_to))
    return True


def _join(connection: sqlite3.Connection, numbers: dict[str, int]) -> None:
    connection.execute(_JOIN, numbers)
    connection.execute(_JOIN_SLOTS, numbers)
    for table in ("block", "block_slot"):
        connection.execute(f"DELETE FROM {table} WHERE block_no >= :first AND block_no < :last", numbers)  # noqa: S608
