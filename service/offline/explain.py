"""The evaluation of one transformer's verdicts over a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from alerts.quality.believed import believed_basis, believed_rates
from alerts.quality.grading import QualityGrader
from alerts.rules.rule_set import RuleSet
from alerts.verdicts.explain import ExplainedReading, VerdictExplanation
from service.offline.judge import Recording
from service.verdicts.incremental import rated_and_sorted


def evaluated(
    recording: Recording, transformer_id: str, rule_sets: Sequence[RuleSet], gap_minutes: float
) -> Iterator[ExplainedReading]:
    """Yield each reading of a recording that holds one transformer only, with what it did to every level."""
    fleet = recording.fleet
    evaluate = VerdictExplanation(rule_sets, gap_minutes, fleet.zones[fleet.number[transformer_id]])
    quality = QualityGrader(len(fleet))
    for readings in recording.blocks():
        rates, rated = rated_and_sorted(readings, fleet)
        flags = quality.advance(rated)
        rates = believed_rates(rates, rated, flags)
        seen = replace(rated, load_rate=rates.load_rate, basis=believed_basis(rated, flags))
        yield from evaluate.evaluate(seen, rates, flags)
