"""Verdicts over the journal: new readings are evaluated, late ones make their transformer be re-evaluated.

The journal is the truth and the engine a cache of it, so both ways end in the same verdicts. What a late block
can touch is bounded: a run that lasts longer than every hold time is an episode and recorded, so the evaluation starts
before the episodes that overlap the late readings, or else one hold time before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident
from alerts.quality.believed import believed_rates
from alerts.quality.grading import (
    UNTRUSTED,
    QualityFlag,
    QualityGrader,
    QualityGraderState,
    RatedReadings,
    flags_in,
    newly_flagged,
)
from alerts.quality.lookback import ShortPast
from alerts.rules.rule_set import RuleSet
from alerts.rules.series import SortedRates, in_time_order
from alerts.verdicts.engine import UNKNOWN_AFTER_HOURS, VerdictEngine, Verdicts, VerdictState
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from stores.journal.journal import Journal
from stores.records.records import Records

ASKED_SINGLY_MAX = 20
"""Up to this many transformers are looked up one by one; for more, all recent verdicts are read at once."""
NOTIFIED_FLAGS = int(UNTRUSTED | QualityFlag.PHASE_SWAP | QualityFlag.POWERS_LOW)
"""Doubts that somebody should look at the meter for; active-only readings are only marked."""
SOUGHT_ONE_IN = 4
"""Up to one transformer in so many is sought by itself; for more, everybody's readings are read at once (practice)."""
ARRIVALS_AT_ONCE = 200_000
"""Readings that are taken up again at once after a start."""
_FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Flagged:
    """A transformer's readings began to be doubtful, or its phases changed places, with this one."""

    transformer_id: str
    flag: QualityFlag
    measured_at_us: int
    load_rate: float


@dataclass(frozen=True)
class LateReadings:
    """How many readings of one transformer came late, and when the last of them came."""

    count: int
    received_at_us: int


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation says: episodes and incidents as they stand now, and those that stand no longer."""

    episodes: tuple[Episode, ...] = ()
    incidents: tuple[Incident, ...] = ()
    retracted_episodes: tuple[tuple[str, str, str, int], ...] = ()
    retracted_incidents: tuple[Incident, ...] = ()
    re_evaluated: frozenset[str] = frozenset()
    """Transformers whose verdicts were made anew, because a reading came late or the process began."""
    late: Mapping[str, LateReadings] = field(default_factory=dict)
    """By transformer, the readings that were not later than what had been judged."""
    flagged: tuple[Flagged, ...] = ()

    def without(self, transformer_ids: frozenset[str]) -> Evaluated:
        """Return what was found, but of some transformers."""
        return replace(
            self,
            episodes=tuple(e for e in self.episodes if e.transformer_id not in transformer_ids),
            incidents=tuple(i for i in self.incidents if i.transformer_id not in transformer_ids),
            flagged=tuple(d for d in self.flagged if d.transformer_id not in transformer_ids),
        )

    def plus(self, other: Evaluated) -> Evaluated:
        """Return what two evaluations of different transformers say."""
        return Evaluated(
            self.episodes + other.episodes,
            self.incidents + other.incidents,
            self.retracted_episodes + other.retracted_episodes,
            self.retracted_incidents + other.retracted_incidents,
            self.re_evaluated | other.re_evaluated,
            {**self.late, **other.late},
            self.flagged + other.flagged,
        )


@dataclass(frozen=True)
class IncrementalVerdictsState:
    """What judging remembers, behind some block of the journal."""

    verdicts: VerdictState
    quality: QualityGraderState


class IncrementalVerdicts:
    """The verdict engine of one collector, kept true to its journal."""

    def __init__(
        self,
        journal: Journal,
        records: Records,
        rule_sets: Sequence[RuleSet],
        gap_minutes: float,
        fleet: Fleet,
        unknown_after_hours: float = UNKNOWN_AFTER_HOURS,
    ) -> None:
        """Start with no past; `recover` gives it one."""
        self._journal = journal
        self._records = records
        self._fleet = fleet
        self._engine = VerdictEngine(rule_sets, gap_minutes, fleet.transformer_ids, fleet.zones, unknown_after_hours)
        self._quality = QualityGrader(len(fleet))
        levels = [level for rules in rule_sets for level in rules.levels]
        held = (max(level.hold_minutes, level.opens_incidents_after_minutes) + level.leave_minutes for level in levels)
        longest = max(held, default=0.0)
        self._gap_us = round(gap_minutes * MINUTE_US)
        self._reach_us = round((longest + 2 * gap_minutes) * MINUTE_US)

    def evaluate(self, readings: ReadingBatch) -> Evaluated:
        """Judge readings that the journal has just stored; none of them was stored before."""
        late = self._engine.is_late(readings.transformer, readings.measured_at_us)
        if not late.any():
            verdicts, flagged, _ = self._advance(readings)
            return Evaluated(
                tuple(c.episode for c in verdicts.episodes if not c.known_before or c.episode.ended_by),
                tuple(c.incident for c in verdicts.incidents),
                flagged=flagged,
            )
        behind = np.isin(readings.transformer, readings.transformer[late])
        ahead = self.evaluate(readings.take(~behind)) if not behind.all() else Evaluated()
        anew = self.re_evaluate(earliest(readings.take(behind)))
        return replace(ahead.plus(anew), late=self._late(readings.take(late)))

    def late_rows(self, readings: ReadingBatch) -> int:
        """Return how many readings are not later than what was evaluated of their transformer."""
        return int(self._engine.is_late(readings.transformer, readings.measured_at_us).sum())

    def _late(self, readings: ReadingBatch) -> dict[str, LateReadings]:
        found = {}
        for number in np.unique(readings.transformer).tolist():
            received_at_us = readings.received_at_us[readings.transformer == number]
            found[self._fleet.transformer_ids[number]] = LateReadings(len(received_at_us), int(received_at_us.max()))
        return found

    def recover(self, evaluated_up_to_block: int, rated_anew: Iterable[int] = ()) -> Evaluated:
        """Build the engine from the journal; readings after `evaluated_up_to_block` are judged for the first time.

        All readings of the transformers `rated_anew` are judged again: their ratings are not what they were.
        """
        newest = self._journal.latest()
        since = dict(zip(newest.transformer.tolist(), (newest.measured_at_us + 1).tolist(), strict=True))
        block = evaluated_up_to_block
        while True:
            unevaluated, block = self._journal.after(block, rows_max=ARRIVALS_AT_ONCE)
            if not len(unevaluated):
                break
            for number, at_us in earliest(unevaluated).items():
                since[number] = min(since.get(number, at_us), at_us)
        since.update((number, 0) for number in rated_anew if number in since)
        known = len(self._fleet)
        return self.re_evaluate({n: at for n, at in since.items() if n < known and self._fleet.transformer_ids[n]})

    @property
    def supply(self) -> NDArray[np.int8]:
        """Return the `Supply` (n,) that the newest reading of each transformer tells."""
        return self._engine.supply

    def state(self) -> IncrementalVerdictsState:
        """Return a copy of all that is remembered."""
        return IncrementalVerdictsState(self._engine.state(), self._quality.state())

    def replay(self, state: IncrementalVerdictsState, block_no: int) -> Evaluated:
        """Go on from what was remembered behind a block; what arrived later is judged as if for the first time.

        Verdicts up to that block are recorded; of the later readings anything may be recorded, or nothing. This judge
        has no past yet.
        """
        self._engine.restore(state.verdicts)
        self._quality.restore(state.quality)
        first_us = np.full(len(self._fleet), _FOREVER)
        behind = np.zeros(len(self._fleet), bool)
        found: list[Verdicts] = []
        flagged: list[Flagged] = []
        for readings in self._readings_behind(block_no):
            np.minimum.at(first_us, readings.transformer, readings.measured_at_us)
            behind[readings.transformer[self._engine.is_late(readings.transformer, readings.measured_at_us)]] = True
            verdicts, newly, _ = self._advance(readings.take(~behind[readings.transformer]))
            found.append(verdicts)
            flagged += newly
        ahead = np.flatnonzero((first_us != _FOREVER) & ~behind).astype(np.int32)
        evaluated = self._against_records(ahead, first_us[ahead], [*found, self._engine.ongoing(ahead)], flagged)
        late = np.flatnonzero(behind)
        return evaluated.plus(self.re_evaluate(dict(zip(late.tolist(), first_us[late].tolist(), strict=True))))

    def _against_records(
        self, numbers: NDArray[np.int32], first_us: NDArray[np.int64], found: list[Verdicts], flagged: list[Flagged]
    ) -> Evaluated:
        """Return what was found of transformers (n,) evaluated from moments (n,) [µs], in place of their records."""
        ids = self._fleet.transformer_ids
        from_us_of = {ids[n]: at_us for n, at_us in zip(numbers.tolist(), first_us.tolist(), strict=True)}
        episodes = [c.episode for v in found for c in v.episodes if c.episode.transformer_id in from_us_of]
        incidents = [c.incident for v in found for c in v.incidents if c.incident.transformer_id in from_us_of]
        recorded = _Recorded(self._records, frozenset(from_us_of), min(from_us_of.values(), default=0))
        return _evaluated(
            from_us_of, recorded, episodes, incidents, [d for d in flagged if d.transformer_id in from_us_of]
        )

    def _readings_behind(self, block_no: int) -> Iterator[ReadingBatch]:
        """Yield what arrived after a block, of the transformers in service, in order of arrival."""
        in_service = np.array([bool(i) for i in self._fleet.transformer_ids], bool)
        while True:
            readings, block_no = self._journal.after(block_no, rows_max=ARRIVALS_AT_ONCE)
            if not len(readings):
                return
            known = readings.transformer < len(self._fleet)
            known[known] = in_service[readings.transformer[known]]
            yield readings.where(known)

    def re_evaluate(self, changed_since_us: dict[int, int]) -> Evaluated:
        """Judge transformers again (number -> first moment at which its readings changed)."""
        ids = self._fleet.transformer_ids
        recorded, start_us = self._where_to_start(changed_since_us)
        found, unsure = self._evaluate_from(start_us, max(self._reach_us, 2 * self._gap_us))
        if unsure:
            far, _ = self._evaluate_from({n: start_us[n] for n in unsure}, self._quality.reach_us)
            found = found.without(frozenset(ids[n] for n in unsure)).plus(far)
        from_us_of = {ids[n]: from_us for n, from_us in start_us.items()}
        return _evaluated(from_us_of, recorded, found.episodes, found.incidents, found.flagged)

    def _evaluate_from(self, start_us: dict[int, int], back_us: int) -> tuple[Evaluated, list[int]]:
        """Evaluate transformers (number -> moment) with the readings from `back_us` before their moment on.

        Returns what was found from those moments on, and for which transformers it takes older readings to be sure.
        """
        if not start_us:
            return Evaluated(), []
        ids, numbers = self._fleet.transformer_ids, np.array(sorted(start_us), np.int32)
        self._engine.forget(numbers)
        self._quality.forget(numbers)
        timestamp_us = np.array([start_us[n] for n in numbers.tolist()], np.int64)
        first_us = timestamp_us - back_us
        short = ShortPast(numbers, timestamp_us)
        from_us_of = {ids[n]: from_us for n, from_us in start_us.items()}
        episodes: list[Episode] = []
        incidents: list[Incident] = []
        flagged: list[Flagged] = []
        for readings in self._readings_since(numbers, first_us):
            verdicts, newly, rated = self._advance(readings)
            short.see(rated)
            flagged += [d for d in newly if d.measured_at_us >= from_us_of[d.transformer_id]]
            episodes += [c.episode for c in verdicts.episodes if _starts_within(c.episode, from_us_of)]
            incidents += [c.incident for c in verdicts.incidents if _starts_within(c.incident, from_us_of)]
        ongoing = self._engine.ongoing(numbers)
        episodes += [c.episode for c in ongoing.episodes if _starts_within(c.episode, from_us_of)]
        found = Evaluated(tuple(episodes), tuple(incidents), flagged=tuple(flagged))
        unsure = ~short.suffices
        more_us = self._quality.reach_us - back_us
        return found, numbers[unsure].tolist() if more_us > 0 and self._has_older(first_us[unsure], more_us) else []

    def _has_older(self, first_us: NDArray[np.int64], back_us: int) -> bool:
        """Return whether the journal holds anything of so long [µs] before some of these moments (k,)."""
        if not len(first_us):
            return False
        oldest = next(self._journal.since(int(first_us.min()) - back_us, rows_max=1), None)
        return oldest is not None and int(oldest.measured_at_us[0]) < int(first_us.max())

    def _where_to_start(self, changed_since_us: dict[int, int]) -> tuple[_Recorded, dict[int, int]]:
        """Return the verdicts recorded since the evaluation's start, and that start: in no episode, in no incident."""
        ids = self._fleet.transformer_ids
        start_us = {n: at_us - self._reach_us for n, at_us in changed_since_us.items()}
        while True:
            earliest_us = min(start_us.values(), default=0)
            recorded = _Recorded(self._records, frozenset(ids[n] for n in start_us), earliest_us)
            start_us = {n: recorded.walk_start_us(ids[n], at_us) for n, at_us in start_us.items()}
            # A start that moved back may lie in a stay that was over before, which was not asked for yet.
            if min(start_us.values(), default=0) >= earliest_us:
                return recorded, start_us

    def _advance(self, readings: ReadingBatch) -> tuple[Verdicts, tuple[Flagged, ...], RatedReadings]:
        """Evaluate readings later than all before; return the verdicts, what began to be doubtful, and the readings."""
        rates, rated = rated_and_sorted(readings, self._fleet)
        ongoing = self._quality.ongoing(rated.transformer)
        flags = self._quality.advance(rated)
        believed = believed_rates(rates, rated, flags)
        begun = newly_flagged(rated, flags, ongoing) & NOTIFIED_FLAGS
        flagged = tuple(
            Flagged(
                self._fleet.transformer_ids[rated.transformer[row]],
                flag,
                int(rated.measured_at_us[row]),
                float(believed.load_rate[row]),
            )
            for row in np.flatnonzero(begun)
            for flag in flags_in(int(begun[row]))
        )
        return self._engine.advance(believed, every_touched=False), flagged, rated

    def _readings_since(self, numbers: NDArray[np.int32], first_us: NDArray[np.int64]) -> Iterator[ReadingBatch]:
        """Yield the readings of transformers (k,), which rise, from moments (k,) [µs] on."""
        recent = first_us >= first_us.max() - DAY_US
        # Few of many are sought one by one, so that not everybody's day is read for them.
        alone = ~recent | (recent.sum() * SOUGHT_ONE_IN < len(self._fleet))
        groups = [np.flatnonzero(~alone), *np.flatnonzero(alone)[:, None]]
        for group in [group for group in groups if len(group)]:
            for readings in self._journal.since(int(first_us[group].min()), numbers[group].tolist()):
                place = np.searchsorted(numbers, readings.transformer)
                yield readings.where(readings.measured_at_us >= first_us[place])


def _evaluated(
    from_us_of: dict[str, int],
    recorded: _Recorded,
    episodes: Sequence[Episode],
    incidents: Sequence[Incident],
    flagged: Sequence[Flagged],
) -> Evaluated:
    """Return what was found anew of transformers from moments on; what the records say besides stands no longer."""
    return Evaluated(
        tuple({episode.key: episode for episode in episodes}.values()),
        tuple({incident.incident_id: incident for incident in incidents}.values()),
        recorded.episodes_gone(from_us_of, episodes),
        recorded.incidents_gone(from_us_of, incidents),
        frozenset(from_us_of),
        flagged=tuple(flagged),
    )


def _starts_within(found: Episode | Incident, from_us: dict[str, int]) -> bool:
    return found.first_reading_at_us >= from_us[found.transformer_id]


class _Recorded:
    """What the records say of some transformers since a moment."""

    def __init__(self, records: Records, transformer_ids: frozenset[str], since_us: int) -> None:
        self._episodes: dict[str, list[Episode]] = {}
        asked = transformer_ids if len(transformer_ids) <= ASKED_SINGLY_MAX else [None]
        for episode in [e for of in asked for e in records.episodes(of, since_us)]:
            if episode.transformer_id in transformer_ids:
                self._episodes.setdefault(episode.transformer_id, []).append(episode)
        self._incidents: dict[str, list[Incident]] = {}
        for incident in records.incidents(since_us=since_us):
            if incident.transformer_id in transformer_ids:
                self._incidents.setdefault(incident.transformer_id, []).append(incident)

    def walk_start_us(self, transformer_id: str, from_us: int) -> int:
        """Return the latest moment not after `from_us` at which the transformer was in no episode and no incident."""
        stays = [(e.first_reading_at_us, e.ended_at_us or _FOREVER) for e in self._episodes.get(transformer_id, [])]
        stays += [(i.first_reading_at_us, i.closed_at_us or _FOREVER) for i in self._incidents.get(transformer_id, [])]
        for first_us, last_us in sorted(stays, reverse=True):
            if first_us < from_us <= last_us:
                from_us = first_us
        return from_us

    def episodes_gone(
        self, from_us: dict[str, int], ongoing: Sequence[Episode]
    ) -> tuple[tuple[str, str, str, int], ...]:
        """Return the keys of recorded episodes since `from_us` that the new evaluation did not find."""
        stand = {episode.key for episode in ongoing}
        return tuple(
            episode.key
            for transformer_id, episodes in self._episodes.items()
            for episode in episodes
            if episode.first_reading_at_us >= from_us[transformer_id] and episode.key not in stand
        )

    def incidents_gone(self, from_us: dict[str, int], ongoing: Sequence[Incident]) -> tuple[Incident, ...]:
        """Return recorded incidents since `from_us` that the new evaluation did not find."""
        stand = {incident.incident_id for incident in ongoing}
        return tuple(
            incident
            for transformer_id, incidents in self._incidents.items()
            for incident in incidents
            if incident.first_reading_at_us >= from_us[transformer_id] and incident.incident_id not in stand
        )


def rated_and_sorted(readings: ReadingBatch, fleet: Fleet) -> tuple[SortedRates, RatedReadings]:
    """Return the load rates of readings as the engine wants them, and the readings as trust wants them, row by row."""
    rates = LoadRates(readings, fleet)
    rows = in_time_order(readings.transformer, readings.measured_at_us)
    rated = RatedReadings.of(readings, rates, fleet.ratings_at(readings.transformer, readings.measured_at_us)[1], rows)
    worst_phase = rates.worst_phase_load_rate[rows]
    trusted = np.ones(len(rows), bool)
    sorted_rates = SortedRates(
        rated.transformer, rated.measured_at_us, rated.load_rate, worst_phase, trusted, rates.supply[rows]
    )
    return sorted_rates, rated


def earliest(readings: ReadingBatch) -> dict[int, int]:
    """Return the first moment [µs] of each transformer in a batch."""
    order = np.lexsort((readings.measured_at_us, readings.transformer))
    number: NDArray[np.int32] = readings.transformer[order]
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(order) else np.empty(0, np.intp)
    return dict(zip(number[first].tolist(), readings.measured_at_us[order][first].tolist(), strict=True))
