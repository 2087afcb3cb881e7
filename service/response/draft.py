"""One answer while it is gathered: what happened to incidents, in their record and in words, and their lists."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import tzinfo

from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState
from alerts.model.kinds import MessageKind
from alerts.notification import messages
from alerts.notification.event import NotificationEvent, Urgency, urgency_of_level
from alerts.outreach.ask import Ask, AskState, ask_state_name, state_after
from alerts.outreach.planner import AdviceKind, OutreachList
from alerts.outreach.release import Release, release_text
from alerts.quality.flags import QualityFlag
from alerts.quality.words import check_the_meter
from grid.text import Text
from grid.timestamps import HOUR_US
from service.ledger_view import LedgerView
from service.response.lists import IncidentLists
from service.verdicts.incremental import Flagged, LateReadings
from stores.records.changes import Changes

CALLS_FOR_HOURS = 2.0
"""An incident that opened longer ago than this is history: it is recorded, nobody is called."""


@dataclass(frozen=True)
class Answer:
    """What to record, and what there is to say."""

    changes: Changes
    notification_events: tuple[NotificationEvent, ...]


@dataclass(frozen=True)
class Silent:
    """Asks of a transformer id whether nothing arrives any more, and whether something greater says so already."""

    is_silent: Callable[[str], bool]
    is_covered: Callable[[str], bool]
    is_gone: Callable[[str], bool] = lambda _: False
    """Whether nothing arrived for so long that an open incident ends as unknown."""


@dataclass(frozen=True)
class Ground:
    """What every answer stands on."""

    view: LedgerView
    lists: IncidentLists
    raise_levels: frozenset[str]
    not_called: set[str]
    """Incidents that were history when they were found: nobody is called. It grows with what is found."""
    asks: dict[str, Ask]
    """Where the asks stand that are not over, by incident; of this process's own making since it started."""
    ask_hours_after_closing: float


class Draft:
    """The changes and events of one answer."""

    def __init__(self, ground: Ground, silent: Silent, now_us: int) -> None:
        """Begin with nothing in it."""
        self._ground = ground
        self._silent = silent
        self._now_us = now_us
        self._incidents: list[Incident] = []
        self._events: list[IncidentEvent] = []
        self._lists: list[OutreachList] = []
        self._asks: list[Ask] = []
        self._releases: list[Release] = []
        self._notification_events: list[NotificationEvent] = []
        self._has_looked = False

    def answer(self) -> Answer:
        """Return what was gathered."""
        changes = Changes(
            incidents=tuple(self._incidents),
            events=tuple(self._events),
            lists=tuple(self._lists),
            asks=tuple(self._asks),
            releases=tuple(self._releases),
        )
        return Answer(changes, tuple(self._notification_events))

    def compare(self, before: Incident | None, incident: Incident, late: LateReadings | None = None) -> bool:
        """Record an incident and what happened to it since it was last seen.

        Returns False, with nothing recorded, where nothing did: it is open as it was, with a reading more.
        """
        events_before = len(self._events)
        if before != incident:
            self._tell_what_happened(before, incident, late)
        was_open = before is not None and before.state is IncidentState.OPEN
        if was_open and incident.state is IncidentState.OPEN and len(self._events) == events_before:
            return False
        if before != incident:
            self.record(incident)
        return True

    def record(self, incident: Incident) -> None:
        """Record an incident as it stands."""
        self._incidents.append(incident)

    def _tell_what_happened(self, before: Incident | None, incident: Incident, late: LateReadings | None) -> None:
        transformer, zone = self._ground.view.transformers[incident.transformer_id], self._zone(incident)
        if before is None:
            if incident.state is not IncidentState.OPEN or self._is_history(incident):
                self._ground.not_called.add(incident.incident_id)
            text = messages.incident_opened(incident, transformer, zone)
            self._event(incident, IncidentEventKind.OPENED, incident.opened_at_us, text)
            self._say(incident, MessageKind.INCIDENT_OPENED, text)
        elif _is_revised(before, incident):
            count, received_at_us = (late.count, late.received_at_us) if late else (0, None)
            text = messages.incident_revised(before, incident, zone, count, received_at_us)
            self._event(incident, IncidentEventKind.REVISED, self._now_us, text)
        if incident.level in self._ground.raise_levels and (before is None or before.level != incident.level):
            text = messages.incident_raised(
                incident, transformer, zone, doors_left=self._ready_lists().has_doors_left(incident, self._now_us)
            )
            self._event(incident, IncidentEventKind.RAISED, incident.peak_at_us, text)
            self._say(incident, MessageKind.INCIDENT_RAISED, text, incident.level)
        was_blind = before is not None and before.blind
        if incident.blind and not was_blind:
            text = messages.incident_went_blind(incident, transformer, zone)
            self._event(incident, IncidentEventKind.WENT_BLIND, self._now_us, text)
            if not self._silent.is_covered(incident.transformer_id):
                self._say(incident, MessageKind.INCIDENT_BLIND, text, incident.last_reading_at_us)
        if was_blind and not incident.blind and incident.state is IncidentState.OPEN:
            text = messages.incident_saw_again(incident, transformer, zone)
            self._event(incident, IncidentEventKind.SAW_AGAIN, self._now_us, text)
        self._tell_of_supply(before, incident)
        was_over = before is not None and before.state in _OVER
        if before is not None and before.state is IncidentState.UNKNOWN and incident.state is IncidentState.OPEN:
            text = messages.incident_saw_again(incident, transformer, zone)
            self._event(incident, IncidentEventKind.SAW_AGAIN, self._now_us, text)
            self._say(incident, MessageKind.INCIDENT_SEEN_AGAIN, text, incident.last_reading_at_us)
        if incident.state is IncidentState.UNKNOWN and not was_over:
            text = messages.incident_ended_unknown(incident, transformer, zone)
            self._event(incident, IncidentEventKind.ENDED_UNKNOWN, self._now_us, text)
            self._say(incident, MessageKind.INCIDENT_UNKNOWN, text, incident.last_reading_at_us)
        if incident.closed_at_us is not None and incident.state is IncidentState.CLOSED and not was_over:
            text = messages.incident_closed(incident, transformer, zone)
            self._event(incident, IncidentEventKind.CLOSED, incident.closed_at_us, text)
            self._say(incident, MessageKind.INCIDENT_CLOSED, text)

    def _tell_of_supply(self, before: Incident | None, incident: Incident) -> None:
        """Record and say that supply is gone, or back, while an incident is open."""
        if incident.state is not IncidentState.OPEN:
            return
        transformer, zone = self._ground.view.transformers[incident.transformer_id], self._zone(incident)
        was_without = before is not None and before.no_voltage_since_us is not None
        if incident.no_voltage_since_us is not None and not was_without:
            text = messages.incident_lost_supply(incident, transformer, zone)
            self._event(incident, IncidentEventKind.LOST_SUPPLY, incident.no_voltage_since_us, text)
            self._say(incident, MessageKind.INCIDENT_NO_VOLTAGE, text, incident.no_voltage_since_us)
        if before is not None and was_without and incident.no_voltage_since_us is None:
            text = messages.incident_got_supply(before, incident, transformer, zone)
            self._event(incident, IncidentEventKind.GOT_SUPPLY, self._now_us, text)
            self._say(incident, MessageKind.INCIDENT_VOLTAGE_BACK, text, before.no_voltage_since_us)

    def _is_history(self, incident: Incident) -> bool:
        return self._now_us - incident.opened_at_us > CALLS_FOR_HOURS * HOUR_US

    def retract(self, incident: Incident, late: LateReadings | None = None) -> None:
        """Record that an incident lost its ground: to `late` readings, else to a corrected ledger or a new start."""
        if incident.state is IncidentState.RETRACTED:
            return
        gone = replace(incident, state=IncidentState.RETRACTED, blind=False, no_voltage_since_us=None)
        transformer = self._ground.view.transformers[gone.transformer_id]
        count, received_at_us = (late.count, late.received_at_us) if late else (0, None)
        text = messages.incident_retracted(gone, transformer, self._zone(gone), count, received_at_us)
        self.record(gone)
        self._event(gone, IncidentEventKind.RETRACTED, self._now_us, text)
        self._say(gone, MessageKind.INCIDENT_RETRACTED, text)

    def begin(self, incident: Incident) -> None:
        """Make the first outreach list of an incident."""
        self._add(incident, self._ready_lists().first(incident, self._now_us))
        if incident.state is IncidentState.OPEN and incident.incident_id not in self._ground.not_called:
            self._stands(incident, AskState.ASKING)

    def follow(self, incident: Incident) -> None:
        """Make the outreach list an incident needs now: more doors, or the first where it has none."""
        lists = self._ready_lists()
        newest = lists.newest(incident)
        if newest is None:
            self.begin(incident)
            return
        if incident.blind or incident.no_voltage_since_us is not None:
            return
        if incident.state not in (IncidentState.OPEN, IncidentState.CLOSED):
            self._stands(incident, AskState.OVER)
            return
        seen = incident if incident.state is IncidentState.OPEN else lists.seen_now(incident, self._now_us)
        before = self._ground.asks.get(incident.incident_id)
        was_enough = before is not None and before.state in (AskState.ENOUGH, AskState.RELEASING)
        advice = lists.advice(seen, newest, self._now_us, was_enough=was_enough)
        told = messages.incident_advice(advice.text, seen, self._ground.view.transformers[incident.transformer_id])
        match advice.kind:
            case AdviceKind.MORE_DOORS:
                longer = lists.next(seen, newest, self._now_us)
                if longer is not None:
                    self._add(incident, longer)
            case AdviceKind.ENOUGH:
                self._say(incident, MessageKind.INCIDENT_ENOUGH, told, newest.revision)
            case AdviceKind.ESCALATE:
                self._say(incident, MessageKind.INCIDENT_ESCALATE, told, newest.revision)
            case AdviceKind.CONTINUE:
                pass
        state = state_after(advice)
        if incident.state is IncidentState.CLOSED and state in (AskState.ENOUGH, AskState.SHORT):
            state = self._release(incident, seen, state)
        self._stands(incident, state)

    def _release(self, incident: Incident, seen: Incident, state: AskState) -> AskState:
        """Let the step of the release go that may; return where the ask then stands."""
        plan = self._ready_lists().release_plan(seen, self._now_us)
        closed_at_us = incident.closed_at_us or seen.last_reading_at_us
        is_late = self._now_us - closed_at_us > self._ground.ask_hours_after_closing * HOUR_US
        due = plan.steps if is_late else (plan.due,) if plan.due is not None else ()
        gone = [merchant_id for step in due for merchant_id in step.merchant_ids]
        if gone:
            self._releases += [Release(incident.incident_id, one, self._now_us) for one in gone]
            text = release_text(plan)
            self._event(incident, IncidentEventKind.RELEASED, self._now_us, text)
            self._say(incident, MessageKind.INCIDENT_RELEASE, text, len(plan.released) + len(gone))
        if len(gone) == sum(len(step.merchant_ids) for step in plan.steps):
            return AskState.OVER
        return AskState.RELEASING if gone or plan.released else state

    def _stands(self, incident: Incident, state: AskState) -> None:
        """Record where an ask stands, where that is news."""
        before = self._ground.asks.get(incident.incident_id)
        if before is not None and before.state is state:
            return
        ask = Ask(incident.incident_id, state, self._now_us)
        self._asks.append(ask)
        self._ground.asks[incident.incident_id] = ask
        if before is not None or state is not AskState.ASKING:
            self._event(incident, IncidentEventKind.ASK, self._now_us, ask_state_name(state))

    def notice(self, flagged: Flagged) -> None:
        """Tell somebody to check a meter, once for each time its readings become doubtful; history is not told."""
        if self._now_us - flagged.measured_at_us > CALLS_FOR_HOURS * HOUR_US:
            return
        view = self._ground.view
        transformer, zone = view.transformers[flagged.transformer_id], view.zone(flagged.transformer_id)
        since = str(flagged.measured_at_us)
        if flagged.flag is QualityFlag.ALWAYS_OFF:
            # Told once for what the ledger says: the same day after day would be the same news.
            since = f"{transformer.ct_ratio:g} {transformer.rated_power_kva:g}"
        self._notification_events.append(
            NotificationEvent(
                key=f"{flagged.transformer_id}/{flagged.flag.name}/{since}",
                kind=MessageKind.CHECK_THE_METER,
                station_id=transformer.station_id,
                level=MessageKind.CHECK_THE_METER,
                urgency=Urgency.ROUTINE,
                created_at_us=self._now_us,
                text=check_the_meter(flagged.flag, transformer, flagged.measured_at_us, flagged.load_rate, zone),
                transformer_id=flagged.transformer_id,
                load_rate=flagged.load_rate,
            )
        )

    def _add(self, incident: Incident, made: OutreachList) -> None:
        self._lists.append(made)
        self._event(incident, IncidentEventKind.LIST_MADE, made.made_at_us, messages.list_made(made))
        transformer = self._ground.view.transformers[incident.transformer_id]
        self._say(incident, MessageKind.INCIDENT_LIST, messages.list_summary(made, transformer), made.revision)

    def _ready_lists(self) -> IncidentLists:
        """Return the lists, with the visits that were there when this answer first asked for them."""
        if not self._has_looked:
            self._has_looked = True
            self._ground.lists.look_at_visits(self._now_us)
        return self._ground.lists

    def _zone(self, incident: Incident) -> tzinfo:
        return self._ground.view.zone(incident.transformer_id)

    def _event(self, incident: Incident, kind: IncidentEventKind, at_us: int, text: Text) -> None:
        self._events.append(IncidentEvent(incident.incident_id, at_us, kind, text.zh, text.en))

    def _say(self, incident: Incident, kind: MessageKind, text: Text, which: int | str | None = None) -> None:
        """Say something of an incident, once; `which` tells what is said of it more than once apart."""
        if incident.incident_id in self._ground.not_called:
            return
        self._notification_events.append(
            NotificationEvent(
                key=f"{incident.incident_id}/{kind.key_word}" + ("" if which is None else f"/{which}"),
                kind=kind,
                station_id=self._ground.view.transformers[incident.transformer_id].station_id,
                level=incident.level,
                urgency=_urgency(incident, kind),
                created_at_us=self._now_us,
                text=text,
                transformer_id=incident.transformer_id,
                load_rate=incident.last_load_rate,
                incident_id=incident.incident_id,
            )
        )


def _urgency(incident: Incident, kind: MessageKind) -> Urgency:
    match kind:
        case MessageKind.INCIDENT_BLIND | MessageKind.INCIDENT_NO_VOLTAGE:
            return Urgency.BLIND
        case (
            MessageKind.INCIDENT_CLOSED
            | MessageKind.INCIDENT_ENOUGH
            | MessageKind.INCIDENT_RELEASE
            | MessageKind.INCIDENT_RETRACTED
            | MessageKind.INCIDENT_UNKNOWN
        ):
            return Urgency.ROUTINE
        case _:
            return urgency_of_level(incident.level)


_OVER = (IncidentState.CLOSED, IncidentState.UNKNOWN)


def _is_revised(before: Incident, incident: Incident) -> bool:
    """Return whether readings changed what was already said of the past, not only added to it."""
    return (
        before.opened_at_us != incident.opened_at_us
        or (before.closed_at_us is not None and before.closed_at_us != incident.closed_at_us)
        or (before.peak_at_us != incident.peak_at_us and incident.peak_at_us <= before.last_reading_at_us)
    )
