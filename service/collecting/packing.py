"""Packs the journal's hours that are over, a small step at a time, when the collector has nothing more urgent to do."""

from __future__ import annotations

import logging
import time

from grid.errors import StoreError
from grid.timestamps import HOUR_US
from service.monitors.disk import DiskWatch
from stores.journal.journal import FIRST_PLACE, Journal, Place

PASS_EVERY_US = HOUR_US
"""An hour's readings become packable every hour; what comes late is packed with the next pass, all of it together."""
SHARE = 0.1
"""Of the collector's time, at the most: on a machine of its own that is ten thousand readings a second (practice)."""

log = logging.getLogger("redvest.packing")


class Packing:
    """One pass after another over what is old enough; a pass ends where the age begins at which readings stay rows."""

    def __init__(self, journal: Journal, disk_watch: DiskWatch, pack_after_hours: int) -> None:
        """Begin with a pass. 0 hours: never pack."""
        self._journal = journal
        self._disk_watch = disk_watch
        self._after_us = pack_after_hours * HOUR_US
        self._begun_us: int | None = None
        self._before_us = 0
        self._place: Place | None = None
        self._moved = 0
        self._rests_until = 0.0

    def step(self, now_us: int) -> None:
        """Take one step, about 25 ms, if there is one. What hinders it hinders nothing else: it ends the pass."""
        began = time.monotonic()
        if not self._after_us or began < self._rests_until:
            return
        try:
            if self._place is None and not self._begins(now_us):
                return
            self._disk_watch.require_room()
            packed = self._journal.pack(self._place or FIRST_PLACE, self._before_us)
        except StoreError as error:
            log.error("readings are not packed now, they stay as they are: %s", error)
            self._place = None
            return
        now = time.monotonic()
        self._rests_until = now + (now - began) * (1.0 / SHARE - 1.0)
        self._place = packed.goes_on_at
        self._moved += packed.readings
        if self._place is None and self._moved:
            log.info("%d readings were packed", self._moved)

    def _begins(self, now_us: int) -> bool:
        """Return whether a pass begins; also when the clock was set back."""
        if self._begun_us is not None and 0 <= now_us - self._begun_us < PASS_EVERY_US:
            return False
        self._begun_us, self._moved = now_us, 0
        newest_us = self._journal.newest_measured_us()
        if newest_us is None:
            return False
        # Where history is replayed, what is old by the clock may be still coming: its own newest reading counts too.
        self._before_us = min(now_us, newest_us) - self._after_us
        self._place = FIRST_PLACE
        return True
