"""A day as people write it down: clock times, and values that change along them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_CLOCK_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)")
DAY_MINUTES = 1440


def minute_of(clock_time: str) -> int:
    """Return the minute of the day of a text such as `09:30`; `24:00` is 1440. Raises ValueError.

    >>> minute_of("09:30")
    570
    """
    match = _CLOCK_TIME.fullmatch(clock_time)
    minute = int(match[1]) * 60 + int(match[2]) if match else DAY_MINUTES + 1
    if minute > DAY_MINUTES:
        raise ValueError(f"{clock_time!r} is no clock time; write it like 09:30")
    return minute


@dataclass(frozen=True)
class DayCurve:
    """A value along the day: straight lines between the points given, level before the first and after the last."""

    minutes: NDArray[np.float64]
    values: NDArray[np.float64]

    @staticmethod
    def of(points: Sequence[tuple[str, float]]) -> DayCurve:
        """Take points such as ("09:30", 27.5) in rising order of time. Raises ValueError when they do not rise."""
        minutes = np.array([minute_of(clock_time) for clock_time, _ in points], np.float64)
        if len(minutes) == 0 or bool((np.diff(minutes) <= 0).any()):
            raise ValueError("a curve of the day needs points whose clock times rise")
        return DayCurve(minutes, np.array([value for _, value in points], np.float64))

    def at(self, minute: float) -> float:
        """Return the value at a minute of the day."""
        return float(np.interp(minute % DAY_MINUTES, self.minutes, self.values))


class DayTable:
    """Several curves of the day, worked out for every minute: one look-up gives them all."""

    def __init__(self, curves: Sequence[DayCurve]) -> None:
        """Work out k curves."""
        minutes = np.arange(DAY_MINUTES)
        columns = [np.interp(minutes, curve.minutes, curve.values) for curve in curves]
        self._table: NDArray[np.float64] = np.array(columns, np.float64).reshape(-1, DAY_MINUTES).T.copy()

    def at(self, minute: float) -> NDArray[np.float64]:
        """Return the values (k,) at a whole minute of the day; parts of minutes do not count."""
        values: NDArray[np.float64] = self._table[int(minute) % DAY_MINUTES]
        return values
