"""What to do next about an incident: the collector's own answer, asked of the records and the journal."""

from __future__ import annotations

from dataclasses import replace

from alerts.model.incidents import Incident, IncidentState
from alerts.outreach.ask import AskState
from alerts.outreach.planner import Advice
from grid.timestamps import DAY_US, MINUTE_US
from service.queries.ledger_view import Ground
from service.queries.sources import Sources
from service.response.advice import Situation
from service.response.recent import NOTHING_RECENT, RECENT_MINUTES, Recent, recent_of
from service.response.visit_history import HISTORY_DAYS


def advice_on(sources: Sources, ground: Ground, incident: Incident, now_us: int) -> Advice | None:
    """Return the advice on an incident; None where it is over, has no list or no transformer in the ledger."""
    records = sources.records
    newest = records.outreach(incident.incident_id)
    if newest is None or incident.transformer_id not in ground.transformers:
        return None
    ask = records.ask(incident.incident_id)
    if incident.state is not IncidentState.OPEN and (ask is None or not ask.state.sends_people):
        return None
    recent = _recent(sources, ground, incident, now_us)
    if incident.state is not IncidentState.OPEN and recent.measured_at_us > incident.last_reading_at_us:
        incident = replace(incident, last_load_rate=recent.load_rate, last_reading_at_us=recent.measured_at_us)
    customers = ground.view.customers(incident.transformer_id, incident.last_reading_at_us)
    asked = {merchant.merchant_id for merchant in customers}
    history = records.visits_since(now_us - HISTORY_DAYS * DAY_US)
    situation = Situation(
        incident,
        ground.view,
        records.visits(incident.incident_id),
        [visit for visit in history if visit.merchant_id in asked],
        recent,
        sources.options.outreach,
        was_enough=ask is not None and ask.state in (AskState.ENOUGH, AskState.RELEASING),
    )
    return situation.advice(newest, now_us)


def _recent(sources: Sources, ground: Ground, incident: Incident, now_us: int) -> Recent:
    journal, number = sources.journal(), ground.numbers.get(incident.transformer_id)
    if journal is None or number is None:
        return NOTHING_RECENT
    # An ask outlives its incident: then the newest reading counts, not the one that closed it.
    last = incident.last_reading_at_us if incident.state is IncidentState.OPEN else now_us
    return recent_of(journal.series(number, last - round(RECENT_MINUTES * MINUTE_US), last), ground.fleet)
