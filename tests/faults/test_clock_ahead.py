"""F18: the collector's clock is a month ahead: nothing is lost by it, and what it refused is taken in again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

MONTH_SECONDS = 32 * 24 * 3600


def a_month_ahead(new_site: NewSite, broker: Mosquitto, transformers: int, broken: str = "") -> Site:
    """Send readings to a collector whose clock is a month ahead, and stop it."""
    street = Street(transformers, seed=18)
    site = new_site(street, broker)
    shift = site.folder / "clock-shift"
    shift.write_text(str(MONTH_SECONDS))
    collector = site.start_ready(broken, injected=["--clock-shift", str(shift)])
    with Devices(broker.port) as devices:
        sent = street.readings(minutes_ago(6), 5)
        devices.send(sent)
        site.wait_until(lambda: site.health().get("messages", 0) >= len(sent), collector, what="to have them all")
        collector.stop()
        if transformers >= 3:
            nothing_lost(devices.acknowledged, site.stored())
        else:
            require(not site.stored(), "two transformers are no fleet")
            require(
                {reason for reason, _ in site.rejected()} == {"time_too_old"}, "they were not refused for their age"
            )
    return site


def test_a_fleet_that_agrees_loses_nothing_to_our_clock(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    site = a_month_ahead(new_site, mosquitto, 12)
    require(site.rejected() == [], "readings were refused")
    tell("F18", "our clock 32 days ahead: 60 of 60 readings of a fleet of 12 stored, none refused")


def test_a_collector_that_believes_its_clock_is_caught(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="lost") as failed:
        a_month_ahead(new_site, mosquitto, 12, broken="believes-its-clock")
    tell("F18", f"believes-its-clock: {failed.value}")


def test_what_was_refused_for_our_clock_is_taken_in_again(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    site = a_month_ahead(new_site, mosquitto, 2)
    refused = len(site.rejected())
    command = [sys.executable, "-m", "service.cli.main", "rejects", "--take", "--json", "--config", site.config]
    asked = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    assert asked.stdout == f'{{"asked": {refused}}}\n'
    collector = site.start_ready()
    site.wait_until(lambda: len(site.stored()) == refused, collector, what="to take them again")
    collector.stop()
    require(len(site.rejected()) == refused, "some were refused again")
    tell("F18", f"{refused} readings refused for our clock were taken in again by redvest rejects --take")
