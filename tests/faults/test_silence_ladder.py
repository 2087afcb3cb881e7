"""F20: one transformer falls silent, one is frozen, a feeder is lost, then everybody; retained messages are no life."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from grid.moments import MINUTE_US
from service.queries_answers import Freshness
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, require
from tests.faults.site import Site, a_fast_clock
from tests.faults.street import FEEDER_TRANSFORMERS, Street, reading
from tests.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

SPEED = 60.0
SLOT_MINUTES = 2.0
SLOT_SECONDS = SLOT_MINUTES * 60.0 / SPEED
"""Of real time; each transformer sends twice in a slot."""
FROZEN = "T0015"
ALONE = "T0003"
LOST_FEEDER = "F0"


class Town:
    """Twenty transformers on two feeders that send every minute of the installation's time, or fall silent."""

    def __init__(self, site: Site, devices: Devices, street: Street) -> None:
        self.site = site
        self.street = street
        self.silent: set[str] = set()
        self._devices = devices
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._lock = threading.Lock()

    def __enter__(self) -> Town:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def send_retained(self) -> None:
        """Leave a fresh reading of every transformer at the broker, as if it were of now."""
        with self._lock, self.site.house() as house:
            now_us = house.clock.now_us()
            self._devices.send([reading(name, now_us, 0.5) for name in self.street.transformer_ids], retain=True)

    def _send(self) -> None:
        minute = 0
        with self.site.house() as house:
            while not self._stop.wait(60.0 / SPEED):
                minute += 1
                at_us = house.clock.now_us() // MINUTE_US * MINUTE_US
                messages = [
                    reading(name, at_us, 0.5 if name == FROZEN else 0.5 + 0.001 * ((minute * 7 + number) % 13))
                    for number, name in enumerate(self.street.transformer_ids)
                    if name not in self.silent
                ]
                with self._lock:
                    self._devices.send(messages)

    def freshness(self) -> dict[str, set[Freshness]]:
        """Return what the wall shows of the lonely one and of all others."""
        with self.site.house() as house:
            found: dict[str, set[Freshness]] = {"alone": set(), "others": set()}
            for shown in house.queries.wall().transformers:
                which = "alone" if shown.transformer.transformer_id == ALONE else "others"
                found[which].add(shown.freshness)
            return found

    def said(self) -> list[str]:
        """Return what was said or waits to be said of silence: kind and what of it, in order."""
        told, waiting = self.site.remarks()
        keys = [(r.created_at_us, r.kind, r.key.rpartition("/")[2]) for r in (*told, *waiting)]
        return [
            f"{kind} {what}" for _, kind, what in sorted(keys) if kind in ("communication_lost", "monitoring_blind")
        ]

    def wait_until_said(self, expected: list[str], what: str) -> None:
        """Wait until exactly this has been said."""
        deadline = time.monotonic() + 8.0 * SLOT_SECONDS
        while (said := self.said()) != expected and time.monotonic() < deadline:
            time.sleep(0.2)
        require(said == expected, f"{what}: said was {said}, not {expected}")


def climb_the_ladder(new_site: NewSite, broker: Mosquitto, broken: str = "") -> str:
    """Let more and more fall silent; the broken build is asked only whether a retained message is life."""
    street = Street(2 * FEEDER_TRANSFORMERS, seed=20)
    site = new_site(
        street,
        broker,
        broker={"protocol": "3.1.1"},
        clock=a_fast_clock(SPEED),
        silence={"slot_minutes": SLOT_MINUTES, "silent_slots": 3},
    )
    collector = site.start_ready(broken)
    with Devices(broker.port) as devices, Town(site, devices, street) as town:
        site.wait_until(lambda: site.health()["stored"] >= 2 * len(street.transformer_ids), collector)
        if not broken:
            one_and_a_feeder(town)
        town.silent = set(street.transformer_ids)
        before = [] if broken else ["communication_lost lost", "communication_lost back"]
        blind = [*before, "monitoring_blind lost"]
        town.wait_until_said(blind, "all silent")
        collector.stop()
        with Devices(broker.port, client_id=site.settings.collector.client_id):
            pass  # a clean session of the collector's name: the broker has nobody to queue the next messages for
        town.send_retained()
        collector = site.start_ready(broken)
        deadline = time.monotonic() + (10.0 if broken else 2.5)
        while time.monotonic() < deadline:
            require(town.said() == blind, "retained messages of the broker passed for life")
            time.sleep(0.2)
        seen_again(town, blind)
        collector.stop()
    meters = {
        remark.transformer_id for remarks in site.remarks() for remark in remarks if remark.kind == "check_the_meter"
    }
    require(meters == {FROZEN}, f"asked to check the meters of {meters}")
    require(not site.incidents(), "silence opened an incident")
    return (
        "one silent: grey, nothing said; a feeder: said once, for its ten; all: said once; retained: no life; "
        "frozen: check the meter"
    )


def one_and_a_feeder(town: Town) -> None:
    """One falls silent and turns grey; then half of its feeder does, and is lost until it sends again."""
    town.silent = {ALONE}
    deadline = time.monotonic() + 8.0 * SLOT_SECONDS
    while town.freshness()["alone"] != {Freshness.SILENT} and time.monotonic() < deadline:
        time.sleep(0.2)
    shown = town.freshness()
    require(shown == {"alone": {Freshness.SILENT}, "others": {Freshness.FRESH}}, f"the wall shows {shown}")
    require(town.said() == [], "a single silent transformer was said")
    town.silent = set(town.street.transformer_ids[:5])
    town.wait_until_said(["communication_lost lost"], "five of a feeder's ten silent")
    town.silent = set()
    town.wait_until_said(["communication_lost lost", "communication_lost back"], "the feeder back")


def seen_again(town: Town, before: list[str]) -> None:
    """Everybody sends again."""
    town.silent = set()
    town.wait_until_said([*before, "monitoring_blind back"], "all back")


def test_silence_is_said_at_the_right_height_and_retained_messages_are_no_life(
    new_site: NewSite, new_mosquitto: Callable[..., Mosquitto], tell: Tell
) -> None:
    # Both builds at once, each at a broker of its own: they mostly wait.
    with ThreadPoolExecutor() as pool:
        sound = pool.submit(climb_the_ladder, new_site, new_mosquitto())
        broken = pool.submit(climb_the_ladder, new_site, new_mosquitto(), "fresh-by-payload")
    tell("F20", sound.result())
    with pytest.raises(PromiseBroken, match="passed for life") as failed:
        broken.result()
    tell("F20", f"fresh-by-payload: {failed.value}")
