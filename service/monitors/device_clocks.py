"""Watches for devices whose clock is behind, in a thread of its own: it follows the journal and says whom to check."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.quality.clock_skew import SteadyDelays, SteadyDelaySettings
from alerts.quality.clock_words import check_the_clock
from grid.assets import Ledger
from grid.timestamps import DAY_US, MINUTE_US
from service.clock import Clock, real_seconds
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicThread, with_journal
from stores.journal.journal import Journal

LOOK_EVERY_US = 5 * MINUTE_US
ROWS_AT_ONCE = 50_000


class DeviceClocks:
    """Says of each device once that its clock is behind, and again when it was right in between."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Prepare. `journal` is the writer's; it is read through a connection of our own, from its end on."""
        self._journal = journal
        self._clock = clock
        self._settings = SteadyDelaySettings()
        self._delays = SteadyDelays(self._settings)
        self._block_no: int | None = None
        self._told: set[int] = set()
        self._found: list[tuple[str, float]] = []
        self._lock = threading.Lock()

    def thread(self, metrics: Metrics) -> PeriodicThread:
        """Return the thread that looks now and then."""
        pace = Pace(real_seconds(self._clock, LOOK_EVERY_US), begins_at_once=True)
        rounds = with_journal(self._journal, lambda reader: self.look(reader, self._clock.now_us()))
        return PeriodicThread("clocks", rounds, pace, metrics)

    def look(self, reader: Journal, now_us: int) -> None:
        """Take in what was stored since the last look, and see who is behind. Raises StoreError."""
        newest = reader.counts().blocks
        if self._block_no is None:
            self._block_no = newest
        while self._block_no < newest:
            batch, last = reader.after(self._block_no, ROWS_AT_ONCE)
            if last == self._block_no:
                break
            self._delays.advance(batch.transformer, batch.measured_at_us, batch.received_at_us)
            self._block_no = last
        behind_us = self._delays.behind_us(now_us)
        self._told = {number for number in self._told if behind_us[number] != 0.0}
        found = set(np.flatnonzero(behind_us > 0.0).tolist()) - self._told
        if found:
            self._told |= found
            name_of = {number: name for name, number in reader.all_numbers().items()}
            with self._lock:
                self._found += [(name_of[number], float(behind_us[number])) for number in sorted(found)]

    def take_events(self, ledger: Callable[[], Ledger], now_us: int) -> tuple[NotificationEvent, ...]:
        """Return what is to be said of what was found, once. `ledger` gives the one in force; it raises StoreError."""
        if not self._found:
            return ()
        transformers = {t.transformer_id: t for t in ledger().transformers}
        with self._lock:
            found, self._found = self._found, []
        return tuple(
            NotificationEvent(
                # A day in the key: a collector that is started anew does not say it a second time on that day.
                key=f"{name}/CLOCK_BEHIND/{now_us // DAY_US}",
                kind=MessageKind.CHECK_THE_METER,
                station_id=transformers[name].station_id,
                level=MessageKind.CHECK_THE_METER,
                urgency=Urgency.ROUTINE,
                created_at_us=now_us,
                text=check_the_clock(transformers[name], behind_us, self._settings.steady_minutes),
                transformer_id=name,
            )
            for name, behind_us in found
            if name in transformers
        )
