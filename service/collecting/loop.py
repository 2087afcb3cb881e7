"""The collector's loop: takes blocks, one after another, looks around every second, and outlives what goes wrong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from collector.message import Message
from collector.mqtt.subscriber import Subscriber
from grid.backoff import Backoff, Retry
from grid.errors import StoreError
from service.collecting.packing import Packing
from service.collecting.pipeline import Pipeline
from service.collecting.rejects_again import RejectsAgain
from service.container import Container
from service.metrics.metrics import Metrics
from service.monitors import gap_events
from service.monitors.device_clocks import DeviceClocks
from service.monitors.disk import DiskWatch
from service.monitors.gaps import Cause, GapWatch
from service.monitors.system_clock import ClockWatch, StepWatch

LOOK_EVERY_SECONDS = 1.0
RETRY = Backoff(seconds_first=0.1, seconds_max=10.0)

log = logging.getLogger("redvest.collect")


class CollectLoop:
    """Takes blocks, one after another, and outlives what goes wrong with one of them."""

    def __init__(  # noqa: PLR0913 - one argument per bound or part
        self,
        container: Container,
        subscriber: Subscriber,
        pipeline: Pipeline,
        gap_watch: GapWatch,
        device_clocks: DeviceClocks,
        disk_watch: DiskWatch,
        packing: Packing,
        rejects_again: RejectsAgain,
        metrics: Metrics,
        stop: threading.Event,
        until_idle_seconds: float | None,
    ) -> None:
        """Keep the parts; `run` begins."""
        self._clock = container.clock
        self._steps = StepWatch(container.clock)
        self._clock_watch = ClockWatch()
        self._values = container.settings.collector
        self._subscriber = subscriber
        self._pipeline = pipeline
        self._gap_watch = gap_watch
        self._device_clocks = device_clocks
        self._ledger = container.records.ledger
        self._disk_watch = disk_watch
        self._packing = packing
        self._rejects_again = rejects_again
        self._retry = Retry(RETRY)
        self._epoch = 0
        self._sessions_lost = 0
        self._metrics = metrics
        self._stop = stop
        self._until_idle_seconds = until_idle_seconds

    def run(self) -> None:
        """Go on until told to stop, or until nothing came for long enough."""
        wait_seconds = self._values.block_wait_milliseconds / 1000.0
        looked = last_message = time.monotonic()
        messages: Sequence[Message] = ()
        while not self._stop.is_set():
            messages = messages or self._subscriber.take(self._values.block_messages_max, wait_seconds)
            self._beat()
            self._follow_clock()
            now = time.monotonic()
            is_behind = len(messages) >= self._values.block_messages_max
            if messages:
                last_message = now
                # What the store does not take is kept and tried again; nothing is read on meanwhile, nothing is lost.
                messages = () if self._succeeds(partial(self._tick, messages)) else messages
            if not is_behind and not messages:  # while all blocks are full, nothing is packed
                self._packing.step(self._clock.now_us())
            if now - looked >= LOOK_EVERY_SECONDS:
                looked = now
                self._succeeds(self._look)
            if self._until_idle_seconds is not None and now - last_message >= self._until_idle_seconds:
                return

    def _tick(self, messages: Sequence[Message]) -> None:
        self._disk_watch.require_room()
        self._pipeline.tick(messages, self._clock.now_us())

    def _look(self) -> None:
        now_us = self._clock.now_us()
        self._pipeline.look(now_us)
        self._look_at_disk()
        self._rejects_again.step(now_us)
        fleet, behind_minutes = self._pipeline.fleet, self._pipeline.clock_behind_minutes
        self._metrics.clock_behind(behind_minutes)
        ahead_minutes = self._pipeline.clock_ahead_minutes
        notification_events = self._clock_watch.look(behind_minutes, fleet, now_us, ahead_minutes)
        self._metrics.clock_ahead(self._clock_watch.ahead_minutes)
        notification_events += self._device_clocks.take_events(self._ledger, now_us)
        notification_events += gap_events.on_missing_readings(self._gap_watch.take_found(), fleet, now_us)
        if notification_events:
            self._pipeline.say(notification_events, now_us)

    def _succeeds(self, step: Callable[[], None]) -> bool:
        """Take a step and return whether the stores let us; if not, wait a while, longer each time."""
        try:
            step()
        except StoreError as error:
            wait_seconds = self._retry.failed()
            log.error("not stored, trying again in %.1f s: %s", wait_seconds, error)
            self._metrics.commit_failed(str(error))
            self._look_at_disk()
            self._beat()
            self._stop.wait(wait_seconds)
            return False
        self._retry.succeeded()
        return True

    def _look_at_disk(self) -> None:
        now_us = self._clock.now_us()
        notification_events = self._disk_watch.look(self._pipeline.fleet, now_us)
        if notification_events:
            self._pipeline.say(notification_events, now_us)

    def _follow_clock(self) -> None:
        step_us = self._steps.step_us()
        if step_us:
            log.warning("the clock was set by %+.0f s; what was received keeps its age", step_us / 1e6)
            self._pipeline.clock_stepped(step_us)

    def _beat(self) -> None:
        state = self._subscriber.state()
        self._metrics.beat(
            connected=state.connected,
            queued=state.queued,
            broker_error=state.last_error,
            sessions_lost=state.sessions_lost,
        )
        if state.connected and state.epoch != self._epoch:
            # Nothing of this connection is stored yet, so the newest reading is the last one before it.
            if state.sessions_lost > self._sessions_lost:
                self._session_lost()
            elif self._epoch:
                self._gap_watch.suspect(Cause.RECONNECTED, self._pipeline.newest_measured_us)
            self._epoch, self._sessions_lost = state.epoch, state.sessions_lost

    def _session_lost(self) -> None:
        self._gap_watch.suspect(Cause.BROKER_LOST_SESSION, self._pipeline.newest_measured_us)
        now_us = self._clock.now_us()
        self._pipeline.say(gap_events.on_lost_session(self._pipeline.fleet, now_us), now_us)
