"""Verdicts: what the levels of several rule sets say of each transformer, reading after reading.

`VerdictEngine` is a cache. Everything in it follows from the readings it was shown, in time order for each
transformer; it can be thrown away and built again from the journal at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Ending, Episode, EpisodeChange
from alerts.model.incidents import Incident, IncidentState, incident_id
from alerts.rules.rule_set import IncidentPart, Level, Quantity, RuleSet
from alerts.rules.series import SortedRates, Track, slice_rows
from alerts.rules.threshold_runs import NEVER_TOO_LONG_US, Gaps, RunEnd, Runs
from alerts.verdicts.level_state import LevelEngine, LevelEngineState
from alerts.verdicts.supply_state import SupplyEngine, SupplyState
from grid.timestamps import HOUR_US, MINUTE_US

UNKNOWN_AFTER_HOURS = 24.0
"""After so long without a reading that counts, an incident ends as unknown (reliability promise)."""


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


@dataclass(frozen=True)
class VerdictState:
    """What a `VerdictEngine` remembers, as columns: its levels, and m raises that their open incidents may yet need."""

    levels: LevelEngineState
    phases: LevelEngineState
    outages: LevelEngineState
    supply: SupplyState
    raised_rule: NDArray[np.int16]
    """(m,) row among the rule sets."""
    raised_transformer: NDArray[np.int32]
    """(m,)"""
    raised_at_us: NDArray[np.int64]
    """(m,) first reading of the episode that raises."""
    raised_level: NDArray[np.int16]
    """(m,) row among the rule set's levels."""


class VerdictEngine:
    """All rule sets over a whole fleet: show it readings in time order, it says what they changed.

    Each level gives episodes, which a gap in the readings ends. A level that opens or raises incidents is evaluated a
    second time, gaps bridged and doubtful readings left out: neither silence nor a broken meter ends an incident.
    Levels of a phase that open incidents are evaluated where no incident of the total load is open: that one calls the
    same people to the same doors. A reading without voltage is no load and is passed over by all but the levels that
    look at the voltage.
    """

    def __init__(
        self,
        rule_sets: Sequence[RuleSet],
        gap_minutes: float,
        transformer_ids: Sequence[str],
        zones: Sequence[tzinfo] | None = None,
        unknown_after_hours: float = UNKNOWN_AFTER_HOURS,
    ) -> None:
        """Start with no past. `transformer_ids[i]` names row i of the fleet, `zones[i]` is its time zone (else UTC).

        An incident without a reading that counts for longer than `unknown_after_hours` ends as unknown; 0: never.
        """
        self._ids = transformer_ids
        self._rule_sets = tuple(rule_sets)
        self._zones = zones if zones is not None else [UTC] * len(transformer_ids)
        self._gap_us = round(gap_minutes * MINUTE_US)
        self._bridged_us = round(unknown_after_hours * HOUR_US) or NEVER_TOO_LONG_US
        self._lines: list[tuple[int, Level, Gaps]] = []
        """Of each level of the engines, one engine after another: its rule set's row, itself, what a gap does."""
        self._folds: list[LevelEngine] = []
        self._first_line: list[int] = []
        self._loads = self._fold_of(lambda level: not _is_of_supply(level), _of_loads)
        self._phases = self._fold_of(_opens_by_a_phase, lambda _: (Gaps.BRIDGED,))
        self._outages = self._fold_of(_is_of_supply, lambda _: (Gaps.END_THE_RUN,))
        looks = any(_is_of_supply(level) for _, level, _ in self._lines)
        self._supply = SupplyEngine(self._outages if looks else None, len(transformer_ids))
        self._walks_phases = self._first_line[2] > self._first_line[1]
        self._opens = np.array([_is_opening(level, gaps) for _, level, gaps in self._lines], bool)
        self._raises: dict[tuple[int, int], dict[int, str]] = {}
        """By rule set and transformer, while an incident is open that they lie in: episode's first reading, level."""

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes, without the few raises of open incidents [bytes]."""
        return sum(engine.nbytes for engine in self._folds) + self._supply.nbytes

    @property
    def supply(self) -> NDArray[np.int8]:
        """Return the `Supply` (n,) that the newest reading of each row of the fleet tells; `UNSEEN` for none."""
        return self._supply.newest

    def is_late(self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which readings (n,) are not later than what their transformer was already shown."""
        last_at_us = self._supply.last_at_us(transformer)
        if self._first_line[1]:
            last_at_us = np.maximum(last_at_us, self._loads.last_at_us(transformer))
        return np.asarray(measured_at_us <= last_at_us)

    def advance(self, rates: SortedRates, *, every_touched: bool = True) -> Verdicts:
        """Evaluate a block; each transformer's readings are later than all it was shown before.

        Returns every episode and incident that has a reading in the block. Without `every_touched` an episode is left
        out that was known before and goes on: only its count and peak may have changed, `ongoing` tells them.
        """
        told = np.ones(len(self._lines), bool) if every_touched else self._opens
        first, phases, outages = self._first_line
        rates = self._supply.resolve(rates)
        found: list[Runs] = []
        runs = self._loads.advance(rates, told[first:phases])
        found += [] if runs is None else [runs]
        if self._walks_phases:
            of_phases = rates if runs is None else self._without_incidents(rates, runs)
            found += _shifted(self._phases.advance(of_phases, told[phases:outages]), phases)
        concerned = self._supply.concerned(rates)
        if concerned is not None:
            found += _shifted(self._outages.advance(concerned, told[outages:]), outages)
        return self._verdicts(Runs.concatenate(found), every_touched) if found else _NOTHING

    def ongoing(self, transformer: NDArray[np.int32]) -> Verdicts:
        """Return the open episodes and incidents of transformers (n,), each named once."""
        folds = zip(self._folds, self._first_line, strict=True)
        found = [runs for engine, first in folds for runs in _shifted(engine.ongoing(transformer), first)]
        return self._verdicts(Runs.concatenate(found), every_touched=True) if found else _NOTHING

    def forget(self, transformer: NDArray[np.int32]) -> None:
        """Drop the past of some transformers, each named once, before they are re-evaluated."""
        for engine in self._folds:
            engine.forget(transformer)
        self._supply.forget(transformer)
        if self._raises:
            gone = set(transformer.tolist())
            self._raises = {key: raises for key, raises in self._raises.items() if key[1] not in gone}

    def _fold_of(self, wanted: Callable[[Level], bool], gaps_of: Callable[[Level], Sequence[Gaps]]) -> LevelEngine:
        """Make the engine of some levels of all rule sets, and note its lines."""
        tracks: dict[Track, list[tuple[int, Level, Gaps]]] = {}
        for i, rules in enumerate(self._rule_sets):
            for level in filter(wanted, rules.levels):
                for gaps in gaps_of(level):
                    for_incidents = gaps is Gaps.BRIDGED
                    track = Track(level.quantity, rules.points_minutes, rules.cut_at_midnight, for_incidents)
                    line = _incident_line(level) if for_incidents else level
                    tracks.setdefault(track, []).append((i, line, gaps))
        self._first_line.append(len(self._lines))
        self._lines += [line for lines in tracks.values() for line in lines]
        levels = [(track, level, gaps) for track, lines in tracks.items() for _, level, gaps in lines]
        engine = LevelEngine(levels, self._gap_us, self._zones, self._bridged_us)
        self._folds.append(engine)
        return engine

    def _without_incidents(self, rates: SortedRates, runs: Runs) -> SortedRates:
        """Return a block without worst phases where a run lasts that opens an incident of the total load."""
        runs = runs.take(self._opens[runs.level])
        if not len(runs):
            return rates
        first = np.searchsorted(rates.transformer, runs.transformer, side="left")
        size = np.searchsorted(rates.transformer, runs.transformer, side="right") - first
        rows, run = slice_rows(first, size), np.repeat(np.arange(len(runs)), size)
        at_us = rates.measured_at_us[rows]
        lasts = (at_us >= runs.first_at_us[run]) & ((runs.end[run] == RunEnd.OPEN) | (at_us <= runs.last_at_us[run]))
        worst_phase = rates.worst_phase_load_rate.copy()
        worst_phase[rows[lasts]] = np.nan
        return replace(rates, worst_phase_load_rate=worst_phase)

    def state(self) -> VerdictState:
        """Return a copy of all that is remembered."""
        raises = [(*key, at_us, level) for key, found in self._raises.items() for at_us, level in found.items()]
        places = [[level.name for level in rules.levels] for rules in self._rule_sets]
        return VerdictState(
            self._loads.state(),
            self._phases.state(),
            self._outages.state(),
            self._supply.state(),
            np.array([i for i, _, _, _ in raises], np.int16),
            np.array([number for _, number, _, _ in raises], np.int32),
            np.array([at_us for _, _, at_us, _ in raises], np.int64),
            np.array([places[i].index(level) for i, _, _, level in raises], np.int16),
        )

    def restore(self, state: VerdictState) -> None:
        """Take over what another engine of the same rule sets and fleet remembered. This one has no past yet."""
        for engine, of_fold in zip(self._folds, (state.levels, state.phases, state.outages), strict=True):
            engine.restore(of_fold)
        self._supply.restore(state.supply)
        columns = (state.raised_rule, state.raised_transformer, state.raised_at_us, state.raised_level)
        for i, number, at_us, level in zip(*(column.tolist() for column in columns), strict=True):
            self._raises.setdefault((i, number), {})[at_us] = self._rule_sets[i].levels[level].name

    def _verdicts(self, runs: Runs, every_touched: bool) -> Verdicts:
        tells = runs.held & (every_touched | ~runs.held_before | (runs.end != RunEnd.OPEN) | self._opens[runs.level])
        runs = runs.take(tells)
        episodes: list[EpisodeChange] = []
        incidents: list[tuple[int, Level, Runs]] = []
        concerned: set[tuple[int, int]] = set()
        for line in np.unique(runs.level).tolist():
            i, level, gaps = self._lines[line]
            own = runs.take(runs.level == line)
            if gaps is Gaps.END_THE_RUN:
                episodes += self._episodes(i, level, own)
                continue
            concerned.update((i, number) for number in own.transformer.tolist())
            if level.incident is IncidentPart.RAISES:
                self._note_raises(i, level, own)
            else:
                incidents.append((i, level, own))
        changes = [change for i, level, own in incidents for change in self._incidents(i, level, own)]
        self._forget_raises(concerned)
        return Verdicts(tuple(episodes), tuple(changes))

    def _episodes(self, rule_set: int, level: Level, runs: Runs) -> list[EpisodeChange]:
        """Return the episodes that runs of a level are; each of them is one."""
        ids, cited = self._ids, self._rule_sets[rule_set].cited
        columns = (
            runs.transformer,
            runs.first_at_us,
            runs.started_at_us,
            runs.ended_at_us,
            runs.end,
            runs.first_load_rate,
            runs.peak_load_rate,
            runs.peak_at_us,
            runs.readings,
            runs.held_before,
        )
        changes = []
        for number, first_us, started_us, ended_us, end, first, peak, peak_us, readings, before in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            ended_by = _ENDINGS[end]
            if _is_of_supply(level):
                first = peak = 0.0  # the run was of voltage; a load there was not
            episode = Episode(
                transformer_id=ids[number],
                rule=cited,
                level=level.name,
                first_reading_at_us=first_us,
                started_at_us=started_us,
                ended_at_us=ended_us if ended_by else None,
                ended_by=ended_by,
                first_load_rate=first,
                peak_load_rate=peak,
                peak_at_us=peak_us,
                readings=readings,
            )
            changes.append(EpisodeChange(episode, level.incident, before))
        return changes

    def _incidents(self, rule_set: int, level: Level, runs: Runs) -> list[IncidentChange]:
        """Return the incidents that runs of an opening level are, after the raises of their block were noted."""
        changes = []
        cited = self._rule_sets[rule_set].cited
        opens_by_a_phase = _opens_by_a_phase(level)
        # Both kinds may open with one reading; the id of the older kind stays what it always was.
        named_by = f"{cited}/{level.name}" if opens_by_a_phase else cited
        columns = (
            runs.transformer,
            runs.first_at_us,
            runs.started_at_us,
            runs.ended_at_us,
            runs.end,
            runs.first_load_rate,
            runs.peak_load_rate,
            runs.peak_at_us,
            runs.last_load_rate,
            runs.last_at_us,
            runs.held_before,
        )
        for number, first_us, started_us, ended_us, end, first, peak, peak_us, last, last_us, before in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            raises = None if opens_by_a_phase else self._raises.get((rule_set, number))
            raised_to = [to for at_us, to in raises.items() if first_us <= at_us <= last_us] if raises else None
            incident = Incident(
                incident_id=incident_id(self._ids[number], named_by, first_us),
                transformer_id=self._ids[number],
                rule=cited,
                level=raised_to[-1] if raised_to else level.name,
                state=_INCIDENT_STATES[end],
                first_reading_at_us=first_us,
                opened_at_us=started_us,
                opened_load_rate=first,
                peak_load_rate=peak,
                peak_at_us=peak_us,
                last_load_rate=last,
                last_reading_at_us=last_us,
                closed_at_us=ended_us if end else None,
            )
            changes.append(IncidentChange(incident, before))
        return changes

    def _note_raises(self, rule_set: int, level: Level, runs: Runs) -> None:
        for number, first_at_us in zip(runs.transformer.tolist(), runs.first_at_us.tolist(), strict=True):
            self._raises.setdefault((rule_set, number), {})[first_at_us] = level.name

    def _forget_raises(self, touched: Iterable[tuple[int, int]]) -> None:
        """Keep of these rule sets and transformers only raises that lie in a run which is, or may yet be, an incident.

        A run that begins later begins after them.
        """
        for key in touched:
            if key not in self._raises:
                continue
            rule_set, number = key
            lines = [line for line in np.flatnonzero(self._opens).tolist() if self._lines[line][0] == rule_set]
            lines = [line for line in lines if line < self._first_line[1]]
            begun = [us for line in lines if (us := self._loads.first_open_at_us(line, number)) is not None]
            kept = {at_us: to for at_us, to in self._raises[key].items() if begun and at_us >= min(begun)}
            if kept:
                self._raises[key] = kept
            else:
                del self._raises[key]


_NOTHING = Verdicts((), ())
_ENDINGS = (None, Ending.LEAVE, Ending.GAP, Ending.MIDNIGHT)
"""By `RunEnd`."""
_INCIDENT_STATES = (IncidentState.OPEN, IncidentState.CLOSED, IncidentState.UNKNOWN, IncidentState.CLOSED)
"""By `RunEnd`."""


def _opens_by_a_phase(level: Level) -> bool:
    return level.incident.opens and level.quantity is Quantity.WORST_PHASE_LOAD_RATE


def _incident_line(level: Level) -> Level:
    """Return a level as it opens incidents: after a hold of its own, of which only unbroken time counts."""
    if level.incident_hold_minutes is None:
        return level
    return replace(level, hold_minutes=level.incident_hold_minutes, unbroken_hold=True)


def _is_of_supply(level: Level) -> bool:
    return level.quantity is Quantity.NO_VOLTAGE


def _of_loads(level: Level) -> Sequence[Gaps]:
    bridged = level.incident is not IncidentPart.NONE and not _opens_by_a_phase(level)
    return (Gaps.END_THE_RUN, Gaps.BRIDGED) if bridged else (Gaps.END_THE_RUN,)


def _is_opening(level: Level, gaps: Gaps) -> bool:
    return level.incident.opens and gaps is Gaps.BRIDGED


def _shifted(runs: Runs | None, first_line: int) -> list[Runs]:
    """Return runs with their levels counted among the lines of all engines."""
    return [] if runs is None or not len(runs) else [replace(runs, level=runs.level + first_line)]
