"""What was doubted about the readings of an episode, kept as long as an episode may still ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from alerts.quality.grading import DataQuality, grade
from alerts.rules.rule_set import Level, Quantity, RuleSet
from alerts.rules.series import SortedRates
from alerts.rules.threshold_runs import point_of
from grid.supply import Supply
from grid.timestamps import MINUTE_US


@dataclass(frozen=True)
class _Flagged:
    """Readings in order of transformer and time, equal-length columns (n,)."""

    transformer: NDArray[np.int32]
    measured_at_us: NDArray[np.int64]
    has_load_rate: NDArray[np.bool_]
    has_worst_phase: NDArray[np.bool_]
    flags: NDArray[np.uint8]
    is_dark: NDArray[np.bool_]
    """Without voltage: passed over."""

    def from_row(self, first: int) -> _Flagged:
        """Return the readings from a row on, as columns of their own."""
        return _Flagged(*(getattr(self, column.name)[first:].copy() for column in fields(self)))

    def and_then(self, later: _Flagged) -> _Flagged:
        """Return these readings and later ones."""
        return _Flagged(*(np.concatenate([getattr(self, c.name), getattr(later, c.name)]) for c in fields(self)))


class FlagHistory:
    """The doubts about readings evaluated block by block, transformer after transformer."""

    def __init__(self, rule_sets: Sequence[RuleSet], gap_us: int) -> None:
        """Start with nothing. A run that is no episode yet began at most a hold time and a gap ago."""
        longest = max((level.hold_minutes for rules in rule_sets for level in rules.levels), default=0.0)
        self._reach_us = round(longest * MINUTE_US) + gap_us
        nothing = np.empty(0, bool)
        self._past = _Flagged(
            np.empty(0, np.int32), np.empty(0, np.int64), nothing, nothing, np.empty(0, np.uint8), nothing
        )

    def remember(self, rates: SortedRates, flags: NDArray[np.uint8]) -> None:
        """Add a block (n,), which goes on where the last one ended."""
        block = _Flagged(
            rates.transformer,
            rates.measured_at_us,
            ~np.isnan(rates.load_rate),
            ~np.isnan(rates.worst_phase_load_rate),
            flags,
            rates.supply >= Supply.GONE,
        )
        self._past = self._past.and_then(block)

    def forget(self, still_open: Sequence[Episode]) -> None:
        """Let go what neither the open episodes of the transformer evaluated last nor a run to come can ask for."""
        past = self._past
        if not len(past.transformer):
            return
        from_us = int(past.measured_at_us[-1]) - self._reach_us
        from_us = min([from_us, *(episode.first_reading_at_us for episode in still_open)])
        first = int(np.searchsorted(past.transformer, past.transformer[-1]))
        self._past = past.from_row(first + int(np.searchsorted(past.measured_at_us[first:], from_us)))

    def of(self, number: int, episode: Episode, rules: RuleSet, level: Level) -> DataQuality:
        """Return what is to be thought of the readings that an episode counts."""
        if level.quantity is Quantity.NO_VOLTAGE:
            return grade(np.empty(0, np.uint8))
        past = self._past
        first, stop = self._rows_of(number, episode)
        has_rate = past.has_load_rate if level.quantity is Quantity.LOAD_RATE else past.has_worst_phase
        counts = has_rate[first:stop]
        if rules.points_minutes:
            rows = np.flatnonzero(counts)
            slot = point_of(past.measured_at_us[first:stop][rows], rules.points_minutes * MINUTE_US)
            # The first reading that an episode counts is a point, so that every change of the slot is the next one.
            counts = np.zeros(len(counts), bool)
            counts[rows[np.append(True, slot[1:] != slot[:-1])[: len(rows)]]] = True
        return grade(past.flags[first:stop][counts][: episode.readings])

    def passed_over(self, number: int, episode: Episode, level: Level) -> int:
        """Return how many readings in the midst of an episode were without voltage."""
        if level.quantity is Quantity.NO_VOLTAGE:
            return 0
        first, stop = self._rows_of(number, episode)
        has_rate = np.flatnonzero(self._past.has_load_rate[first:stop])
        return int(self._past.is_dark[first : first + has_rate[-1]].sum()) if len(has_rate) else 0

    def _rows_of(self, number: int, episode: Episode) -> tuple[int, int]:
        """Return where the readings of an episode begin and end among those remembered."""
        past = self._past
        first, stop = np.searchsorted(past.transformer, np.array([number, number + 1], np.int32)).tolist()
        first += int(np.searchsorted(past.measured_at_us[first:stop], episode.first_reading_at_us))
        if episode.ended_at_us is not None:
            stop = first + int(np.searchsorted(past.measured_at_us[first:stop], episode.ended_at_us, side="right"))
        return first, stop
