"""Which readings can be trusted: each is held against the readings before it, and against nothing else.

A reading's doubts follow from it and from earlier readings of its transformer, at most `QualitySettings.reach_us`
back. `QualityGrader` is a cache of what those earlier readings were; it can be thrown away and built again.
Readings without a load rate are passed over, as verdicts pass over them. `tests/support/naive_quality.py` holds the
slow
twin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alerts.quality.apart import ApartState, PowersApart
from alerts.quality.flags import (
    FLAGS,
    REACH_US,
    UNTRUSTED,
    W_PER_KW,
    DataQuality,
    QualityFlag,
    QualityGrade,
    QualitySettings,
    flags_in,
    grade,
    trusted_load_rate,
)
from alerts.quality.frozen import FrozenState, FrozenValues
from alerts.quality.light_load import PIECE_US, PIECES, LightLoads, LightLoadState
from alerts.quality.rated_readings import Flags, Numbers, OrderedPass, RatedReadings, Rows
from alerts.quality.value_runs import row_runs
from alerts.rules.threshold_runs import NEVER
from grid.electrical import Basis
from grid.timestamps import HOUR_US

__all__ = [
    "FLAGS",
    "REACH_US",
    "UNTRUSTED",
    "DataQuality",
    "QualityFlag",
    "QualityGrade",
    "QualityGrader",
    "QualityGraderState",
    "QualitySettings",
    "RatedReadings",
    "flags_in",
    "grade",
    "newly_flagged",
    "trusted_load_rate",
]

Bits = NDArray[np.uint8]

_SWAPS = tuple(order for order in permutations(range(3)) if order != (0, 1, 2))
_LOW, _HIGH = 1, 2
_ABOUT_POWERS = QualityFlag.STUCK | QualityFlag.JUMP | QualityFlag.RATIO | QualityFlag.ALWAYS_OFF
"""Doubts about a load rate by P and Q, which a load rate by U·I in its place does not share."""


@dataclass(frozen=True)
class QualityGraderState:
    """What a `QualityGrader` remembers of n transformers, as columns."""

    last_at_us: NDArray[np.int64]
    last_rate: NDArray[np.float64]
    rate_before_last: NDArray[np.float64]
    """NaN unless it is a neighbour of the last."""
    jumped_at_us: NDArray[np.int64]
    """When the load rate jumped into the impossible zone, which it has not left since."""
    jump_zone: NDArray[np.int8]
    stepped_at_us: NDArray[np.int64]
    """When the load rate stepped into the zone that it has not left since."""
    zone: NDArray[np.int8]
    heavy_since_us: NDArray[np.int64]
    """Since when the load rate has been in the zone above all loads."""
    ongoing: Bits
    """Doubts about the last."""
    frozen: FrozenState
    apart: ApartState
    light: LightLoadState

    @staticmethod
    def of(transformers: int) -> QualityGraderState:
        """Return no past."""
        return QualityGraderState(
            last_at_us=np.full(transformers, NEVER, np.int64),
            last_rate=np.full(transformers, np.nan),
            rate_before_last=np.full(transformers, np.nan),
            jumped_at_us=np.full(transformers, NEVER, np.int64),
            jump_zone=np.zeros(transformers, np.int8),
            stepped_at_us=np.full(transformers, NEVER, np.int64),
            zone=np.zeros(transformers, np.int8),
            heavy_since_us=np.full(transformers, NEVER, np.int64),
            ongoing=np.zeros(transformers, np.uint8),
            frozen=FrozenState.of(transformers),
            apart=ApartState.of(transformers),
            light=LightLoadState.of(transformers),
        )

    def columns(self) -> dict[str, NDArray[Any]]:
        """Return every column by its name, those of a part as `part/column`."""
        found: dict[str, NDArray[Any]] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if is_dataclass(value):
                found |= {f"{each.name}/{c.name}": getattr(value, c.name) for c in fields(value)}
            else:
                found[each.name] = value
        return found

    @staticmethod
    def of_columns(columns: Mapping[str, NDArray[Any]]) -> QualityGraderState:
        """Return the state that `columns` told."""
        parts: dict[str, Any] = {"frozen": FrozenState, "apart": ApartState, "light": LightLoadState}
        found: dict[str, Any] = {c.name: columns[c.name] for c in fields(QualityGraderState) if c.name not in parts}
        for name, kind in parts.items():
            found[name] = kind(**{c.name: columns[f"{name}/{c.name}"] for c in fields(kind)})
        return QualityGraderState(**found)


class QualityGrader:
    """The doubts about a whole fleet's readings: show it blocks in time order, it says what to doubt."""

    def __init__(self, transformers: int, settings: QualitySettings | None = None) -> None:
        """Start with no past, for transformers 0 to `transformers` - 1."""
        self._by = settings or QualitySettings()
        self._frozen = FrozenValues(transformers, self._by)
        self._apart = PowersApart(transformers, self._by)
        self._light = LightLoads(transformers, self._by)
        self._past = replace(
            QualityGraderState.of(transformers),
            frozen=self._frozen.past,
            apart=self._apart.past,
            light=self._light.past,
        )

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes [bytes]."""
        return sum(column.nbytes for column in self._past.columns().values())

    @property
    def reach_us(self) -> int:
        """Return how long before a moment an evaluation must begin to flag what one from the beginning flags [µs]."""
        return self._by.reach_us

    def ongoing(self, transformer: Numbers) -> Bits:
        """Return the doubts (k,) about the newest reading of transformers (k,); none where there is no reading."""
        return self._past.ongoing[transformer]

    def advance(self, block: RatedReadings) -> Bits:
        """Return the doubts (n,) about a block; each transformer's readings are later than all it showed before."""
        rated = ~np.isnan(block.load_rate)
        if len(block) and rated.all():
            return self._evaluate_on(block)
        flags = np.zeros(len(block), np.uint8)
        if rated.any():
            flags[rated] = self._evaluate_on(block.take(rated))
        return flags

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers, before they are re-evaluated."""
        self._past.last_at_us[transformer] = NEVER
        self._past.last_rate[transformer] = np.nan
        self._past.rate_before_last[transformer] = np.nan
        self._past.jumped_at_us[transformer] = NEVER
        self._past.jump_zone[transformer] = 0
        self._past.stepped_at_us[transformer] = NEVER
        self._past.zone[transformer] = 0
        self._past.heavy_since_us[transformer] = NEVER
        self._past.ongoing[transformer] = 0
        self._frozen.forget(transformer)
        self._apart.forget(transformer)
        self._light.forget(transformer)

    def state(self) -> QualityGraderState:
        """Return a copy of all that is remembered."""
        return QualityGraderState.of_columns({name: column.copy() for name, column in self._past.columns().items()})

    def restore(self, state: QualityGraderState) -> None:
        """Take over what another engine of as many transformers remembered; this one has no past yet."""
        self._past = state
        self._frozen.past, self._apart.past, self._light.past = state.frozen, state.apart, state.light

    def _evaluate_on(self, block: RatedReadings) -> Bits:
        """Return the doubts (n,) about readings that all have a load rate, and remember the last of each."""
        evaluate = OrderedPass(block, self._past.last_at_us, self._past.last_rate, self._by.gap_us)
        powers_low, powers_high = self._apart.lasting(block, evaluate)
        flags: Bits = (block.basis == Basis.ACTIVE_ONLY) * np.uint8(QualityFlag.ACTIVE_ONLY)
        flags[self._swaps(block, evaluate)] |= np.uint8(QualityFlag.PHASE_SWAP)
        flags[self._frozen.frozen(block, evaluate)] |= np.uint8(QualityFlag.STUCK)
        flags[self._jumps(block, evaluate)] |= np.uint8(QualityFlag.JUMP)
        flags[self._off_ratio(block, evaluate)] |= np.uint8(QualityFlag.RATIO)
        flags[self._light.suspected(block, evaluate)] |= np.uint8(QualityFlag.ALWAYS_OFF)
        flags[self._always_heavy(block, evaluate)] |= np.uint8(QualityFlag.ALWAYS_OFF)
        flags[powers_high] |= np.uint8(QualityFlag.POWERS_HIGH)
        # The load rate of these comes from voltages and currents: what speaks against the powers alone is said by it.
        flags[powers_low] &= np.uint8(~int(_ABOUT_POWERS) & 0xFF)
        flags[powers_low] |= np.uint8(QualityFlag.POWERS_LOW)
        last, number = evaluate.last, evaluate.number
        self._past.rate_before_last[number] = evaluate.neighbour_rate[last]
        self._past.ongoing[number] = flags[last]
        self._past.last_rate[number] = block.load_rate[last]
        self._past.last_at_us[number] = block.measured_at_us[last]
        return flags

    def _jumps(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings that jumped, and those since a jump into the impossible zone that have not left it."""
        by, past = self._by, self._past
        rows = np.flatnonzero(np.abs(block.load_rate - evaluate.neighbour_rate) > by.jump_load_rate)
        if len(rows):
            before_last = evaluate.before(evaluate.neighbour_rate, past.rate_before_last, rows)
            far: Flags = np.abs(block.load_rate[rows] - before_last) > by.jump_load_rate
            rows = rows[far]
        impossible = block.load_rate > by.impossible_load_rate
        inside = np.flatnonzero(impossible)
        into = inside[block.load_rate[inside] - evaluate.rate_before[inside] > by.jump_load_rate]
        into = into[evaluate.no_further_than(by.exchange_us, into)]
        first, number = evaluate.is_first[rows], block.transformer[rows]
        was_held = first & (past.jumped_at_us[number] != NEVER)
        was_held[first] &= past.last_at_us[number[first]] - past.jumped_at_us[number[first]] <= by.ratio_us
        held = self._held(block, evaluate, impossible.astype(np.int8), into, past.jump_zone, past.jumped_at_us)
        jumped = np.zeros(len(block), bool)
        jumped[held] = True
        # To come back from what was in doubt is no jump.
        came_back = was_held | (~first & jumped[rows - 1])
        jumped[rows[~came_back]] = True
        return np.flatnonzero(jumped)

    def _always_heavy(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings at whose end the load rate has been above all loads for a day; remember since when."""
        past, at_us = self._past, block.measured_at_us
        heavy = block.load_rate > self._by.zone_load_rate
        if not heavy.any():
            past.heavy_since_us[evaluate.number] = NEVER
            return np.empty(0, np.intp)
        near = evaluate.no_further_than(round(self._by.light_gap_hours * HOUR_US), np.arange(len(block)))
        was_heavy = evaluate.before(np.where(heavy, at_us, NEVER), past.heavy_since_us) != NEVER
        runs = row_runs(block, evaluate, heavy & was_heavy & near, past.heavy_since_us)
        past.heavy_since_us[evaluate.number] = np.where(heavy[evaluate.last], runs.since_us[evaluate.last], NEVER)
        return np.flatnonzero(heavy & (at_us - runs.since_us >= PIECES * PIECE_US))

    def _off_ratio(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings of a zone that the load rate stepped into, and remember the last step."""
        high, low = self._by.zones(block.load_rate, block.ct_ratio)
        in_zone = np.flatnonzero(high | low)
        stepped_into = in_zone[self._steps(block, evaluate, in_zone, high[in_zone])]
        zone = (high * np.int8(_HIGH) + low * np.int8(_LOW)).astype(np.int8)
        return self._held(block, evaluate, zone, stepped_into, self._past.zone, self._past.stepped_at_us)

    def _held(
        self,
        block: RatedReadings,
        evaluate: OrderedPass,
        zone: NDArray[np.int8],
        into: Rows,
        past_zone: NDArray[np.int8],
        past_into_us: NDArray[np.int64],
    ) -> Rows:
        """Return the readings in a zone (0: none) into which a row of `into` led, for a day; remember the last."""
        if not len(into) and (past_into_us[evaluate.number] == NEVER).all():
            return into
        stays = (zone == evaluate.before(zone, past_zone)) & (zone != 0)
        position = np.arange(len(block))
        entered = np.maximum.accumulate(np.where(~stays | evaluate.is_first, position, 0))
        steps = np.full(len(block), -1)
        steps[into] = into
        stepped = np.maximum.accumulate(steps)
        from_past = np.where(stays & evaluate.is_first, past_into_us[block.transformer], NEVER)
        into_us = np.where(stepped >= entered, block.measured_at_us[stepped], from_past[entered])
        past_zone[evaluate.number] = zone[evaluate.last]
        past_into_us[evaluate.number] = into_us[evaluate.last]
        return np.flatnonzero((into_us != NEVER) & (block.measured_at_us - into_us <= self._by.ratio_us))

    def _steps(self, block: RatedReadings, evaluate: OrderedPass, rows: Rows, high: Flags) -> Flags:
        """Return which of the readings (k,) in a high or a low zone came there by a factor that gives one away."""
        by, rate, ratio = self._by, block.load_rate[rows], block.ct_ratio[rows]
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            factor = rate / evaluate.rate_before[rows]
            times_ratio = (np.abs(factor / ratio - 1.0) <= by.factor_tolerance) & (ratio >= by.ct_ratio_min)
            times_units = np.abs(factor / W_PER_KW - 1.0) <= by.factor_tolerance
            by_ratio = np.abs(factor * ratio - 1.0) <= by.factor_tolerance
        gives_away: Flags = np.where(high, times_ratio | times_units, by_ratio)
        return evaluate.no_further_than(by.exchange_us, rows) & gives_away

    def _swaps(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings whose currents (n, 3) are those of the reading before, on other phases."""
        by = self._by
        before = evaluate.before(block.current_amp, self._frozen.past.current_amp)
        # A phase that changes places changes by at least so much, and A or B is always among those that do.
        least = 0.5 * (by.swap_difference_min - by.swap_tolerance)
        moved = np.abs(block.current_amp[:, :2] - before[:, :2]) > least * np.abs(before[:, :2])
        rows = np.flatnonzero((moved[:, 0] | moved[:, 1]) & evaluate.neighbours)
        if not len(rows):
            return rows
        now, before = block.current_amp[rows], before[rows]
        swapped = np.zeros(len(rows), bool)
        for order in _SWAPS:
            came_from = before[:, order]
            fits = np.abs(now - came_from) <= by.swap_tolerance * came_from
            differs = np.abs(came_from - before) > by.swap_difference_min * np.maximum(came_from, before)
            same_place = np.array(order) == np.arange(3)
            swapped |= (fits & (differs | same_place)).all(axis=1)
        return rows[swapped]


def newly_flagged(block: RatedReadings, flags: Bits, flags_before: Bits) -> Bits:
    """Return the doubts (n,) that the reading before did not have; a notice is due where there is one.

    `flags_before` (n,): `QualityGrader.ongoing(block.transformer)` before the block was evaluated. Readings without a
    load rate are passed over.
    """
    rows = np.flatnonzero(~np.isnan(block.load_rate))
    if not len(rows):
        return np.zeros(len(block), np.uint8)
    transformer = block.transformer[rows]
    is_first = np.append(True, transformer[1:] != transformer[:-1])
    before = np.where(is_first, flags_before[rows], np.roll(flags[rows], 1))
    begun = np.zeros(len(block), np.uint8)
    begun[rows] = flags[rows] & ~before
    return begun
