"""Whose readings come late by the same span again and again: a device whose clock is behind, or that never catches up.

Late blocks, readings sent again and backlogs are late too, but not steadily: among them are readings that come at
once, or the delay shrinks while the device catches up. So a device is named only when every one of its readings came
late by the same span for long enough, and when the rest of the fleet is not late as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import MINUTE_US

_NEVER = np.iinfo(np.int64).min // 4


@dataclass(frozen=True)
class SteadyDelaySettings:
    """By what measure a device is taken to be behind. All figures are practice: no text prescribes any."""

    behind_minutes: float = 20.0
    """Later than the median of the fleet by so much: further than readings that are neighbours lie apart."""
    steady_minutes: float = 60.0
    readings: int = 12
    """Minimum number of readings, over the minimum time, that must all have come late alike."""
    tolerance_minutes: float = 3.0
    """How much their delays may differ: the way of a message, and a clock that drifts."""
    gap_minutes: float = 20.0
    """Arrivals further apart do not go on with one another: who sends more rarely is never named."""
    fleet_min: int = 3
    """Fewer transformers have no median to be held against."""


class SteadyDelays:
    """The delays of a fleet's readings: show it what was stored, in order of arrival; it says who is behind."""

    def __init__(self, settings: SteadyDelaySettings | None = None) -> None:
        """Begin with no past, for any number of transformers."""
        self._by = settings or SteadyDelaySettings()
        self._since_us = np.empty(0, np.int64)
        self._last_us = np.empty(0, np.int64)
        self._least_us = np.empty(0, np.int64)
        self._most_us = np.empty(0, np.int64)
        self._readings = np.empty(0, np.int64)

    def advance(
        self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64], received_at_us: NDArray[np.int64]
    ) -> None:
        """Take readings (n,) that arrived after all before them. Cut into blocks differently, it is never earlier."""
        if not len(transformer):
            return
        self._grow(int(transformer.max()) + 1)
        order = np.lexsort((measured_at_us, received_at_us, transformer))
        number, received_us = transformer[order], received_at_us[order]
        delay_us = received_us - measured_at_us[order]
        first = np.flatnonzero(np.append(True, number[1:] != number[:-1]))
        last = np.append(first[1:], len(number)) - 1
        number = number[first]
        least_us, most_us = np.minimum.reduceat(delay_us, first), np.maximum.reduceat(delay_us, first)
        pauses_us = np.diff(received_us, prepend=received_us[0])
        pauses_us[first] = 0
        alike = most_us - least_us <= self._us(self._by.tolerance_minutes)
        alike &= np.maximum.reduceat(pauses_us, first) <= self._us(self._by.gap_minutes)
        pause_us = received_us[first] - self._last_us[number]
        all_least_us = np.minimum(least_us, self._least_us[number])
        all_most_us = np.maximum(most_us, self._most_us[number])
        goes_on = alike & (pause_us >= 0) & (pause_us <= self._us(self._by.gap_minutes))
        goes_on &= all_most_us - all_least_us <= self._us(self._by.tolerance_minutes)
        # What differs within itself leaves its last reading, with which a new row may begin.
        begins = np.where(alike, first, last)
        self._since_us[number] = np.where(goes_on, self._since_us[number], received_us[begins])
        self._least_us[number] = np.where(goes_on, all_least_us, np.where(alike, least_us, delay_us[last]))
        self._most_us[number] = np.where(goes_on, all_most_us, np.where(alike, most_us, delay_us[last]))
        self._readings[number] = last - begins + 1 + np.where(goes_on, self._readings[number], 0)
        self._last_us[number] = received_us[last]

    def behind_us(self, now_us: int) -> NDArray[np.float64]:
        """Return by how much each transformer (n,) is behind the fleet [µs]; 0: it is not, NaN: nothing can be said."""
        behind_us = np.full(len(self._last_us), np.nan)
        heard = now_us - self._last_us <= self._us(self._by.gap_minutes)
        if heard.sum() < self._by.fleet_min:
            return behind_us
        later_us = self._least_us - float(np.median(self._least_us[heard]))
        is_late = later_us >= self._us(self._by.behind_minutes)
        is_steady = self._last_us - self._since_us >= self._us(self._by.steady_minutes)
        is_steady &= self._readings >= self._by.readings
        behind_us[heard & ~is_late] = 0.0
        named = heard & is_late & is_steady
        behind_us[named] = later_us[named]
        return behind_us

    def _grow(self, transformers: int) -> None:
        more = transformers - len(self._last_us)
        if more > 0:
            never, zero = np.full(more, _NEVER), np.zeros(more, np.int64)
            self._since_us = np.append(self._since_us, never)
            self._last_us = np.append(self._last_us, never)
            self._least_us = np.append(self._least_us, zero)
            self._most_us = np.append(self._most_us, zero)
            self._readings = np.append(self._readings, zero)

    def _us(self, minutes: float) -> int:
        return round(minutes * MINUTE_US)
