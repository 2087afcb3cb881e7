"""How likely a merchant agrees: their own history over that of their category over the general practice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.model.outreach_model import OutreachSettings, Visit, VisitResult
from grid.assets import Merchant
from grid.timestamps import DAY_US


@dataclass(frozen=True)
class History:
    """How earlier incidents ended at one door (or at the doors of one category)."""

    agreed: int = 0
    refused: int = 0
    absent: int = 0

    @property
    def visits(self) -> int:
        """Return how many visits there were with an outcome."""
        return self.agreed + self.refused + self.absent

    def plus(self, other: History) -> History:
        """Return both together."""
        return History(self.agreed + other.agreed, self.refused + other.refused, self.absent + other.absent)

    def without(self, other: History) -> History:
        """Return this one less a part of it."""
        return History(self.agreed - other.agreed, self.refused - other.refused, self.absent - other.absent)


@dataclass(frozen=True)
class Agreement:
    """The probability that a visit brings relief, and the history behind it."""

    probability: float
    history: History
    correlation: float = 0.0
    """Intra-class correlation of this door's answer with the others' of the same day and street."""


def outcomes(visits: Iterable[Visit]) -> dict[tuple[str, str], Visit]:
    """Return the visit that counts for each (incident, merchant): the latest, where an answer beats `asked`."""
    counted: dict[tuple[str, str], Visit] = {}
    for visit in visits:
        key = (visit.incident_id, visit.merchant_id)
        if key not in counted or _weight(visit) >= _weight(counted[key]):
            counted[key] = visit
    return counted


def _weight(visit: Visit) -> tuple[bool, int]:
    return (visit.result is not VisitResult.ASKED, visit.recorded_at_us)


def histories(visits: Sequence[Visit], now_us: int) -> dict[str, History]:
    """Return each merchant's history up to now. Nobody at home counts as a visit that brought nothing."""
    tallies: dict[str, Counter[VisitResult]] = {}
    for visit in outcomes(v for v in visits if v.recorded_at_us <= now_us).values():
        tallies.setdefault(visit.merchant_id, Counter())[visit.result] += 1
    return {
        merchant_id: History(
            agreed=tally[VisitResult.AGREED] + tally[VisitResult.DONE],
            refused=tally[VisitResult.REFUSED],
            absent=tally[VisitResult.ABSENT],
        )
        for merchant_id, tally in tallies.items()
    }


def agreements(
    merchants: Sequence[Merchant], visits: Sequence[Visit], now_us: int, settings: OutreachSettings
) -> dict[str, Agreement]:
    """Return the agreement to expect of each merchant, by merchant_id.

    The mean of a Beta-binomial, twice: the category's other merchants over `agree_prior` (weight
    `category_prior_visits`), and the merchant's own visits over that (weight `prior_visits`). A merchant
    without a category starts from `agree_prior`. Recent asks wear it out (`fatigue`).

    Its correlation with other doors is that of one day (`day_correlation`) and that of not knowing the street:
    the variance of the category's mean, as far as own visits do not tell more.
    """
    own_of = histories(visits, now_us)
    tired = fatigue(visits, now_us, settings)
    of_category: dict[str, History] = {}
    for merchant in merchants:
        if merchant.category:
            known = of_category.get(merchant.category, History())
            of_category[merchant.category] = known.plus(own_of.get(merchant.merchant_id, History()))
    found: dict[str, Agreement] = {}
    for merchant in merchants:
        own = own_of.get(merchant.merchant_id, History())
        alike = of_category[merchant.category].without(own) if merchant.category else History()
        prior = _mean(alike, settings.agree_prior, settings.category_prior_visits)
        unknown = (settings.prior_visits / (settings.prior_visits + own.visits)) ** 2
        found[merchant.merchant_id] = Agreement(
            _mean(own, prior, settings.prior_visits) * tired.get(merchant.merchant_id, 1.0),
            own,
            settings.day_correlation + unknown / (settings.category_prior_visits + alike.visits + 1.0),
        )
    return found


def fatigue(visits: Sequence[Visit], now_us: int, settings: OutreachSettings) -> dict[str, float]:
    """Return the share of a merchant's willingness that recent asks have left, by merchant_id.

    Each ask of another incident takes `fatigue_per_ask` of it, and half of that comes back in
    `recovery_half_life_days` (an appeal repeated wears out and recovers only after a pause: Ito, Ida, Tanaka 2018;
    both numbers are assumptions). Nobody at home was not asked.
    """
    asked: dict[str, float] = {}
    for visit in outcomes(v for v in visits if v.recorded_at_us <= now_us).values():
        if visit.result is not VisitResult.ABSENT:
            days = (now_us - visit.recorded_at_us) / DAY_US
            worn = 0.5 ** (days / settings.recovery_half_life_days)
            asked[visit.merchant_id] = asked.get(visit.merchant_id, 0.0) + worn
    return {merchant_id: (1.0 - settings.fatigue_per_ask) ** worn for merchant_id, worn in asked.items()}


def _mean(history: History, prior: float, prior_visits: float) -> float:
    return (history.agreed + prior * prior_visits) / (history.visits + prior_visits)
