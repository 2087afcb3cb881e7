"""The only place that reads the real clock. Everything else is given a moment, or a clock."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """What time it is for this installation."""

    @property
    def speed(self) -> float:
        """Return how many of this clock's seconds pass in one real second."""
        ...

    def now_us(self) -> int:
        """Return the moment [µs since 1970-01-01T00:00:00Z]."""
        ...


@dataclass(frozen=True)
class SystemClock:
    """The computer's own clock."""

    speed: float = 1.0

    def now_us(self) -> int:
        """Return the real moment [µs]."""
        return time.time_ns() // 1000


@dataclass(frozen=True)
class ScaledClock:
    """A clock that showed `start_us` at the real moment `real_start_us` and runs `speed` times as fast.

    A function of the real clock and three numbers: processes with the same numbers agree on the time.
    """

    real_start_us: int
    start_us: int
    speed: float

    def now_us(self) -> int:
        """Return the scaled moment [µs]."""
        return self.start_us + round((time.time_ns() // 1000 - self.real_start_us) * self.speed)


@dataclass(frozen=True)
class FasterClock:
    """A clock that showed `start_us` when another showed `other_start_us`, and runs `times` as fast as that one."""

    other: Clock
    other_start_us: int
    start_us: int
    times: float

    @property
    def speed(self) -> float:
        """Return how many of this clock's seconds pass in one real second."""
        return self.other.speed * self.times

    def now_us(self) -> int:
        """Return the moment that this clock shows [µs]."""
        return self.start_us + round((self.other.now_us() - self.other_start_us) * self.times)


def real_seconds(clock: Clock, span_us: int) -> float:
    """Return how long [s] a span of the clock's time lasts in reality; 0 for a span that is over."""
    return max(span_us, 0) / 1e6 / clock.speed
