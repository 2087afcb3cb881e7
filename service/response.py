"""What verdicts set in motion: incident records, outreach lists, and what is said to whom.

Takes what a walk found and answers with the `Changes` to commit and the remarks to make. Doing it twice gives the
same: every event, list and remark is named by what it is about, not by when it was made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from alerts import messages
from alerts.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState
from alerts.outreach import (
    AdviceKind,
    OutreachList,
    OutreachSettings,
    advise,
    candidates,
    make_list,
    spare_doors,
)
from alerts.rules import IncidentPart, RuleSet
from alerts.speech import Remark, Urgency, urgency_of_level
from alerts.trust_words import check_the_meter
from grid.assets import Ledger
from grid.moments import HOUR_US, SECOND_US
from grid.text import Text
from service.follow_ups import FollowUps
from service.judging import Doubted, LateReadings, Walked
from service.ledger_index import LedgerIndex
from service.recent import Recent
from service.visit_history import VisitHistory
from stores.changes import Changes
from stores.records import Records

CALLS_FOR_HOURS = 2.0
"""An incident that opened longer ago than this is history: it is recorded, nobody is called."""
VISIT_SEEN_AGAIN_US = 10 * SECOND_US
"""Visits are looked at again for so long: their writers' commits come in any order."""


@dataclass(frozen=True)
class Answer:
    """What to record, and what there is to say."""

    changes: Changes
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Silent:
    """Asks of a transformer id whether nothing arrives any more, and whether something greater says so already."""

    is_silent: Callable[[str], bool]
    is_covered: Callable[[str], bool]


NOBODY_SILENT = Silent(lambda _: False, lambda _: False)
RecentOf = Callable[[str, int], Recent]
"""Of a transformer id and the moment [µs] of its newest reading."""


class Response:
    """Follows incidents: who must know, which doors, is it enough."""

    def __init__(
        self,
        records: Records,
        ledger: Ledger,
        rule_sets: Sequence[RuleSet],
        settings: OutreachSettings,
        recent_of: RecentOf,
    ) -> None:
        """Start with the open incidents of the records; `ledger` is theirs too."""
        self._records = records
        self._settings = settings
        self._recent_of = recent_of
        self._index = LedgerIndex(ledger)
        self._visits = VisitHistory(records)
        self._lists: dict[str, OutreachList] = {}
        """The newest list of open incidents, as far as they were looked up: only this process makes any."""
        self._visits_seen_us = 0
        self._follow_ups = FollowUps()
        levels = [level for rules in rule_sets for level in rules.levels]
        self._raise_levels = {level.name for level in levels if level.incident is IncidentPart.RAISES}
        self._not_called: set[str] = set()
        """Incidents that were history when they were found."""
        self._open = {incident.incident_id: incident for incident in records.incidents(open_only=True)}

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Return the open incidents as last seen."""
        return tuple(self._open.values())

    def answer(self, walked: Walked, silent: Silent, now_us: int) -> Answer:
        """Return everything to record and to say about a walk; where an open incident only goes on, `follow_up` does.

        In memory every open incident stands as its newest reading leaves it.
        """
        draft = _Draft(self, silent, now_us)
        touched: dict[str, Incident] = {}
        for found in walked.incidents:
            anew = found.transformer_id in walked.walked_anew
            before = self._open.get(found.incident_id)
            if before is None and anew:
                before = self._records.incident(found.incident_id)
            incident = replace(
                found, blind=silent.is_silent(found.transformer_id) and found.state is IncidentState.OPEN
            )
            is_news = draft.compare(before, incident, walked.late.get(incident.transformer_id))
            self._keep(incident)
            if before is None:
                draft.begin(incident)
            elif is_news:
                touched[incident.incident_id] = incident
            else:
                self._follow_ups.put_off(incident.incident_id)
        for gone in walked.retracted_incidents:
            draft.retract(self._open.pop(gone.incident_id, gone))
            self._lists.pop(gone.incident_id, None)
        for incident in tuple(self._open.values()):
            is_silent = silent.is_silent(incident.transformer_id)
            if is_silent != incident.blind:
                looked_at = replace(incident, blind=is_silent)
                draft.compare(incident, looked_at)
                self._keep(looked_at)
                touched[incident.incident_id] = looked_at
        for incident in touched.values():
            self._follow_ups.drop(incident.incident_id)
            draft.follow(incident)
        for doubted in walked.doubted:
            draft.notice(doubted)
        verdicts = Changes(episodes=walked.episodes, retracted_episodes=walked.retracted_episodes)
        answer = draft.answer()
        return replace(answer, changes=verdicts.plus(answer.changes))

    def _keep(self, incident: Incident) -> None:
        if incident.state is IncidentState.OPEN:
            self._open[incident.incident_id] = incident
        else:
            self._open.pop(incident.incident_id, None)

    def follow_up(self, now_us: int, *, everything: bool = False) -> Answer:
        """Return what follows from readings that brought no news, of the incidents whose turn it is, or of all."""
        draft = _Draft(self, NOBODY_SILENT, now_us)
        for incident_id in self._follow_ups.take_all() if everything else self._follow_ups.take(now_us):
            incident = self._open.get(incident_id)
            if incident is not None:
                draft.record(incident)
                draft.follow(incident)
        return draft.answer()

    def list_of(self, incident: Incident) -> OutreachList | None:
        """Return the newest list of an incident, None before the first."""
        known = self._lists.get(incident.incident_id) or self._records.outreach(incident.incident_id)
        if known is not None and incident.state is IncidentState.OPEN:
            self._lists[incident.incident_id] = known
        else:
            self._lists.pop(incident.incident_id, None)
        return known

    def look_at_visits(self, now_us: int) -> Answer:
        """Return what recorded visits change for open incidents: more doors, escalation, enough."""
        visits = self._records.visits_since(self._visits_seen_us)
        self._visits_seen_us = now_us - VISIT_SEEN_AGAIN_US
        draft = _Draft(self, NOBODY_SILENT, now_us)
        for incident_id in dict.fromkeys(visit.incident_id for visit in visits):
            if incident_id in self._open:
                draft.follow(self._open[incident_id])
        return draft.answer()


class _Draft:
    """The changes of one answer, while they are gathered."""

    def __init__(self, response: Response, silent: Silent, now_us: int) -> None:
        self._of = response
        self._silent = silent
        self._now_us = now_us
        self._incidents: list[Incident] = []
        self._events: list[IncidentEvent] = []
        self._lists: list[OutreachList] = []
        self._remarks: list[Remark] = []
        self._has_looked = False

    def answer(self) -> Answer:
        changes = Changes(incidents=tuple(self._incidents), events=tuple(self._events), lists=tuple(self._lists))
        return Answer(changes, tuple(self._remarks))

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
        transformer, zone = self._of._index.transformer[incident.transformer_id], self._zone(incident)
        if before is None:
            if incident.state is not IncidentState.OPEN or self._is_history(incident):
                self._of._not_called.add(incident.incident_id)
            text = messages.incident_opened(incident, transformer, zone)
            self._event(incident, IncidentEventKind.OPENED, incident.opened_at_us, text)
            self._say(incident, "opened", text)
        elif _is_revised(before, incident):
            count, received_at_us = (late.count, late.received_at_us) if late else (0, None)
            text = messages.incident_revised(before, incident, zone, count, received_at_us)
            self._event(incident, IncidentEventKind.REVISED, self._now_us, text)
        if incident.level in self._of._raise_levels and (before is None or before.level != incident.level):
            text = messages.incident_raised(incident, transformer, zone)
            self._event(incident, IncidentEventKind.RAISED, incident.peak_at_us, text)
            self._say(incident, f"raised/{incident.level}", text)
        was_blind = before is not None and before.blind
        if incident.blind and not was_blind:
            text = messages.incident_went_blind(incident, transformer, zone)
            self._event(incident, IncidentEventKind.WENT_BLIND, self._now_us, text)
            if not self._silent.is_covered(incident.transformer_id):
                self._say(incident, f"blind/{incident.last_reading_at_us}", text)
        if was_blind and not incident.blind and incident.state is IncidentState.OPEN:
            text = messages.incident_saw_again(incident, transformer, zone)
            self._event(incident, IncidentEventKind.SAW_AGAIN, self._now_us, text)
        was_closed = before is not None and before.state is IncidentState.CLOSED
        if incident.closed_at_us is not None and not was_closed:
            text = messages.incident_closed(incident, transformer, zone)
            self._event(incident, IncidentEventKind.CLOSED, incident.closed_at_us, text)
            self._say(incident, "closed", text)

    def _is_history(self, incident: Incident) -> bool:
        return self._now_us - incident.opened_at_us > CALLS_FOR_HOURS * HOUR_US

    def retract(self, incident: Incident) -> None:
        """Record that late readings took an incident's ground away."""
        if incident.state is IncidentState.RETRACTED:
            return
        gone = replace(incident, state=IncidentState.RETRACTED, blind=False)
        transformer = self._of._index.transformer[gone.transformer_id]
        text = messages.incident_retracted(gone, transformer, self._zone(gone))
        self.record(gone)
        self._event(gone, IncidentEventKind.RETRACTED, self._now_us, text)
        self._say(gone, "retracted", text)

    def begin(self, incident: Incident) -> None:
        """Make the first outreach list of an incident."""
        closed = incident.state is not IncidentState.OPEN
        # History is answered for as it was at its worst; what is open, as it is now.
        self._add_list(incident, incident.peak_load_rate if closed else incident.last_load_rate, None)

    def follow(self, incident: Incident) -> None:
        """Make the outreach list an incident needs now: more doors, or the first where it has none."""
        of = self._of
        outreach_list = of.list_of(incident)
        if outreach_list is None:
            self.begin(incident)
            return
        if incident.state is not IncidentState.OPEN or incident.blind:
            return
        index = of._index
        transformer = index.transformer[incident.transformer_id]
        recent = of._recent_of(incident.transformer_id, incident.last_reading_at_us)
        merchants = index.merchants(incident.transformer_id, incident.last_reading_at_us)
        ranked = candidates(
            incident,
            merchants,
            index.appliances(incident.transformer_id, incident.last_reading_at_us),
            self._visits().of_merchants(merchant.merchant_id for merchant in merchants),
            self._now_us,
            of._settings,
            recent.worst_phase,
        )
        advice = advise(
            outreach_list,
            self._visits().of_incident(incident.incident_id),
            incident.last_load_rate,
            of._settings,
            incident=incident,
            transformer=transformer,
            power_factor=recent.power_factor,
            spare_doors=spare_doors(outreach_list, ranked),
            feeds_back=recent.feeds_back,
        )
        match advice.kind:
            case AdviceKind.MORE_DOORS:
                self._add_list(incident, incident.last_load_rate, outreach_list)
            case AdviceKind.ENOUGH:
                self._say(incident, f"enough/{outreach_list.revision}", advice.text)
            case AdviceKind.ESCALATE:
                self._say(incident, f"escalate/{outreach_list.revision}", advice.text)
            case AdviceKind.CONTINUE:
                pass

    def notice(self, doubted: Doubted) -> None:
        """Tell somebody to check a meter, once for each time its readings become doubtful; history is not told."""
        if self._now_us - doubted.measured_at_us > CALLS_FOR_HOURS * HOUR_US:
            return
        index = self._of._index
        transformer, zone = index.transformer[doubted.transformer_id], index.zone(doubted.transformer_id)
        self._remarks.append(
            Remark(
                key=f"{doubted.transformer_id}/{doubted.doubt.name}/{doubted.measured_at_us}",
                kind="check_the_meter",
                station_id=transformer.station_id,
                level="check_the_meter",
                urgency=Urgency.ROUTINE,
                created_at_us=self._now_us,
                text=check_the_meter(doubted.doubt, transformer, doubted.measured_at_us, doubted.load_rate, zone),
                transformer_id=doubted.transformer_id,
                load_rate=doubted.load_rate,
            )
        )

    def _add_list(self, incident: Incident, load_rate: float, previous: OutreachList | None) -> None:
        index, of = self._of._index, self._of
        transformer_id = incident.transformer_id
        recent = of._recent_of(transformer_id, incident.last_reading_at_us)
        merchants = index.merchants(transformer_id, incident.last_reading_at_us)
        made = make_list(
            incident,
            index.transformer[transformer_id],
            load_rate,
            recent.trend_per_hour,
            recent.power_factor,
            merchants,
            index.appliances(transformer_id, incident.last_reading_at_us),
            index.people,
            self._visits().of_merchants(merchant.merchant_id for merchant in merchants),
            self._now_us,
            of._settings,
            previous.revision + 1 if previous else 1,
            worst_phase=recent.worst_phase,
            feeds_back=recent.feeds_back,
            previous=previous,
        )
        if previous and not made.doors:
            return
        self._lists.append(made)
        if incident.state is IncidentState.OPEN:
            of._lists[incident.incident_id] = made
        self._event(incident, IncidentEventKind.LIST_MADE, made.made_at_us, messages.list_made(made))
        self._say(incident, f"list/{made.revision}", messages.list_summary(made, index.transformer[transformer_id]))

    def _visits(self) -> VisitHistory:
        if not self._has_looked:
            self._has_looked = True
            self._of._visits.look(self._now_us)
        return self._of._visits

    def _zone(self, incident: Incident) -> tzinfo:
        return self._of._index.zone(incident.transformer_id)

    def _event(self, incident: Incident, kind: IncidentEventKind, at_us: int, text: Text) -> None:
        self._events.append(IncidentEvent(incident.incident_id, at_us, kind, text.zh, text.en))

    def _say(self, incident: Incident, what: str, text: Text) -> None:
        if incident.incident_id in self._of._not_called:
            return
        self._remarks.append(
            Remark(
                key=f"{incident.incident_id}/{what}",
                kind="incident_" + what.split("/")[0],
                station_id=self._of._index.transformer[incident.transformer_id].station_id,
                level=incident.level,
                urgency=_urgency(incident, what),
                created_at_us=self._now_us,
                text=text,
                transformer_id=incident.transformer_id,
                load_rate=incident.last_load_rate,
                incident_id=incident.incident_id,
            )
        )


def _urgency(incident: Incident, what: str) -> Urgency:
    match what.split("/")[0]:
        case "blind":
            return Urgency.BLIND
        case "closed" | "enough" | "retracted":
            return Urgency.ROUTINE
        case _:
            return urgency_of_level(incident.level)


def _is_revised(before: Incident, incident: Incident) -> bool:
    """Return whether readings changed what was already said of the past, not only added to it."""
    return (
        before.opened_at_us != incident.opened_at_us
        or (before.closed_at_us is not None and before.closed_at_us != incident.closed_at_us)
        or (before.peak_at_us != incident.peak_at_us and incident.peak_at_us <= before.last_reading_at_us)
    )
