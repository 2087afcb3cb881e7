"""Hours of steady traffic: memory stands still, nothing is lost. REDVEST_SOAK_MINUTES says how long (20)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import pytest

from grid.timestamps import MINUTE_US
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

SOAK_MINUTES = float(os.environ.get("REDVEST_SOAK_MINUTES", "20"))
PER_SECOND = 3_000
"""The journal's page cache (64 MiB) is full after about a million readings: within the first half."""
MINUTES_BACK = 4_000
"""Readings are of the last 67 hours; older ones than 72 are refused."""
GROWTH_MB_PER_HOUR_MAX = 30.0

pytestmark = pytest.mark.soak


def run_steadily(new_site: NewSite, broker: Mosquitto, minutes: float, seed: int, broken: str = "") -> str:
    """Send at a steady rate and watch the collector's memory; the first half, in which caches fill, does not count."""
    messages = round(minutes * 60 * PER_SECOND)
    street = Street(max(500, messages // MINUTES_BACK + 1), seed)
    site = new_site(street, broker)
    collector = site.start_ready(broken)
    first_us = minutes_ago(MINUTES_BACK)
    seconds: list[float] = []
    memory: list[float] = []
    began = time.monotonic()
    with Devices(broker.port) as devices:
        minute = 0
        while time.monotonic() - began < minutes * 60:
            devices.send(street.readings(first_us + minute * MINUTE_US, 1), per_second=PER_SECOND)
            minute += 1
            seconds.append(time.monotonic() - began)
            memory.append(collector.memory_mb)
        site.wait_until(lambda: site.health()["stored"] >= len(devices.acknowledged), collector, 60.0)
    collector.stop()
    half = len(seconds) // 2
    slope = float(np.polyfit(seconds[half:], memory[half:], 1)[0]) * 3600.0
    nothing_lost(devices.acknowledged, site.stored())
    require(slope < GROWTH_MB_PER_HOUR_MAX, f"memory grows by {slope:.0f} MB an hour, from {memory[half]:.0f} MB")
    return (
        f"{minutes:g} min at {PER_SECOND:,}/s, {len(devices.acknowledged):,} readings: 0 lost, "
        f"memory {memory[-1]:.0f} MB, {slope:+.1f} MB an hour; seed {seed}"
    )


@pytest.mark.timeout(SOAK_MINUTES * 60 * 1.5 + 600)
def test_memory_stands_still_over_time(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    tell("soak", run_steadily(new_site, mosquitto, SOAK_MINUTES, seed=99))


@pytest.mark.timeout(900)
def test_a_build_that_keeps_every_message_is_caught(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="memory grows by") as failed:
        run_steadily(new_site, mosquitto, min(4.0, SOAK_MINUTES), seed=99, broken="keeps-every-message")
    tell("soak", f"keeps-every-message: {failed.value}")
