"""How far a transformer's readings can be trusted: its last day walked as the collector walks it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alerts.rated_readings import RatedReadings
from alerts.trust import Doubt, Trust, TrustFold, doubts_in, grade
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.moments import DAY_US
from stores.journal import Journal

TRUST_US = DAY_US
"""How far back the trust that pages show reaches."""


@dataclass(frozen=True)
class TrustOfLate:
    """What is to be thought of a transformer's readings of late."""

    trust: Trust
    """Of those with a load rate."""
    standing: tuple[Doubt, ...]
    """Doubts about the newest of them, the gravest first."""


def trust_of_late(journal: Journal, fleet: Fleet, number: int, now_us: int) -> TrustOfLate:
    """Return the trust that the readings of the last day up to `now_us` deserve.

    The walk begins as much earlier as a doubt reaches, so that it doubts what a walk from the beginning doubts.
    """
    fold, from_us = TrustFold(1), now_us - TRUST_US
    readings = journal.series(number, from_us - fold.reach_us, now_us)
    ct_ratio = fleet.ratings_at(readings.transformer, readings.measured_at_us)[1]
    rated = RatedReadings.of(readings, LoadRates(readings, fleet), ct_ratio)
    # One transformer is walked as a fleet of one: a fold as large as the fleet would cost more than the walk.
    block = replace(rated, transformer=np.zeros(len(rated), np.int32))
    doubts = fold.advance(block)
    within = (block.measured_at_us >= from_us) & ~np.isnan(block.load_rate)
    newest = doubts[within][-1:]
    return TrustOfLate(grade(doubts[within]), doubts_in(int(newest[0])) if len(newest) else ())
