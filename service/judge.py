"""Verdicts on a file of readings, with neither broker nor store: the same decoding, the same fold, the same words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Episode, SortedRates, VerdictFold, in_time_order
from alerts.messages import episode_reason
from alerts.rules import RuleSet
from collector.readings_csv import read_readings_csv
from collector.rejects import Reject
from collector.screen import Limits
from grid.assets import Ledger
from grid.electrical import Basis, LoadRates
from grid.fleet import Fleet
from grid.text import Text


@dataclass(frozen=True)
class Verdict:
    """One episode with its reason in words."""

    episode: Episode
    reason: Text


@dataclass(frozen=True)
class Judgement:
    """What a file of readings says."""

    verdicts: tuple[Verdict, ...]
    """By transformer, rule set, level and time."""
    rejects: tuple[Reject, ...]
    readings: int
    """Rows that could be judged, one per transformer and moment."""


def judge_file(
    file: Path,
    ledger: Ledger,
    rule_sets: Sequence[RuleSet],
    gap_minutes: float,
    progress: Callable[[int], None] = lambda rows: None,
) -> Judgement:
    """Judge a readings file of any order against a ledger; `progress` is told the rows read so far.

    Of several rows for one transformer and moment the first in the file counts. Raises LedgerError or
    UsageError when the file cannot be read at all; a bad row is a reject.
    """
    fleet = Fleet.of(ledger.transformers, known_stations=ledger.stations)
    read = _Read()
    for decoded in read_readings_csv(file, fleet, limits=Limits(measured_age_hours_max=None)):
        read.take(LoadRates(decoded.readings, fleet), decoded.readings.transformer, decoded.readings.measured_at_us)
        read.rejects += decoded.rejects
        progress(read.rows)
    rates, active_only = read.sorted()
    fold = VerdictFold(rule_sets, gap_minutes, fleet.transformer_ids, fleet.zones)
    episodes = [change.episode for change in fold.advance(rates).episodes]
    order = {rules.cited: i for i, rules in enumerate(rule_sets)}
    levels = {rules.cited: [level.name for level in rules.levels] for rules in rule_sets}
    episodes.sort(key=lambda e: (e.transformer_id, order[e.rule], levels[e.rule].index(e.level), e.started_at_us))
    reason = _Reasons(rule_sets, fleet, rates, active_only)
    return Judgement(tuple(Verdict(e, reason.of(e)) for e in episodes), tuple(read.rejects), len(rates.load_rate))


class _Read:
    """The load rates of a file, gathered chunk by chunk; the measured values themselves are let go."""

    def __init__(self) -> None:
        self.rejects: list[Reject] = []
        self.rows = 0
        self._transformer: list[NDArray[np.int32]] = [np.empty(0, np.int32)]
        self._measured_at_us: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        self._load_rate: list[NDArray[np.float64]] = [np.empty(0)]
        self._worst_phase: list[NDArray[np.float64]] = [np.empty(0)]
        self._active_only: list[NDArray[np.bool_]] = [np.empty(0, bool)]

    def take(self, rates: LoadRates, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> None:
        self.rows += len(transformer)
        self._transformer.append(transformer)
        self._measured_at_us.append(measured_at_us)
        self._load_rate.append(rates.load_rate)
        self._worst_phase.append(rates.worst_phase_load_rate)
        self._active_only.append(rates.basis == Basis.ACTIVE_ONLY)

    def sorted(self) -> tuple[SortedRates, NDArray[np.bool_]]:
        """Return the rates, sorted and one per moment, and which of them are from active power alone."""
        transformer = np.concatenate(self._transformer)
        measured_at_us = np.concatenate(self._measured_at_us)
        load_rate, worst_phase = np.concatenate(self._load_rate), np.concatenate(self._worst_phase)
        rows = in_time_order(transformer, measured_at_us)
        trusted = np.ones(len(rows), bool)
        rates = SortedRates(transformer[rows], measured_at_us[rows], load_rate[rows], worst_phase[rows], trusted)
        return rates, np.concatenate(self._active_only)[rows]


class _Reasons:
    """Says an episode's reason, with the marks that its readings carry."""

    def __init__(
        self,
        rule_sets: Sequence[RuleSet],
        fleet: Fleet,
        rates: SortedRates,
        active_only: NDArray[np.bool_],
    ) -> None:
        self._fleet = fleet
        self._rules = {rules.cited: rules for rules in rule_sets}
        self._marked_transformer = rates.transformer[active_only]
        self._marked_at_us = rates.measured_at_us[active_only]

    def of(self, episode: Episode) -> Text:
        number = self._fleet.number[episode.transformer_id]
        until_us = np.iinfo(np.int64).max if episode.ended_at_us is None else episode.ended_at_us
        mine = self._marked_transformer == number
        at_us = self._marked_at_us[mine]
        active_only = bool(((episode.first_reading_at_us <= at_us) & (at_us <= until_us)).any())
        level = self._rules[episode.rule].level(episode.level)
        return episode_reason(episode, level, self._fleet.zones[number], active_only=active_only)
