"""One transformer's verdicts reading by reading: what each reading did to each level, and what is pending.

The readings go one at a time through the very engine that makes the verdicts, so the evaluation cannot say anything
else than
they do. Pure values; `alerts.verdicts.explain_words` says them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alerts.quality.rated_readings import RatedReadings
from alerts.rules.rule_set import Level, RuleSet
from alerts.rules.series import SortedRates, Track
from alerts.rules.threshold_runs import Gaps, RunEnd, Runs
from alerts.verdicts.level_state import LevelEngine
from alerts.verdicts.supply_state import SupplyEngine
from grid.electrical import Basis
from grid.supply import Supply
from grid.timestamps import MINUTE_US


class Event(Enum):
    """What happens to a level's run with a reading, or is pending after it."""

    BEGINS = "begins"
    """A run begins: the enter line was crossed at `at_us`."""
    HOLDS = "holds"
    """It lasts since `at_us`, but not yet for the hold time."""
    HELD = "held"
    """It has lasted for the hold time: it is an episode."""
    BELOW = "below"
    """The readings are below the leave line since `at_us`, but not yet for the leave time."""
    RETURNS = "returns"
    """They are no longer: the leave time begins anew."""
    LEAVES = "leaves"
    """They are for the leave time: the run is over, and ended at `at_us`."""
    GAP = "gap"
    """No reading came after `at_us` for longer than the gap limit: the run ended there."""
    MIDNIGHT = "midnight"
    """Another day has begun: the run ended with the reading at `at_us`."""


@dataclass(frozen=True)
class Happening:
    """One event, the moment it speaks of, and how long it lasted of how long it must."""

    event: Event
    at_us: int
    lasted_us: int
    limit_us: int
    is_episode: bool
    """The run had held, or holds from this reading on."""


@dataclass(frozen=True)
class LevelStep:
    """What one level has to say about a reading."""

    rule: str
    level: Level
    happenings: tuple[Happening, ...]


@dataclass(frozen=True)
class ExplainedReading:
    """A reading as the rules saw it, and what each level has to say about it."""

    measured_at_us: int
    load_rate: float
    worst_phase_load_rate: float
    basis: Basis
    supply: Supply
    """From `GONE` on the reading is passed over: it has no load rate."""
    flags: int
    """Bits of `QualityFlag`."""
    steps: tuple[LevelStep, ...]


@dataclass(frozen=True)
class _Standing:
    """A level's unfinished run after a reading."""

    lasted_us: int
    held: bool
    below: bool


class VerdictExplanation:
    """Walks the readings of one transformer through every level of some rule sets."""

    def __init__(self, rule_sets: Sequence[RuleSet], gap_minutes: float, zone: tzinfo) -> None:
        """Start with no past. `zone` says when a day begins."""
        self._gap_us = round(gap_minutes * MINUTE_US)
        self._lines = [(rules, level) for rules in rule_sets for level in rules.levels]
        levels = [
            (Track(level.quantity, rules.points_minutes, rules.cut_at_midnight, trusted_only=False), level)
            for rules, level in self._lines
        ]
        every_level = [(track, level, Gaps.END_THE_RUN) for track, level in levels]
        self._engine = LevelEngine(every_level, self._gap_us, [zone])
        self._supply = SupplyEngine(None, 1)
        self._every_level = np.ones(len(levels), bool)
        self._standing: dict[tuple[str, str], _Standing] = {}

    def evaluate(
        self, rated: RatedReadings, rates: SortedRates, flags: NDArray[np.uint8]
    ) -> Iterator[ExplainedReading]:
        """Yield the readings of a block (n,), later than all before, with what they did.

        The three belong together row by row, as verdicts take them; every row is of the one transformer.
        """
        for row in range(len(rated)):
            one = SortedRates(
                np.zeros(1, np.int32),
                rates.measured_at_us[row : row + 1],
                rates.load_rate[row : row + 1],
                rates.worst_phase_load_rate[row : row + 1],
                rates.trusted[row : row + 1],
                rates.supply[row : row + 1],
            )
            yield ExplainedReading(
                int(rated.measured_at_us[row]),
                float(rated.load_rate[row]),
                float(rates.worst_phase_load_rate[row]),
                Basis(rated.basis[row]),
                Supply(rates.supply[row]),
                int(flags[row]),
                self._step(one, int(rated.measured_at_us[row])),
            )

    def _step(self, reading: SortedRates, at_us: int) -> tuple[LevelStep, ...]:
        steps = []
        runs = self._engine.advance(self._supply.resolve(reading), self._every_level)
        if runs is None:
            return ()
        for line in np.unique(runs.level).tolist():
            rules, level = self._lines[line]
            happenings = tuple(self._happenings(rules, level, runs.take(runs.level == line), at_us))
            if happenings:
                steps.append(LevelStep(rules.cited, level, happenings))
        return tuple(steps)

    def _happenings(self, rules: RuleSet, level: Level, runs: Runs, at_us: int) -> Iterator[Happening]:
        """Yield what one reading did to a level: to the run that it found, and to one that it began."""
        hold_us, leave_us = round(level.hold_minutes * MINUTE_US), round(level.leave_minutes * MINUTE_US)
        points_us = rules.points_minutes * MINUTE_US
        before = self._standing.pop((rules.cited, level.name), None)
        for i in range(len(runs.transformer)):
            end, held = RunEnd(runs.end[i]), bool(runs.held[i])
            started_at_us, ended_at_us = int(runs.started_at_us[i]), int(runs.ended_at_us[i])
            if end is not RunEnd.OPEN:
                assert before is not None, "a run that ends was open before"
                match end:
                    case RunEnd.LEFT:
                        yield Happening(Event.LEAVES, ended_at_us, before.lasted_us, hold_us, held)
                    case RunEnd.CUT_BY_GAP:
                        yield Happening(Event.GAP, ended_at_us, at_us - ended_at_us, self._gap_us, held)
                    case RunEnd.CUT_AT_MIDNIGHT:
                        yield Happening(Event.MIDNIGHT, ended_at_us, before.lasted_us, hold_us, held)
                before = None
                continue
            lasted_us = (int(runs.readings[i]) - 1) * points_us if points_us else at_us - started_at_us
            if before is None:
                yield Happening(Event.BEGINS, started_at_us, lasted_us, hold_us, held)
            if held and hold_us and not (before and before.held):
                yield Happening(Event.HELD, started_at_us, lasted_us, hold_us, held)
            elif before and not held:
                yield Happening(Event.HOLDS, started_at_us, lasted_us, hold_us, held)
            below = bool(runs.below[i])
            if below:
                since_us = int(runs.below_since_us[i])
                yield Happening(Event.BELOW, since_us, at_us - since_us, leave_us, held)
            elif before and before.below:
                yield Happening(Event.RETURNS, at_us, 0, leave_us, held)
            self._standing[rules.cited, level.name] = _Standing(lasted_us, held, below)
