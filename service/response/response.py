"""What verdicts set in motion: incident records, outreach lists, and what is said to whom.

Takes what an evaluation found and answers with the `Changes` to commit and the events to make. Doing it twice gives the
same: every event, list and event is named by what it is about, not by when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alerts.model.incidents import Incident, IncidentState
from alerts.outreach.planner import OutreachSettings
from alerts.rules.rule_set import IncidentPart, Quantity, RuleSet
from grid.assets import Ledger
from grid.timestamps import HOUR_US, SECOND_US
from service.ledger_view import LedgerView
from service.response.draft import Answer, Draft, Ground, Silent
from service.response.follow_ups import FollowUps
from service.response.lists import IncidentLists, RecentOf
from service.verdicts.incremental import Evaluated
from stores.records.changes import Changes
from stores.records.records import Records

VISIT_SEEN_AGAIN_US = 10 * SECOND_US
"""Visits are looked at again for so long: their writers' commits come in any order."""
ENDED_BY_TIME_AFTER_US = HOUR_US
"""An incident that began longer ago and is not open may be one that silence ended: the records tell."""
OUTLIVED_EVERY_US = 30 * SECOND_US
"""Asks that go on after their incident are looked at once in so long: they wait for readings, not for news."""
NOBODY_SILENT = Silent(lambda _: False, lambda _: False)


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
        view = LedgerView(ledger)
        levels = [level for rules in rule_sets for level in rules.levels]
        raise_levels = frozenset(level.name for level in levels if level.incident is IncidentPart.RAISES)
        self._records = records
        asks = {ask.incident_id: ask for ask in records.asks()}
        self._ground = Ground(
            view,
            IncidentLists(records, view, settings, recent_of),
            raise_levels,
            set(),
            asks,
            settings.ask_hours_after_closing,
        )
        self._follow_ups = FollowUps()
        self._visits_seen_us = 0
        self._supply_levels = frozenset(
            (rules.cited, level.name)
            for rules in rule_sets
            for level in rules.levels
            if level.quantity is Quantity.NO_VOLTAGE
        )
        self._without = {
            episode.transformer_id: episode.first_reading_at_us
            for episode in (records.episodes(open_only=True) if self._supply_levels else ())
            if (episode.rule, episode.level) in self._supply_levels and episode.transformer_id in view.transformers
        }
        """Since when transformers have shown no voltage, by id."""
        self._open = {incident.incident_id: incident for incident in records.incidents(open_only=True)}
        closed = (records.incident(incident_id) for incident_id in asks if incident_id not in self._open)
        self._outlived = {
            incident.incident_id: incident
            for incident in closed
            if incident is not None and incident.transformer_id in view.transformers
        }
        """Incidents that are over while their ask goes on: the target is not met, or merchants still hold back."""
        self._outlived_seen_us = 0

    @property
    def open_incidents(self) -> tuple[Incident, ...]:
        """Return the open incidents as last seen."""
        return tuple(self._open.values())

    def answer(self, evaluated: Evaluated, silent: Silent, now_us: int) -> Answer:
        """Return everything to record and to say about an evaluation; `follow_up` does where one only goes on.

        In memory every open incident stands as its newest reading leaves it. Of others nothing is said here: time alone
        changes nothing but their silence.
        """
        draft = Draft(self._ground, silent, now_us)
        touched: dict[str, Incident] = {}
        changed = self._note_supply(evaluated)
        for found in evaluated.incidents:
            anew = found.transformer_id in evaluated.re_evaluated
            before = self._open.get(found.incident_id)
            if before is None and (anew or now_us - found.first_reading_at_us > ENDED_BY_TIME_AFTER_US):
                before = self._records.incident(found.incident_id)
            incident = self._as_seen(found, silent)
            is_news = draft.compare(before, incident, evaluated.late.get(incident.transformer_id))
            self._keep(incident)
            if before is None:
                draft.begin(incident)
            elif is_news:
                touched[incident.incident_id] = incident
            else:
                self._follow_ups.put_off(incident.incident_id)
        for incident in self._whose_supply_changed(changed):
            draft.compare(self._open[incident.incident_id], incident)
            self._keep(incident)
            touched[incident.incident_id] = incident
        for gone in evaluated.retracted_incidents:
            draft.retract(self._open.pop(gone.incident_id, gone), evaluated.late.get(gone.transformer_id))
            self._ground.lists.forget(gone.incident_id)
        for incident in touched.values():
            self._follow_ups.drop(incident.incident_id)
            self._follow(draft, incident)
        for flagged in evaluated.flagged:
            draft.notice(flagged)
        verdicts = Changes(episodes=evaluated.episodes, retracted_episodes=evaluated.retracted_episodes)
        answer = draft.answer()
        return replace(answer, changes=verdicts.plus(answer.changes))

    @property
    def without_voltage(self) -> Mapping[str, int]:
        """Return since when [µs] transformers have shown no voltage, by id."""
        return self._without

    def _note_supply(self, evaluated: Evaluated) -> frozenset[str]:
        """Take over which transformers are without voltage now; return those of which that changed."""
        before = dict(self._without)
        for transformer_id, rule, level, first_us in evaluated.retracted_episodes:
            if (rule, level) in self._supply_levels and self._without.get(transformer_id) == first_us:
                del self._without[transformer_id]
        for episode in evaluated.episodes:
            if (episode.rule, episode.level) not in self._supply_levels:
                continue
            if episode.ended_by is None:
                self._without[episode.transformer_id] = episode.first_reading_at_us
            elif self._without.get(episode.transformer_id) == episode.first_reading_at_us:
                del self._without[episode.transformer_id]
        both = before.keys() | self._without.keys()
        return frozenset(i for i in both if before.get(i) != self._without.get(i))

    def _as_seen(self, incident: Incident, silent: Silent) -> Incident:
        """Return an incident with what is seen of its transformer now: blind, without voltage, or gone for too long."""
        if incident.state is not IncidentState.OPEN:
            return incident
        transformer_id = incident.transformer_id
        if silent.is_gone(transformer_id):
            return replace(
                incident,
                state=IncidentState.UNKNOWN,
                closed_at_us=incident.last_reading_at_us,
                blind=False,
                no_voltage_since_us=None,
            )
        return replace(
            incident,
            blind=silent.is_silent(transformer_id),
            no_voltage_since_us=self._without.get(transformer_id),
        )

    def _whose_supply_changed(self, transformer_ids: frozenset[str]) -> list[Incident]:
        """Return the open incidents of transformers whose supply came or went, where no reading told it already."""
        found = []
        for incident in self.open_incidents if transformer_ids else ():
            since_us = self._without.get(incident.transformer_id)
            if incident.transformer_id in transformer_ids and incident.no_voltage_since_us != since_us:
                found.append(replace(incident, no_voltage_since_us=since_us))
        return found

    def _follow(self, draft: Draft, incident: Incident) -> None:
        """Follow an incident; one of a phase waits while one of the total load asks the same street."""
        others = self._open.values() if incident.is_of_phase else ()
        if not any(o.transformer_id == incident.transformer_id and not o.is_of_phase for o in others):
            draft.follow(incident)

    def _keep(self, incident: Incident) -> None:
        if incident.state is IncidentState.OPEN:
            self._open[incident.incident_id] = incident
            self._outlived.pop(incident.incident_id, None)
            return
        self._open.pop(incident.incident_id, None)
        if incident.incident_id in self._ground.asks and incident.incident_id not in self._ground.not_called:
            self._outlived[incident.incident_id] = incident

    def look_at_silence(self, silent: Silent, now_us: int) -> Answer:
        """Return which open incidents went blind, or are so for too long; and which are seen again.

        Seen again without a reading that counts for them: with one, `answer` says so.
        """
        draft = Draft(self._ground, silent, now_us)
        for incident in self.open_incidents:
            transformer_id = incident.transformer_id
            is_as_before = (
                incident.blind == silent.is_silent(transformer_id)
                and incident.no_voltage_since_us == self._without.get(transformer_id)
                and not silent.is_gone(transformer_id)
            )
            if not is_as_before:
                looked_at = self._as_seen(incident, silent)
                draft.compare(incident, looked_at)
                self._keep(looked_at)
                self._follow_ups.drop(incident.incident_id)
                self._follow(draft, looked_at)
        return draft.answer()

    def follow_up(self, now_us: int, *, everything: bool = False) -> Answer:
        """Return what follows from readings that brought no news, of the incidents whose turn it is, or of all."""
        draft = Draft(self._ground, NOBODY_SILENT, now_us)
        for incident_id in self._follow_ups.take_all() if everything else self._follow_ups.take(now_us):
            incident = self._open.get(incident_id)
            if incident is not None:
                draft.record(incident)
                self._follow(draft, incident)
        if everything or not 0 <= now_us - self._outlived_seen_us < OUTLIVED_EVERY_US:
            self._outlived_seen_us = now_us
            self._follow_outlived(draft)
        return draft.answer()

    def _follow_outlived(self, draft: Draft) -> None:
        """Follow the asks that go on after their incidents, and forget those that are over."""
        for incident_id, incident in list(self._outlived.items()):
            self._follow(draft, incident)
            ask = self._ground.asks.get(incident_id)
            if ask is None or not ask.state.is_going_on:
                del self._outlived[incident_id]
                self._ground.asks.pop(incident_id, None)
                self._ground.lists.forget(incident_id)

    def look_at_visits(self, now_us: int) -> Answer:
        """Return what recorded visits change for open incidents: more doors, escalation, enough."""
        visits = self._records.visits_since(self._visits_seen_us)
        self._visits_seen_us = now_us - VISIT_SEEN_AGAIN_US
        draft = Draft(self._ground, NOBODY_SILENT, now_us)
        for incident_id in dict.fromkeys(visit.incident_id for visit in visits):
            if incident_id in self._open:
                self._follow(draft, self._open[incident_id])
        return draft.answer()
