"""Incidents with their lists and answers, joined with the people and merchants behind them, masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import numpy as np

from alerts.model.incidents import Incident, IncidentState
from alerts.notification.messages import ask_text, visit_result_name
from alerts.outreach.advice import is_to_be_called_on_again
from alerts.outreach.planner import OutreachList, Visit, VisitResult
from grid.assets import Phase
from grid.electrical import Basis, apparent_power_kva
from grid.errors import UsageError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import as_datetime
from service.queries.answers import DoorRow, IncidentMark, IncidentRow, Progress
from service.queries.ledger_view import Ground
from service.queries.privacy import mask_name, mask_phone
from stores.journal.journal import Journal
from stores.records.records import Records

_ANSWERS = (VisitResult.AGREED, VisitResult.DONE, VisitResult.REFUSED, VisitResult.ABSENT)
_PROGRESS_ROWS_MAX = 100
"""Rows of open incidents that tell the progress of their list; the other rows come without."""
_INCIDENT = Text("事件", "incident")


def find_incident(records: Records, incident_id: str) -> Incident:
    """Return the incident of an id or of a unique part of one. Raises UsageError when there is none or several."""
    exact = records.incident(incident_id)
    if exact is not None:
        return exact
    alike = [i for i in records.incidents() if incident_id and incident_id in i.incident_id]
    if len(alike) == 1:
        return alike[0]
    if alike:
        some = ", ".join(i.incident_id for i in alike[:5])
        raise UsageError(
            Text(f"{incident_id!r} 对应 {len(alike)} 个事件", f"{incident_id!r} fits {len(alike)} incidents"),
            remedy=Text(f"请写得更完整：{some}", f"write more of it: {some}"),
        )
    raise UsageError(
        Text(f"没有事件 {incident_id!r}", f"there is no incident {incident_id!r}"),
        remedy=Text("请查看 redvest incidents", "see redvest incidents"),
    )


def incident_row(
    incident: Incident,
    ground: Ground,
    revisions: Sequence[OutreachList],
    visits: Mapping[str, Visit],
    active_only: bool = False,
) -> IncidentRow:
    """Return an incident as a row; without lists there is no progress to tell."""
    transformer = ground.transformer(incident.transformer_id)
    zone = ground.zone(transformer)
    opened = as_datetime(incident.opened_at_us, ZoneInfo(zone))
    return IncidentRow(
        incident=incident,
        transformer=transformer,
        called=f"{incident.transformer_id} · {opened:%m-%d %H:%M}",
        zone=zone,
        progress=progress_of(revisions, visits) if revisions else None,
        active_only=active_only,
    )


def incident_rows(
    records: Records, journal: Journal | None, ground: Ground, incidents: Sequence[Incident]
) -> tuple[IncidentRow, ...]:
    """Return incidents as rows, in their order; of the open ones the first tell the progress of their list."""
    told = 0
    rows = []
    active_only = told_by_active_power_alone(journal, ground, incidents[:_PROGRESS_ROWS_MAX])
    for incident in incidents:
        tells = incident.state is IncidentState.OPEN and told < _PROGRESS_ROWS_MAX
        told += tells
        revisions = records.outreach_revisions(incident.incident_id) if tells else ()
        visits = records.current_visits(incident.incident_id) if revisions else {}
        rows.append(incident_row(incident, ground, revisions, visits, incident.incident_id in active_only))
    return tuple(rows)


def told_by_active_power_alone(
    journal: Journal | None, ground: Ground, incidents: Sequence[Incident]
) -> frozenset[str]:
    """Return the ids of incidents whose opening, heaviest or last load rate comes from active power alone."""
    if journal is None:
        return frozenset()
    found = set()
    for incident in incidents:
        number = ground.numbers.get(incident.transformer_id)
        if number is None:
            continue
        timestamps = {incident.first_reading_at_us, incident.peak_at_us, incident.last_reading_at_us}
        readings = ReadingBatch.concatenate([journal.series(number, at_us, at_us) for at_us in sorted(timestamps)])
        basis = apparent_power_kva(readings, np.ones(len(readings)))[1]
        if (basis == Basis.ACTIVE_ONLY).any():
            found.add(incident.incident_id)
    return frozenset(found)


def doors_shown(revisions: Sequence[OutreachList], visits: Mapping[str, Visit]) -> list[tuple[OutreachList, int]]:
    """Return (list, index of door) of the newest list in walking order, then of earlier ones what was answered."""
    newest = revisions[-1]
    shown = [(newest, i) for i in range(len(newest.doors))]
    seen = {door.merchant_id for door in newest.doors}
    for earlier in reversed(revisions[:-1]):
        for i, door in enumerate(earlier.doors):
            if door.merchant_id not in seen and door.merchant_id in visits:
                seen.add(door.merchant_id)
                shown.append((earlier, i))
    return shown


def progress_of(revisions: Sequence[OutreachList], visits: Mapping[str, Visit]) -> Progress:
    """Return how far the doors of an incident have come. `revisions` is not empty, oldest first."""
    newest = revisions[-1]
    doors = [(outreach, outreach.doors[i]) for outreach, i in doors_shown(revisions, visits)]
    results = {merchant_id: visit.result for merchant_id, visit in visits.items()}
    agreed = [(o, d) for o, d in doors if (r := results.get(d.merchant_id)) is not None and r.brings_relief]
    unanswered = [d for _, d in doors if results.get(d.merchant_id) not in _ANSWERS]
    return Progress(
        doors=len(doors),
        answered=len(doors) - len(unanswered),
        agreed=len(agreed),
        needed_kw=newest.needed_kw + sum(d.offer_kw for o, d in agreed if o is not newest),
        expected_kw=sum(d.expected_relief_kw for _, d in doors),
        agreed_kw=sum(d.offer_kw for _, d in agreed),
        open_kw=sum(d.expected_relief_kw for d in unanswered),
    )


def door_rows(
    incident_id: str, ground: Ground, revisions: Sequence[OutreachList], visits: Mapping[str, Visit]
) -> tuple[DoorRow, ...]:
    """Return the doors with the merchants behind them; contact and phone are masked."""
    if not revisions:
        return ()
    rows = []
    for outreach, i in doors_shown(revisions, visits):
        door = outreach.doors[i]
        merchant = ground.merchants.get(door.merchant_id)
        goes = ground.people.get(door.assigned_to)
        visit = visits.get(door.merchant_id)
        if visit is not None and is_to_be_called_on_again(visit, outreach):
            visit = None
        rows.append(
            DoorRow(
                incident_id=incident_id,
                revision=outreach.revision,
                door=door,
                ask=ask_text(door.ask),
                merchant_name=merchant.name if merchant else door.merchant_id,
                address=merchant.address if merchant else "",
                category=merchant.category if merchant else "",
                phase=merchant.phase if merchant else Phase.ABC,
                contact_masked=mask_name(merchant.contact_name) if merchant else "",
                phone_masked=mask_phone(merchant.phone) if merchant else "",
                assigned_to_name=goes.name if goes else door.assigned_to,
                result=visit.result if visit else None,
                result_at_us=visit.recorded_at_us if visit else None,
                result_by_name=_name_of(visit.recorded_by, ground) if visit else "",
            )
        )
    return tuple(rows)


def marks_of(
    incidents: Sequence[Incident], visits: Sequence[Visit], ground: Ground, now_us: int
) -> tuple[IncidentMark, ...]:
    """Return spans of incidents and moments of visits, to be marked on a curve. Retracted incidents are left out."""
    spans = [
        IncidentMark(
            from_us=incident.opened_at_us,
            to_us=incident.closed_at_us if incident.closed_at_us is not None else now_us,
            label=_INCIDENT,
            kind="incident",
            incident_id=incident.incident_id,
        )
        for incident in incidents
        if incident.state is not IncidentState.RETRACTED
    ]
    timestamps = []
    for visit in visits:
        merchant = ground.merchants.get(visit.merchant_id)
        name = merchant.name if merchant else visit.merchant_id
        result = visit_result_name(visit.result)
        timestamps.append(
            IncidentMark(
                from_us=visit.recorded_at_us,
                to_us=visit.recorded_at_us,
                label=Text(f"{name}：{result.zh}", f"{name}: {result.en}"),
                kind=visit.result.value,
                incident_id=visit.incident_id,
            )
        )
    return (*spans, *timestamps)


def _name_of(person_id: str, ground: Ground) -> str:
    person = ground.people.get(person_id)
    return person.name if person else person_id
