"""How far the followers of the journal came, and what stands in their way."""

from __future__ import annotations

from sqlalchemy import Connection, Row, select

from stores.records import schema
from stores.records.upsert import insert_or_update

_KEY = ("name",)


def cursor(connection: Connection, name: str) -> int:
    """Return how far a follower came; 0 when it never began."""
    row = _row(connection, name)
    return 0 if row is None else row.value


def set_cursor(connection: Connection, name: str, value: int) -> None:
    """Note how far a follower came."""
    row = {"name": name, "value": value, "error": ""}
    insert_or_update(connection, schema.cursor, [row], _KEY, only_inserted=("error",))


def cursor_error(connection: Connection, name: str) -> str:
    """Return what stood in a follower's way at its last attempt."""
    row = _row(connection, name)
    return "" if row is None else row.error


def set_cursor_error(connection: Connection, name: str, error: str) -> None:
    """Note what stands in a follower's way."""
    row = {"name": name, "value": 0, "error": error}
    insert_or_update(connection, schema.cursor, [row], _KEY, only_inserted=("value",))


def _row(connection: Connection, name: str) -> Row[tuple[str, int, str]] | None:
    return connection.execute(select(schema.cursor).where(schema.cursor.c.name == name)).first()
