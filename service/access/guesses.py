"""Wrong guesses slow the next ones down, by account and by address; nobody is ever locked out.

Each guess takes a place in a queue under both keys. The places lie further apart the more guesses were wrong, up to
some seconds, so a victim's right password is late at most by that. A browser that has signed in before queues under
a key of its own, which a stranger cannot fill. All of it is in the records, so a restart forgives nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US
from stores.records.accounts import AccountRecords, Guesses

FREE_GUESSES = {"account": 4, "address": 20, "device": 4}
"""Wrong guesses without consequence: people mistype, and an office shares one address."""
DELAY_SECONDS_MAX = 4.0
WAIT_SECONDS_MAX = 12.0
"""Whose place is further off is sent away, to come again: the queue stays short."""
_FORGIVEN_US = 15 * MINUTE_US
_FORGOTTEN_US = 24 * HOUR_US


@dataclass(frozen=True)
class Place:
    """When a guess may be looked at."""

    wait_seconds: float
    refused: bool
    """Too many are waiting: come again after `wait_seconds`."""


class SlowDown:
    """Spaces guesses. Safe to share between threads and processes."""

    def __init__(self, records: AccountRecords) -> None:
        """Keep the store."""
        self._records = records

    def take_place(self, keys: tuple[str, ...], now_us: int) -> Place:
        """Return when the next guess under these keys (`account:…`, `address:…`, `device:…`) may be looked at."""
        known = self._records.guesses(keys)
        waits = [max(each.next_at_us - now_us, 0) for each in known.values() if _counts(each, now_us)]
        wait_us = max(waits, default=0)
        if wait_us > WAIT_SECONDS_MAX * SECOND_US:
            return Place(wait_us / SECOND_US, refused=True)
        taken = []
        for each in known.values():
            delay_us = round(delay_seconds(each.key, each.failures) * SECOND_US) if _counts(each, now_us) else 0
            if delay_us:
                taken.append(Guesses(each.key, each.failures, each.failed_at_us, now_us + wait_us + delay_us))
        if taken:
            self._records.keep_guesses(tuple(taken), now_us - _FORGOTTEN_US)
        return Place(wait_us / SECOND_US, refused=False)

    def was_wrong(self, keys: tuple[str, ...], now_us: int) -> None:
        """Remember a wrong guess."""
        known = self._records.guesses(keys)
        kept = []
        for key in keys:
            before = known.get(key)
            failures = before.failures + 1 if before is not None and _counts(before, now_us) else 1
            later_us = now_us + round(delay_seconds(key, failures) * SECOND_US)
            kept.append(Guesses(key, failures, now_us, max(later_us, before.next_at_us if before else 0)))
        self._records.keep_guesses(tuple(kept), now_us - _FORGOTTEN_US)

    def was_right(self, key: str) -> None:
        """Forget the wrong guesses under an account's or a device's key."""
        self._records.forget_guesses(key)


def delay_seconds(key: str, failures: int) -> float:
    """Return how long [s] after a guess the next one is looked at.

    >>> [delay_seconds("account:a", n) for n in (4, 5, 6, 7, 8, 100)]
    [0.0, 0.5, 1.0, 2.0, 4.0, 4.0]
    """
    beyond = failures - FREE_GUESSES[key.partition(":")[0]]
    return 0.0 if beyond <= 0 else min(0.5 * 2.0 ** min(beyond - 1, 10), DELAY_SECONDS_MAX)


def _counts(guesses: Guesses, now_us: int) -> bool:
    return now_us - guesses.failed_at_us < _FORGIVEN_US
