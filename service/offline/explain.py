"""The walk of one transformer's verdicts over a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.quality.grading import TrustFold
from alerts.rules.rule_set import RuleSet
from alerts.verdicts.explain import VerdictWalk, WalkedReading
from service.offline.judge import Recording
from service.verdicts.incremental import rated_and_sorted


def walked(
    recording: Recording, transformer_id: str, rule_sets: Sequence[RuleSet], gap_minutes: float
) -> Iterator[WalkedReading]:
    """Yield each reading of a recording that holds one transformer only, with what it did to every level."""
    fleet = recording.fleet
    walk = VerdictWalk(rule_sets, gap_minutes, fleet.zones[fleet.number[transformer_id]])
    trust = TrustFold(len(fleet))
    for readings in recording.blocks():
        rates, rated = rated_and_sorted(readings, fleet)
        yield from walk.walk(rated, rates, trust.advance(rated))
