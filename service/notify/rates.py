"""How often a receiver may be sent something: the limits of chat robots, kept over any window, also after a restart.

Times are of the real clock [s], whatever the product's clock shows: the limits are those of somebody else's server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

_HALF_HOUR_SECONDS = 1800.0


@dataclass(frozen=True)
class SendRate:
    """At most `number` in any `seconds`, for each of the limits; not within the first seconds of an hour or half."""

    limits: tuple[tuple[int, float], ...] = ()
    """(number, seconds)."""
    hour_pause_seconds: float = 0.0
    """Time after :00 and :30 in which nothing is sent [s]: the provider is busiest then."""


UNLIMITED = SendRate()


class RateKeeper:
    """Says when the next message may go. Not safe to share between threads."""

    def __init__(self, rate: SendRate, sent_at: Iterable[float] = ()) -> None:
        """Go on from what was sent before [s], oldest first."""
        self._rate = rate
        kept = max((number for number, _ in rate.limits), default=0)
        self._sent_at = deque(sent_at, maxlen=kept)

    def wait_seconds(self, now: float) -> float:
        """Return how long to wait before the next message [s]; 0 when it may go at once.

        A clock that was set back holds nothing up for longer than the window.
        """
        waits = [0.0]
        for number, seconds in self._rate.limits:
            if len(self._sent_at) >= number:
                waits.append(min(self._sent_at[-number] + seconds - now, seconds))
        wait = max(waits)
        into_half_hour = (now + wait) % _HALF_HOUR_SECONDS
        if into_half_hour < self._rate.hour_pause_seconds:
            wait += self._rate.hour_pause_seconds - into_half_hour
        return wait

    def sent(self, now: float) -> None:
        """Note that a message was sent, whether it was taken or not."""
        self._sent_at.append(now)

    def left(self, now: float) -> int | None:
        """Return how many messages may go now within the tightest limit; None without limits."""
        free = [
            number - sum(1 for at in list(self._sent_at)[-number:] if now - at < seconds)
            for number, seconds in self._rate.limits
        ]
        return min(free) if free else None
