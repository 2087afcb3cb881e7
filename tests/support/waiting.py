"""Waiting in tests: for a condition, with an end; or for a stated time. Nothing else in `tests/` sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SECONDS_MAX = 60.0
"""How long a condition may take on a slow machine. A test never judges how fast something is."""
EVERY_SECONDS = 0.01

Found = TypeVar("Found")


def wait_until(
    look: Callable[[], Found],
    seconds_max: float = SECONDS_MAX,
    *,
    what: str = "",
    alive: Callable[[], object] | None = None,
) -> Found:
    """Wait until `look` returns something true, and return it.

    `alive` is called before each look and raises where waiting makes no sense any more. Raises AssertionError, with
    `what` was waited for, after `seconds_max`.
    """
    give_up_at = time.monotonic() + seconds_max
    while not (found := look()):
        if alive is not None:
            alive()
        assert time.monotonic() < give_up_at, f"not within {seconds_max:g} s: {what or look}"
        time.sleep(EVERY_SECONDS)
    return found


def pause(seconds: float) -> None:
    """Let real time pass, where the time itself is the point: a kill at a random moment, a keep-alive that runs out."""
    time.sleep(seconds)
