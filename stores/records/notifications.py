"""What was said to people, event by event, and what the rules of notification remember."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields

from sqlalchemy import Connection, select

from stores.records import visible
from stores.records.changes import NotifiedEvent
from stores.records.schema import kept_state, told_remark
from stores.records.upsert import insert_or_keep, insert_or_update
from stores.records.visible import EVERYTHING, Visible

_FIELDS = tuple(field.name for field in fields(NotifiedEvent))


def record_told(connection: Connection, told: Sequence[NotifiedEvent]) -> None:
    """Add events by their key; one that was told before stays as it is."""
    insert_or_keep(connection, told_remark, [asdict(one) for one in told], ("key",))


def told_since(connection: Connection, since_us: int, seen: Visible = EVERYTHING) -> tuple[NotifiedEvent, ...]:
    """Return what was told since a moment, oldest first."""
    asked = select(told_remark).where(
        told_remark.c.told_at_us >= since_us, visible.stations(seen, told_remark.c.station_id)
    )
    rows = connection.execute(asked.order_by(told_remark.c.told_at_us, told_remark.c.key)).mappings()
    return tuple(NotifiedEvent(**{name: row[name] for name in _FIELDS}) for row in rows)


def keep_states(connection: Connection, states: Sequence[tuple[str, str]]) -> None:
    """Keep texts by name; of several for one name the last counts."""
    rows = [{"name": name, "text": text} for name, text in dict(states).items()]
    insert_or_update(connection, kept_state, rows, ("name",))


def state(connection: Connection, name: str) -> str:
    """Return a kept text, empty when there is none."""
    return connection.execute(select(kept_state.c.text).where(kept_state.c.name == name)).scalar_one_or_none() or ""
