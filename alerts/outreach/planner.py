"""Whom to ask: the shortest list of doors that will be enough.

The words of this room are in `alerts.model.outreach_model`, who may be asked in `alerts.outreach.candidates`, and
after each reading
`alerts.outreach.advice` says whether to go on. All of them are imported from here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from alerts.model.incidents import Incident
from alerts.model.outreach_model import (
    ANY_DAY,
    Advice,
    AdviceKind,
    Ask,
    Conditions,
    Door,
    OutreachList,
    OutreachSettings,
    Visit,
    VisitResult,
)
from alerts.outreach.advice import advise
from alerts.outreach.candidates import Candidate, candidates, pending_relief_kw, ranking, single_phase, spare_doors
from alerts.outreach.outlook import rise_expected
from alerts.outreach.relief import Together, chances_of_reaching, doors_needed, needed_relief_kw
from alerts.outreach.routes import shared_out
from alerts.outreach.words import door_reason, feeding_back, list_reason
from grid.assets import Appliance, Merchant, Person, Phase, Transformer

__all__ = [
    "Advice",
    "AdviceKind",
    "Ask",
    "Candidate",
    "Conditions",
    "Door",
    "OutreachList",
    "OutreachSettings",
    "Visit",
    "VisitResult",
    "advise",
    "candidates",
    "make_list",
    "spare_doors",
]

CAUTIONS = (1.0, 2.0, 4.0)
"""Rankings that are tried: by expected relief, and more and more by how sure a door is."""


def make_list(  # noqa: PLR0913
    incident: Incident,
    transformer: Transformer,
    load_rate: float,
    trend_per_hour: float,
    power_factor: float,
    merchants: Sequence[Merchant],
    appliances: Iterable[Appliance],
    people: Iterable[Person],
    visits: Sequence[Visit],
    now_us: int,
    settings: OutreachSettings,
    revision: int = 1,
    *,
    worst_phase: Phase | None = None,
    feeds_back: bool = False,
    previous: OutreachList | None = None,
    conditions: Conditions = ANY_DAY,
) -> OutreachList:
    """Return the fewest doors, greedily, that reach the target with the asked probability, in walking order.

    `load_rate` is the fraction now, `trend_per_hour` its slope [1/h] (a rise counts, up to `trend_rise_max`; a
    fall or NaN does not: a dip must not empty a list), `power_factor` as measured or NaN (see
    `needed_relief_kw`). `visits` is the whole history, this incident included. If all doors together are not
    enough the list holds all of them and `reached_probability` says so. A later revision leaves out the doors
    already visited, takes off what was promised there and is not metered yet, and, given the `previous` list,
    leaves open doors with the person who has them. Where the area `feeds_back`, nobody is on the list: to use less
    would make it worse. Raises ValueError when the load rate is NaN.
    """
    if math.isnan(load_rate):
        raise ValueError("an outreach list needs a load rate; this one is NaN")
    appliances = tuple(appliances)
    rise = rise_expected(trend_per_hour, conditions, settings)
    gross_kw = needed_relief_kw(transformer, load_rate + rise, settings.target_load_rate, power_factor)
    pending_kw = min(pending_relief_kw(incident, merchants, appliances, visits, settings, conditions), gross_kw)
    needed_kw = gross_kw - pending_kw
    if feeds_back:
        needed_kw, pending_kw, merchants = 0.0, 0.0, ()
    ranked = candidates(incident, merchants, appliances, visits, now_us, settings, worst_phase, conditions)
    factor = 1.0 if math.isnan(power_factor) else power_factor
    need_sd_kw = settings.trend_sd * transformer.rated_power_kva * factor
    ranked, count, reached = _fewest(ranked, needed_kw, need_sd_kw, settings, worst_phase)
    rank = {candidate.merchant.merchant_id: i for i, candidate in enumerate(ranked, 1)}
    walk = sorted(ranked[:count], key=lambda c: _walk_key(c.merchant))
    goes = shared_out([(c.merchant.merchant_id, c.offer.ask) for c in walk], transformer, people, previous)
    doors = tuple(
        Door(
            order=order,
            merchant_id=c.merchant.merchant_id,
            ask=c.offer.ask,
            offer_kw=c.relief_kw,
            agree_probability=c.agreement.probability,
            assigned_to=goes[c.merchant.merchant_id],
            reason=door_reason(
                c.offer,
                c.agreement,
                c.delivered_share,
                c.merchant.phase,
                single_phase(worst_phase),
                rank[c.merchant.merchant_id],
                len(ranked),
            ),
        )
        for order, c in enumerate(walk, 1)
    )
    return OutreachList(
        incident_id=incident.incident_id,
        revision=revision,
        made_at_us=now_us,
        load_rate=load_rate,
        target_load_rate=settings.target_load_rate,
        needed_kw=needed_kw,
        probability=settings.probability,
        reached_probability=reached,
        doors=doors,
        pending_kw=pending_kw,
        reason=feeding_back(load_rate)
        if feeds_back
        else list_reason(load_rate, rise, settings.target_load_rate, power_factor, needed_kw, pending_kw),
    )


def _fewest(
    found: Sequence[Candidate],
    needed_kw: float,
    need_sd_kw: float,
    settings: OutreachSettings,
    worst_phase: Phase | None,
) -> tuple[tuple[Candidate, ...], int, float]:
    """Return the ranking that needs the fewest leading doors, how many, and the probability they reach.

    Each ranking alone, and so the shortest of them, asks for no fewer doors when the need or the probability
    grows. How far this is from the optimum: docs/outreach.md.
    """
    together = Together(settings.kept_share, settings.delivered_sd, need_sd_kw)
    best: tuple[tuple[Candidate, ...], int, float] | None = None
    for caution in CAUTIONS:
        ranked = ranking(found, caution, worst_phase)
        chances = chances_of_reaching(
            needed_kw,
            [c.relief_kw for c in ranked],
            [c.agreement.probability for c in ranked],
            [c.agreement.correlation for c in ranked],
            together,
        )
        count = doors_needed(chances, settings.probability)
        if best is None or count < best[1]:
            best = (ranked, count, float(chances[count]))
    assert best is not None
    return best


def _walk_key(merchant: Merchant) -> tuple[bool, int, str, str]:
    return (merchant.walk_order is None, merchant.walk_order or 0, merchant.address, merchant.merchant_id)
