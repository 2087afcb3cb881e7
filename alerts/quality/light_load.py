"""Whether a ratio may have been wrong from the first day: a load that is too light, and too much like a whole area's.

A step gives a wrong ratio away only where there is a step. Without one there is what such a rating can be at night and
at noon. An area whose CT ratio is missing shows the smooth day of many customers, at a hundredth of the rating or less:
it is never idle, noon differs from night, and nothing changes by leaps. A few customers on a large transformer are as
light, but every kettle is a leap, and at night little is left.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from alerts.quality.flags import QualitySettings
from alerts.quality.rated_readings import Flags, Numbers, OrderedPass, RatedReadings, Rates, Rows, Timestamps
from alerts.rules.threshold_runs import NEVER
from grid.timestamps import HOUR_US, MINUTE_US

PIECE_US = 2 * HOUR_US
"""Time is cut into pieces of so long, counted from the epoch."""
PIECES = 11
"""How many pieces before the present one must be as light: 22 hours, a noon and a night."""
_CLASSES_PER_OCTAVE = 2
_CLOSE_US = 10 * MINUTE_US - 1
_RING = PIECES + 1

USUAL_SECONDARY_AMP = 5.0
LINE_VOLTAGE_KV = 0.4
"""CTs of distribution transformers: rated current over 5 A (practice)."""


@dataclass(frozen=True)
class LightLoadState:
    """What is remembered of n transformers, as columns."""

    light_since_us: Timestamps
    """Since when every reading was light; `NEVER` when the last was not."""
    piece: NDArray[np.int32]
    """Piece of the last light reading."""
    classes: NDArray[np.int16]
    """(n, 12) classes of load rates met in a piece, by piece modulo 12."""

    @staticmethod
    def of(transformers: int) -> LightLoadState:
        """Return no past."""
        return LightLoadState(
            np.full(transformers, NEVER, np.int64),
            np.zeros(transformers, np.int32),
            np.zeros((transformers, _RING), np.int16),
        )


def usual_ratio(rated_power_kva: Rates) -> Rates:
    """Return the CT ratio (n,) that is usual for a rating."""
    return np.asarray(rated_power_kva / (np.sqrt(3.0) * LINE_VOLTAGE_KV * USUAL_SECONDARY_AMP))


def is_light(block: RatedReadings, by: QualitySettings) -> Flags:
    """Return which readings (n,) are so light, and so like an area's, that a CT ratio may be missing.

    With the usual ratio they would be a load of 8 to 130 %. A ratio that the ledger has is applied. Where currents are
    there, all three phases carry some of them: a few homes stand on one or two.
    """
    rate = block.load_rate
    light = (rate <= by.light_load_rate_max) & (rate >= by.light_load_rate_min) & (block.ct_ratio < by.ct_ratio_min)
    rows = np.flatnonzero(light)
    with_ratio = rate[rows] * usual_ratio(block.rated_power_kva[rows])
    current_amp = np.abs(block.current_amp[rows])
    on_few_phases = current_amp.min(axis=1) < by.light_phase_share_min * current_amp.max(axis=1)
    light[rows] = (with_ratio <= by.light_overload_rate) & (with_ratio >= by.light_night_rate) & ~on_few_phases
    return np.asarray(light)


class LightLoads:
    """The light loads of a fleet: show it blocks in time order, it says which readings end a suspicious day."""

    def __init__(self, transformers: int, settings: QualitySettings) -> None:
        """Start with no past."""
        self._by = settings
        self.past = LightLoadState.of(transformers)

    def suspected(self, block: RatedReadings, evaluate: OrderedPass) -> Rows:
        """Return the readings at whose end a day (22 h) has been light without a break, and remember the last of each.

        Light, never further than `light_gap_hours` apart, without leaps between neighbours, and spread over no more
        and no less than an area's day is.
        """
        by, past = self._by, self.past
        light = is_light(block, by)
        known = past.light_since_us[evaluate.number] != NEVER
        if not known.any() and not light.any():
            return np.empty(0, np.intp)
        with np.errstate(invalid="ignore", divide="ignore"):
            no_currents = np.isnan(block.current_amp).any(axis=1)
            limit = np.log(np.where(no_currents, by.light_leap_without_currents, by.light_leap))
            leap = np.abs(np.log(block.load_rate / evaluate.rate_before)) > limit
        light &= ~(leap & evaluate.neighbours)
        # Minutes are smooth whoever draws them: without currents only meters of longer intervals can be told.
        close = evaluate.no_further_than(_CLOSE_US, np.arange(len(block)))
        light &= ~(no_currents & close)
        touched = np.zeros(len(past.piece), bool)
        touched[block.transformer[light]] = True
        touched[evaluate.number] |= known
        rows = np.flatnonzero(touched[block.transformer])
        if not len(rows):
            return rows
        return rows[self._day_long(block, evaluate, rows, light[rows])]

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers."""
        self.past.light_since_us[transformer] = NEVER

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes [bytes]."""
        return sum(getattr(self.past, column.name).nbytes for column in fields(LightLoadState))

    def _day_long(self, block: RatedReadings, evaluate: OrderedPass, rows: Rows, light: Flags) -> Flags:
        """Return which of all readings (k,) of some transformers end a suspicious day."""
        by, past = self._by, self.past
        number, at_us = block.transformer[rows], block.measured_at_us[rows]
        first = np.ones(len(rows), bool)
        first[1:] = number[1:] != number[:-1]
        near = evaluate.no_further_than(round(by.light_gap_hours * HOUR_US), rows)
        light_before = np.roll(light, 1)
        light_before[first] = past.light_since_us[number[first]] != NEVER
        goes_on = light & light_before & near
        position = np.arange(len(rows))
        start = np.maximum.accumulate(np.where(goes_on & ~first, 0, position))
        of_past = (goes_on & first)[start]
        since_us = np.where(of_past, past.light_since_us[number], at_us[start])
        piece = (at_us // PIECE_US).astype(np.int32)
        with np.errstate(invalid="ignore", divide="ignore"):
            octaves = np.log2(block.load_rate[rows] / by.light_load_rate_min)
        level = np.where(light, octaves * _CLASSES_PER_OCTAVE, 0.0).astype(np.int16)
        seen = np.left_shift(np.int16(1), level)
        # Groups: the readings of one run in one piece, behind the pieces that the past remembers.
        begins = np.flatnonzero((start == position) | first | (piece != np.roll(piece, 1)))
        group_of = np.cumsum(np.bincount(begins, minlength=len(rows))) - 1
        group_seen = np.where(light[begins], np.bitwise_or.reduceat(seen, begins), 0).astype(np.int16)
        before = self._pieces_before(number, piece, start, of_past, begins, group_seen)
        spread = _spread(before[group_of] | seen)
        suspected: Flags = light & (at_us - since_us >= PIECES * PIECE_US)
        suspected &= (spread >= by.light_spread_min_classes) & (spread <= by.light_spread_max_classes)
        self._remember(number, piece, light, since_us, of_past, start, begins, group_seen)
        return suspected

    def _pieces_before(
        self, number: Numbers, piece: Numbers, start: Rows, of_past: Flags, begins: Rows, group_seen: NDArray[np.int16]
    ) -> NDArray[np.int16]:
        """Return for each group (g,) the classes met in the pieces before its own, in the same run."""
        before = np.zeros(len(begins), np.int16)
        run, at = start[begins], piece[begins]
        for back in range(1, PIECES + 1):
            same = run[back:] == run[:-back]
            within = same & (at[back:] - at[:-back] <= PIECES)
            before[back:] |= np.where(within, group_seen[:-back], 0).astype(np.int16)
        from_past = of_past[begins]
        owner = number[begins[from_past]]
        last = self.past.piece[owner]
        for slot in range(_RING):
            # The newest piece of that slot up to the last one.
            of_slot = last - (last - slot) % _RING
            within = (at[from_past] - of_slot <= PIECES) & (of_slot < at[from_past])
            before[from_past] |= np.where(within, self.past.classes[owner, slot], 0).astype(np.int16)
        return before

    def _remember(
        self,
        number: Numbers,
        piece: Numbers,
        light: Flags,
        since_us: Timestamps,
        of_past: Flags,
        start: Rows,
        begins: Rows,
        group_seen: NDArray[np.int16],
    ) -> None:
        past = self.past
        last = np.flatnonzero(np.append(number[1:] != number[:-1], True))
        owner = number[last]
        past.light_since_us[owner] = np.where(light[last], since_us[last], NEVER)
        anew = owner[~of_past[last]]
        past.classes[anew] = 0
        # Of the last run: slots of pieces that were passed over, or that are used again, begin empty.
        kept = owner[of_past[last]]
        newest, before = piece[last[of_past[last]]], past.piece[kept]
        for back in range(_RING):
            stale = newest - back > before
            past.classes[kept[stale], (newest[stale] - back) % _RING] = 0
        owner_of = np.repeat(last, np.diff(np.append(-1, last)))
        of_last_run = ((start == start[owner_of]) & (piece[owner_of] - piece < _RING))[begins]
        groups = begins[of_last_run]
        np.bitwise_or.at(past.classes, (number[groups], piece[groups] % _RING), group_seen[of_last_run])
        past.piece[owner] = piece[last]


def _spread(classes: NDArray[np.int16]) -> NDArray[np.int64]:
    """Return how many classes lie between the lowest and the highest of a set (n,); -1 for none."""
    value = classes.astype(np.float64)
    lowest = (classes & -classes).astype(np.float64)
    _, high = np.frexp(value)
    _, low = np.frexp(lowest)
    return np.where(classes == 0, -1, high - low).astype(np.int64)
