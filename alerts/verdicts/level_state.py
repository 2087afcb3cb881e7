"""Levels over a whole fleet: which pairs of a level and a transformer have to be evaluated, and what they remember.

Most transformers are in no run and stay below every line: nothing can happen to them. Of those in a run most stay above
the leave line: only their count and peak change. What is left of a block is evaluated, all levels in one call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.rule_set import Level
from alerts.rules.series import SortedRates, Stretches, Track, TrackHeads, slice_rows
from alerts.rules.threshold_runs import (
    NEVER_TOO_LONG_US,
    OPEN_RUN,
    Flags,
    Gaps,
    Heads,
    Lines,
    Numbers,
    Pairs,
    Positions,
    Rates,
    RunEnd,
    Runs,
    Timestamps,
)
from alerts.rules.threshold_runs import evaluate as evaluate_pairs
from alerts.verdicts.open_runs import OpenRuns

EVALUATED_ROWS_MAX = 200_000
"""Maximum number of readings, counted once for each level, evaluated at once: bounds the memory (practice)."""


@dataclass(frozen=True)
class _Piece:
    """Pairs of one track that have to be evaluated."""

    level: Positions
    """(p,)"""
    at: Positions
    """(p,) which of the track's transformers."""
    stretches: Stretches
    new_day: Flags | None

    @property
    def size(self) -> Positions:
        return self.stretches.size[self.at]


@dataclass(frozen=True)
class LevelEngineState:
    """What an engine remembers, as columns: for each of t tracks and n transformers, and of each of r open runs."""

    last_at_us: Timestamps
    """(t, n)"""
    last_load_rate: Rates
    """(t, n)"""
    passed_us: Timestamps
    """(t, n)"""
    level: NDArray[np.int16]
    """(r,)"""
    transformer: Numbers
    """(r,)"""
    run: NDArray[np.void]
    """(r,) `OPEN_RUN`"""


class LevelEngine:
    """Walks blocks of readings through levels; remembers the last reading and the open runs of each transformer."""

    def __init__(
        self,
        levels: Sequence[tuple[Track, Level, Gaps]],
        gap_us: int,
        zones: Sequence[tzinfo],
        bridged_us: int = NEVER_TOO_LONG_US,
    ) -> None:
        """Start with no past; `zones[i]` is of row i of the fleet. Gaps up to `bridged_us` are bridged."""
        self._lines = Lines.of(
            [(level, gaps) for _, level, gaps in levels], [track.points_minutes for track, _, _ in levels], bridged_us
        )
        self._gap_us = gap_us
        tracks = list(dict.fromkeys(track for track, _, _ in levels))
        self._heads = [TrackHeads(track, zones) for track in tracks]
        self._track_of = np.array([tracks.index(track) for track, _, _ in levels], np.intp)
        self._levels_of = [np.flatnonzero(self._track_of == number) for number in range(len(tracks))]
        self._in_a_run = np.zeros((len(tracks), len(zones)), bool)
        self._open = OpenRuns(len(levels), len(zones))

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes [bytes]."""
        heads = sum(head.nbytes for head in self._heads)
        return heads + self._in_a_run.nbytes + self._open.nbytes

    def last_at_us(self, transformer: Numbers) -> Timestamps:
        """Return the time (n,) of the last reading seen of each transformer, `NEVER` for none."""
        return np.asarray(np.maximum.reduce([heads.last_at_us[transformer] for heads in self._heads]))

    def advance(self, rates: SortedRates, told: Flags) -> Runs | None:
        """Evaluate sorted readings, each later than all of its transformer before; return the runs touched.

        Of levels that `told` (l,) leaves out only runs that begin, end or become episodes. None where there is none.
        """
        pieces: list[_Piece] = []
        found: list[Runs] = []
        for number, heads in enumerate(self._heads):
            stretches = heads.advance(rates)
            if stretches is None:
                continue
            levels = self._levels_of[number]
            hot = stretches.highest >= self._lines.enters_from[levels].min()
            busy = hot | self._in_a_run[number, stretches.heads.transformer]
            if not busy.any():
                continue
            stretches = stretches.of(busy)
            new_day = heads.new_day(stretches)
            to_walk, steady = self._sort_out(levels, stretches, new_day, told)
            pieces += _cut(_Piece(levels[to_walk[0]], to_walk[1], stretches, new_day))
            if steady is not None:
                found.append(steady)
        found += [self._evaluate(one) for one in _joined(pieces)]
        for piece in pieces:
            number = int(self._track_of[piece.level[0]])
            transformer = piece.stretches.heads.transformer[np.unique(piece.at)]
            self._in_a_run[number, transformer] = self._open.any_open(self._levels_of[number], transformer)
        found = [runs for runs in found if len(runs)]
        if not found:
            return None
        runs = Runs.concatenate(found)
        return runs if len(found) == 1 else runs.take(np.lexsort((runs.first_at_us, runs.transformer, runs.level)))

    def ongoing(self, transformer: Numbers) -> Runs:
        """Return the open runs of transformers (n,), each named once, as their last readings left them."""
        level, place = np.nonzero(self._open.places(np.arange(len(self._track_of))[:, None], transformer) >= 0)
        of = transformer[place]
        last_at_us, last_rate = np.empty(len(of), np.int64), np.empty(len(of))
        for number, heads in enumerate(self._heads):
            here = self._track_of[level] == number
            last_at_us[here], last_rate[here] = heads.last_at_us[of[here]], heads.last_rate[of[here]]
        record = self._open.record[self._open.places(level, of)]
        readings = record["readings"].astype(np.int64)
        lasted_us = self._lines.lasted_us(level, record["started_at_us"], last_at_us, readings)
        held: Flags = lasted_us >= self._lines.hold_us[level]
        return _still_open(level, of, record, last_at_us, last_rate, held)

    def is_in_a_run(self, transformer: Numbers) -> Flags:
        """Return which transformers (n,) are in a run of any level."""
        return np.asarray(self._in_a_run[:, transformer].any(axis=0))

    @property
    def any_open(self) -> bool:
        """Return whether any run is open."""
        return len(self._open) > 0

    def first_open_at_us(self, level: int, transformer: int) -> int | None:
        """Return the first reading's time of a pair's open run, None when it is in none."""
        place = int(self._open.places(np.array([level]), np.array([transformer], np.int32))[0])
        return None if place < 0 else int(self._open.record["first_at_us"][place])

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers, each named once, before they are re-evaluated."""
        for heads in self._heads:
            heads.forget(transformer)
        busy = transformer[self._in_a_run[:, transformer].any(axis=0)]
        self._in_a_run[:, busy] = False
        for level in range(len(self._track_of)):
            self._open.close(np.full(len(busy), level), busy)

    def state(self) -> LevelEngineState:
        """Return a copy of all that is remembered."""
        level, transformer = self._open.open_pairs()
        return LevelEngineState(
            np.array([heads.last_at_us for heads in self._heads]),
            np.array([heads.last_rate for heads in self._heads]),
            np.array([heads.passed_us for heads in self._heads]),
            level.astype(np.int16),
            transformer,
            self._open.record[self._open.places(level, transformer)],
        )

    def restore(self, state: LevelEngineState) -> None:
        """Take over what another engine of the same levels and fleet remembered. This one has no past yet."""
        columns = (state.last_at_us, state.last_load_rate, state.passed_us)
        for heads, at_us, rate, passed_us in zip(self._heads, *columns, strict=True):
            heads.restore(at_us, rate, passed_us)
        level = state.level.astype(np.intp)
        self._open.put(level, state.transformer, state.run)
        self._in_a_run[self._track_of[level], state.transformer] = True

    def _sort_out(
        self, levels: Positions, stretches: Stretches, new_day: Flags | None, told: Flags
    ) -> tuple[tuple[Positions, Positions], Runs | None]:
        """Let steady pairs go on; return the pairs to evaluate and, of levels to be told, the steady runs.

        A pair is named by its level's place among `levels` and its transformer's among the stretches.
        """
        lines, transformer = self._lines, stretches.heads.transformer
        place = self._open.places(levels[:, None], transformer)
        in_run = place >= 0
        hot = stretches.highest >= lines.enters_from[levels][:, None]
        whole = stretches.gapless(self._gap_us, int(lines.points_us[levels[0]]))
        if new_day is not None:
            whole &= ~np.logical_or.reduceat(new_day, stretches.heads.first_row)
        # What can begin a run anew that has not held yet is evaluated.
        unbroken = lines.unbroken[levels]
        stays_from = np.where(unbroken, lines.enters_from[levels], lines.stays_from[levels])
        stays = stretches.lowest >= stays_from[:, None]
        bridged = lines.bridged[levels] & ~unbroken
        goes_on = (
            whole | (bridged[:, None] & stretches.gapless(lines.bridged_us, over_passed=False))
            if bridged.any()
            else whole
        )
        steady = in_run & stays & goes_on
        level, at = np.nonzero(steady)
        row = place[level, at]
        record = self._open.record
        started_at_us, hold_us = record["started_at_us"][row], lines.hold_us[levels[level]]
        last_row = stretches.last_row[at]
        of, readings = levels[level], record["readings"][row].astype(np.int64)
        last_at_us, size = stretches.measured_at_us[last_row], stretches.size[at]
        held: Flags = lines.lasted_us(of, started_at_us, last_at_us, readings + size) >= hold_us
        held_before = lines.lasted_us(of, started_at_us, stretches.heads.last_at_us[at], readings) >= hold_us
        calm = (record["below"][row] == 0) & (held == held_before)
        if not calm.all():
            steady[level[~calm], at[~calm]] = False
            level, at, row, last_row, held = level[calm], at[calm], row[calm], last_row[calm], held[calm]
        record["readings"][row] += stretches.size[at].astype(np.int32)
        higher = stretches.highest[at] > record["peak_load_rate"][row]
        record["peak_load_rate"][row[higher]] = stretches.highest[at[higher]]
        record["peak_at_us"][row[higher]] = stretches.highest_at_us(at[higher])
        levels_to_evaluate, walkers = np.nonzero((in_run | hot) & ~steady)
        to_walk = levels_to_evaluate, walkers
        tell = told[levels[level]]
        if not tell.any():
            return to_walk, None
        at_us, rate = stretches.measured_at_us[last_row[tell]], stretches.load_rate[last_row[tell]]
        numbers = transformer[at[tell]]
        return to_walk, _still_open(levels[level[tell]], numbers, record[row[tell]], at_us, rate, held[tell])

    def _evaluate(self, pieces: Sequence[_Piece]) -> Runs:
        pairs = self._pairs(pieces)
        runs = evaluate_pairs(self._lines, self._gap_us, pairs)
        transformer, was = pairs.heads.transformer, pairs.in_run
        self._open.close(pairs.level[was], transformer[was])
        unfinished = runs.end == RunEnd.OPEN
        self._open.put(runs.level[unfinished], runs.transformer[unfinished], runs.take(unfinished).unfinished())
        return runs

    def _pairs(self, pieces: Sequence[_Piece]) -> Pairs:
        size = np.concatenate([piece.size for piece in pieces])
        level = np.concatenate([piece.level for piece in pieces])
        heads = [piece.stretches.heads for piece in pieces]
        rows = [slice_rows(piece.stretches.heads.first_row[piece.at], piece.size) for piece in pieces]
        new_day = None
        if any(piece.new_day is not None for piece in pieces):
            days = zip(pieces, rows, strict=True)
            new_day = np.concatenate([np.zeros(len(r), bool) if p.new_day is None else p.new_day[r] for p, r in days])
        transformer = np.concatenate([head.transformer[p.at] for head, p in zip(heads, pieces, strict=True)])
        place = self._open.places(level, transformer)
        in_run = place >= 0
        past = np.zeros(len(level), OPEN_RUN)
        past[in_run] = self._open.record[place[in_run]]
        return Pairs(
            level,
            Heads(
                transformer,
                np.cumsum(size) - size,
                np.concatenate([head.last_at_us[p.at] for head, p in zip(heads, pieces, strict=True)]),
                np.concatenate([head.last_load_rate[p.at] for head, p in zip(heads, pieces, strict=True)]),
            ),
            past,
            in_run,
            np.concatenate([p.stretches.measured_at_us[r] for p, r in zip(pieces, rows, strict=True)]),
            np.concatenate([p.stretches.load_rate[r] for p, r in zip(pieces, rows, strict=True)]),
            new_day,
            _passed_us(pieces, rows),
        )


def _passed_us(pieces: Sequence[_Piece], rows: Sequence[Positions]) -> Timestamps | None:
    if all(piece.stretches.passed_us is None for piece in pieces):
        return None
    parts = [
        np.zeros(len(r), np.int64) if (passed_us := p.stretches.passed_us) is None else passed_us[r]
        for p, r in zip(pieces, rows, strict=True)
    ]
    return np.concatenate(parts)


def _still_open(
    level: Positions,
    transformer: Numbers,
    record: NDArray[np.void],
    last_at_us: Timestamps,
    last_rate: Rates,
    held: Flags,
) -> Runs:
    """Return runs to which nothing happened but their last reading. `held` says whether they are episodes."""
    as_it_is = {name: record[name] for name in OPEN_RUN.names or ()}
    return Runs(
        level=level,
        transformer=transformer,
        ended_at_us=last_at_us,
        end=np.full(len(level), RunEnd.OPEN, np.int8),
        last_load_rate=last_rate,
        last_at_us=last_at_us,
        held=held,
        held_before=held,
        **as_it_is,
    )


def _cut(piece: _Piece) -> Iterator[_Piece]:
    """Yield a piece in parts of not many more readings than may be evaluated at once; nothing of an empty one."""
    part = np.cumsum(piece.size) // EVALUATED_ROWS_MAX
    for number in np.unique(part).tolist():
        here = part == number
        yield _Piece(piece.level[here], piece.at[here], piece.stretches, piece.new_day)


def _joined(pieces: Sequence[_Piece]) -> Iterator[list[_Piece]]:
    """Yield pieces that are evaluated in one call: few large arrays cost less than many small ones."""
    together: list[_Piece] = []
    rows = 0
    for piece in pieces:
        more = int(piece.size.sum())
        if together and rows + more > EVALUATED_ROWS_MAX:
            yield together
            together, rows = [], 0
        together.append(piece)
        rows += more
    if together:
        yield together
