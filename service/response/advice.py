"""Who may be asked now about an incident, and what to do next: one answer for the collector, pages and commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from alerts.model.incidents import Incident
from alerts.outreach.by_phase import Asked, asked_for, of_the_phase
from alerts.outreach.planner import (
    Advice,
    Candidate,
    Conditions,
    OutreachList,
    OutreachSettings,
    Visit,
    VisitResult,
    advise,
    candidates,
    spare_doors,
)
from alerts.outreach.release import Release, ReleasePlan, plan_release, taking_part
from service.ledger_view import LedgerView
from service.response.recent import Recent


@dataclass(frozen=True)
class Situation:
    """All that the next step of an incident depends on."""

    incident: Incident
    view: LedgerView
    of_incident: Sequence[Visit]
    """Its own visits, oldest first."""
    of_customers: Sequence[Visit]
    """The visits to the transformer's customers in the last `HISTORY_DAYS`, this incident included."""
    recent: Recent
    settings: OutreachSettings
    was_enough: bool = False
    """The newest thing said of its ask was "enough"."""

    def candidates(self, now_us: int) -> tuple[Candidate, ...]:
        """Return who may be asked now, best first: customers as they hung on it at the last reading."""
        asked = self.asked
        return candidates(
            self.incident,
            asked.merchants,
            asked.appliances,
            self.of_customers,
            now_us,
            self.settings,
            asked.phase or self.recent.worst_phase,
            self.conditions,
        )

    @property
    def conditions(self) -> Conditions:
        """Return what holds for the transformer today beside ledger and readings."""
        zone = self.view.zone(self.incident.transformer_id)
        return Conditions(zone=zone, outdoor_c=self.recent.outdoor_c)

    @property
    def asked(self) -> Asked:
        """Return what of the transformer is asked, as it was at the last reading: all of it, or one phase."""
        transformer_id, at_us = self.incident.transformer_id, self.incident.last_reading_at_us
        return asked_for(
            self.incident,
            self.view.transformers[transformer_id],
            self.view.customers(transformer_id, at_us),
            self.view.appliances(transformer_id, at_us),
            self.recent.heaviest_phase,
        )

    def advice(self, newest: OutreachList, now_us: int) -> Advice:
        """Return what to do now with the newest list: enough, go on, more doors, or none will do."""
        asked = self.asked
        advice = advise(
            newest,
            self.of_incident,
            self.incident.last_load_rate,
            self.settings,
            incident=self.incident,
            transformer=asked.transformer,
            power_factor=self.recent.power_factor,
            spare_doors=spare_doors(newest, self.candidates(now_us)),
            feeds_back=self.recent.feeds_back,
            trend_per_hour=self.recent.trend_per_hour,
            has_held=self.recent.highest_load_rate <= newest.target_load_rate,
            was_enough=self.was_enough,
            conditions=self.conditions,
        )
        return replace(advice, text=of_the_phase(advice.text, asked.phase))

    def release_plan(self, lists: Sequence[OutreachList], released: Sequence[Release], now_us: int) -> ReleasePlan:
        """Return who takes part and may switch back in which order, and the step that may go now."""
        return plan_release(
            taking_part(lists, self.of_incident, self.incident.incident_id),
            released,
            self.incident.last_load_rate,
            self.settings,
            transformer=self.asked.transformer,
            power_factor=self.recent.power_factor,
            now_us=now_us,
            trend_per_hour=self.recent.trend_per_hour,
            conditions=self.conditions,
        )

    def has_doors_left(self, newest: OutreachList | None, now_us: int) -> bool:
        """Return whether somebody can still be asked: an open door of the newest list, or one that may be added."""
        if newest is not None:
            results = {visit.merchant_id: visit.result for visit in self.of_incident}
            if any(results.get(d.merchant_id, VisitResult.ASKED) is VisitResult.ASKED for d in newest.doors):
                return True
        return not self.recent.feeds_back and spare_doors(newest, self.candidates(now_us)) > 0
