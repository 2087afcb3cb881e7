"""Verdicts on a file of readings, with neither broker nor store: the same decoding, the same engine, the same words.

The file may be of any size and in any order: its rows are brought into order first (`judge_rows`), then evaluated
block by block, transformer after transformer. What has been told of a transformer is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from alerts.model.episodes import Episode
from alerts.notification.messages import episode_reason
from alerts.quality.believed import believed_rates
from alerts.quality.flags import DataQuality, QualityFlag, QualityGrade
from alerts.quality.grading import QualityGrader
from alerts.quality.words import quality_reason
from alerts.rules.rule_set import RuleSet
from alerts.verdicts.engine import VerdictEngine
from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason, Reject
from collector.files.readings_csv import read_readings_csv
from grid.assets import Ledger
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import MINUTE_US
from service.offline.quality import FlagHistory
from service.offline.sorted_rows import ROWS_IN_MEMORY_MAX, RowsInOrder
from service.verdicts.incremental import rated_and_sorted

Progress = Callable[[int], None]


@dataclass(frozen=True)
class Conflict:
    """A row that says something else than an earlier row for the same transformer and moment."""

    transformer_id: str
    measured_at_us: int


@dataclass
class Found:
    """Rows or values of one kind: how many, and the first of them."""

    count: int
    example: Reject


@dataclass
class Tally:
    """What was found in a file besides verdicts. Bounded: of many rows of a kind one example is kept."""

    readings: int = 0
    """Readings that were judged, one per transformer and moment."""
    rejects: int = 0
    refused: dict[Reason, Found] = field(default_factory=dict)
    """By reason, rows that could not be used."""
    missing: dict[tuple[Reason, str], Found] = field(default_factory=dict)
    """By reason and column, values that are missing in rows that were used."""
    conflicts: int = 0
    first_conflict: Conflict | None = None

    def take(self, decoded: Decoded) -> None:
        """Take what a chunk of the file held besides readings."""
        self.rejects += len(decoded.rejects)
        for reject in decoded.rejects:
            self.refused.setdefault(reject.reason, Found(0, reject)).count += 1
        for example in decoded.missing_examples:
            self.missing.setdefault((example.reason, example.field), Found(0, example))
        for kind, count in decoded.missing.items():
            self.missing[kind].count += count


@dataclass(frozen=True)
class Verdict:
    """One episode with its reason in words."""

    episode: Episode
    reason: Text


@dataclass(frozen=True)
class Recording:
    """The readings of a file, read and ready to be evaluated in order."""

    fleet: Fleet
    tally: Tally
    rows: int
    """Rows read that are readings; several may be for one transformer and moment."""
    _in_order: RowsInOrder

    def blocks(self, progress: Progress = lambda rows: None) -> Iterator[ReadingBatch]:
        """Yield the readings in order of transformer and time, one per moment; `progress` is told the rows so far.

        Of several rows for one transformer and moment one stands (`grid.precedence`). To be evaluated once: it tallies.
        """
        tally, done = self.tally, 0
        for block in self._in_order.blocks():
            tally.readings += len(block.readings)
            tally.conflicts += len(block.conflicting)
            if tally.first_conflict is None and len(block.conflicting):
                row = block.conflicting[0]
                transformer_id = self.fleet.transformer_ids[row["transformer"]]
                tally.first_conflict = Conflict(transformer_id, int(row["measured_at_us"]))
            yield block.readings
            done += len(block.readings) + block.repeated + len(block.conflicting)
            progress(done)


@contextmanager
def opened_recording(
    file: Path,
    ledger: Ledger,
    only: str | None = None,
    progress: Progress = lambda rows: None,
    rows_in_memory_max: int = ROWS_IN_MEMORY_MAX,
    *,
    zone: tzinfo | None = None,
) -> Iterator[Recording]:
    """Read a readings file, or the rows of one transformer in it; `progress` is told the rows read so far.

    A time without an offset is the time of `zone`, where one is given. Above `rows_in_memory_max` rows they wait in a
    temporary file, gone afterwards. Raises LedgerError or UsageError when the file cannot be read at all, StoreError
    when there is no room; a bad row is a reject.
    """
    by_id = sorted(transformer.transformer_id for transformer in ledger.transformers)
    fleet = Fleet.of_ledger(ledger, {transformer_id: i for i, transformer_id in enumerate(by_id)})
    tally, seen = Tally(), 0
    with RowsInOrder(rows_in_memory_max) as in_order:
        for decoded in read_readings_csv(file, fleet, limits=Limits.of_recordings(), zone=zone):
            readings = decoded.readings
            seen += len(readings) + len(decoded.rejects)
            in_order.take(readings if only is None else readings.take(readings.transformer == fleet.number[only]))
            tally.take(decoded)
            progress(seen)
        yield Recording(fleet, tally, in_order.rows, in_order)


def verdicts(
    recording: Recording, rule_sets: Sequence[RuleSet], gap_minutes: float, progress: Progress = lambda rows: None
) -> Iterator[Verdict]:
    """Judge a recording; yields by transformer, rule set, level and time, each transformer as soon as it is done."""
    fleet = recording.fleet
    engine = VerdictEngine(rule_sets, gap_minutes, fleet.transformer_ids, fleet.zones)
    quality = QualityGrader(len(fleet))
    told = _Told(rule_sets, gap_minutes, fleet)
    for readings in recording.blocks(progress):
        rates, rated = rated_and_sorted(readings, fleet)
        flags = quality.advance(rated)
        rates = believed_rates(rates, rated, flags)
        told.history.remember(rates, flags)
        for change in engine.advance(rates).episodes:
            told.take(change.episode)
        yield from told.before(int(readings.transformer[-1]))
    yield from told.before(len(fleet))


def reason_of(episode: Episode, rules: RuleSet, fleet: Fleet, quality: DataQuality, passed_over: int = 0) -> Text:
    """Return why an episode is one, and how far its readings can be trusted where that has to be said.

    `passed_over`: so many readings in its midst were without voltage.
    """
    zone = fleet.zones[fleet.number[episode.transformer_id]]
    active_only = quality.count(QualityFlag.ACTIVE_ONLY) > 0
    level = rules.level(episode.level)
    reason = episode_reason(episode, level, zone, active_only=active_only, passed_over=passed_over)
    if quality.grade is QualityGrade.GOOD:
        return reason
    said = quality_reason(quality)
    return Text(f"{reason.zh}读数{said.zh}。", f"{reason.en} Readings {said.en}.")


class _Told:
    """Episodes found but not yet told, of few transformers at a time."""

    def __init__(self, rule_sets: Sequence[RuleSet], gap_minutes: float, fleet: Fleet) -> None:
        self.history = FlagHistory(rule_sets, round(gap_minutes * MINUTE_US))
        self._fleet = fleet
        self._rules = {rules.cited: rules for rules in rule_sets}
        self._place = {
            (rules.cited, level.name): (i, j)
            for i, rules in enumerate(rule_sets)
            for j, level in enumerate(rules.levels)
        }
        self._over: list[Verdict] = []
        self._open: dict[tuple[str, str, str, int], Episode] = {}

    def take(self, episode: Episode) -> None:
        """Take an episode as a block left it."""
        self._open.pop(episode.key, None)
        if episode.ended_by is None:
            self._open[episode.key] = episode
        else:
            self._over.append(self._verdict(episode))

    def before(self, number: int) -> list[Verdict]:
        """Return what there is to tell of transformers before one, which is still being evaluated."""
        done = [e for e in self._open.values() if self._number(e) < number]
        for episode in done:
            self._over.append(self._verdict(self._open.pop(episode.key)))
        self.history.forget(list(self._open.values()))
        ready = [verdict for verdict in self._over if self._number(verdict.episode) < number]
        self._over = [verdict for verdict in self._over if self._number(verdict.episode) >= number]
        return sorted(ready, key=self._order)

    def _number(self, episode: Episode) -> int:
        return self._fleet.number[episode.transformer_id]

    def _verdict(self, episode: Episode) -> Verdict:
        rules = self._rules[episode.rule]
        number, level = self._number(episode), rules.level(episode.level)
        quality = self.history.of(number, episode, rules, level)
        passed_over = self.history.passed_over(number, episode, level)
        return Verdict(episode, reason_of(episode, rules, self._fleet, quality, passed_over))

    def _order(self, verdict: Verdict) -> tuple[int, tuple[int, int], int]:
        episode = verdict.episode
        return self._number(episode), self._place[episode.rule, episode.level], episode.started_at_us
