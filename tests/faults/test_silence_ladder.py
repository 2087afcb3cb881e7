"""F20: one transformer falls silent, one is frozen, a feeder is lost, then everybody; retained messages are no life."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from grid.timestamps import MINUTE_US
from service.queries.answers import Freshness
from tests.faults.devices import Devices
from tests.faults.held_clock import HeldClock
from tests.faults.promises import PromiseBroken, require
from tests.faults.site import Running, Site
from tests.faults.street import FEEDER_TRANSFORMERS, Street, reading
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

SLOT_MINUTES = 2
FROZEN = "T0015"
ALONE = "T0003"
FROZEN_MINUTES = 2 * 12 * SLOT_MINUTES
"""How long a value must stand still before anybody is asked to check the meter, and as long again."""


class Town:
    """Twenty transformers on two feeders: each sends every minute, half of them half a minute after the others.

    Time passes only with `pass_minutes`, and only when all that was sent is stored and looked at.
    """

    def __init__(self, site: Site, broker: Mosquitto, devices: Devices, street: Street, broken: str) -> None:
        self.site = site
        self.street = street
        self.clock = HeldClock(site.folder)
        self.silent: set[str] = set()
        self.minutes = 0
        self._broker = broker
        self._broken = broken
        self._devices = devices
        self._messages = 0
        self._collector = self._started()

    def pass_minutes(self, minutes: int) -> None:
        """Let time pass, half a minute at a time."""
        for _ in range(minutes):
            self.minutes += 1
            for half in (0, 1):
                self.clock.move(MINUTE_US // 2)
                numbered = list(enumerate(self.street.transformer_ids))
                self._send(
                    [(name, 0.5 + 0.001 * ((self.minutes * 7 + number) % 13)) for number, name in numbered[half::2]]
                )
                self.clock.wait_for_a_look(self._collector)

    def start_again_with_retained_messages(self) -> None:
        """Leave a fresh reading of every transformer at the broker, as if it were of now, and start anew."""
        self._collector.stop()
        with Devices(self._broker.port, client_id=self.site.settings.collector.client_id):
            pass  # a clean session of the collector's name: the broker has nobody to queue the next messages for
        names = self.street.transformer_ids
        self._devices.send([reading(name, self.clock.now_us(), 0.6) for name in names], retain=True)
        self._collector = self._started()
        self._messages = len(names)
        self._wait_for_messages()

    def stop(self) -> None:
        """End the collector."""
        self._collector.stop()

    def freshness(self) -> dict[str, set[Freshness]]:
        """Return what the wall shows of the lonely one and of all others."""
        with self.site.container() as container:
            container.clock = self.clock
            found: dict[str, set[Freshness]] = {"alone": set(), "others": set()}
            for shown in container.queries.wall().transformers:
                which = "alone" if shown.transformer.transformer_id == ALONE else "others"
                found[which].add(shown.freshness)
            return found

    def said(self) -> list[str]:
        """Return what was said or waits to be said of silence: kind and what of it, in order."""
        told, waiting = self.site.notification_events()
        keys = [(r.created_at_us, r.kind, r.key.rpartition("/")[2]) for r in [*told, *waiting]]  # type: ignore[attr-defined]
        return [
            f"{kind} {what}" for _, kind, what in sorted(keys) if kind in ("communication_lost", "monitoring_blind")
        ]

    def require_said(self, expected: list[str], what: str) -> None:
        """Require that exactly this was said up to now."""
        said = self.said()
        require(said == expected, f"{what}: said was {said}, not {expected}")

    def _started(self) -> Running:
        return self.site.start_ready(self._broken, injected=self.clock.words)

    def _send(self, rates: list[tuple[str, float]]) -> None:
        at_us = self.clock.now_us()
        sent = [
            reading(name, at_us, 0.5 if name == FROZEN else rate) for name, rate in rates if name not in self.silent
        ]
        self._devices.send(sent)
        self._messages += len(sent)
        self._wait_for_messages()

    def _wait_for_messages(self) -> None:
        self.site.wait_until(lambda: self.site.health().get("messages", 0) >= self._messages, self._collector)


def climb_the_ladder(new_site: NewSite, broker: Mosquitto, broken: str = "") -> str:
    """Let more and more fall silent; the broken build is asked only whether a retained message is life."""
    street = Street(2 * FEEDER_TRANSFORMERS, seed=20)
    silence = {"slot_minutes": SLOT_MINUTES, "silent_slots": 3}
    site = new_site(street, broker, broker={"protocol": "3.1.1"}, silence=silence)
    with Devices(broker.port) as devices:
        town = Town(site, broker, devices, street, broken)
        town.pass_minutes(2)
        if not broken:
            one_and_a_feeder(town)
        town.silent = set(street.transformer_ids)
        before = [] if broken else ["communication_lost lost", "communication_lost back"]
        blind = [*before, "monitoring_blind lost"]
        town.pass_minutes(2 * SLOT_MINUTES + 1)
        town.require_said(blind, "all silent")
        town.start_again_with_retained_messages()
        town.pass_minutes(3 * SLOT_MINUTES)
        require(town.said() == blind, "retained messages of the broker passed for life")
        town.silent = set()
        town.pass_minutes(3 * SLOT_MINUTES)
        town.require_said([*blind, "monitoring_blind back"], "all back")
        town.stop()
    metrics = {
        event.transformer_id
        for notification_events in site.notification_events()
        for event in notification_events
        if event.kind == "check_the_meter"
    }
    require(metrics == {FROZEN}, f"asked to check the meters of {metrics}")
    require(not site.incidents(), "silence opened an incident")
    return (
        "one silent: grey, told by itself; a feeder: said once, for its ten; all: said once; retained: no life; "
        "frozen: check the meter"
    )


def one_and_a_feeder(town: Town) -> None:
    """One falls silent and turns grey; then half of its feeder does, and is lost until it sends again."""
    town.silent = {ALONE}
    town.pass_minutes(3 * SLOT_MINUTES + 1)
    shown = town.freshness()
    require(shown == {"alone": {Freshness.SILENT}, "others": {Freshness.FRESH}}, f"the wall shows {shown}")
    town.require_said([], "a single silent transformer")
    town.silent = set(town.street.transformer_ids[:5])
    town.pass_minutes(2 * SLOT_MINUTES)
    town.require_said([], "five of a feeder's ten silent, not yet for two slots")
    town.pass_minutes(1)
    town.require_said(["communication_lost lost"], "five of a feeder's ten silent")
    town.silent = set()
    town.pass_minutes(max(1, FROZEN_MINUTES - town.minutes))
    town.require_said(["communication_lost lost", "communication_lost back"], "the feeder back")


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
