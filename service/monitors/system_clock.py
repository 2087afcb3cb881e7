"""Notices that this computer's clock was set, and says when it is wrong.

Freshness is time that has passed, so a clock that is set by hand must not make anybody silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.store_words import clock_is_ahead, clock_is_behind
from grid.fleet import Fleet
from grid.text import Text
from grid.timestamps import SECOND_US
from service.clock import Clock

STEP_SECONDS_MIN = 10.0
"""A smaller step is left alone: it makes nobody silent (own choice)."""

AHEAD_LASTS_US = 60 * SECOND_US
STEADY_MINUTES_MAX = 10.0
"""A clock that is ahead is told after so long without more change than this (own choice)."""


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
        self._ahead_said = False
        self._ahead_since: tuple[int, float] | None = None
        self.ahead_minutes = 0.0
        """How far our clock has been ahead for a while; 0 for well, and while readings that waited are caught up."""

    def look(
        self, behind_minutes: float, fleet: Fleet, now_us: int, ahead_minutes: float = 0.0
    ) -> tuple[NotificationEvent, ...]:
        """Return what is to be said now: how far our clock is behind the fleet's, or seems ahead of it; 0 for well."""
        self._follow_ahead(ahead_minutes, now_us)
        begins = bool(behind_minutes) and not self._said
        ahead_begins = bool(self.ahead_minutes) and not self._ahead_said
        self._said, self._ahead_said = bool(behind_minutes), bool(self.ahead_minutes)
        found = []
        if begins:
            found.append(_event(MessageKind.CLOCK_BEHIND, clock_is_behind(behind_minutes), fleet, now_us))
        if ahead_begins:
            found.append(_event(MessageKind.CLOCK_AHEAD, clock_is_ahead(self.ahead_minutes), fleet, now_us))
        return tuple(event for event in found if event.station_id)

    def _follow_ahead(self, ahead_minutes: float, now_us: int) -> None:
        """A wrong clock stays as wrong as it is; readings that waited come closer to now with every block."""
        since = self._ahead_since
        if not ahead_minutes:
            self._ahead_since, self.ahead_minutes = None, 0.0
        elif since is None or abs(ahead_minutes - since[1]) > STEADY_MINUTES_MAX:
            self._ahead_since, self.ahead_minutes = (now_us, ahead_minutes), 0.0
        elif now_us - since[0] >= AHEAD_LASTS_US:
            self.ahead_minutes = ahead_minutes


def _event(kind: MessageKind, text: Text, fleet: Fleet, now_us: int) -> NotificationEvent:
    station_id = next((station for station in fleet.station_ids if station), "")
    return NotificationEvent(f"{kind.value}/{now_us}", kind, station_id, kind, Urgency.OVERLOAD, now_us, text)
