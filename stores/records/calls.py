"""Who was called to an incident, who has it, and which one-time links were used."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from alerts.model.incidents import IncidentState
from stores.records.changes import Call
from stores.records.schema import acknowledgement, incident, incident_call, used_link
from stores.records.upsert import insert_or_keep


@dataclass(frozen=True)
class Acknowledgement:
    """That somebody has an incident. The first one counts."""

    incident_id: str
    person_id: str
    way: str
    """How it was said: `desk`, `phone`, `command` or `link`."""
    at_us: int


def record_calls(connection: Connection, calls: Sequence[Call]) -> None:
    """Add calls; one that is recorded stays as it is."""
    rows = [
        {
            "incident_id": call.incident_id,
            "step": call.step,
            "role": call.role,
            "person_ids": json.dumps(call.person_ids),
            "called_at_us": call.called_at_us,
        }
        for call in calls
    ]
    insert_or_keep(connection, incident_call, rows, ("incident_id", "step"))


def calls(connection: Connection, incident_id: str | None = None) -> tuple[Call, ...]:
    """Return the calls of one incident, or of all that are open, in their order."""
    asked = select(incident_call).join(incident, incident.c.incident_id == incident_call.c.incident_id)
    if incident_id is not None:
        asked = asked.where(incident_call.c.incident_id == incident_id)
    else:
        asked = asked.where(incident.c.state == IncidentState.OPEN.value)
    rows = connection.execute(asked.order_by(incident_call.c.called_at_us, incident_call.c.step))
    return tuple(
        Call(row.incident_id, row.step, row.role, tuple(json.loads(row.person_ids)), row.called_at_us) for row in rows
    )


def acknowledge(connection: Connection, said: Acknowledgement) -> bool:
    """Record that somebody has an incident; return False when somebody had it before."""
    return bool(insert_or_keep(connection, acknowledgement, [vars(said)], ("incident_id",)))


def acknowledgement_of(connection: Connection, incident_id: str) -> Acknowledgement | None:
    """Return who has an incident, None while nobody does."""
    row = connection.execute(select(acknowledgement).where(acknowledgement.c.incident_id == incident_id)).first()
    return None if row is None else Acknowledgement(row.incident_id, row.person_id, row.way, row.at_us)


def acknowledgements_after(connection: Connection, row_no: int) -> tuple[tuple[int, Acknowledgement], ...]:
    """Return acknowledgements recorded after a row, each with its row, oldest first."""
    asked = select(acknowledgement).where(acknowledgement.c.row_no > row_no).order_by(acknowledgement.c.row_no)
    return tuple(
        (row.row_no, Acknowledgement(row.incident_id, row.person_id, row.way, row.at_us))
        for row in connection.execute(asked)
    )


def use_link(connection: Connection, digest: str, at_us: int) -> bool:
    """Note that a one-time link was used; return False when it was used before."""
    return bool(insert_or_keep(connection, used_link, [{"digest": digest, "at_us": at_us}], ("digest",)))
