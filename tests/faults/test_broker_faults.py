"""F05, F06, F07, F10: the broker is restarted, crashes, forgets us, and keeps what comes while we are away."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.faults.devices import Devices
from tests.faults.injections import held, number_in
from tests.faults.promises import PromiseBroken, nothing_invented, nothing_lost, require
from tests.faults.site import START_SECONDS_MAX, SUBSCRIBED, Site, a_fast_clock
from tests.faults.street import Sent, Street, minutes_ago, reading
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
NewMosquitto = Callable[..., Mosquitto]
Tell = Callable[[str, str], None]

SLOT_MINUTES = 1.0
CLOCK_SPEED = 120.0
LISTED_MINUTES_MAX = SLOT_MINUTES + 5.0
WHOLE_MINUTES = 6
"""Between two crashes: a transformer of which one reading in four arrives has another rhythm, and lacks none."""
WHOLE = "whole"
"""The build is whole, what is broken is something else: the broker, or the build before this one."""


@dataclass(frozen=True)
class Restarts:
    """Number of restarts of the broker, and of messages sent meanwhile."""

    times: int
    transformers: int
    minutes: int
    per_second: float


SHORT = Restarts(times=2, transformers=100, minutes=40, per_second=1_500)
LONG = Restarts(times=20, transformers=500, minutes=200, per_second=1_500)


def restart_broker(new_site: NewSite, broker: Mosquitto, scale: Restarts, seed: int, broken: str = "") -> str:
    """Stop and start the broker while devices send, and send again what was not acknowledged."""
    rng = random.Random(seed)
    street = Street(scale.transformers, seed)
    sent = street.readings(minutes_ago(scale.minutes), scale.minutes)
    site = new_site(street, broker)
    collector = site.start_ready(broken)
    with Devices(broker.port) as devices:
        devices.start_sending(sent, scale.per_second)
        for _ in range(scale.times):
            pause(rng.uniform(0.3, 1.2))
            broker.stop()
            broker.start()
        devices.wait()
    collector.stop()
    site.drain(lambda: site.holds(devices.acknowledged), broken)
    nothing_lost(devices.acknowledged, site.stored())
    nothing_invented({message.key for message in sent if message.key is not None}, site.stored())
    return f"{scale.times} restarts of the broker, {len(devices.acknowledged):,} acknowledged, 0 lost; seed {seed}"


@pytest.mark.parametrize("scale", [SHORT, pytest.param(LONG, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a_broker_that_restarts_loses_nothing(
    new_site: NewSite, new_mosquitto: NewMosquitto, scale: Restarts, tell: Tell
) -> None:
    tell("F05", restart_broker(new_site, new_mosquitto(persistence=True), scale, seed=5))


def test_a_broker_without_persistence_loses_readings(
    new_site: NewSite, new_mosquitto: NewMosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        restart_broker(new_site, new_mosquitto(persistence=False), SHORT, seed=5, broken=WHOLE)
    tell("F05", f"persistence off: {failed.value}")


def lose_session_during_a_commit(new_site: NewSite, broker: Mosquitto, messages: int, broken: str = "") -> str:
    """Let the broker forget us while a block is being stored: its packet ids soon mean other messages."""
    street = Street(messages, seed=7)
    old, new = (street.readings(minutes_ago(ago), 1) for ago in (3, 2))
    site = new_site(street, broker)
    gate = site.folder / "commits"
    collector = site.start_ready(broken, injected=["--hold-commits", str(gate)])
    with Devices(broker.port) as devices:
        devices.send(old)
        site.wait_until(lambda: number_in(held(gate)) == 1, collector, what="to begin to store")
        broker.kill()
        broker.start()
        site.wait_until(lambda: collector.log_text.count(SUBSCRIBED.decode()) == 2, collector, what="to be back")
        devices.send(new)
        require(not site.stored(), "the block was stored too early for this test")
        while not site.holds({message.key for message in old if message.key}):
            passed = number_in(held(gate))
            gate.write_text(str(passed), encoding="ascii")
            # The next commit begins when the one before is stored and acknowledged.
            site.wait_until(lambda: number_in(held(gate)) > passed, collector, what="to store the next")  # noqa: B023
        collector.kill()
    site.drain(lambda: site.holds(devices.acknowledged), WHOLE if broken else "")
    nothing_lost(devices.acknowledged, site.stored())
    return f"session lost with {messages} messages in a commit, {messages} new ones behind them: 0 lost"


def test_late_acknowledgements_after_a_lost_session_destroy_nothing(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    tell("F07", lose_session_during_a_commit(new_site, mosquitto, 10))


def test_late_acknowledgements_on_a_new_connection_destroy_readings(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        lose_session_during_a_commit(new_site, mosquitto, 10, broken="no-epoch-check")
    tell("F07", f"no-epoch-check: {failed.value}")


def stay_away(
    new_site: NewSite,
    broker: Mosquitto,
    transformers: int,
    seed: int,
    idle_seconds_max: float = 60.0,
    live_seconds_max: float = START_SECONDS_MAX,
) -> str:
    """Be away for two hours of traffic, then catch up until a live reading is stored.

    How soon is asked of the long form only: the short one runs on machines that may stand still for seconds.
    """
    street = Street(transformers, seed)
    sent = street.readings(minutes_ago(121), 120)
    site = new_site(street, broker)
    site.start_ready().stop()
    with Devices(broker.port) as devices:
        devices.send(sent)
        collector = site.start_ready()
        began = time.monotonic()
        stored, since = -1, began
        while stored < len(sent) and time.monotonic() - since < idle_seconds_max:
            before, stored = stored, site.health().get("stored", 0)
            since = since if stored == before else time.monotonic()
            pause(0.05)
        drained_seconds = time.monotonic() - began
        live = reading("T0001", minutes_ago(0), 0.5)
        devices.send([live])
        sent_at = time.monotonic()
        site.wait_until(lambda: site.health()["stored"] > stored, collector, live_seconds_max, "a live reading")
        live_seconds = time.monotonic() - sent_at
        collector.stop()
    nothing_lost(devices.acknowledged, site.stored())
    return (
        f"away for {len(sent):,} messages: 0 lost, drained in {drained_seconds:.1f} s, "
        f"then a live reading stored in {live_seconds:.2f} s; seed {seed}"
    )


@pytest.mark.parametrize(
    ("transformers", "live_seconds_max"),
    [(60, START_SECONDS_MAX), pytest.param(2_000, 5.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_two_hours_away_are_caught_up_with(
    new_site: NewSite, new_mosquitto: NewMosquitto, transformers: int, live_seconds_max: float, tell: Tell
) -> None:
    broker = new_mosquitto(queued_messages_max=max(10_000, 180 * transformers))  # outage x rate x 1.5
    tell("F10", stay_away(new_site, broker, transformers, seed=10, live_seconds_max=live_seconds_max))


def test_a_broker_with_a_short_queue_loses_readings(new_site: NewSite, new_mosquitto: NewMosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        stay_away(
            new_site, new_mosquitto(queued_messages_max=1_000, inflight_messages_max=20), 60, 10, idle_seconds_max=2.0
        )
    tell("F10", f"queue of 1,000: {failed.value}")


def crash_broker(
    new_site: NewSite, broker: Mosquitto, times: int, transformers: int, seed: int, broken: str = ""
) -> str:
    """Kill the broker with readings that it alone holds; every lost one must be on the list of gaps in time."""
    rng = random.Random(seed)
    street = Street(transformers, seed)
    site = new_site(street, broker, clock=a_fast_clock(CLOCK_SPEED), silence={"slot_minutes": SLOT_MINUTES})
    minutes = 12 + (3 + WHOLE_MINUTES) * times
    sent = street.readings(minutes_ago(minutes), minutes)
    collector = site.start_ready(broken)
    resent: list[Sent] = []
    with Devices(broker.port) as devices:
        at = 12 * transformers
        devices.send(sent[:at])
        site.wait_until(lambda: site.holds(devices.acknowledged), collector)
        for _ in range(times):
            collector.stop()
            lost = sent[at : at + rng.randint(1, 2) * transformers]
            devices.send(lost)
            resent += lost
            broker.kill()
            broker.start()
            at += 3 * transformers
            collector = site.start_ready(broken)
            devices.send(sent[at : at + WHOLE_MINUTES * transformers])
            at += WHOLE_MINUTES * transformers
            site.wait_until(lambda: sent[at - 1].key in site.stored(), collector)  # noqa: B023
        missing = devices.acknowledged - site.stored()
        require(len(missing) == len(resent), f"the broker lost {len(missing)}, not {len(resent)}, in this test")
        # When a search is made is tested in tests/service/test_gaps.py, by a clock: here a machine may be slow to make
        # it.
        give_up_at = time.monotonic() + (2.0 * LISTED_MINUTES_MAX * 60.0 / CLOCK_SPEED if broken else 120.0)
        while (unlisted := missing - site.keys_in_gaps(missing)) and time.monotonic() < give_up_at:
            pause(0.1)
        require(not unlisted, f"{len(unlisted):,} of {len(missing):,} lost readings are not on the list of gaps")
        site.wait_until(
            lambda: "readings_missing" in site.kinds_said(), collector, what="to be told that readings are missing"
        )
        resent += [message for message in sent if message.key not in devices.acknowledged]
        devices.send(resent)
        site.wait_until(lambda: not site.gaps(), collector, 120.0, "the gaps to be closed")
        collector.stop()
    nothing_lost(devices.acknowledged, site.stored())
    return (
        f"{times} crashes of the broker lost {len(missing):,} readings: all on the list of gaps within one slot "
        f"+ 5 min; sent again, every gap was closed; seed {seed}"
    )


@pytest.mark.parametrize(
    ("times", "transformers"), [(2, 40), pytest.param(20, 200, marks=[pytest.mark.soak, pytest.mark.timeout(900)])]
)
def test_what_a_crashed_broker_lost_is_listed_and_closed_when_it_is_sent_again(
    new_site: NewSite, mosquitto: Mosquitto, times: int, transformers: int, tell: Tell
) -> None:
    tell("F06", crash_broker(new_site, mosquitto, times, transformers, seed=6))


def test_without_a_search_for_gaps_nobody_knows_what_is_missing(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="not on the list of gaps") as failed:
        crash_broker(new_site, mosquitto, 1, 40, seed=6, broken="no-gap-scan")
    tell("F06", f"no-gap-scan: {failed.value}")
