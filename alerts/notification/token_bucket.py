"""A token bucket in whole microseconds: how often a channel may speak, in any minute one looks at."""

from __future__ import annotations

from dataclasses import dataclass

from grid.timestamps import MINUTE_US


@dataclass(frozen=True)
class TokenRate:
    """At most `per_minute_max` tokens in any 60 s, at most `burst` of them at once. Raises ValueError.

    A bucket of `burst` tokens that fills at r a minute gives up to burst + r in a minute, so it fills at
    `per_minute_max` - `burst`.
    """

    per_minute_max: int = 15
    burst: int = 5

    def __post_init__(self) -> None:
        """Check that something is left to fill the bucket with."""
        if not 1 <= self.burst < self.per_minute_max:
            raise ValueError(f"burst is {self.burst}, wanted 1 to {self.per_minute_max - 1}")

    @property
    def token_us(self) -> int:
        """Return how long one token takes to come back [µs], rounded up."""
        return -(-MINUTE_US // (self.per_minute_max - self.burst))


@dataclass(frozen=True)
class TokenBucket:
    """The state of one bucket, a single moment: it is full from then on."""

    full_at_us: int = 0

    def ready_at_us(self, rate: TokenRate, now_us: int) -> int:
        """Return when a token can be taken [µs]; not after `now_us` when that is at once."""
        if self.full_at_us > now_us + (rate.burst + 1) * rate.token_us:
            # No bucket is so empty: the clock was set back. Taking a token brings the bucket to the new time.
            return now_us
        return self.full_at_us - (rate.burst - 1) * rate.token_us

    def can_take(self, rate: TokenRate, now_us: int) -> bool:
        """Return whether a token can be taken now."""
        return self.ready_at_us(rate, now_us) <= now_us

    def taken(self, rate: TokenRate, now_us: int) -> TokenBucket:
        """Return the bucket after one token was taken, also when it had none: what was spent is spent."""
        full_at_us = min(max(self.full_at_us, now_us), now_us + rate.burst * rate.token_us)
        return TokenBucket(full_at_us + rate.token_us)
