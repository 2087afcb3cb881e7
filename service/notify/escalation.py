"""Calling people until somebody has it: who is called to an incident, who next, and who is told when one has it.

Everything is on the incident's timeline. Calls are kept in the records, so a restart goes on where it stood.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind
from alerts.model.kinds import MessageKind
from alerts.notification import call_words
from alerts.notification.event import Notification, NotificationEvent, Urgency
from alerts.notification.on_duty import OnDuty, Roster
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US
from stores.records.changes import Call, Changes
from stores.records.records import Records

UNANSWERED = MessageKind.INCIDENT_UNANSWERED
ACKNOWLEDGED = MessageKind.INCIDENT_ACKNOWLEDGED
CALLING = (
    MessageKind.INCIDENT_OPENED,
    MessageKind.INCIDENT_RAISED,
    MessageKind.INCIDENT_LIST,
    MessageKind.INCIDENT_ESCALATE,
    UNANSWERED,
)
"""Kinds of messages by which those who are called are named."""
CALLED_AT_ONCE_MAX = 10
"""Maximum number of people named in one message."""
_DOUBLINGS_MAX = 3
_OLD_US = 2 * HOUR_US
"""An incident that opened longer ago, and to which nobody was ever called, is history."""


@dataclass(frozen=True)
class EscalationSettings:
    """How long those who were called have to answer [min], by level; a level that is not named has the default."""

    minutes: Mapping[str, float]
    default_minutes: float
    enabled: bool = True

    def minutes_of(self, level: str) -> float:
        """Return how long they have."""
        return self.minutes.get(level, self.default_minutes)


class Escalation:
    """Looks after who was called to each open incident."""

    def __init__(self, records: Records, roster: Roster, settings: EscalationSettings) -> None:
        """Go on from the calls in the records. Raises StoreError."""
        self._records = records
        self._roster = roster
        self._settings = settings
        self._calls: dict[str, Call] = {call.incident_id: call for call in records.calls()}
        """The newest of each incident."""
        self._called: dict[str, set[str]] = {}
        for call in records.calls():
            self._called.setdefault(call.incident_id, set()).update(call.person_ids)
        known = records.acknowledgements_after(0)
        self._has_it = {said.incident_id for _, said in known}
        self._visits_seen_us = 0
        self._row_no = max((row_no for row_no, _ in known), default=0)

    def look(self, incidents: Iterable[Incident], now_us: int) -> tuple[Changes, tuple[NotificationEvent, ...]]:
        """Return whom to call now, what is to be recorded of it and what to be said. Raises StoreError."""
        open_incidents = {incident.incident_id: incident for incident in incidents}
        events: list[NotificationEvent] = self._somebody_has(open_incidents, now_us)
        # Whoever knocks at doors has it, without saying so.
        self._has_it.update(visit.incident_id for visit in self._records.visits_since(self._visits_seen_us))
        self._visits_seen_us = now_us - MINUTE_US
        calls: list[Call] = []
        lines: list[IncidentEvent] = []
        put_away = self._put_away(open_incidents.values(), now_us)
        for incident in open_incidents.values():
            if incident.incident_id in put_away:
                continue
            made = self._next_call(incident, now_us)
            if made is None:
                continue
            call, said, event = made
            calls.append(call)
            lines.append(said)
            events += [event] if event else []
        for gone in self._calls.keys() - open_incidents.keys():
            del self._calls[gone]
            self._called.pop(gone, None)
        return Changes(events=tuple(lines), calls=tuple(calls)), tuple(events)

    def recorded(self, changes: Changes) -> None:
        """Note that calls are recorded: only then they count."""
        for call in changes.calls:
            self._calls[call.incident_id] = call
            self._called.setdefault(call.incident_id, set()).update(call.person_ids)

    def called_by(self, notification: Notification, events: Sequence[NotificationEvent]) -> tuple[str, ...]:
        """Return whom a message calls: those who are called to its incidents now, while nobody has them."""
        found: dict[str, None] = {}
        for event in events:
            if event.kind == ACKNOWLEDGED and event.incident_id:
                found |= dict.fromkeys(sorted(self._called.get(event.incident_id, ())))
            elif event.kind in CALLING and event.incident_id and event.incident_id not in self._has_it:
                call = self._calls.get(event.incident_id)
                ids = call.person_ids if call else self._ids(self._first(event, notification.created_at_us))
                found |= dict.fromkeys(ids)
        return tuple(found)[:CALLED_AT_ONCE_MAX]

    def _first(self, event: NotificationEvent, at_us: int) -> tuple[OnDuty, ...]:
        steps = self._steps(event.transformer_id, at_us)
        return steps[0] if steps else ()

    def _steps(self, transformer_id: str, at_us: int) -> tuple[tuple[OnDuty, ...], ...]:
        transformer = self._roster.transformer.get(transformer_id)
        if transformer is None:
            return ()
        return self._roster.steps(transformer.station_id, transformer.grid_id, at_us)

    def _ids(self, people: Sequence[OnDuty]) -> tuple[str, ...]:
        return tuple(on.person.person_id for on in people)

    def _next_call(
        self, incident: Incident, now_us: int
    ) -> tuple[Call, IncidentEvent, NotificationEvent | None] | None:
        last = self._calls.get(incident.incident_id)
        if last is None:
            if now_us - incident.opened_at_us > _OLD_US:
                return None
            return self._first_call(incident, now_us)
        if incident.incident_id in self._has_it or not self._settings.enabled:
            return None
        minutes = self._settings.minutes_of(incident.level)
        if now_us - last.called_at_us < minutes * MINUTE_US:
            return None
        steps = self._steps(incident.transformer_id, now_us)
        if not steps or now_us - last.called_at_us < self._patience(steps, last) * minutes * MINUTE_US:
            return None
        # Roles that are on now and stand later in the chain than the one that was called; at its end, the end again.
        later = [step for step in steps if _place(step[0].role.value) > _place(last.role)] or [steps[-1]]
        return self._call_on(incident, last, later[0], minutes, now_us)

    def _put_away(self, incidents: Iterable[Incident], now_us: int) -> set[str]:
        """Return those for whom somebody would be called now, and whose work the desk has ended."""
        due = []
        for incident in incidents:
            last = self._calls.get(incident.incident_id)
            wait_us = self._settings.minutes_of(incident.level) * MINUTE_US
            if last and incident.incident_id not in self._has_it and now_us - last.called_at_us >= wait_us:
                due.append(incident.incident_id)
        handling = self._records.handling(due) if due else {}
        return {incident_id for incident_id, of in handling.items() if of.put_away is not None}

    def _patience(self, steps: Sequence[Sequence[OnDuty]], last: Call) -> int:
        """Return how many times the usual wait passes before the next call: more and more at the end of the chain."""
        is_at_end = _place(steps[-1][0].role.value) <= _place(last.role)
        return int(2 ** min(max(last.step - len(steps) + 1, 0), _DOUBLINGS_MAX)) if is_at_end else 1

    def _first_call(self, incident: Incident, now_us: int) -> tuple[Call, IncidentEvent, None] | None:
        steps = self._steps(incident.transformer_id, now_us)
        if not steps:
            return None
        on = steps[0]
        call = Call(incident.incident_id, 0, on[0].role.value, self._ids(on), now_us)
        text = call_words.called([each.person for each in on], on[0].role)
        return call, _line(incident, IncidentEventKind.CALLED, now_us, text), None

    def _call_on(
        self, incident: Incident, last: Call, on: tuple[OnDuty, ...], minutes: float, now_us: int
    ) -> tuple[Call, IncidentEvent, NotificationEvent]:
        call = Call(incident.incident_id, last.step + 1, on[0].role.value, self._ids(on), now_us)
        transformer = self._roster.transformer[incident.transformer_id]
        silent = [self._roster.person[each] for each in last.person_ids if each in self._roster.person]
        text = call_words.unanswered(transformer, silent, minutes, [each.person for each in on], on[0].role)
        event = NotificationEvent(
            key=f"{incident.incident_id}/unanswered/{call.step}",
            kind=UNANSWERED,
            station_id=transformer.station_id,
            level=incident.level,
            # Each step is more urgent than the one before: it is told of a transformer that flaps as well.
            urgency=Urgency.BLIND + 1 + call.step,
            created_at_us=now_us,
            text=Text(f"{text.zh}事件 {incident.incident_id}", f"{text.en} Incident {incident.incident_id}"),
            transformer_id=incident.transformer_id,
            load_rate=incident.last_load_rate,
            incident_id=incident.incident_id,
        )
        return call, _line(incident, IncidentEventKind.UNANSWERED, now_us, text), event

    def _somebody_has(self, incidents: Mapping[str, Incident], now_us: int) -> list[NotificationEvent]:
        events = []
        for row_no, said in self._records.acknowledgements_after(self._row_no):
            self._row_no = row_no
            self._has_it.add(said.incident_id)
            incident = incidents.get(said.incident_id)
            person = self._roster.person.get(said.person_id)
            if incident is not None and person is not None:
                transformer = self._roster.transformer[incident.transformer_id]
                text = call_words.acknowledged(transformer, person)
                events.append(
                    NotificationEvent(
                        key=f"{said.incident_id}/acknowledged",
                        kind=ACKNOWLEDGED,
                        station_id=transformer.station_id,
                        level=incident.level,
                        urgency=Urgency.ROUTINE,
                        created_at_us=now_us,
                        text=Text(f"{text.zh}事件 {said.incident_id}", f"{text.en} Incident {said.incident_id}"),
                        transformer_id=incident.transformer_id,
                        load_rate=incident.last_load_rate,
                        incident_id=said.incident_id,
                    )
                )
        return events


def _place(role: str) -> int:
    order = ("member", "grid_lead", "duty", "station_head")
    return order.index(role) if role in order else len(order)


def _line(incident: Incident, kind: IncidentEventKind, at_us: int, text: Text) -> IncidentEvent:
    return IncidentEvent(incident.incident_id, at_us, kind, text.zh, text.en)
