"""How far a transformer's readings can be trusted: its last day evaluated as the collector evaluates it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from alerts.model.kinds import MessageKind
from alerts.quality.grading import UNTRUSTED, DataQuality, QualityFlag, QualityGrader, flags_in, grade
from alerts.quality.rated_readings import RatedReadings
from grid.assets import Transformer
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.timestamps import DAY_US
from service.queries.ledger_view import Ground
from stores.journal.journal import Journal
from stores.records.records import Records

QUALITY_US = DAY_US
"""How far back the trust that pages show reaches."""
NOTICES_US = 7 * DAY_US
"""How far back notices to check a meter are looked at: one that lasts longer is forgotten here, not on its own page."""
METERS_MAX = 50
"""Meters are evaluated one by one, so only those told of last."""


@dataclass(frozen=True)
class RecentQuality:
    """What is to be thought of a transformer's readings of late."""

    quality: DataQuality
    """Of those with a load rate."""
    ongoing: tuple[QualityFlag, ...]
    """Doubts about the newest of them, the gravest first."""

    @property
    def is_flagged(self) -> bool:
        """Return whether the newest load rate may be the meter's fault."""
        return any(flag & UNTRUSTED for flag in self.ongoing)


@dataclass(frozen=True)
class FlaggedMeter:
    """A meter that somebody was told to check, and that is or was in doubt within the last day."""

    transformer: Transformer
    noticed_at_us: int
    """When people were last told."""
    found: RecentQuality


def recent_quality(journal: Journal, fleet: Fleet, number: int, now_us: int) -> RecentQuality:
    """Return the trust that the readings of the last day up to `now_us` deserve.

    The evaluation begins as much earlier as a doubt reaches, so that it doubts what an evaluation from the beginning
    doubts.
    """
    engine, from_us = QualityGrader(1), now_us - QUALITY_US
    readings = journal.series(number, from_us - engine.reach_us, now_us)
    ct_ratio = fleet.ratings_at(readings.transformer, readings.measured_at_us)[1]
    rated = RatedReadings.of(readings, LoadRates(readings, fleet), ct_ratio)
    # One transformer is evaluated as a fleet of one: an engine as large as the fleet would cost more than the
    # evaluation.
    block = replace(rated, transformer=np.zeros(len(rated), np.int32))
    flags = engine.advance(block)
    within = (block.measured_at_us >= from_us) & ~np.isnan(block.load_rate)
    newest = flags[within][-1:]
    return RecentQuality(grade(flags[within]), flags_in(int(newest[0])) if len(newest) else ())


def quality_in(journal: Journal | None, ground: Ground, transformer_id: str, now_us: int) -> RecentQuality | None:
    """Return the trust in a transformer of the ledger; None where no readings of it can be."""
    number = ground.numbers.get(transformer_id)
    if journal is None or number is None or transformer_id not in ground.transformers:
        return None
    return recent_quality(journal, ground.fleet, number, now_us)


def flagged_meters(records: Records, journal: Journal, ground: Ground, now_us: int) -> tuple[FlaggedMeter, ...]:
    """Return the meters that people were told to check, those still in doubt first, then the last told of."""
    known = ground.numbers.keys() & ground.transformers.keys()
    noticed: dict[str, int] = {}
    for told in records.told_since(now_us - NOTICES_US):
        if told.kind == MessageKind.CHECK_THE_METER and told.transformer_id in known:
            noticed[told.transformer_id] = told.told_at_us
    found = []
    for transformer_id, at_us in sorted(noticed.items(), key=lambda item: -item[1])[:METERS_MAX]:
        late = recent_quality(journal, ground.fleet, ground.numbers[transformer_id], now_us)
        if late.quality.flagged:
            found.append(FlaggedMeter(ground.transformers[transformer_id], at_us, late))
    return tuple(sorted(found, key=lambda meter: not meter.found.is_flagged))
