"""What of an answer an account may see, where that is less than a row: doors, contacts, names of merchants.

Which rows there are at all was decided by the query (`stores.records.visible`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from collector.wire.format import batch_topic
from service.access.rights import Action, Rights
from service.queries.answers import DoorRow, IncidentMark, IncidentPage, TransformerPage
from service.queries.answers_system import RejectRow
from stores.records.visible import Contacts


def incident_shown_to(page: IncidentPage, rights: Rights) -> IncidentPage:
    """Return an incident with the doors, contacts and marks that an account may see."""
    visible, outreach = rights.visible, page.outreach
    if outreach is not None:
        own = tuple(door for door in outreach.doors if visible.may_see_door(door.assigned_to))
        outreach = replace(outreach, doors=own) if visible.merchants else None
    return replace(
        page,
        outreach=outreach,
        doors=doors_shown_to(page.doors, rights),
        marks=_marks(page.marks, rights),
        advice=page.advice if visible.merchants else None,
    )


def doors_shown_to(doors: Sequence[DoorRow], rights: Rights) -> tuple[DoorRow, ...]:
    """Return the doors that an account may see, their contacts as far as it may see them."""
    if not rights.may(Action.SEE_DOORS):
        return ()
    own = (row for row in doors if rights.visible.may_see_door(row.door.assigned_to))
    if rights.visible.contacts is not Contacts.NEVER:
        return tuple(own)
    return tuple(replace(row, contact_masked="", phone_masked="") for row in own)


def transformer_shown_to(page: TransformerPage, rights: Rights) -> TransformerPage:
    """Return a transformer with the marks and people that an account may see."""
    team = page.team if rights.visible.merchants else ()
    if rights.visible.contacts is Contacts.NEVER:
        team = tuple(replace(person, phone="") for person in team)
    return replace(page, team=team, marks=_marks(page.marks, rights))


def rejects_shown_to(rejects: Sequence[RejectRow], rights: Rights) -> tuple[RejectRow, ...]:
    """Return the refused payloads on topics of an account's stations; of no station's, only to who sees them all."""
    stations = rights.visible.stations
    if not stations:
        return tuple(rejects)
    own = tuple(batch_topic(station_id).removesuffix("readings") for station_id in stations)
    return tuple(row for row in rejects if row.topic.startswith(own))


def _marks(marks: Sequence[IncidentMark], rights: Rights) -> tuple[IncidentMark, ...]:
    """Return the marks of a curve; those of visits bear a merchant's name, so only who sees all doors gets them."""
    if rights.visible.merchants and not rights.visible.doors_of:
        return tuple(marks)
    return tuple(mark for mark in marks if mark.kind == "incident")
