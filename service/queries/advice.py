"""What to do next about an incident: the collector's own answer, asked of the records and the journal."""

from __future__ import annotations

from alerts.model.incidents import Incident, IncidentState
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
    if incident.state is not IncidentState.OPEN:
        return None
    customers = ground.view.customers(incident.transformer_id, incident.last_reading_at_us)
    asked = {merchant.merchant_id for merchant in customers}
    history = records.visits_since(now_us - HISTORY_DAYS * DAY_US)
    situation = Situation(
        incident,
        ground.view,
        records.visits(incident.incident_id),
        [visit for visit in history if visit.merchant_id in asked],
        _recent(sources, ground, incident),
        sources.options.outreach,
    )
    return situation.advice(newest, now_us)


def _recent(sources: Sources, ground: Ground, incident: Incident) -> Recent:
    journal, number = sources.journal(), ground.numbers.get(incident.transformer_id)
    if journal is None or number is None:
        return NOTHING_RECENT
    last = incident.last_reading_at_us
    return recent_of(journal.series(number, last - round(RECENT_MINUTES * MINUTE_US), last), ground.fleet)
