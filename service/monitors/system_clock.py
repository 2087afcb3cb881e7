"""Notices that this computer's clock was set, and says when it is wrong.

Freshness is time that has passed, so a clock that is set by hand must not make anybody silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.store_words import clock_is_behind
from grid.fleet import Fleet
from service.clock import Clock

STEP_SECONDS_MIN = 10.0
"""A smaller step is left alone: it makes nobody silent (own choice)."""


class StepWatch:
    """Notices when a clock jumps against the time that really passes."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin to watch."""
        self._clock = clock
        self._monotonic = monotonic
        self._at_us = clock.now_us()
        self._at_seconds = monotonic()

    def step_us(self) -> int:
        """Return how far the clock has jumped since it was last asked, 0 when it has not. Negative: it was set back."""
        now_us, now_seconds = self._clock.now_us(), self._monotonic()
        passed_us = (now_seconds - self._at_seconds) * 1e6 * self._clock.speed
        step_us = round(now_us - self._at_us - passed_us)
        self._at_us, self._at_seconds = now_us, now_seconds
        return step_us if abs(step_us) > STEP_SECONDS_MIN * 1e6 * max(self._clock.speed, 1.0) else 0


class ClockWatch:
    """Says what is wrong with this computer's clock, once as long as it lasts."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said = False

    def look(self, behind_minutes: float, fleet: Fleet, now_us: int) -> tuple[NotificationEvent, ...]:
        """Return what is to be said now. `behind_minutes`: how far our clock is behind the fleet's, 0 for well."""
        station_id = next((station for station in fleet.station_ids if station), "")
        begins = bool(behind_minutes) and not self._said
        self._said = bool(behind_minutes)
        if not begins or not station_id:
            return ()
        text = clock_is_behind(behind_minutes)
        kind, key = MessageKind.CLOCK_BEHIND, f"clock_behind/{now_us}"
        return (NotificationEvent(key, kind, station_id, kind, Urgency.OVERLOAD, now_us, text),)
