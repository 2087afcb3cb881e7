"""Looks for readings that the broker lost before we had them, and for lost ones that were sent again.

A broker that crashes loses what it alone held, and nobody tells. So after each connection that begins, each start,
and once an hour, the journal is searched for holes until every transformer has had the time to send again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from enum import Enum

from alerts.silence.gaps import find_gaps, still_missing
from grid.timestamps import MINUTE_US, SECOND_US
from service.clock import Clock, real_seconds
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicThread, with_journal
from stores.journal.journal import Gap, Journal

SEARCHED_MINUTES = 5.0
"""Time after a connection began, beyond one slot, when it is searched for gaps (reliability promise)."""
LOOK_EVERY_US = 30 * SECOND_US
SEARCHED_EVERY_US = 60 * MINUTE_US
"""Where nothing gave cause to search, the last hours are searched all the same: a device may lose what it had."""
RHYTHM_SLOTS = 4
"""A transformer's rhythm is read from so many slots before what is searched."""
SEARCHED_AT_ONCE = 50_000
"""Transformers; it bounds the memory that a search takes."""
RECHECKED_MAX = 500
"""Maximum number of gaps checked again at once; the next check takes the next ones."""

log = logging.getLogger("redvest.gaps")


class Cause(Enum):
    """Why readings may be missing; of several at once the last of these is named."""

    BY_THE_CLOCK = "by_the_clock"
    COLLECTOR_STARTED = "collector_started"
    RECONNECTED = "reconnected"
    BROKER_LOST_SESSION = "broker_lost_session"


@dataclass(frozen=True)
class Suspicion:
    """Readings measured after `from_us` may be missing, for something happened at `at_us`."""

    cause: Cause
    from_us: int
    at_us: int


@dataclass(frozen=True)
class Missing:
    """What a search has found."""

    suspicion: Suspicion
    gaps: tuple[Gap, ...]


class GapWatch:
    """Searches in a thread of its own, `thread`; the reading goes on meanwhile."""

    def __init__(self, journal: Journal, clock: Clock, slot_minutes: float, metrics: Metrics) -> None:
        """Prepare. `journal` is the writer's; it is read through a connection of our own."""
        self._journal = journal
        self._clock = clock
        self._slot_us = round(slot_minutes * MINUTE_US)
        self._metrics = metrics
        self._suspicion: Suspicion | None = None
        self._found: list[Missing] = []
        self._lock = threading.Lock()
        self._skip = 0
        self._searched_at_us: int | None = None

    def thread(self) -> PeriodicThread:
        """Return the thread that looks now and then, and once more when it is stopped."""
        pace = Pace(real_seconds(self._clock, LOOK_EVERY_US), ends_with_a_round=True)
        rounds = with_journal(self._journal, lambda reader: self.look(reader, self._clock.now_us()))
        return PeriodicThread("gaps", rounds, pace, self._metrics)

    def suspect(self, cause: Cause, newest_stored_us: int | None) -> None:
        """Search from now on. `newest_stored_us`: newest moment measured when it happened; None where nothing was."""
        if newest_stored_us is None:
            return
        # Transformers do not send all at once, and their clocks may be some minutes ahead.
        from_us = newest_stored_us - 2 * self._slot_us - round(SEARCHED_MINUTES * MINUTE_US)
        with self._lock:
            before = self._suspicion or Suspicion(cause, from_us, 0)
            graver = max(before.cause, cause, key=list(Cause).index)
            self._suspicion = Suspicion(graver, min(before.from_us, from_us), self._clock.now_us())

    def take_found(self) -> list[Missing]:
        """Return what finished searches found, once."""
        with self._lock:
            found, self._found = self._found, []
        return found

    def look(self, reader: Journal, now_us: int) -> None:
        """Search for what is suspected, and see what was sent again. Raises StoreError."""
        self._suspect_by_the_clock(reader, now_us)
        suspicion = self._suspicion
        if suspicion is not None:
            self._searched_at_us = now_us
            self._search(reader, suspicion, now_us)
            if now_us >= suspicion.at_us + self._slot_us + round(SEARCHED_MINUTES * MINUTE_US):
                self._finish(reader, suspicion)
        self._look_again(reader, now_us)
        self._metrics.gaps(*reader.open_gaps())

    def _suspect_by_the_clock(self, reader: Journal, now_us: int) -> None:
        if self._searched_at_us is None:
            self._searched_at_us = now_us
        if self._suspicion is None and now_us - self._searched_at_us >= SEARCHED_EVERY_US:
            newest_us = reader.newest_measured_us()
            self.suspect(Cause.BY_THE_CLOCK, None if newest_us is None else newest_us - SEARCHED_EVERY_US)

    def _search(self, reader: Journal, suspicion: Suspicion, now_us: int) -> None:
        since_us = suspicion.from_us - RHYTHM_SLOTS * self._slot_us
        for first in range(0, len(reader.all_numbers()), SEARCHED_AT_ONCE):
            transformer, measured_at_us = reader.timestamps(since_us, range(first, first + SEARCHED_AT_ONCE))
            found = find_gaps(transformer, measured_at_us, self._slot_us).behind(suspicion.from_us)
            columns = (found.transformer, found.after_us, found.before_us, found.missing)
            rows = zip(*(column.tolist() for column in columns), strict=True)
            cause = suspicion.cause.value
            gaps = [Gap(number, after, before, missing, cause, now_us) for number, after, before, missing in rows]
            if gaps and self._journal.list_gaps(gaps):
                log.warning("%d readings are missing after %s", sum(g.missing for g in gaps), suspicion.cause.value)

    def _finish(self, reader: Journal, suspicion: Suspicion) -> None:
        found = tuple(gap for gap in reader.gaps(1_000_000) if gap.before_us > suspicion.from_us)
        with self._lock:
            if self._suspicion is suspicion:
                self._suspicion = None
                self._found += [Missing(suspicion, found)] if found else []

    def _look_again(self, reader: Journal, now_us: int) -> None:
        """See whether what is missing was sent again, for some of the gaps."""
        gaps = reader.gaps(RECHECKED_MAX, skip=self._skip)
        self._skip = self._skip + len(gaps) if len(gaps) == RECHECKED_MAX else 0
        old: list[Gap] = []
        new: list[Gap] = []
        for gap in gaps:
            measured_at_us = reader.series(gap.transformer, gap.after_us, gap.before_us).measured_at_us
            if len(measured_at_us) <= 2:
                continue
            left = still_missing(gap.after_us, gap.before_us, gap.missing, measured_at_us)
            parts = zip(left.after_us.tolist(), left.before_us.tolist(), left.missing.tolist(), strict=True)
            old.append(gap)
            new += [replace(gap, after_us=after, before_us=before, missing=count) for after, before, count in parts]
            if not len(left):
                new.append(replace(gap, missing=0, filled_at_us=now_us))
        if old:
            self._journal.list_gaps(new, instead_of=old)
