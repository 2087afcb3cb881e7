"""Verdicts over the journal: new readings are walked on, late ones make their transformer be walked anew.

The journal is the truth and the fold a cache of it, so both ways end in the same verdicts. What a late block
can touch is bounded: a run that lasts longer than every hold time is an episode and recorded, so the walk starts
before the episodes that overlap the late readings, or else one hold time before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident
from alerts.quality.grading import UNTRUSTED, Doubt, RatedReadings, TrustFold, TrustState, doubts_in, newly_doubted
from alerts.quality.lookback import ShortPast
from alerts.rules.rule_set import RuleSet
from alerts.rules.series import SortedRates, in_time_order
from alerts.verdicts.engine import VerdictFold, Verdicts, VerdictState
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from stores.journal.journal import Journal
from stores.records.records import Records

ASKED_SINGLY_MAX = 20
"""So many transformers are looked up one by one; for more, everybody's recent verdicts are read at once."""
TOLD_DOUBTS = int(UNTRUSTED | Doubt.PHASE_SWAP)
"""Doubts that somebody should look at the meter for; active-only readings are only marked."""
SOUGHT_ONE_IN = 4
"""Up to one transformer in so many is sought by itself; for more, everybody's readings are read at once (practice)."""
ARRIVALS_AT_ONCE = 200_000
"""Readings that are taken up again at once after a start."""
_FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Doubted:
    """A transformer's readings began to be doubtful, or its phases changed places, with this one."""

    transformer_id: str
    doubt: Doubt
    measured_at_us: int
    load_rate: float


@dataclass(frozen=True)
class LateReadings:
    """How many readings of one transformer came late, and when the last of them came."""

    count: int
    received_at_us: int


@dataclass(frozen=True)
class Walked:
    """What a walk says: episodes and incidents as they stand now, and those that stand no longer."""

    episodes: tuple[Episode, ...] = ()
    incidents: tuple[Incident, ...] = ()
    retracted_episodes: tuple[tuple[str, str, str, int], ...] = ()
    retracted_incidents: tuple[Incident, ...] = ()
    walked_anew: frozenset[str] = frozenset()
    """Transformers whose verdicts were made anew, because a reading came late or the process began."""
    late: Mapping[str, LateReadings] = field(default_factory=dict)
    """By transformer, the readings that were not later than what had been judged."""
    doubted: tuple[Doubted, ...] = ()

    def without(self, transformer_ids: frozenset[str]) -> Walked:
        """Return what was found, but of some transformers."""
        return replace(
            self,
            episodes=tuple(e for e in self.episodes if e.transformer_id not in transformer_ids),
            incidents=tuple(i for i in self.incidents if i.transformer_id not in transformer_ids),
            doubted=tuple(d for d in self.doubted if d.transformer_id not in transformer_ids),
        )

    def plus(self, other: Walked) -> Walked:
        """Return what two walks of different transformers say."""
        return Walked(
            self.episodes + other.episodes,
            self.incidents + other.incidents,
            self.retracted_episodes + other.retracted_episodes,
            self.retracted_incidents + other.retracted_incidents,
            self.walked_anew | other.walked_anew,
            {**self.late, **other.late},
            self.doubted + other.doubted,
        )


@dataclass(frozen=True)
class JudgeState:
    """What judging remembers, behind some block of the journal."""

    verdicts: VerdictState
    trust: TrustState


class Judge:
    """The verdict fold of one collector, kept true to its journal."""

    def __init__(
        self, journal: Journal, records: Records, rule_sets: Sequence[RuleSet], gap_minutes: float, fleet: Fleet
    ) -> None:
        """Start with no past; `recover` gives it one."""
        self._journal = journal
        self._records = records
        self._fleet = fleet
        self._fold = VerdictFold(rule_sets, gap_minutes, fleet.transformer_ids, fleet.zones)
        self._trust = TrustFold(len(fleet))
        levels = [level for rules in rule_sets for level in rules.levels]
        longest = max((level.hold_minutes + level.leave_minutes for level in levels), default=0.0)
        self._gap_us = round(gap_minutes * MINUTE_US)
        self._reach_us = round((longest + 2 * gap_minutes) * MINUTE_US)

    def walk(self, readings: ReadingBatch) -> Walked:
        """Judge readings that the journal has just stored; none of them was stored before."""
        late = self._fold.is_late(readings.transformer, readings.measured_at_us)
        if not late.any():
            verdicts, doubted, _ = self._advance(readings)
            return Walked(
                tuple(c.episode for c in verdicts.episodes if not c.known_before or c.episode.ended_by),
                tuple(c.incident for c in verdicts.incidents),
                doubted=doubted,
            )
        behind = np.isin(readings.transformer, readings.transformer[late])
        ahead = self.walk(readings.take(~behind)) if not behind.all() else Walked()
        anew = self.walk_anew(earliest(readings.take(behind)))
        return replace(ahead.plus(anew), late=self._late(readings.take(late)))

    def _late(self, readings: ReadingBatch) -> dict[str, LateReadings]:
        found = {}
        for number in np.unique(readings.transformer).tolist():
            received_at_us = readings.received_at_us[readings.transformer == number]
            found[self._fleet.transformer_ids[number]] = LateReadings(len(received_at_us), int(received_at_us.max()))
        return found

    def recover(self, judged_up_to_block: int, rated_anew: Iterable[int] = ()) -> Walked:
        """Build the fold from the journal; readings stored after `judged_up_to_block` are judged for the first time.

        All readings of the transformers `rated_anew` are judged again: their ratings are not what they were.
        """
        newest = self._journal.latest()
        since = dict(zip(newest.transformer.tolist(), (newest.measured_at_us + 1).tolist(), strict=True))
        block = judged_up_to_block
        while True:
            unjudged, block = self._journal.after(block, rows_max=ARRIVALS_AT_ONCE)
            if not len(unjudged):
                break
            for number, at_us in earliest(unjudged).items():
                since[number] = min(since.get(number, at_us), at_us)
        since.update((number, 0) for number in rated_anew if number in since)
        known = len(self._fleet)
        return self.walk_anew({n: at for n, at in since.items() if n < known and self._fleet.transformer_ids[n]})

    def state(self) -> JudgeState:
        """Return a copy of all that is remembered."""
        return JudgeState(self._fold.state(), self._trust.state())

    def catch_up(self, state: JudgeState, block_no: int) -> Walked:
        """Go on from what was remembered behind a block; what arrived later is judged as if for the first time.

        Verdicts up to that block are recorded; of the later readings anything may be recorded, or nothing. This judge
        has no past yet.
        """
        self._fold.restore(state.verdicts)
        self._trust.restore(state.trust)
        first_us = np.full(len(self._fleet), _FOREVER)
        behind = np.zeros(len(self._fleet), bool)
        found: list[Verdicts] = []
        doubted: list[Doubted] = []
        for readings in self._readings_behind(block_no):
            np.minimum.at(first_us, readings.transformer, readings.measured_at_us)
            behind[readings.transformer[self._fold.is_late(readings.transformer, readings.measured_at_us)]] = True
            verdicts, newly, _ = self._advance(readings.take(~behind[readings.transformer]))
            found.append(verdicts)
            doubted += newly
        ahead = np.flatnonzero((first_us != _FOREVER) & ~behind).astype(np.int32)
        walked = self._against_records(ahead, first_us[ahead], [*found, self._fold.standing(ahead)], doubted)
        late = np.flatnonzero(behind)
        return walked.plus(self.walk_anew(dict(zip(late.tolist(), first_us[late].tolist(), strict=True))))

    def _against_records(
        self, numbers: NDArray[np.int32], first_us: NDArray[np.int64], found: list[Verdicts], doubted: list[Doubted]
    ) -> Walked:
        """Return what was found of transformers (n,) walked on from moments (n,) [µs], in place of their records."""
        ids = self._fleet.transformer_ids
        from_us_of = {ids[n]: at_us for n, at_us in zip(numbers.tolist(), first_us.tolist(), strict=True)}
        episodes = [c.episode for v in found for c in v.episodes if c.episode.transformer_id in from_us_of]
        incidents = [c.incident for v in found for c in v.incidents if c.incident.transformer_id in from_us_of]
        recorded = _Recorded(self._records, frozenset(from_us_of), min(from_us_of.values(), default=0))
        return _walked(
            from_us_of, recorded, episodes, incidents, [d for d in doubted if d.transformer_id in from_us_of]
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

    def walk_anew(self, changed_since_us: dict[int, int]) -> Walked:
        """Judge transformers again (number -> first moment at which its readings changed)."""
        ids = self._fleet.transformer_ids
        recorded, start_us = self._where_to_start(changed_since_us)
        found, unsure = self._walk_from(start_us, max(self._reach_us, 2 * self._gap_us))
        if unsure:
            far, _ = self._walk_from({n: start_us[n] for n in unsure}, self._trust.reach_us)
            found = found.without(frozenset(ids[n] for n in unsure)).plus(far)
        from_us_of = {ids[n]: from_us for n, from_us in start_us.items()}
        return _walked(from_us_of, recorded, found.episodes, found.incidents, found.doubted)

    def _walk_from(self, start_us: dict[int, int], back_us: int) -> tuple[Walked, list[int]]:
        """Walk transformers (number -> moment) with the readings from `back_us` before their moment on.

        Returns what was found from those moments on, and for which transformers it takes older readings to be sure.
        """
        if not start_us:
            return Walked(), []
        ids, numbers = self._fleet.transformer_ids, np.array(sorted(start_us), np.int32)
        self._fold.forget(numbers)
        self._trust.forget(numbers)
        moment_us = np.array([start_us[n] for n in numbers.tolist()], np.int64)
        first_us = moment_us - back_us
        short = ShortPast(numbers, moment_us)
        from_us_of = {ids[n]: from_us for n, from_us in start_us.items()}
        episodes: list[Episode] = []
        incidents: list[Incident] = []
        doubted: list[Doubted] = []
        for readings in self._readings_since(numbers, first_us):
            verdicts, newly, rated = self._advance(readings)
            short.see(rated)
            doubted += [d for d in newly if d.measured_at_us >= from_us_of[d.transformer_id]]
            episodes += [c.episode for c in verdicts.episodes if _starts_within(c.episode, from_us_of)]
            incidents += [c.incident for c in verdicts.incidents if _starts_within(c.incident, from_us_of)]
        standing = self._fold.standing(numbers)
        episodes += [c.episode for c in standing.episodes if _starts_within(c.episode, from_us_of)]
        found = Walked(tuple(episodes), tuple(incidents), doubted=tuple(doubted))
        unsure = ~short.suffices
        more_us = self._trust.reach_us - back_us
        return found, numbers[unsure].tolist() if more_us > 0 and self._has_older(first_us[unsure], more_us) else []

    def _has_older(self, first_us: NDArray[np.int64], back_us: int) -> bool:
        """Return whether the journal holds anything of so long [µs] before some of these moments (k,)."""
        if not len(first_us):
            return False
        oldest = next(self._journal.since(int(first_us.min()) - back_us, rows_max=1), None)
        return oldest is not None and int(oldest.measured_at_us[0]) < int(first_us.max())

    def _where_to_start(self, changed_since_us: dict[int, int]) -> tuple[_Recorded, dict[int, int]]:
        """Return the verdicts recorded since the walk's start, and that start: in no episode, in no incident."""
        ids = self._fleet.transformer_ids
        start_us = {n: at_us - self._reach_us for n, at_us in changed_since_us.items()}
        while True:
            earliest_us = min(start_us.values(), default=0)
            recorded = _Recorded(self._records, frozenset(ids[n] for n in start_us), earliest_us)
            start_us = {n: recorded.walk_start_us(ids[n], at_us) for n, at_us in start_us.items()}
            # A start that moved back may lie in a stay that was over before, which was not asked for yet.
            if min(start_us.values(), default=0) >= earliest_us:
                return recorded, start_us

    def _advance(self, readings: ReadingBatch) -> tuple[Verdicts, tuple[Doubted, ...], RatedReadings]:
        """Walk readings on that are later than all before; return the verdicts, what began to be doubtful, and them."""
        rates, rated = rated_and_sorted(readings, self._fleet)
        standing = self._trust.standing(rated.transformer)
        doubts = self._trust.advance(rated)
        begun = newly_doubted(rated, doubts, standing) & TOLD_DOUBTS
        doubted = tuple(
            Doubted(
                self._fleet.transformer_ids[rated.transformer[row]],
                doubt,
                int(rated.measured_at_us[row]),
                float(rated.load_rate[row]),
            )
            for row in np.flatnonzero(begun)
            for doubt in doubts_in(int(begun[row]))
        )
        trusted = (doubts & UNTRUSTED) == 0
        return self._fold.advance(replace(rates, trusted=trusted), every_touched=False), doubted, rated

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


def _walked(
    from_us_of: dict[str, int],
    recorded: _Recorded,
    episodes: Sequence[Episode],
    incidents: Sequence[Incident],
    doubted: Sequence[Doubted],
) -> Walked:
    """Return what was found anew of transformers from moments on; what the records say besides stands no longer."""
    return Walked(
        tuple({episode.key: episode for episode in episodes}.values()),
        tuple({incident.incident_id: incident for incident in incidents}.values()),
        recorded.episodes_gone(from_us_of, episodes),
        recorded.incidents_gone(from_us_of, incidents),
        frozenset(from_us_of),
        doubted=tuple(doubted),
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
        self, from_us: dict[str, int], standing: Sequence[Episode]
    ) -> tuple[tuple[str, str, str, int], ...]:
        """Return the keys of recorded episodes since `from_us` that the new walk did not find."""
        stand = {episode.key for episode in standing}
        return tuple(
            episode.key
            for transformer_id, episodes in self._episodes.items()
            for episode in episodes
            if episode.first_reading_at_us >= from_us[transformer_id] and episode.key not in stand
        )

    def incidents_gone(self, from_us: dict[str, int], standing: Sequence[Incident]) -> tuple[Incident, ...]:
        """Return recorded incidents since `from_us` that the new walk did not find."""
        stand = {incident.incident_id for incident in standing}
        return tuple(
            incident
            for transformer_id, incidents in self._incidents.items()
            for incident in incidents
            if incident.first_reading_at_us >= from_us[transformer_id] and incident.incident_id not in stand
        )


def rated_and_sorted(readings: ReadingBatch, fleet: Fleet) -> tuple[SortedRates, RatedReadings]:
    """Return the load rates of readings as the fold wants them, and the readings as trust wants them, row by row."""
    rates = LoadRates(readings, fleet)
    rows = in_time_order(readings.transformer, readings.measured_at_us)
    rated = RatedReadings.of(readings, rates, fleet.ratings_at(readings.transformer, readings.measured_at_us)[1], rows)
    worst_phase = rates.worst_phase_load_rate[rows]
    trusted = np.ones(len(rows), bool)
    return SortedRates(rated.transformer, rated.measured_at_us, rated.load_rate, worst_phase, trusted), rated


def earliest(readings: ReadingBatch) -> dict[int, int]:
    """Return the first moment [µs] of each transformer in a batch."""
    order = np.lexsort((readings.measured_at_us, readings.transformer))
    number: NDArray[np.int32] = readings.transformer[order]
    first = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(order) else np.empty(0, np.intp)
    return dict(zip(number[first].tolist(), readings.measured_at_us[order][first].tolist(), strict=True))
