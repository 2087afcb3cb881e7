"""Verdicts: what the levels of several rule sets say of each transformer, reading after reading.

`VerdictFold` is a cache. Everything in it follows from the readings it was shown, in time order for each
transformer; it can be thrown away and built again from the journal at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alerts.incidents import Incident, IncidentState, incident_id
from alerts.local_days import LocalDays
from alerts.rules import IncidentPart, Level, Quantity, RuleSet
from alerts.runs import NEVER, Gaps, Heads, OpenRun, RunEnd, Runs, fold_level
from grid.moments import MINUTE_US


class Ending(Enum):
    """What ended an episode."""

    LEAVE = "leave"
    """The load rate stayed below the leave line for long enough."""
    GAP = "gap"
    """Readings stopped for longer than the gap limit."""
    MIDNIGHT = "midnight"
    """The day was over, for a rule set that judges each day by itself."""


@dataclass(frozen=True)
class Episode:
    """A transformer's stay above one line of one rule set.

    `started_at_us` and `ended_at_us` are the linear crossings of the enter and the leave line;
    `ended_at_us` is None while the episode is open.
    """

    transformer_id: str
    rule: str
    level: str
    first_reading_at_us: int
    started_at_us: int
    ended_at_us: int | None
    ended_by: Ending | None
    first_load_rate: float
    peak_load_rate: float
    peak_at_us: int
    readings: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Return what names this episode for good: transformer, rule, level, opening reading."""
        return (self.transformer_id, self.rule, self.level, self.first_reading_at_us)


@dataclass(frozen=True)
class EpisodeChange:
    """An episode as a block left it, and whether it was known before that block."""

    episode: Episode
    incident: IncidentPart
    """What its level does to incidents."""
    known_before: bool


@dataclass(frozen=True)
class IncidentChange:
    """An incident as a block left it, and whether it was known before that block."""

    incident: Incident
    known_before: bool


def in_time_order(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the rows sorted by transformer and time, the first given one of each (transformer, moment)."""
    order = np.lexsort((measured_at_us, transformer))
    number, at_us = transformer[order], measured_at_us[order]
    first = np.ones(len(order), bool)
    first[1:] = (number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1])
    return order[first]


@dataclass(frozen=True)
class SortedRates:
    """Load rates of a block, sorted by transformer and time, one per moment; NaN where there is none."""

    transformer: NDArray[np.int32]
    measured_at_us: NDArray[np.int64]
    load_rate: NDArray[np.float64]
    worst_phase_load_rate: NDArray[np.float64]
    trusted: NDArray[np.bool_]
    """(n,) False for readings in doubt: episodes count them, incidents neither open nor close by them."""

    @staticmethod
    def of(
        transformer: NDArray[np.int32],
        measured_at_us: NDArray[np.int64],
        load_rate: NDArray[np.float64],
        worst_phase_load_rate: NDArray[np.float64],
    ) -> SortedRates:
        """Sort columns (n,) in any order, all trusted; of several rows for one moment the first given counts."""
        rows = in_time_order(transformer, measured_at_us)
        return SortedRates(
            transformer[rows],
            measured_at_us[rows],
            load_rate[rows],
            worst_phase_load_rate[rows],
            np.ones(len(rows), bool),
        )


@dataclass(frozen=True)
class Track:
    """Which readings a level looks at; levels of one track are walked together."""

    quantity: Quantity
    points_minutes: int
    cut_at_midnight: bool
    trusted_only: bool


class TrackFold:
    """The levels of one track, over a whole fleet."""

    def __init__(
        self, track: Track, levels: Sequence[tuple[RuleSet, Level, Gaps]], gap_us: int, zones: Sequence[tzinfo]
    ) -> None:
        """Start with no past. `zones[i]` is the time zone of row i of the fleet."""
        self.levels = levels
        self._track = track
        self._gap_us = gap_us
        self._local_days = LocalDays(zones) if track.cut_at_midnight else None
        self._lowest_enter = min((level.enter for _, level, _ in levels), default=np.inf)
        self._last_at_us = np.full(len(zones), NEVER, np.int64)
        self._last_rate = np.full(len(zones), np.nan)
        self._in_a_run = np.zeros(len(zones), bool)
        self._open: list[dict[int, OpenRun]] = [{} for _ in levels]

    def last_at_us(self, transformer: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return the time (n,) of the last reading seen of each transformer, `NEVER` for none."""
        return self._last_at_us[transformer]

    def advance(self, rates: SortedRates) -> list[Runs]:
        """Walk sorted readings through every level; returns the runs touched, one `Runs` per level."""
        transformer, measured_at_us = rates.transformer, rates.measured_at_us
        rate = rates.load_rate if self._track.quantity is Quantity.LOAD_RATE else rates.worst_phase_load_rate
        counts = ~np.isnan(rate)
        if self._track.trusted_only:
            counts &= rates.trusted
        if self._track.points_minutes:
            counts &= measured_at_us % (self._track.points_minutes * MINUTE_US) == 0
        if not counts.all():
            transformer, measured_at_us, rate = transformer[counts], measured_at_us[counts], rate[counts]
        if not len(rate):
            return []
        heads = self._heads(transformer)
        self._remember(heads, measured_at_us, rate)
        # Most transformers are in no run and stay below every line: nothing can happen to them.
        hot = np.logical_or.reduceat(rate >= self._lowest_enter, heads.first_row)
        busy = hot | self._in_a_run[heads.transformer]
        if not busy.any():
            return []
        if not busy.all():
            sizes = np.diff(np.append(heads.first_row, len(rate)))
            rows = np.repeat(busy, sizes)
            measured_at_us, rate = measured_at_us[rows], rate[rows]
            heads = Heads(
                heads.transformer[busy],
                np.concatenate([[0], np.cumsum(sizes[busy])[:-1]]).astype(np.intp),
                heads.last_at_us[busy],
                heads.last_load_rate[busy],
            )
        new_day = self._local_days.new_day(heads, measured_at_us) if self._local_days else None
        touched = []
        self._in_a_run[heads.transformer] = False
        for i, (_, level, gaps) in enumerate(self.levels):
            runs = fold_level(level, self._gap_us, gaps, measured_at_us, rate, heads, self._open[i], new_day)
            still_open = runs.open_runs()
            for number in runs.transformer.tolist():
                self._open[i].pop(number, None)
            self._open[i].update(still_open)
            self._in_a_run[list(still_open)] = True
            touched.append(runs)
        return touched

    def forget(self, transformer: NDArray[np.int32]) -> None:
        """Drop the past of some transformers, before they are walked anew."""
        self._last_at_us[transformer] = NEVER
        self._last_rate[transformer] = np.nan
        self._in_a_run[transformer] = False
        for number in transformer.tolist():
            for open_runs in self._open:
                open_runs.pop(number, None)

    def _heads(self, transformer: NDArray[np.int32]) -> Heads:
        first = np.flatnonzero(np.append(True, transformer[1:] != transformer[:-1]))
        number = transformer[first]
        return Heads(number, first, self._last_at_us[number], self._last_rate[number])

    def _remember(self, heads: Heads, measured_at_us: NDArray[np.int64], rate: NDArray[np.float64]) -> None:
        last = np.append(heads.first_row[1:], len(rate)) - 1
        self._last_at_us[heads.transformer] = measured_at_us[last]
        self._last_rate[heads.transformer] = rate[last]


@dataclass(frozen=True)
class Verdicts:
    """What a block of readings changed, as the block left it."""

    episodes: tuple[EpisodeChange, ...]
    incidents: tuple[IncidentChange, ...]


class VerdictFold:
    """All rule sets over a whole fleet: show it readings in time order, it says what they changed.

    Each level gives episodes, which a gap in the readings ends. A level that opens incidents is walked a second
    time, gaps bridged and doubtful readings left out: neither silence nor a broken meter ends an incident.
    """

    def __init__(
        self,
        rule_sets: Sequence[RuleSet],
        gap_minutes: float,
        transformer_ids: Sequence[str],
        zones: Sequence[tzinfo] | None = None,
    ) -> None:
        """Start with no past. `transformer_ids[i]` names row i of the fleet, `zones[i]` is its time zone (else UTC)."""
        self._ids = transformer_ids
        tracks: dict[Track, list[tuple[RuleSet, Level, Gaps]]] = {}
        for rules in rule_sets:
            for level in rules.levels:
                for gaps in [Gaps.END_THE_RUN, Gaps.BRIDGED] if level.incident.opens else [Gaps.END_THE_RUN]:
                    for_incidents = gaps is Gaps.BRIDGED
                    track = Track(level.quantity, rules.points_minutes, rules.cut_at_midnight, for_incidents)
                    tracks.setdefault(track, []).append((rules, level, gaps))
        gap_us = round(gap_minutes * MINUTE_US)
        zones = zones if zones is not None else [UTC] * len(transformer_ids)
        self._folds = [TrackFold(track, levels, gap_us, zones) for track, levels in tracks.items()]
        self._raises: dict[tuple[str, str], dict[int, str]] = {}

    def is_late(self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which readings (n,) are not later than what their transformer was already shown."""
        last_at_us = np.maximum.reduce([fold.last_at_us(transformer) for fold in self._folds])
        return np.asarray(measured_at_us <= last_at_us)

    def advance(self, rates: SortedRates) -> Verdicts:
        """Walk a block on; each transformer's readings are later than all it was shown before."""
        episodes: list[EpisodeChange] = []
        incident_runs: list[tuple[RuleSet, Level, Runs]] = []
        for fold in self._folds:
            # Nothing touched: an empty list for all levels.
            for (rules, level, gaps), runs in zip(fold.levels, fold.advance(rates), strict=False):
                if gaps is Gaps.BRIDGED:
                    incident_runs.append((rules, level, runs))
                else:
                    episodes += self._episodes(rules, level, runs)
        self._note_raises(episodes)
        incidents = [change for rules, level, runs in incident_runs for change in self._incidents(rules, level, runs)]
        return Verdicts(tuple(episodes), tuple(incidents))

    def forget(self, transformer: NDArray[np.int32]) -> None:
        """Drop the past of some transformers, before they are walked anew."""
        for fold in self._folds:
            fold.forget(transformer)
        gone = {self._ids[number] for number in transformer.tolist()}
        self._raises = {key: raises for key, raises in self._raises.items() if key[0] not in gone}

    def _episodes(self, rules: RuleSet, level: Level, runs: Runs) -> list[EpisodeChange]:
        endings = {
            RunEnd.OPEN: None,
            RunEnd.LEFT: Ending.LEAVE,
            RunEnd.CUT_BY_GAP: Ending.GAP,
            RunEnd.CUT_AT_MIDNIGHT: Ending.MIDNIGHT,
        }
        changes = []
        for i in np.flatnonzero(runs.held).tolist():
            ended_by = endings[RunEnd(runs.end[i])]
            episode = Episode(
                transformer_id=self._ids[runs.transformer[i]],
                rule=rules.cited,
                level=level.name,
                first_reading_at_us=int(runs.first_at_us[i]),
                started_at_us=int(runs.started_at_us[i]),
                ended_at_us=int(runs.ended_at_us[i]) if ended_by else None,
                ended_by=ended_by,
                first_load_rate=float(runs.first_load_rate[i]),
                peak_load_rate=float(runs.peak_load_rate[i]),
                peak_at_us=int(runs.peak_at_us[i]),
                readings=int(runs.readings[i]),
            )
            changes.append(EpisodeChange(episode, level.incident, bool(runs.held_before[i])))
        return changes

    def _note_raises(self, episodes: list[EpisodeChange]) -> None:
        for change in episodes:
            if change.incident is IncidentPart.RAISES:
                episode = change.episode
                raises = self._raises.setdefault((episode.transformer_id, episode.rule), {})
                raises[episode.first_reading_at_us] = episode.level

    def _incidents(self, rules: RuleSet, level: Level, runs: Runs) -> list[IncidentChange]:
        changes = []
        for i in np.flatnonzero(runs.held).tolist():
            transformer_id, first_at_us = self._ids[runs.transformer[i]], int(runs.first_at_us[i])
            closed = runs.end[i] != RunEnd.OPEN
            raises = self._raises.get((transformer_id, rules.cited), {})
            raised_to = [to for at_us, to in raises.items() if first_at_us <= at_us <= runs.last_at_us[i]]
            incident = Incident(
                incident_id=incident_id(transformer_id, rules.cited, first_at_us),
                transformer_id=transformer_id,
                rule=rules.cited,
                level=raised_to[-1] if raised_to else level.name,
                state=IncidentState.CLOSED if closed else IncidentState.OPEN,
                first_reading_at_us=first_at_us,
                opened_at_us=int(runs.started_at_us[i]),
                opened_load_rate=float(runs.first_load_rate[i]),
                peak_load_rate=float(runs.peak_load_rate[i]),
                peak_at_us=int(runs.peak_at_us[i]),
                last_load_rate=float(runs.last_load_rate[i]),
                last_reading_at_us=int(runs.last_at_us[i]),
                closed_at_us=int(runs.ended_at_us[i]) if closed else None,
            )
            changes.append(IncidentChange(incident, bool(runs.held_before[i])))
            if closed:
                for at_us in [at_us for at_us in raises if at_us <= runs.last_at_us[i]]:
                    del raises[at_us]
        return changes
