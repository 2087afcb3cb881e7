"""What began and what ended between two looks at who is silent: this is what people are told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.silence.detection import BlindStream, LostFeeder, Silence


@dataclass(frozen=True, eq=False)
class SilenceChanges:
    """What began and what ended between two looks."""

    started: tuple[BlindStream | LostFeeder, ...]
    ended: tuple[BlindStream | LostFeeder, ...]
    """As they stood at the look before."""
    fell_silent: NDArray[np.intp]
    """Rows of transformers that are silent now and were not, whether or not something covers them."""
    came_back: NDArray[np.intp]
    """Rows of transformers that were silent and are not any more."""

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return bool(self.started or self.ended or len(self.fell_silent) or len(self.came_back))


def changes(before: Silence | None, now: Silence) -> SilenceChanges:
    """Return what began and ended since the look before; None is a look at which all was well.

    While the stream is blind, feeders neither begin nor end: one sentence says it all. When it sees again, a feeder
    that is still lost two slots later begins, under the key it had, and any other is over without a word of its own.
    """
    was_blind, is_blind = before.blind if before else None, now.blind
    feeders_before = {f.line: f for f in before.told} if before else {}
    feeders_now = {f.line: f for f in now.told}
    started: list[BlindStream | LostFeeder] = [f for name, f in feeders_now.items() if name not in feeders_before]
    ended: list[BlindStream | LostFeeder] = []
    if not is_blind:
        ended += [f for name, f in feeders_before.items() if name not in feeders_now]
    if is_blind and not was_blind:
        started.append(is_blind)
    if was_blind and not is_blind:
        ended.append(was_blind)
    silent_before = np.zeros(len(now.silent), bool)
    if before:
        # A ledger that was imported in between may have brought new rows; the old ones keep their places.
        known = min(len(before.silent), len(now.silent))
        silent_before[:known] = before.silent[:known]
    return SilenceChanges(
        tuple(started),
        tuple(ended),
        np.flatnonzero(now.silent & ~silent_before),
        np.flatnonzero(silent_before & ~now.silent),
    )
