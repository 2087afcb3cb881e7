"""Insert, or update, or keep: the one place that knows how each database spells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, or_
from sqlalchemy.dialects import postgresql, sqlite


def insert_or_keep(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str], *returned: str
) -> Sequence[Row[Any]]:
    """Insert rows whose key is new; leave the others as they are. Return the asked columns of the new ones."""
    if not rows:
        return ()
    columns = [table.c[name] for name in returned or key]
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=list(key)).returning(*columns)
    return connection.execute(statement, list(rows)).all()


def insert_or_update(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    key: Sequence[str],
    *,
    counted_on: str = "",
    only_inserted: Sequence[str] = (),
) -> None:
    """Insert rows whose key is new, update the others; a row that changes nothing is not written.

    All rows have the same columns. An update adds one to the column `counted_on`; it and the columns
    `only_inserted` take the given values only where the row is inserted.
    """
    if not rows:
        return
    statement = _insert(connection, table)
    fixed = {*key, *only_inserted, counted_on}
    new = {name: statement.excluded[name] for name in rows[0] if name not in fixed}
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
    counted = {counted_on: table.c[counted_on] + 1} if counted_on else {}
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_={**new, **counted}, where=differs), list(rows)
    )


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
