"""F09: the line to the broker delays, slices, hangs, is cut and reset; nothing is lost and the collector comes back."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.proxy import BadLine
from tests.faults.site import Running, Site
from tests.faults.street import Sent, Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
NewMosquitto = Callable[..., Mosquitto]


@dataclass(frozen=True)
class Scale:
    """How bad the line is, and how soon the collector must be back when it is good again."""

    cuts: int
    delay_seconds: float
    hang_seconds: float
    keep_alive_seconds: int
    back_seconds_max: float
    broken_seconds_max: float
    """How long a build that never comes back is waited for [s]."""
    transformers: int


SHORT = Scale(
    2, 1.0, hang_seconds=6.0, keep_alive_seconds=5, back_seconds_max=60.0, broken_seconds_max=10.0, transformers=40
)
"""Runs on machines that may stand still for seconds: how soon it is back is asked of the long form."""
LONG = Scale(
    20, 3.0, hang_seconds=120.0, keep_alive_seconds=30, back_seconds_max=35.0, broken_seconds_max=35.0, transformers=400
)


class Stream:
    """Devices behind the line: sends minute after minute and waits until they are stored."""

    def __init__(self, site: Site, collector: Running, devices: Devices, sent: list[Sent], part: int) -> None:
        self._site = site
        self._collector = collector
        self._devices = devices
        self._left = sent
        self._part = part

    def send(self) -> None:
        """Send the next minute, whatever the line is like."""
        now, self._left = self._left[: self._part], self._left[self._part :]
        assert now, "the stream is too short for this test"
        self._devices.send(now)

    def send_and_wait(self, seconds_max: float, after: str) -> float:
        """Send the next minute and return how long [s] it took until all of it was stored."""
        began = time.monotonic()
        self.send()
        while not self._devices.acknowledged <= self._site.stored():
            waited = time.monotonic() - began
            require(waited < seconds_max, f"not back {seconds_max:g} s after {after}")
            require(self._collector.exit_code is None, f"the collector died of {after}")
            pause(0.1)
        return time.monotonic() - began


def through_a_bad_line(new_site: NewSite, broker: Mosquitto, scale: Scale, seed: int, broken: str = "") -> str:
    """Do to the line what can be done to a line; nothing sent meanwhile may be missing afterwards."""
    rng = random.Random(seed)
    street = Street(scale.transformers, seed)
    back: dict[str, float] = {}
    with BadLine(broker.port) as line, Devices(broker.port) as devices:
        site = new_site(street, line.port, broker={"keep_alive_seconds": scale.keep_alive_seconds})
        collector = site.start_ready(broken)
        minutes = 2 * scale.cuts + 6
        stream = Stream(site, collector, devices, street.readings(minutes_ago(minutes), minutes), scale.transformers)
        line.slice_bytes = 1
        back["one byte at a time"] = stream.send_and_wait(scale.back_seconds_max, "one byte at a time")
        line.slice_bytes = 65_536
        line.delay_seconds = scale.delay_seconds
        back["delay"] = stream.send_and_wait(scale.back_seconds_max + 4 * scale.delay_seconds, "a delay")
        line.delay_seconds = 0.0
        for name, end in (("cut", line.cut), ("reset", line.reset)):
            for _ in range(scale.cuts):
                stream.send()
                pause(rng.uniform(0.0, 0.05))
                end()
            back[name] = stream.send_and_wait(scale.back_seconds_max, f"a {name}")
        line.hang()
        stream.send()
        pause(scale.hang_seconds)
        line.recover()
        back["hang"] = stream.send_and_wait(scale.broken_seconds_max if broken else scale.back_seconds_max, "a hang")
        collector.stop()
    nothing_lost(devices.acknowledged, site.stored())
    times = ", ".join(f"{seconds:.1f} s after {name}" for name, seconds in back.items())
    return (
        f"{scale.cuts} cuts, {scale.cuts} resets, {scale.delay_seconds:g} s delay, {scale.hang_seconds:g} s hang: "
        f"0 of {len(devices.acknowledged):,} lost, all stored {times}; seed {seed}"
    )


@pytest.mark.parametrize("scale", [SHORT, pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])])
def test_a_bad_line_loses_nothing_and_without_keep_alive_its_hang_is_never_noticed(
    new_site: NewSite, new_mosquitto: NewMosquitto, scale: Scale, tell: Callable[[str, str], None]
) -> None:
    # Both builds at once, each with a line of its own: they mostly wait.
    with ThreadPoolExecutor() as pool:
        sound = pool.submit(through_a_bad_line, new_site, new_mosquitto(), scale, 9)
        broken = pool.submit(through_a_bad_line, new_site, new_mosquitto(), scale, 9, "no-keep-alive")
    tell("F09", sound.result())
    with pytest.raises(PromiseBroken, match="after a hang") as failed:
        broken.result()
    tell("F09", f"no-keep-alive: {failed.value}")
