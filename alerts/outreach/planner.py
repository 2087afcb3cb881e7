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
    Advice,
    AdviceKind,
    Ask,
    Door,
    OutreachList,
    OutreachSettings,
    Visit,
    VisitResult,
)
from alerts.outreach.advice import advise
from alerts.outreach.candidates import Candidate, candidates, pending_relief_kw, ranking, single_phase, spare_doors
from alerts.outreach.relief import chances_of_reaching, doors_needed, needed_relief_kw
from alerts.outreach.words import door_reason, feeding_back, list_reason
from grid.assets import Appliance, Merchant, Person, Phase, Role, Transformer

__all__ = [
    "Advice",
    "AdviceKind",
    "Ask",
    "Candidate",
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
    rise = 0.0 if math.isnan(trend_per_hour) else trend_per_hour * settings.trend_horizon_minutes / 60.0
    rise = min(max(rise, 0.0), settings.trend_rise_max)
    gross_kw = needed_relief_kw(transformer, load_rate + rise, settings.target_load_rate, power_factor)
    pending_kw = min(pending_relief_kw(incident, merchants, appliances, visits, settings), gross_kw)
    needed_kw = gross_kw - pending_kw
    if feeds_back:
        needed_kw, pending_kw, merchants = 0.0, 0.0, ()
    ranked = candidates(incident, merchants, appliances, visits, now_us, settings, worst_phase)
    ranked, count, reached = _fewest(ranked, needed_kw, settings.probability, worst_phase)
    rank = {candidate.merchant.merchant_id: i for i, candidate in enumerate(ranked, 1)}
    walk = sorted(ranked[:count], key=lambda c: _walk_key(c.merchant))
    goes = _assignments([c.merchant.merchant_id for c in walk], transformer, people, previous)
    doors = tuple(
        Door(
            order=order,
            merchant_id=c.merchant.merchant_id,
            ask=c.offer.ask,
            offer_kw=c.offer.relief_kw,
            agree_probability=c.agreement.probability,
            assigned_to=goes[c.merchant.merchant_id],
            reason=door_reason(
                c.offer,
                c.agreement,
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
    found: Sequence[Candidate], needed_kw: float, probability: float, worst_phase: Phase | None
) -> tuple[tuple[Candidate, ...], int, float]:
    """Return the ranking that needs the fewest leading doors, how many, and the probability they reach.

    Each ranking alone, and so the shortest of them, asks for no fewer doors when the need or the probability
    grows. How far this is from the optimum: docs/outreach.md.
    """
    best: tuple[tuple[Candidate, ...], int, float] | None = None
    for caution in CAUTIONS:
        ranked = ranking(found, caution, worst_phase)
        offers_kw = [c.offer.relief_kw for c in ranked]
        chances = chances_of_reaching(needed_kw, offers_kw, [c.agreement.probability for c in ranked])
        count = doors_needed(chances, probability)
        if best is None or count < best[1]:
            best = (ranked, count, float(chances[count]))
    assert best is not None
    return best


def _walk_key(merchant: Merchant) -> tuple[bool, int, str, str]:
    return (merchant.walk_order is None, merchant.walk_order or 0, merchant.address, merchant.merchant_id)


def _assignments(
    merchant_ids: Sequence[str], transformer: Transformer, people: Iterable[Person], previous: OutreachList | None
) -> dict[str, str]:
    """Return who goes to which door: the grid's members, each one contiguous piece of the walk; else its lead."""
    of_grid = [p for p in people if transformer.grid_id and p.grid_id == transformer.grid_id]
    members = sorted(p.person_id for p in of_grid if p.role is Role.MEMBER)
    leads = sorted(p.person_id for p in of_grid if p.role is Role.GRID_LEAD)
    team = members or leads[:1]
    if not team:
        return dict.fromkeys(merchant_ids, "")
    before = {door.merchant_id: door.assigned_to for door in previous.doors} if previous else {}
    goes = {m: before[m] for m in merchant_ids if before.get(m) in team}
    free = [m for m in merchant_ids if m not in goes]
    walkers = team[: max(1, len(free))]
    for i, merchant_id in enumerate(free):
        goes[merchant_id] = walkers[i * len(walkers) // len(free)]
    return goes
