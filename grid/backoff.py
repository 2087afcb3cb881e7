"""How long to wait before the next attempt: twice as long after each failure, up to a longest wait."""

from __future__ import annotations

from dataclasses import dataclass

_DOUBLINGS_MAX = 60
"""More doublings than this would only overflow; the longest wait is reached long before."""


@dataclass(frozen=True)
class Backoff:
    """The waits between attempts [real seconds].

    >>> [Backoff(5.0, 60.0).wait_seconds(failures) for failures in (1, 2, 3, 4, 5, 1000)]
    [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    """

    seconds_first: float
    seconds_max: float

    def wait_seconds(self, failures: int) -> float:
        """Return how long to wait after so many failures in a row; 0 failures are as good as one."""
        return min(self.seconds_first * 2.0 ** min(max(failures - 1, 0), _DOUBLINGS_MAX), self.seconds_max)


class Retry:
    """One thing that is tried again and again: counts its failures in a row."""

    def __init__(self, backoff: Backoff) -> None:
        """Begin without a failure."""
        self._backoff = backoff
        self.failures = 0

    def failed(self) -> float:
        """Count a failure and return how long to wait [s]."""
        self.failures += 1
        return self._backoff.wait_seconds(self.failures)

    def succeeded(self) -> None:
        """Begin anew with the shortest wait."""
        self.failures = 0
