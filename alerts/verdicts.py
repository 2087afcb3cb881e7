"""Verdicts: what the levels of several rule sets say of each transformer, reading after reading.

`VerdictFold` is a cache. Everything in it follows from the readings it was shown, in time order for each
transformer; it can be thrown away and built again from the journal at any moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.episodes import Ending, Episode, EpisodeChange
from alerts.incidents import Incident, IncidentState, incident_id
from alerts.rules import IncidentPart, Level, RuleSet
from alerts.runs import Gaps, RunEnd, Runs
from alerts.tracks import SortedRates, Track, TrackFold
from grid.moments import MINUTE_US


@dataclass(frozen=True)
class IncidentChange:
    """An incident as a block left it, and whether it was known before that block."""

    incident: Incident
    known_before: bool


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
