"""The collector process: subscriber, pipeline, delivery, copy and health page, until it is told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from alerts.silence import SilenceSettings
from alerts.storms import HygieneSettings
from collector.message import Message
from collector.subscriber import Subscriber
from collector.wire import subscription_filters
from grid.errors import StoreError
from service import gap_remarks
from service.copying import CopyThread
from service.delivery import DeliveryThread
from service.disk_watch import DiskWatch
from service.gap_watch import Cause, GapWatch
from service.health import ADDRESS_FILE, HealthServer
from service.house import House
from service.meters import Meters
from service.pipeline import Pipeline, PipelineOptions
from service.startup import open_stores

LOOK_EVERY_SECONDS = 1.0
RETRY_SECONDS_MIN = 0.1
RETRY_SECONDS_MAX = 10.0

log = logging.getLogger("redvest.collect")


def run_collector(
    house: House,
    stop: threading.Event,
    *,
    until_idle_seconds: float | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Collect until `stop` is set, or until nothing came for `until_idle_seconds`.

    Raises StoreError or SettingsError when it cannot begin; once begun, it outlives broker and store faults.
    """
    settings = house.settings
    meters = Meters()
    values = settings.collector
    health = HealthServer(meters, values.health_host, values.health_port, settings.data.folder / ADDRESS_FILE)
    disk_watch = DiskWatch(house.ballast(), str(settings.data.folder))
    opened = open_stores(house)
    with opened.journal as journal:
        meters.degraded(opened.degraded)
        subscriber = Subscriber(
            house.broker_address(),
            client_id=values.client_id,
            filters=subscription_filters(values.stations),
            clock_us=house.clock.now_us,
            queue_messages_max=values.queue_messages_max,
            receive_maximum=settings.broker.receive_maximum,
            session_expiry_seconds=settings.broker.session_expiry_hours * 3600,
            expects_session=journal.counts().blocks > 0,
        )
        pipeline = Pipeline(
            journal, house.records, _options(house), meters, subscriber.acknowledge, house.clock.now_us()
        )
        pipeline.say(opened.remarks(pipeline.fleet, house.clock.now_us()), house.clock.now_us())
        gap_watch = GapWatch(journal, house.clock, settings.silence.slot_minutes, meters)
        gap_watch.suspect(Cause.COLLECTOR_STARTED, pipeline.newest_measured_us)
        threads: list[DeliveryThread | CopyThread | GapWatch] = [
            DeliveryThread(settings, house.clock, meters),
            gap_watch,
        ]
        threads += CopyThread.if_enabled(settings, house)
        health.start()
        for thread in threads:
            thread.start()
        subscriber.start()
        ready()
        try:
            _Loop(house, subscriber, pipeline, gap_watch, disk_watch, meters, stop, until_idle_seconds).run()
        finally:
            subscriber.stop()
            for thread in threads:
                thread.stop()
            health.stop()
            pipeline.close()


class _Loop:
    """Takes blocks, one after another, and outlives what goes wrong with one of them."""

    def __init__(
        self,
        house: House,
        subscriber: Subscriber,
        pipeline: Pipeline,
        gap_watch: GapWatch,
        disk_watch: DiskWatch,
        meters: Meters,
        stop: threading.Event,
        until_idle_seconds: float | None,
    ) -> None:
        self._clock = house.clock
        self._values = house.settings.collector
        self._subscriber = subscriber
        self._pipeline = pipeline
        self._gap_watch = gap_watch
        self._disk_watch = disk_watch
        self._retry_seconds = RETRY_SECONDS_MIN
        self._epoch = 0
        self._sessions_lost = 0
        self._meters = meters
        self._stop = stop
        self._until_idle_seconds = until_idle_seconds

    def run(self) -> None:
        wait_seconds = self._values.block_wait_milliseconds / 1000.0
        looked = last_message = time.monotonic()
        messages: list[Message] = []
        while not self._stop.is_set():
            messages = messages or self._subscriber.take(self._values.block_messages_max, wait_seconds)
            self._beat()
            now = time.monotonic()
            if messages:
                last_message = now
                # What the store does not take is kept and tried again; nothing is read on meanwhile, nothing is lost.
                messages = [] if self._succeeds(partial(self._tick, messages)) else messages
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
        found = self._gap_watch.take_found()
        if found:
            self._pipeline.say(gap_remarks.on_missing_readings(found, self._pipeline.fleet, now_us), now_us)

    def _succeeds(self, step: Callable[[], None]) -> bool:
        """Take a step and return whether the stores let us; if not, wait a while, longer each time."""
        try:
            step()
        except StoreError as error:
            log.error("not stored, trying again in %.1f s: %s", self._retry_seconds, error)
            self._meters.commit_failed(str(error))
            self._look_at_disk()
            self._beat()
            self._stop.wait(self._retry_seconds)
            self._retry_seconds = min(self._retry_seconds * 2.0, RETRY_SECONDS_MAX)
            return False
        self._retry_seconds = RETRY_SECONDS_MIN
        return True

    def _look_at_disk(self) -> None:
        now_us = self._clock.now_us()
        remarks = self._disk_watch.look(self._pipeline.fleet, now_us)
        if remarks:
            self._pipeline.say(remarks, now_us)

    def _beat(self) -> None:
        state = self._subscriber.state()
        self._meters.beat(
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
        self._pipeline.say(gap_remarks.on_lost_session(self._pipeline.fleet, now_us), now_us)


def _options(house: House) -> PipelineOptions:
    settings = house.settings
    return PipelineOptions(
        rule_sets=house.rule_sets(),
        gap_minutes=settings.verdicts.gap_minutes,
        limits=house.limits(),
        outreach=house.outreach_settings(),
        silence=SilenceSettings(settings.silence.slot_minutes, settings.silence.silent_slots),
        channels=tuple(channel.value for channel in settings.notify.channels),
        hygiene=HygieneSettings(),
    )
