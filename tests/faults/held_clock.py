"""A clock that a test moves: an installation's time passes only when everything of the moment before is done.

Silence is time that passes. Beside a clock that runs, a machine that stands still for seconds makes devices silent;
beside this one it makes a test take longer, and nothing else.
"""

from __future__ import annotations

import time
from pathlib import Path

from grid.timestamps import MINUTE_US
from tests.faults.site import START_SECONDS_MAX, Running
from tests.support.waiting import pause


class HeldClock:
    """What time it is for an installation whose collector is started with `words`."""

    speed = 1.0

    def __init__(self, folder: Path) -> None:
        """Begin at a whole minute of the real time; the files that the collector reads and writes are in `folder`."""
        self._shown = folder / "held-clock"
        self._looked = folder / "held-clock-looked"
        self._now_us = 0
        self.move(time.time_ns() // 1000 // MINUTE_US * MINUTE_US)

    @property
    def words(self) -> list[str]:
        """Return what a collector is started with to live by this clock."""
        return ["--held-clock", str(self._shown), "--looks-noted", str(self._looked)]

    def now_us(self) -> int:
        """Return the moment [µs]."""
        return self._now_us

    def move(self, by_us: int) -> None:
        """Let time pass."""
        self._now_us += by_us
        # In one step: a half-written file would be a clock of its own.
        draft = self._shown.with_suffix(".new")
        draft.write_text(str(self._now_us), encoding="ascii")
        draft.replace(self._shown)

    def wait_for_a_look(self, running: Running) -> None:
        """Wait until the collector has looked around at this moment, from now on. Raises TimeoutError."""
        self._looked.unlink(missing_ok=True)
        give_up_at = time.monotonic() + START_SECONDS_MAX
        while not self._looked.exists() or int(self._looked.read_text(encoding="ascii")) < self._now_us:
            if running.exit_code is not None or time.monotonic() > give_up_at:
                raise TimeoutError(f"the collector did not look around:\n{running.log_text[-2000:]}")
            pause(0.005)
