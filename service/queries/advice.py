"""What to do next about an incident: the same rules on the same records that the response of the collector goes by."""

from __future__ import annotations

from alerts.model.incidents import Incident, IncidentState
from alerts.outreach.planner import Advice, advise, candidates, spare_doors
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from service.queries.ledger_view import Ground
from service.queries.sources import Sources
from service.response.recent import RECENT_MINUTES, feeds_back, typical_power_factor

_VISIT_HISTORY_DAYS = 365


def advice_on(sources: Sources, ground: Ground, incident: Incident, now_us: int) -> Advice | None:
    """Return the advice on an incident; None where it is over, has no list or no transformer in the ledger."""
    records, settings = sources.records, sources.options.outreach
    outreach = records.outreach(incident.incident_id)
    transformer = ground.transformers.get(incident.transformer_id)
    if outreach is None or transformer is None or incident.state is not IncidentState.OPEN:
        return None
    merchants = ground.merchants_of(transformer.transformer_id)
    history = records.visits_since(now_us - _VISIT_HISTORY_DAYS * DAY_US)
    ranked = candidates(incident, merchants, ground.ledger.appliances, history, now_us, settings)
    recent = _recent_readings(sources, ground, incident)
    return advise(
        outreach,
        records.visits(incident.incident_id),
        incident.last_load_rate,
        settings,
        incident=incident,
        transformer=transformer,
        power_factor=typical_power_factor(recent),
        spare_doors=spare_doors(outreach, ranked),
        feeds_back=feeds_back(recent),
    )


def _recent_readings(sources: Sources, ground: Ground, incident: Incident) -> ReadingBatch:
    journal, number = sources.journal(), ground.numbers.get(incident.transformer_id)
    if journal is None or number is None:
        return ReadingBatch.empty()
    last = incident.last_reading_at_us
    return journal.series(number, last - round(RECENT_MINUTES * MINUTE_US), last)
