"""Contact data of merchants that left the ledger are deleted when their purpose is over."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from grid.timestamps import DAY_US
from service.container import Container
from service.metrics.metrics import Metrics
from service.periodic import Pace, PeriodicTask, PeriodicThread

_EVERY_SECONDS = 6 * 3600.0
_log = logging.getLogger("redvest.retention")


def retention_thread(container: Container, metrics: Metrics) -> PeriodicThread:
    """Return the thread that looks now and then whose time is over."""

    @contextmanager
    def rounds() -> Iterator[PeriodicTask]:
        def forget() -> bool:
            now_us = container.clock.now_us()
            before_us = now_us - container.settings.records.retired_contacts_days * DAY_US
            erased = container.records.merchant_data.erase_retired(before_us, now_us)
            if erased:
                _log.info("what was personal about %d retired merchants is deleted", erased)
            return False

        yield forget

    return PeriodicThread("retention", rounds, Pace(_EVERY_SECONDS, begins_at_once=True), metrics)
