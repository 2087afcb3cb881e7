"""Insert, or update, or keep: the one place that knows how each database spells it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Row, Table, or_
from sqlalchemy.dialects import postgresql, sqlite

STATEMENTS_KEPT = 128
"""To make a statement takes longer than to execute it; there are some thirty (a bound, not a choice)."""


def insert_or_keep(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str], *returned: str
) -> Sequence[Row[Any]]:
    """Insert rows whose key is new; leave the others as they are. Return the asked columns of the new ones."""
    if not rows:
        return ()
    statement = _inserting_or_keeping(connection.dialect.name, table, tuple(key), returned or tuple(key))
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
    fixed = {*key, *only_inserted, counted_on}
    updated = tuple(name for name in rows[0] if name not in fixed)
    statement = _inserting_or_updating(connection.dialect.name, table, tuple(key), updated, counted_on)
    connection.execute(statement, list(rows))


@lru_cache(maxsize=STATEMENTS_KEPT)
def _inserting_or_keeping(dialect: str, table: Table, key: tuple[str, ...], returned: tuple[str, ...]) -> Executable:
    columns = [table.c[name] for name in returned]
    return _insert(dialect, table).on_conflict_do_nothing(index_elements=key).returning(*columns)


@lru_cache(maxsize=STATEMENTS_KEPT)
def _inserting_or_updating(
    dialect: str, table: Table, key: tuple[str, ...], updated: tuple[str, ...], counted_on: str
) -> Executable:
    statement = _insert(dialect, table)
    new = {name: statement.excluded[name] for name in updated}
    differs = or_(*(table.c[name].is_distinct_from(value) for name, value in new.items()))
    counted = {counted_on: table.c[counted_on] + 1} if counted_on else {}
    return statement.on_conflict_do_update(index_elements=key, set_={**new, **counted}, where=differs)


def _insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
