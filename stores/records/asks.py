"""Where the asking of incidents stands, and who was told that they may switch back."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from alerts.outreach.ask import Ask, AskState
from alerts.outreach.release import Release
from stores.records import visible
from stores.records.schema import ask, release
from stores.records.upsert import insert_or_keep, insert_or_update
from stores.records.visible import EVERYTHING, Visible


def record_asks(connection: Connection, asks: Sequence[Ask]) -> None:
    """Insert or bring up to date where asks stand; the last one of an incident counts."""
    newest = {one.incident_id: one for one in asks}
    rows = [{"incident_id": i, "state": one.state.value, "since_us": one.since_us} for i, one in newest.items()]
    insert_or_update(connection, ask, rows, ("incident_id",))


def asks_going_on(connection: Connection, seen: Visible = EVERYTHING) -> tuple[Ask, ...]:
    """Return the asks that are not over, in the order of their incidents' ids."""
    asked = select(ask).where(ask.c.state != AskState.OVER.value, visible.incident_ids(seen, ask.c.incident_id))
    asked = asked.order_by(ask.c.incident_id)
    return tuple(Ask(row.incident_id, AskState(row.state), row.since_us) for row in connection.execute(asked))


def ask_of(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> Ask | None:
    """Return where an incident's ask stands, None where nobody was asked yet."""
    asked = select(ask).where(ask.c.incident_id == incident_id, visible.incident_ids(seen, ask.c.incident_id))
    row = connection.execute(asked).one_or_none()
    return None if row is None else Ask(row.incident_id, AskState(row.state), row.since_us)


def record_releases(connection: Connection, releases: Sequence[Release]) -> None:
    """Add who may switch back; who was told already stays as told."""
    insert_or_keep(connection, release, [vars(one) for one in releases], ("incident_id", "merchant_id"))


def releases(connection: Connection, incident_id: str, seen: Visible = EVERYTHING) -> tuple[Release, ...]:
    """Return who may switch back at an incident, the first told first."""
    asked = select(release).where(
        release.c.incident_id == incident_id, visible.incident_ids(seen, release.c.incident_id)
    )
    rows = connection.execute(asked.order_by(release.c.released_at_us, release.c.merchant_id))
    return tuple(Release(row.incident_id, row.merchant_id, row.released_at_us) for row in rows)
