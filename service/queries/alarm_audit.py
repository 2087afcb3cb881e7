"""The self-audit of alarms: what the records say was told to people, held against EEMUA 191."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from alerts.model.incidents import Incident, IncidentState
from alerts.model.kinds import MessageKind
from alerts.notification.audit import Alarm, AlarmAudit, AuditedIncident, audit
from grid.assets import Ledger
from grid.timestamps import DAY_US, HOUR_US
from service.response.draft import CALLS_FOR_HOURS
from stores.records.changes import NotifiedEvent
from stores.records.records import Records

AUDITED_US = DAY_US
"""How far back an audit looks when nobody says."""
_TIMESTAMP_DIGITS = 15
"""Digits of a moment [µs] since 1971; revisions and counts have far fewer."""


@dataclass(frozen=True)
class AuditedAlarms:
    """The audit of one span, with what is needed to say it."""

    audit: AlarmAudit
    zone: str
    """Time zone of the first station."""
    station_names: dict[str, str]


def audited_alarms(records: Records, ledger: Ledger, zone: str, from_us: int, to_us: int) -> AuditedAlarms:
    """Audit [`from_us`, `to_us`). Raises ValueError for an empty span, StoreError when the records do not answer."""
    station_of = {t.transformer_id: t.station_id for t in ledger.transformers}
    names = {station.station_id: station.name for station in ledger.stations}
    alarms = [_alarm(told) for told in records.told_since(from_us)]
    opened = [i for i in records.incidents(since_us=from_us) if from_us <= i.first_reading_at_us < to_us]
    incidents = [_audited(incident, station_of) for incident in opened]
    found = audit(alarms, incidents, from_us, to_us, names)
    # Whether an incident was history when it was found costs a look at each: only those that stand out get one.
    suspected = {late.incident_id for late in found.late} | {missed.incident_id for missed in found.missed}
    history = {i.incident_id for i in opened if i.incident_id in suspected and _was_history(records, i)}
    if history:
        found = audit(alarms, _without_calls(incidents, history), from_us, to_us, names)
    return AuditedAlarms(found, zone, names)


def subject_of(key: str) -> str:
    """Return what an event is about, without the moment in its key: told again, it is repeated.

    >>> subject_of("silence/feeder/F1/1627099200000000/lost")
    'silence/feeder/F1/lost'
    """
    return "/".join(part for part in key.split("/") if not (part.isdigit() and len(part) >= _TIMESTAMP_DIGITS))


def _alarm(told: NotifiedEvent) -> Alarm:
    return Alarm(
        at_us=told.told_at_us,
        operator=told.station_id,
        key=subject_of(told.key),
        kind=MessageKind.of(told.kind),
        transformer_id=told.transformer_id,
        incident_id=told.incident_id or "",
        message=told.message_key,
    )


def _audited(incident: Incident, station_of: dict[str, str]) -> AuditedIncident:
    return AuditedIncident(
        incident_id=incident.incident_id,
        transformer_id=incident.transformer_id,
        operator=station_of.get(incident.transformer_id, ""),
        opened_at_us=incident.first_reading_at_us,
        should_call=incident.state is not IncidentState.RETRACTED,
    )


def _without_calls(incidents: list[AuditedIncident], history: Collection[str]) -> list[AuditedIncident]:
    return [replace(i, should_call=False) if i.incident_id in history else i for i in incidents]


def _was_history(records: Records, incident: Incident) -> bool:
    """Return whether an incident was found when nobody was to be called any more.

    Its first list is made when it is found; one that has no list yet is taken for new.
    """
    lists = records.outreach_revisions(incident.incident_id)
    if not lists:
        return False
    found_at_us = lists[0].made_at_us
    is_over = incident.closed_at_us is not None and incident.closed_at_us <= found_at_us
    return is_over or found_at_us - incident.opened_at_us > CALLS_FOR_HOURS * HOUR_US
