"""What people noted at incidents, in the database: added to, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from alerts.model.handling import Handling, IncidentNote, NoteKind
from stores.records.schema import acknowledgement, incident_note
from stores.records.upsert import insert_or_keep


def record_note(connection: Connection, note: IncidentNote) -> None:
    """Add a note."""
    row = {**vars(note), "kind": note.kind.value}
    insert_or_keep(connection, incident_note, [row], ("incident_id", "at_us", "kind", "by"))


def handling(connection: Connection, incident_ids: Sequence[str]) -> Mapping[str, Handling]:
    """Return how incidents stand with people; those of which nothing is noted are missing."""
    notes: dict[str, list[IncidentNote]] = {}
    of_these = incident_note.c.incident_id.in_(incident_ids)
    for row in connection.execute(select(incident_note).where(of_these).order_by(incident_note.c.note_no)):
        note = IncidentNote(row.incident_id, NoteKind(row.kind), row.at_us, row.by, row.text, row.assigned_to)
        notes.setdefault(row.incident_id, []).append(note)
    taken = connection.execute(select(acknowledgement).where(acknowledgement.c.incident_id.in_(incident_ids)))
    has_it = {row.incident_id: (row.person_id, row.at_us) for row in taken}
    return {
        incident_id: Handling.of(notes.get(incident_id, ()), *has_it.get(incident_id, ("", None)))
        for incident_id in notes.keys() | has_it.keys()
    }
