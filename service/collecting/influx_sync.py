"""The long-term copy: rounds that write the journal on to an InfluxDB-compatible server, where that is switched on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from service.container import Container
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicTask, PeriodicThread
from service.settings.settings import Settings
from stores.influx.copy import InfluxCopy, InfluxTarget

STOP_SECONDS_MORE = 5.0
"""Beyond the time-out of a write, so long a stop waits for the batch under way."""

log = logging.getLogger("redvest.copy")


def copy_thread(container: Container, metrics: Metrics) -> PeriodicThread:
    """Return the thread that copies what the journal has and the server has not, never in the reading path's way."""
    values = container.settings.influx
    pace = Pace(
        values.interval_seconds,
        begins_at_once=True,
        stop_seconds_max=values.timeout_seconds + STOP_SECONDS_MORE,
    )
    target = influx_target(container.settings)
    return PeriodicThread("copy", lambda: _rounds(container.settings, target), pace, metrics)


def influx_target(settings: Settings) -> InfluxTarget:
    """Return where the copy goes. Raises SettingsError for a token file that cannot be read."""
    values = settings.influx
    return InfluxTarget(
        url=values.url,
        token=settings.influx_token(),
        org=values.org,
        bucket=values.bucket,
        timeout_seconds=values.timeout_seconds,
    )


@contextmanager
def _rounds(settings: Settings, target: InfluxTarget) -> Iterator[PeriodicTask]:
    container = Container(settings)  # stores of its own: it must not wait for the reading, nor the reading for it
    copies: list[InfluxCopy] = []
    said = ""

    def run_once() -> bool:
        nonlocal said
        journal = container.journal_reader()
        if journal is None:
            return False
        if not copies:
            copies.append(InfluxCopy(target, journal, container.records))
        (copy,) = copies
        copied = copy.copy_once(container.fleet(), container.clock.now_us(), settings.influx.batch_rows_max)
        if copied.error != said:
            said = copied.error
            log.warning("copy to %s: %s", target.url, said or "works again")
        return copied.rows > 0

    try:
        yield run_once
    finally:
        for copy in copies:
            copy.close()
        container.close()
