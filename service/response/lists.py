"""The outreach lists of incidents: the newest of each, what its visits say, and the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from alerts.model.incidents import Incident, IncidentState
from alerts.outreach.advice import is_to_be_called_on_again
from alerts.outreach.by_phase import asked_for, of_the_phase
from alerts.outreach.planner import Advice, OutreachList, OutreachSettings, Visit, make_list
from alerts.outreach.release import ReleasePlan
from service.ledger_view import LedgerView
from service.response.advice import Situation
from service.response.recent import Recent
from service.response.visit_history import VisitHistory
from stores.records.records import Records

RecentOf = Callable[[str, int], Recent]
"""Of a transformer id and the moment [µs] of its newest reading."""


class IncidentLists:
    """Makes lists and advice from the ledger, the last minutes of readings, and visits as last looked at."""

    def __init__(self, records: Records, view: LedgerView, settings: OutreachSettings, recent_of: RecentOf) -> None:
        """Begin with nothing looked up."""
        self._records = records
        self._view = view
        self._settings = settings
        self._recent_of = recent_of
        self._visits = VisitHistory(records)
        self._newest: dict[str, OutreachList] = {}
        """Of open incidents, as far as they were looked up: only this process makes any."""

    def look_at_visits(self, now_us: int) -> None:
        """Take over visits that were recorded since the last look. Raises StoreError."""
        self._visits.look(now_us)

    def newest(self, incident: Incident) -> OutreachList | None:
        """Return the newest list of an incident, None before the first. Raises StoreError."""
        known = self._newest.get(incident.incident_id) or self._records.outreach(incident.incident_id)
        if known is not None:
            self._keep(incident, known)
        return known

    def seen_now(self, incident: Incident, now_us: int) -> Incident:
        """Return an incident that is closed with its transformer's newest reading, for an ask that outlives it."""
        recent = self._recent_of(incident.transformer_id, now_us)
        if recent.measured_at_us <= incident.last_reading_at_us:
            return incident
        return replace(incident, last_load_rate=recent.load_rate, last_reading_at_us=recent.measured_at_us)

    def release_plan(self, seen: Incident, now_us: int) -> ReleasePlan:
        """Return who may switch back in which order, and the step that may go now. Raises StoreError."""
        return self._situation(seen).release_plan(
            self._records.outreach_revisions(seen.incident_id), self._records.releases(seen.incident_id), now_us
        )

    def forget(self, incident_id: str) -> None:
        """Forget the list of an incident that is over."""
        self._newest.pop(incident_id, None)

    def advice(
        self, incident: Incident, outreach_list: OutreachList, now_us: int, *, was_enough: bool = False
    ) -> Advice:
        """Return what to do now with that list: enough, go on, more doors, or none will do."""
        return replace(self._situation(incident), was_enough=was_enough).advice(outreach_list, now_us)

    def has_doors_left(self, incident: Incident, now_us: int) -> bool:
        """Return whether somebody can still be asked about an incident."""
        return self._situation(incident).has_doors_left(self.newest(incident), now_us)

    def _situation(self, incident: Incident) -> Situation:
        transformer_id, at_us = incident.transformer_id, incident.last_reading_at_us
        customers = self._view.customers(transformer_id, at_us)
        return Situation(
            incident,
            self._view,
            self._visits.of_incident(incident.incident_id),
            self._visits.of_merchants(merchant.merchant_id for merchant in customers),
            self._recent_of(transformer_id, at_us),
            self._settings,
        )

    def first(self, incident: Incident, now_us: int) -> OutreachList:
        """Return the first list of an incident; it may be without doors."""
        is_open = incident.state is IncidentState.OPEN
        # History is answered for as it was at its worst; what is open, as it is now.
        made = self._made(incident, incident.last_load_rate if is_open else incident.peak_load_rate, now_us, None)
        self._keep(incident, made)
        return made

    def next(self, incident: Incident, previous: OutreachList, now_us: int) -> OutreachList | None:
        """Return the list that comes after another, None where nobody can be added."""
        made = self._made(incident, incident.last_load_rate, now_us, previous)
        adds = {door.merchant_id for door in made.doors} - {door.merchant_id for door in previous.doors}
        if not adds and not _calls_again(made, previous, self._visits.of_incident(incident.incident_id)):
            return None  # the list that people have says the same
        self._keep(incident, made)
        return made

    def _keep(self, incident: Incident, newest: OutreachList) -> None:
        if incident.state is IncidentState.OPEN:
            self._newest[incident.incident_id] = newest
        else:
            self.forget(incident.incident_id)

    def _made(self, incident: Incident, load_rate: float, now_us: int, previous: OutreachList | None) -> OutreachList:
        transformer_id, at_us = incident.transformer_id, incident.last_reading_at_us
        recent = self._recent_of(transformer_id, at_us)
        asked = asked_for(
            incident,
            self._view.transformers[transformer_id],
            self._view.customers(transformer_id, at_us),
            self._view.appliances(transformer_id, at_us),
            recent.heaviest_phase,
        )
        made = make_list(
            incident,
            asked.transformer,
            load_rate,
            recent.trend_per_hour,
            recent.power_factor,
            asked.merchants,
            asked.appliances,
            self._view.ledger.people,
            self._visits.of_merchants(merchant.merchant_id for merchant in asked.merchants),
            now_us,
            self._settings,
            previous.revision + 1 if previous else 1,
            worst_phase=asked.phase or recent.worst_phase,
            feeds_back=recent.feeds_back,
            previous=previous,
            conditions=self._situation(incident).conditions,
        )
        return replace(made, reason=of_the_phase(made.reason, asked.phase))


def _calls_again(made: OutreachList, previous: OutreachList, visits: Sequence[Visit]) -> bool:
    """Return whether a list names a door where nobody was at home when the list before was walked."""
    named = {door.merchant_id for door in made.doors}
    return any(
        visit.merchant_id in named
        and is_to_be_called_on_again(visit, made)
        and not is_to_be_called_on_again(visit, previous)
        for visit in visits
    )
