"""The collector process: subscriber, pipeline, delivery, copy and health page, until it is told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from alerts.notification.throttling import ThrottlingSettings
from alerts.silence.detection import SilenceSettings
from collector.mqtt.broker_stats import BrokerStatsThread
from collector.mqtt.stray_topics import StrayTopicsThread
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import subscription_filters
from grid.backoff import Retry
from grid.errors import DamagedError, DiskFullError, StoreError
from grid.timestamps import HOUR_US
from service.audit_check import audit_head_thread
from service.collecting.influx_sync import copy_thread
from service.collecting.loop import RETRY, CollectLoop
from service.collecting.packing import Packing
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.collecting.rejects_again import RejectsAgain
from service.collecting.startup import Opened, open_stores
from service.container import Container
from service.metrics.health import ADDRESS_FILE, HealthServer
from service.metrics.metrics import Metrics
from service.monitors.device_clocks import DeviceClocks
from service.monitors.disk import DiskWatch
from service.monitors.gaps import Cause, GapWatch
from service.monitors.replay_requests import ReplayRequests
from service.monitors.stray_topics import StrayTopics
from service.notify.delivery_thread import DeliveryThread
from service.periodic import PeriodicThread
from service.retention import retention_thread

log = logging.getLogger("redvest.collect")


def run_collector(
    container: Container,
    stop: threading.Event,
    *,
    until_idle_seconds: float | None = None,
    adopt: bool = False,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Collect until `stop` is set, or until nothing came for `until_idle_seconds`.

    Raises StoreError or SettingsError when it cannot begin; once begun, it outlives broker and store faults.
    """
    settings = container.settings
    metrics = Metrics()
    values = settings.collector
    disk_watch = DiskWatch(container.reserve(), str(settings.data.folder))
    health = HealthServer(metrics, values.health_host, values.health_port, settings.data.folder / ADDRESS_FILE)
    health.start()
    try:
        opened = _opened_when_there_is_room(container, disk_watch, metrics, stop, adopt=adopt)
    except BaseException:
        health.stop()
        raise
    if opened is None:
        health.stop()
        return
    with opened.journal as journal:
        metrics.degraded(opened.degraded)
        subscriber = Subscriber(
            container.broker_address(),
            client_id=values.client_id,
            filters=_filters(container),
            clock_us=container.clock.now_us,
            queue_messages_max=values.queue_messages_max,
            receive_maximum=settings.broker.receive_maximum,
            session_expiry_seconds=settings.broker.session_expiry_hours * 3600,
            expects_session=journal.counts().blocks > 0,
        )
        pipeline = Pipeline(
            journal, container.records, _options(container), metrics, subscriber.acknowledge, container.clock.now_us()
        )
        pipeline.say(opened.notification_events(pipeline.fleet, container.clock.now_us()), container.clock.now_us())
        gap_watch = GapWatch(journal, container.clock, settings.silence.slot_minutes, metrics)
        newest_us = pipeline.newest_measured_us
        if opened.was_damaged and newest_us is not None:
            newest_us -= round(values.measured_age_hours_max * HOUR_US)  # holes may lie anywhere
        gap_watch.suspect(Cause.COLLECTOR_STARTED, newest_us)
        device_clocks = DeviceClocks(journal, container.clock)
        replay_requests = ReplayRequests(
            journal,
            container.clock,
            container.broker_address(),
            f"{values.client_id}-replay-requests",
            lambda: pipeline.fleet,
            container.limits().measured_age_hours_max,
        )
        stray_topics = StrayTopics(settings.data.folder, container.clock.now_us)
        threads: list[DeliveryThread | BrokerStatsThread | StrayTopicsThread | PeriodicThread] = [
            DeliveryThread(settings, container.clock, metrics),
            BrokerStatsThread(container.broker_address(), values.client_id, metrics.broker_stats),
            StrayTopicsThread(container.broker_address(), values.client_id, stray_topics.hear),
            gap_watch.thread(),
            replay_requests.thread(metrics),
            # Where readings of any age are replayed, how late they come says nothing of a clock.
            *([device_clocks.thread(metrics)] if container.limits().measured_age_hours_max else []),
            audit_head_thread(container, metrics),
            retention_thread(container, metrics),
            *([copy_thread(container, metrics)] if settings.influx.enabled else []),
        ]
        for thread in threads:
            thread.start()
        subscriber.start()
        ready()
        packing = Packing(journal, disk_watch, settings.data.pack_after_hours)
        try:
            CollectLoop(
                container,
                subscriber,
                pipeline,
                gap_watch,
                device_clocks,
                disk_watch,
                packing,
                RejectsAgain(pipeline, journal, container.records),
                metrics,
                stop,
                until_idle_seconds,
            ).run()
        finally:
            subscriber.stop()
            for thread in threads:
                thread.stop()
            health.stop()
            pipeline.close()


def _opened_when_there_is_room(
    container: Container, disk_watch: DiskWatch, metrics: Metrics, stop: threading.Event, *, adopt: bool
) -> Opened | None:
    """Open the stores; on a full disk wait until somebody has made room. None when told to stop meanwhile.

    A service manager would start a collector that ends again and again, and in the end no more.
    """
    retry = Retry(RETRY)
    while not stop.is_set():
        try:
            return open_stores(container, adopt=adopt)
        except StoreError as error:
            if isinstance(error, DamagedError) or not (isinstance(error, DiskFullError) or disk_watch.is_full()):
                raise
            disk_watch.is_full()  # gives the reserve free, with which the records can be opened
            wait_seconds = retry.failed()
            log.error("the stores cannot be opened on a full disk, trying again in %.1f s: %s", wait_seconds, error)
            metrics.commit_failed(str(error))
            stop.wait(wait_seconds)
    return None


def _filters(container: Container) -> tuple[str, ...]:
    return subscription_filters(container.settings.collector.stations) + container.decoders().filters()


def _options(container: Container) -> PipelineOptions:
    settings = container.settings
    return PipelineOptions(
        rule_sets=container.rule_sets(),
        gap_minutes=settings.verdicts.gap_minutes,
        unknown_after_hours=settings.verdicts.unknown_after_hours,
        limits=container.limits(),
        outreach=container.outreach_settings(),
        silence=SilenceSettings(settings.silence.slot_minutes, settings.silence.silent_slots),
        channels=settings.notify.channel_names(),
        notify=container.notify_options(),
        throttling=ThrottlingSettings(),
        decoders=container.decoders(),
    )
