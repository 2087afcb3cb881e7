"""Who may be asked now, and what asking each of them should bring, best first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from alerts.model.incidents import Incident
from alerts.model.outreach_model import ANY_DAY, Conditions, OutreachList, OutreachSettings, Visit, VisitResult
from alerts.outreach.acceptance import Agreement, agreements, outcomes
from alerts.outreach.offers import Offer, cooling_duty, offer_of
from alerts.outreach.relief import unmetered_share
from alerts.outreach.rest import left_in_peace
from grid.assets import Appliance, Merchant, Phase
from grid.timestamps import MINUTE_US, as_datetime


@dataclass(frozen=True)
class Candidate:
    """A merchant who may be asked now, with what asking should bring."""

    merchant: Merchant
    offer: Offer
    agreement: Agreement
    delivered_share: float = 1.0
    """kW delivered for each kW promised."""

    @property
    def relief_kw(self) -> float:
        """Return the relief [kW] to expect once this door has agreed: a promise is not yet a deed."""
        return self.offer.relief_kw * self.delivered_share

    @property
    def expected_relief_kw(self) -> float:
        """Return the relief [kW] to expect of this door."""
        return self.relief_kw * self.agreement.probability

    def worth(self, caution: float, worst_phase: Phase | None) -> float:
        """Return what a ranking goes by: offer × probability^caution, relief on the worst phase counted twice.

        At caution 1 this is the expected relief; above it, a sure small offer passes a doubtful great one.
        """
        single = single_phase(worst_phase)
        on_worst = {single: 1.0, Phase.ABC: 1.0 / 3.0}.get(self.merchant.phase, 0.0) if single else 0.0
        likely: float = self.agreement.probability**caution
        return self.relief_kw * likely * (1.0 + on_worst)


def candidates(
    incident: Incident,
    merchants: Sequence[Merchant],
    appliances: Iterable[Appliance],
    visits: Sequence[Visit],
    now_us: int,
    settings: OutreachSettings,
    worst_phase: Phase | None = None,
    conditions: Conditions = ANY_DAY,
) -> tuple[Candidate, ...]:
    """Return the merchants of the incident's transformer who may be asked now, best first.

    Never one who is protected, has been visited in this incident (where nobody was at home, not before
    `absent_again_minutes`), is left in peace after another one (`alerts.outreach.rest`), or offers less than
    `offer_kw_min`. Best is the greatest expected relief; with a worst phase, relief that lands on it counts twice.
    """
    expected = agreements(merchants, visits, now_us, settings)
    offers = _offers(incident, merchants, appliances, settings, conditions)
    asked = _visited(incident.incident_id, visits, now_us, settings) | left_in_peace(
        visits, now_us, conditions.zone, settings
    )
    share = _share(conditions, settings)
    found = [
        Candidate(merchant, offers[merchant.merchant_id], expected[merchant.merchant_id], share)
        for merchant in merchants
        if merchant.merchant_id in offers
        and not merchant.protected
        and merchant.merchant_id not in asked
        and offers[merchant.merchant_id].relief_kw >= settings.offer_kw_min
    ]
    return ranking(found, 1.0, worst_phase)


def ranking(found: Iterable[Candidate], caution: float, worst_phase: Phase | None) -> tuple[Candidate, ...]:
    """Return candidates by their worth, best first; equals by merchant_id."""
    return tuple(sorted(found, key=lambda c: (-c.worth(caution, worst_phase), c.merchant.merchant_id)))


def spare_doors(outreach_list: OutreachList | None, ranked: Iterable[Candidate]) -> int:
    """Return how many `candidates` a next revision could add to a list."""
    listed = {door.merchant_id for door in outreach_list.doors} if outreach_list else set()
    return sum(candidate.merchant.merchant_id not in listed for candidate in ranked)


def _share(conditions: Conditions, settings: OutreachSettings) -> float:
    return settings.delivered_prior if conditions.delivered_share is None else conditions.delivered_share


def _offers(
    incident: Incident,
    merchants: Iterable[Merchant],
    appliances: Iterable[Appliance],
    settings: OutreachSettings,
    conditions: Conditions,
) -> dict[str, Offer]:
    of_area = {m.merchant_id: m for m in merchants if m.transformer_id == incident.transformer_id}
    owned: dict[str, list[Appliance]] = {merchant_id: [] for merchant_id in of_area}
    for appliance in appliances:
        if appliance.merchant_id in owned:
            owned[appliance.merchant_id].append(appliance)
    heats = as_datetime(incident.opened_at_us, conditions.zone).month in settings.heating_months
    today = replace(settings, air_conditioner_duty=cooling_duty(settings, conditions.outdoor_c, heats=heats))
    return {merchant_id: offer_of(units, today, heats=heats) for merchant_id, units in owned.items()}


def _visited(incident_id: str, visits: Iterable[Visit], now_us: int, settings: OutreachSettings) -> frozenset[str]:
    again_us = now_us - round(settings.absent_again_minutes * MINUTE_US)
    return frozenset(
        visit.merchant_id
        for visit in visits
        if visit.incident_id == incident_id
        and (visit.result is not VisitResult.ABSENT or visit.recorded_at_us > again_us)
    )


def single_phase(worst_phase: Phase | None) -> Phase | None:
    """Return the phase that a list should favour; all three together favour none."""
    return None if worst_phase is Phase.ABC else worst_phase


def pending_relief_kw(
    incident: Incident,
    merchants: Iterable[Merchant],
    appliances: Iterable[Appliance],
    visits: Iterable[Visit],
    settings: OutreachSettings,
    conditions: Conditions = ANY_DAY,
) -> float:
    """Return the relief [kW] promised in this incident that its last reading cannot show yet."""
    offers = _offers(incident, merchants, appliances, settings, conditions)
    return _share(conditions, settings) * sum(
        offers[merchant_id].relief_kw
        * unmetered_share(visit.recorded_at_us, incident.last_reading_at_us, settings.settle_minutes)
        for (of_incident, merchant_id), visit in outcomes(visits).items()
        if of_incident == incident.incident_id and merchant_id in offers and visit.result.brings_relief
    )
