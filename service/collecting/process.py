"""The collector process: subscriber, pipeline, delivery, copy and health page, until it is told to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable

from alerts.notification.throttling import HygieneSettings
from alerts.silence.detection import SilenceSettings
from collector.mqtt.broker_stats import BrokerFiguresThread
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import subscription_filters
from service.collecting.influx_sync import copy_thread
from service.collecting.loop import CollectLoop
from service.collecting.packing import Packing
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.collecting.startup import open_stores
from service.container import House
from service.metrics.health import ADDRESS_FILE, HealthServer
from service.metrics.metrics import Meters
from service.monitors.device_clocks import DeviceClocks
from service.monitors.disk import DiskWatch
from service.monitors.gaps import Cause, GapWatch
from service.monitors.replay_requests import ReplayRequests
from service.notify.dispatcher import DeliveryThread
from service.periodic import RoundsThread


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
            filters=_filters(house),
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
        device_clocks = DeviceClocks(journal, house.clock)
        replay_requests = ReplayRequests(
            journal,
            house.clock,
            house.broker_address(),
            f"{values.client_id}-replay-requests",
            lambda: pipeline.fleet,
            house.limits().measured_age_hours_max,
        )
        threads: list[DeliveryThread | BrokerFiguresThread | RoundsThread] = [
            DeliveryThread(settings, house.clock, meters),
            BrokerFiguresThread(house.broker_address(), values.client_id, meters.broker_figures),
            gap_watch.thread(),
            replay_requests.thread(meters),
            # Where readings of any age are replayed, how late they come says nothing of a clock.
            *([device_clocks.thread(meters)] if house.limits().measured_age_hours_max else []),
            *([copy_thread(house, meters)] if settings.influx.enabled else []),
        ]
        health.start()
        for thread in threads:
            thread.start()
        subscriber.start()
        ready()
        packing = Packing(journal, disk_watch, settings.data.pack_after_hours)
        try:
            CollectLoop(
                house,
                subscriber,
                pipeline,
                gap_watch,
                device_clocks,
                disk_watch,
                packing,
                meters,
                stop,
                until_idle_seconds,
            ).run()
        finally:
            subscriber.stop()
            for thread in threads:
                thread.stop()
            health.stop()
            pipeline.close()


def _filters(house: House) -> tuple[str, ...]:
    terminals = house.terminal_format()
    return subscription_filters(house.settings.collector.stations) + (terminals.filters() if terminals else ())


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
        terminals=house.terminal_format(),
    )
