"""A collector that packs is killed, again and again, while devices send and send again: each reading is there once."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import nothing_invented, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

SEED = 3


@pytest.mark.parametrize("kills", [4, pytest.param(40, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
def test_a_collector_killed_while_it_packs_keeps_each_reading_once(
    new_site: Callable[..., Site], mosquitto: Mosquitto, kills: int, tell: Callable[[str, str], None]
) -> None:
    rng, street = random.Random(SEED), Street(50, SEED)
    sent = street.readings(minutes_ago(200), 200)
    site = new_site(street, mosquitto, data={"pack_after_hours": 1})
    site.start_ready().stop()  # from now on the broker keeps what comes for it
    with Devices(mosquitto.port) as devices:
        devices.start_sending(sent, 5_000.0)
        for _ in range(kills):
            running = site.start_ready()
            pause(rng.uniform(0.1, 0.8))
            running.kill()
        devices.wait()
        site.drain(lambda: site.holds(devices.acknowledged))
        again = devices.acknowledged
        running = site.start_ready()
        site.wait_until(lambda: packed(site) >= 80 * 50, running, what="to pack")
        devices.send(sent)
        site.wait_until(lambda: site.health().get("messages", 0) >= len(sent), running, what="to take it all again")
        require(running.stop() == 0, "the collector did not end in order")
    stored = site.stored()
    site.require_whole_files()
    nothing_lost(again, stored)
    nothing_invented({message.key for message in sent if message.key}, stored)
    of = sorted(incident.transformer_id for incident in site.incidents())
    require(of == street.heavy_ids, f"incidents of {of}")
    done = f"{len(again):,} acknowledged and sent again, {packed(site):,} packed"
    tell("packing", f"{kills} kills while packing, {done}, 0 lost, 0 twice; seed {SEED}")


def packed(site: Site) -> int:
    """Return how many readings are packed."""
    with closing(sqlite3.connect(site.settings.journal_file)) as file:
        return int(file.execute("SELECT coalesce(sum(readings), 0) FROM segment").fetchone()[0])
