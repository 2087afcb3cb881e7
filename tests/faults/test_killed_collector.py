"""F01, F02: the collector is killed, again and again, anywhere; what it acknowledged is there, and there once."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from alerts.model.incidents import incident_id
from grid.timestamps import MINUTE_US
from stores.records.outbox import DeliveryState
from tests.faults.devices import Devices
from tests.faults.injections import POINTS
from tests.faults.promises import PromiseBroken, nothing_invented, nothing_lost, require
from tests.faults.site import Site, a_fast_clock
from tests.faults.street import HEAVY_EACH, HEAVY_FROM_MINUTE, Key, Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Scale:
    """How much of a fault: so many kills while so many messages are sent."""

    kills: int
    transformers: int
    minutes: int
    per_second: float

    @property
    def messages(self) -> int:
        return self.transformers * self.minutes


SHORT = Scale(kills=8, transformers=200, minutes=80, per_second=4_000)
LONG = Scale(kills=50, transformers=2_000, minutes=100, per_second=3_000)
"""Of less than two hours: of what is older nobody is told any more."""
RULE = "early-warning@1"
SCALES = [SHORT, pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]


def kill_at_random(new_site: NewSite, broker: Mosquitto, scale: Scale, seed: int, broken: str = "") -> str:
    """Kill the collector again and again while devices send; return the figure."""
    rng = random.Random(seed)
    street = Street(scale.transformers, seed)
    sent = street.readings(minutes_ago(scale.minutes), scale.minutes)
    site = new_site(street, broker)
    site.start_ready(broken).stop()  # from now on the broker keeps what comes for it
    with Devices(broker.port) as devices:
        devices.start_sending(sent, scale.per_second)
        for _ in range(scale.kills):
            running = site.start_ready(broken)
            pause(rng.uniform(0.02, 0.4))
            running.kill()
        devices.wait()
    site.drain(lambda: site.holds(devices.acknowledged), broken)
    stored = site.stored()
    site.require_whole_files()
    nothing_lost(devices.acknowledged, stored)
    nothing_invented({message.key for message in sent if message.key is not None}, stored)
    one_incident_for_each_heavy_transformer(site, street)
    return f"{scale.kills} kills, {len(devices.acknowledged):,} acknowledged, 0 lost, 0 twice; seed {seed}"


def one_incident_for_each_heavy_transformer(site: Site, street: Street) -> None:
    """Each heavy transformer has one incident; each was told of once or waits to be; each number is one message."""
    heavy = street.heavy_ids
    incidents = site.incidents()
    require(
        sorted(i.transformer_id for i in incidents) == sorted(heavy),
        f"incidents of {[i.incident_id for i in incidents]}",
    )
    told, waiting = site.notification_events()
    opened = sorted(r.incident_id or "" for r in [*told, *waiting] if r.kind == "incident_opened")  # type: ignore[attr-defined]
    require(opened == sorted(i.incident_id for i in incidents), f"told of, or about to tell of, {opened}")
    messages = site.messages()
    require({r.message_key for r in told} <= {m.key for m in messages}, "a remark is told by no message")
    fates = {m.message_no: {fate.state for fate in m.deliveries} for m in messages}
    require(DeliveryState.DEAD not in set().union(*fates.values()), "a message was given up")
    delivered = {(notice["number"], notice["kind"], notice["text"]) for notice in site.delivered()}
    require(len(delivered) == len({number for number, *_ in delivered}), "one number stands for two messages")
    done = {number for number, states in fates.items() if states == {DeliveryState.DELIVERED}}
    require(done <= {number for number, *_ in delivered}, "a message that counts as delivered was not")


@pytest.mark.parametrize("scale", SCALES)
def test_what_a_killed_collector_acknowledged_is_stored_once(
    new_site: NewSite, mosquitto: Mosquitto, scale: Scale, tell: Tell
) -> None:
    tell("F01", kill_at_random(new_site, mosquitto, scale, seed=1))


def test_acknowledging_at_receipt_loses_readings(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        kill_at_random(new_site, mosquitto, SHORT, seed=1, broken="auto-ack")
    tell("F01", f"auto-ack: {failed.value}")


def kill_at_each_point(
    new_site: NewSite,
    broker: Mosquitto,
    points: Sequence[str],
    seed: int,
    broken: str = "",
    slow_commit_seconds: float = 0.0,
) -> str:
    """Kill the collector at one point after the other, each time with an incident about to open."""
    rng = random.Random(seed)
    street = Street(HEAVY_EACH * len(points), seed)
    site = new_site(street, broker, clock=a_fast_clock(60.0))
    site.start_ready(broken).stop()
    sent: set[Key] = set()
    expected = set()
    with Devices(broker.port) as devices, site.container() as container:
        for i, point in enumerate(points):
            first_us = container.clock.now_us() // MINUTE_US * MINUTE_US - 5 * MINUTE_US
            messages = street.readings(first_us, 6, range(i * HEAVY_EACH, (i + 1) * HEAVY_EACH))
            sent |= {message.key for message in messages if message.key}
            expected.add(incident_id(street.heavy_ids[i], RULE, first_us + HEAVY_FROM_MINUTE * MINUTE_US))
            passes = rng.randint(1, 100) if "queue" in point else 1
            injected = ["--kill-at", f"{point}:{passes}", "--slow-commit", str(slow_commit_seconds)]
            running = site.start(broken, injected=injected)
            devices.send(messages)
            require(running.wait() == -signal.SIGKILL, f"the collector was not killed at {point}")
    site.drain(lambda: site.holds(devices.acknowledged), broken)
    stored = site.stored()
    site.require_whole_files()
    nothing_lost(devices.acknowledged, stored)
    nothing_invented(sent, stored)
    require({i.incident_id for i in site.incidents()} == expected, "the incidents are not those of the readings")
    one_incident_for_each_heavy_transformer(site, street)
    again = len(site.delivered()) - len({notice["number"] for notice in site.delivered()})
    return (
        f"killed at {len(set(points))} points x {len(points) // len(set(points))}, {len(devices.acknowledged):,} "
        f"acknowledged, 0 lost, 0 twice, incidents and outbox as they must be, {again} messages sent again; seed {seed}"
    )


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
def test_it_does_not_matter_where_the_collector_is_killed(
    new_site: NewSite, mosquitto: Mosquitto, times: int, tell: Tell
) -> None:
    tell("F02", kill_at_each_point(new_site, mosquitto, POINTS * times, seed=2))


def test_acknowledging_before_the_commit_loses_readings(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        # A slow commit gives what was acknowledged too early the time to reach the broker.
        kill_at_each_point(new_site, mosquitto, ["before-commit"] * 2, 2, "ack-before-commit", slow_commit_seconds=0.3)
    tell("F02", f"ack-before-commit: {failed.value}")
