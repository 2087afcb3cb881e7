"""Lists promised at p: how many of them reach their target on hot days that the product did not draw.

    python -m bench.outreach_study.promises --towns 24 --days 2000 --seed 1

Each town has streets of three classes; each street a willingness of its own; each day a mood (a beta distribution, not
the product's normal), promises that are not kept, a share that is delivered, and a need that turns out otherwise than
the trend said. Only lists that could promise p at all are counted; how many could not is printed too.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alerts.model.incidents import Incident, IncidentState
from alerts.model.outreach_model import OutreachList, OutreachSettings
from alerts.outreach.planner import make_list
from grid.assets import Appliance, ApplianceKind, Merchant, Transformer

Floats = NDArray[np.float64]

HERE = OutreachSettings()
NOON_US = 1_627_099_200_000_000
PROMISES = (0.5, 0.7, 0.9)
CLASSES = {"small": (8, 15, 200.0), "middle": (16, 35, 400.0), "large": (36, 70, 630.0)}
"""Doors from, to, and rated power [kVA] of a class of street."""
POWER_FACTOR = 0.95


@dataclass(frozen=True)
class Found:
    """One list and what became of it."""

    kind: str
    asked_for: float
    promised: float
    kept: float
    """Share of days on which the target was reached."""
    doors: int


@dataclass(frozen=True)
class Truth:
    """What the product is not told."""

    day_correlation: float = HERE.day_correlation
    kept_share: float = HERE.kept_share
    delivered: float = HERE.delivered_prior
    delivered_sd: float = HERE.delivered_sd
    need_sd: float = HERE.trend_sd


def study(towns: int, days: int, seed: int, truth: Truth | None = None) -> Iterator[Found]:
    """Make lists in generated towns and try each on `days` hot days."""
    for town in range(towns):
        chance = np.random.default_rng([seed, town])
        for kind, (low, high, rated_kva) in CLASSES.items():
            doors = int(chance.integers(low, high + 1))
            transformer = Transformer("T", "generated street", "S", rated_kva)
            merchants, appliances = _street(doors, chance)
            load_rate = HERE.target_load_rate + float(chance.uniform(0.01, 0.09))
            for promise in PROMISES:
                made = _list(transformer, merchants, appliances, load_rate, promise)
                if made.reached_probability >= promise:
                    kept = _share_of_days(made, transformer, days, chance, truth or Truth())
                    yield Found(kind, promise, made.reached_probability, kept, len(made.doors))
                else:
                    yield Found(kind, promise, made.reached_probability, np.nan, len(made.doors))


def _street(doors: int, chance: np.random.Generator) -> tuple[list[Merchant], list[Appliance]]:
    merchants = [Merchant(f"M{i:03d}", "generated", "T", walk_order=i) for i in range(doors)]
    appliances = []
    for merchant in merchants:
        count = int(chance.integers(1, 6))
        appliances.append(
            Appliance(
                merchant.merchant_id,
                ApplianceKind.AIR_CONDITIONER,
                count,
                float(chance.uniform(1.0, 3.0)),
                max(1, count // 2),
                float(chance.integers(20, 27)),
            )
        )
    return merchants, appliances


def _list(
    transformer: Transformer, merchants: list[Merchant], appliances: list[Appliance], load_rate: float, promise: float
) -> OutreachList:
    incident = Incident(
        "study", "T", "early-warning@1", "severe_heavy", IncidentState.OPEN, NOON_US, NOON_US, load_rate, load_rate,
        NOON_US, load_rate, NOON_US,
    )  # fmt: skip
    settings = replace(HERE, probability=promise)
    return make_list(
        incident, transformer, load_rate, 0.0, POWER_FACTOR, merchants, appliances, (), (), NOON_US, settings
    )


def _share_of_days(
    made: OutreachList, transformer: Transformer, days: int, chance: np.random.Generator, truth: Truth
) -> float:
    """Return the share of days on which a list brings its need; every day is a street that was not met before."""
    offers_kw = np.array([door.offer_kw for door in made.doors]) / HERE.delivered_prior
    likely = np.array([door.agree_probability for door in made.doors])
    prior = HERE.category_prior_visits
    street = chance.beta(likely.mean() * prior, (1.0 - likely.mean()) * prior, days)
    spread = 1.0 / truth.day_correlation - 1.0
    mood = chance.beta(street * spread, (1.0 - street) * spread)
    agree = np.clip(likely[None, :] + (mood - likely.mean())[:, None], 0.0, 1.0)
    size = (days, len(made.doors))
    done = (chance.random(size) < agree) & (chance.random(size) < truth.kept_share)
    share = truth.delivered / truth.kept_share * np.exp(chance.normal(0.0, truth.delivered_sd, days))
    brought_kw = (done * offers_kw).sum(axis=1) * share / np.exp(truth.delivered_sd**2 / 2.0)
    need_kw = made.needed_kw + chance.normal(0.0, truth.need_sd, days) * transformer.rated_power_kva * POWER_FACTOR
    return float((brought_kw >= need_kw).mean())


def table(found: list[Found]) -> str:
    """Return the study as a Markdown table."""
    lines = [
        "| street | asked for | lists that could | promised, mean | reached, mean | worst street off by |",
        "|---|",
    ]
    lines[1] = "|---|---|---|---|---|---|"
    for kind in CLASSES:
        for promise in PROMISES:
            of = [one for one in found if (one.kind, one.asked_for) == (kind, promise)]
            could = [one for one in of if not np.isnan(one.kept)]
            if not could:
                lines.append(f"| {kind} | {promise} | 0 of {len(of)} | – | – | – |")
                continue
            promised, kept = np.array([(one.promised, one.kept) for one in could]).T
            lines.append(
                f"| {kind} | {promise} | {len(could)} of {len(of)} | {promised.mean():.3f} | {kept.mean():.3f} | "
                f"{np.abs(kept - promised).max():.3f} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--towns", type=int, default=24)
    parser.add_argument("--days", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--correlation", type=float, default=HERE.day_correlation)
    given = parser.parse_args()
    found = list(study(given.towns, given.days, given.seed, Truth(day_correlation=given.correlation)))
    print(f"{given.towns} towns, {given.days} hot days each, seed {given.seed}, correlation {given.correlation}")
    print(table(found))


if __name__ == "__main__":
    main()
