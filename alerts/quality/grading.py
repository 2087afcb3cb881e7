"""Which readings can be trusted: each is held against the readings before it, and against nothing else.

A reading's doubts follow from it and from earlier readings of its transformer, at most `QualitySettings.reach_us`
back. `QualityGrader` is a cache of what those earlier readings were; it can be thrown away and built again.
Readings without a load rate are passed over, as verdicts pass over them. `tests/support/naive_quality.py` holds the
slow
twin.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

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
from alerts.quality.rated_readings import Flags, Numbers, OrderedPass, RatedReadings, Rows
from alerts.rules.threshold_runs import NEVER
from grid.electrical import Basis

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


@dataclass(frozen=True)
class QualityGraderState:
    """What a `QualityGrader` remembers of n transformers, as columns."""

    last_at_us: NDArray[np.int64]
    last_rate: NDArray[np.float64]
    rate_before_last: NDArray[np.float64]
    """NaN unless it is a neighbour of the last."""
    power: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    current_amp: NDArray[np.float64]
    equal_readings: NDArray[np.uint8]
    """How many readings up to the last are equal, never counted further than is needed."""
    equal_since_us: NDArray[np.int64]
    stepped_at_us: NDArray[np.int64]
    """When the load rate stepped into the zone that it has not left since."""
    zone: NDArray[np.int8]
    ongoing: Bits
    """Doubts about the last."""

    @staticmethod
    def of(transformers: int) -> QualityGraderState:
        """Return no past."""
        return QualityGraderState(
            last_at_us=np.full(transformers, NEVER, np.int64),
            last_rate=np.full(transformers, np.nan),
            rate_before_last=np.full(transformers, np.nan),
            power=np.full((transformers, 2), np.nan),
            voltage_v=np.full((transformers, 3), np.nan),
            current_amp=np.full((transformers, 3), np.nan),
            equal_readings=np.zeros(transformers, np.uint8),
            equal_since_us=np.full(transformers, NEVER, np.int64),
            stepped_at_us=np.full(transformers, NEVER, np.int64),
            zone=np.zeros(transformers, np.int8),
            ongoing=np.zeros(transformers, np.uint8),
        )


class QualityGrader:
    """The doubts about a whole fleet's readings: show it blocks in time order, it says what to doubt."""

    def __init__(self, transformers: int, settings: QualitySettings | None = None) -> None:
        """Start with no past, for transformers 0 to `transformers` - 1."""
        self._by = settings or QualitySettings()
        self._past = QualityGraderState.of(transformers)

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes [bytes]."""
        return sum(getattr(self._past, column.name).nbytes for column in fields(QualityGraderState))

    @property
    def reach_us(self) -> int:
        """Return how long before a moment a walk must begin to doubt as if it had begun at the beginning [µs]."""
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
        """Drop the past of some transformers, before they are walked anew."""
        self._past.last_at_us[transformer] = NEVER
        self._past.last_rate[transformer] = np.nan
        self._past.rate_before_last[transformer] = np.nan
        self._past.equal_readings[transformer] = 0
        self._past.stepped_at_us[transformer] = NEVER
        self._past.zone[transformer] = 0
        self._past.ongoing[transformer] = 0

    def state(self) -> QualityGraderState:
        """Return a copy of all that is remembered."""
        return QualityGraderState(*(getattr(self._past, column.name).copy() for column in fields(QualityGraderState)))

    def restore(self, state: QualityGraderState) -> None:
        """Take over what another fold of as many transformers remembered; this one has no past yet."""
        self._past = state

    def _evaluate_on(self, block: RatedReadings) -> Bits:
        """Return the doubts (n,) about readings that all have a load rate, and remember the last of each."""
        evaluate = OrderedPass(block, self._past.last_at_us, self._past.last_rate, self._by.gap_us)
        flags: Bits = (block.basis == Basis.ACTIVE_ONLY) * np.uint8(QualityFlag.ACTIVE_ONLY)
        flags[self._stuck(block, evaluate)] |= np.uint8(QualityFlag.STUCK)
        flags[self._jumps(block, evaluate)] |= np.uint8(QualityFlag.JUMP)
        flags[self._off_ratio(block, evaluate)] |= np.uint8(QualityFlag.RATIO)
        flags[self._swaps(block, evaluate)] |= np.uint8(QualityFlag.PHASE_SWAP)
        last, number = evaluate.last, evaluate.number
        self._past.rate_before_last[number] = evaluate.neighbour_rate[last]
        self._past.power[number] = block.power[last]
        self._past.voltage_v[number] = block.voltage_v[last]
        self._past.current_amp[number] = block.current_amp[last]
        self._past.ongoing[number] = flags[last]
        self._past.last_rate[number] = block.load_rate[last]
        self._past.last_at_us[number] = block.measured_at_us[last]
        return flags

    def _jumps(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        limit = self._by.jump_load_rate
        rows = np.flatnonzero(np.abs(block.load_rate - evaluate.neighbour_rate) > limit)
        if not len(rows):
            return rows
        before_last = evaluate.before(evaluate.neighbour_rate, self._past.rate_before_last, rows)
        far: Flags = np.abs(block.load_rate[rows] - before_last) > limit
        return rows[far]

    def _stuck(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings that end a long row of equal ones, and remember how long the last row is."""
        at_us = block.measured_at_us
        equal = (block.load_rate == evaluate.neighbour_rate) & (block.load_rate != 0.0)
        rows = np.flatnonzero(equal)
        for column, last in (
            (block.power, self._past.power),
            (block.voltage_v, self._past.voltage_v),
            (block.current_amp, self._past.current_amp),
        ):
            now, before = column[rows], evaluate.before(column, last, rows)
            rows = rows[((now == before) | (np.isnan(now) & np.isnan(before))).all(axis=1)]
        if not len(rows):
            self._past.equal_readings[evaluate.number] = 1
            self._past.equal_since_us[evaluate.number] = at_us[evaluate.last]
            return rows
        equal[:] = False
        equal[rows] = True
        position = np.arange(len(block))
        start = np.maximum.accumulate(np.where(~equal | evaluate.is_first, position, 0))
        readings, since_us = position - start + 1, at_us[start]
        from_past = (equal & evaluate.is_first)[start]
        of_past = block.transformer[from_past]
        readings[from_past] += self._past.equal_readings[of_past]
        since_us[from_past] = self._past.equal_since_us[of_past]
        self._past.equal_readings[evaluate.number] = np.minimum(readings, self._by.stuck_readings)[evaluate.last]
        self._past.equal_since_us[evaluate.number] = since_us[evaluate.last]
        return np.flatnonzero((readings >= self._by.stuck_readings) & (at_us - since_us > self._by.stuck_us))

    def _off_ratio(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings of a zone that the load rate stepped into, and remember the last step."""
        high, low = self._by.zones(block.load_rate, block.ct_ratio)
        in_zone = np.flatnonzero(high | low)
        stepped_into = in_zone[self._steps(block, evaluate, in_zone, high[in_zone])]
        if not len(stepped_into) and (self._past.stepped_at_us[evaluate.number] == NEVER).all():
            return stepped_into
        zone = (high * np.int8(_HIGH) + low * np.int8(_LOW)).astype(np.int8)
        stays = (zone == evaluate.before(zone, self._past.zone)) & (zone != 0)
        position = np.arange(len(block))
        entered = np.maximum.accumulate(np.where(~stays | evaluate.is_first, position, 0))
        steps = np.full(len(block), -1)
        steps[stepped_into] = stepped_into
        stepped = np.maximum.accumulate(steps)
        from_past = np.where(stays & evaluate.is_first, self._past.stepped_at_us[block.transformer], NEVER)
        stepped_at_us = np.where(stepped >= entered, block.measured_at_us[stepped], from_past[entered])
        self._past.zone[evaluate.number] = zone[evaluate.last]
        self._past.stepped_at_us[evaluate.number] = stepped_at_us[evaluate.last]
        since_us = block.measured_at_us - stepped_at_us
        return np.flatnonzero((stepped_at_us != NEVER) & (since_us <= self._by.ratio_us))

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
        before = evaluate.before(block.current_amp, self._past.current_amp)
        # A phase that changes places changes by at least so much, and A or B is always among those that do.
        least = 0.5 * (by.swap_difference_min - by.swap_tolerance)
        moved = np.abs(block.current_amp[:, :2] - before[:, :2]) > least * before[:, :2]
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

    `flags_before` (n,): `QualityGrader.ongoing(block.transformer)` before the block was walked. Readings without a
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
