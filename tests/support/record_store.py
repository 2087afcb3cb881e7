"""Databases for the tests of the records: SQLite and PostgreSQL, each test in a file or a schema of its own."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy

from alerts.model.incidents import Incident, IncidentState
from grid.timestamps import MINUTE_US
from stores.records.records import Records
from tests.support.postgresql_server import server_url

KINDS = ("sqlite", "postgresql")
NOON_US = 1_627_099_200_000_000


@contextmanager
def new_database(kind: str, folder: Path) -> Iterator[str]:
    """Give the URL of an empty database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'data' / 'records.sqlite'}"
        return
    schema = f"redvest_{uuid.uuid4().hex[:12]}"
    url = server_url()
    engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.schema.CreateSchema(schema))
    try:
        yield f"{url}?options=-csearch_path%3D{schema}"
    finally:
        with engine.connect() as connection:
            connection.execute(sqlalchemy.schema.DropSchema(schema, cascade=True))
        engine.dispose()


def with_tables(url: str) -> str:
    """Bring a new database up to date; a SQLite file by copying one that was migrated once, which is quicker."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_migrated_sqlite_file())
    else:
        with Records(url) as records:
            records.migrate()
    return url


@cache
def _migrated_sqlite_file() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.sqlite"
        with Records(f"sqlite:///{path}") as records:
            records.migrate()
        return path.read_bytes()


def rows(url: str, statement: str) -> list[tuple[object, ...]]:
    """Ask the database itself, past our own code."""
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.begin() as connection:
            result = connection.execute(sqlalchemy.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


def an_incident(
    incident_id: str = "YX06-a", opened_at_us: int = NOON_US, state: IncidentState = IncidentState.OPEN
) -> Incident:
    """Make an incident of YX06."""
    return Incident(
        incident_id=incident_id,
        transformer_id="YX06",
        rule="early-warning@1",
        level="severe_heavy",
        state=state,
        first_reading_at_us=opened_at_us + 1,
        opened_at_us=opened_at_us,
        opened_load_rate=0.9533,
        peak_load_rate=0.97,
        peak_at_us=opened_at_us + MINUTE_US,
        last_load_rate=0.93,
        last_reading_at_us=opened_at_us + 2 * MINUTE_US,
        closed_at_us=opened_at_us + 60 * MINUTE_US if state is IncidentState.CLOSED else None,
    )
