"""Flapping: a transformer that crosses its line again and again is told of once, until it is calm."""

from __future__ import annotations

from dataclasses import dataclass, replace

from grid.timestamps import HOUR_US, MINUTE_US

FLAPPING_OPENINGS = 3
FLAPPING_WITHIN_US = HOUR_US
"""Threshold: this many openings within the window count as flapping (practice, as the self-audit counts them)."""
CALM_AFTER_US = 30 * MINUTE_US
"""A flapping transformer is calm when it has not opened for so long."""


@dataclass(frozen=True)
class Unrest:
    """The openings of one transformer that hang together, and what was said of them."""

    openings_us: tuple[int, ...] = ()
    """The last ones, as many as make it flap."""
    crossings: int = 0
    """All of them."""
    flaps: bool = False
    said: bool = False
    """People know that it flaps."""
    told_urgency: int = -1
    """The greatest urgency that was told of it."""

    @property
    def last_opening_us(self) -> int:
        """Return when it opened last [µs]."""
        return self.openings_us[-1]

    def is_calm(self, now_us: int) -> bool:
        """Return whether it has not opened for long enough to be spoken of again."""
        return now_us - self.last_opening_us >= CALM_AFTER_US

    def is_past(self, now_us: int) -> bool:
        """Return whether another opening would be the first of its own."""
        quiet_us = CALM_AFTER_US if self.flaps else FLAPPING_WITHIN_US
        return now_us - self.last_opening_us >= quiet_us

    def opened_again(self, now_us: int) -> Unrest:
        """Return the unrest with one more opening."""
        recent = tuple(at for at in self.openings_us if now_us - at <= FLAPPING_WITHIN_US)
        openings_us = (*recent, now_us)[-FLAPPING_OPENINGS:]
        flaps = self.flaps or len(openings_us) >= FLAPPING_OPENINGS
        return replace(self, openings_us=openings_us, crossings=self.crossings + 1, flaps=flaps)

    def told(self, urgency: int) -> Unrest:
        """Return the unrest after something was said of it."""
        return replace(self, said=self.flaps, told_urgency=max(self.told_urgency, urgency))

    def holds_back(self, urgency: int, now_us: int) -> bool:
        """Return whether an event has to wait until it is calm: people know, and it is no more urgent than that."""
        return self.flaps and self.said and urgency <= self.told_urgency and not self.is_calm(now_us)

    def earlier(self, by_us: int) -> Unrest:
        """Return the unrest on a clock that was set back."""
        return replace(self, openings_us=tuple(at - by_us for at in self.openings_us))
