"""F08, F11: messages that nobody can read, and a disk that takes its time; the flow goes on, memory stays bounded."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import STATION, Sent, Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

WINDOW = 20
QUEUE_MAX = 1_000
MEMORY_GROWTH_MB_MAX = 64.0


def poison(number: int, rng: random.Random) -> Sent:
    """Return a message that holds no valid reading, each with bytes of its own."""
    kinds = (
        b'{"measured_at": %d}',
        b'{"measured_at": "2021-07-24T11:00:00+08:00", "active_power_kw": NaN, "seq": %d}',
        b"\xff\xfe not JSON at all %d",
        b"[%d",
        b"",
        b'{"measured_at": "2021-07-24T11:00:00", "active_power_kw": 1.0, "seq": %d}',
    )
    kind = rng.choice(kinds)
    payload = kind % number if b"%d" in kind else kind + b" " * number
    return Sent(None, f"redvest/v1/{STATION}/T{number % WINDOW:04d}/reading", payload)


def poison_the_stream(
    new_site: NewSite, broker: Mosquitto, messages: int, seed: int, broken: str = "", one_in: int = 100
) -> str:
    """Send one unreadable message among each hundred, through a window of twenty."""
    rng = random.Random(seed)
    street = Street(messages // 40, seed)
    sent = street.readings(minutes_ago(40), 40)
    bad = [poison(number, rng) for number in range(len(sent) // (one_in - 1))]
    for message in bad:
        sent.insert(rng.randrange(len(sent)), message)
    site = new_site(street, broker, broker={"receive_maximum": WINDOW})
    collector = site.start_ready(broken)
    with Devices(broker.port) as devices:
        devices.send(sent)
    last, since = -1, time.monotonic()
    while last < len(sent) and time.monotonic() - since < (3.0 if broken else 60.0):
        taken = site.health().get("messages", 0)
        last, since = taken, since if taken == last else time.monotonic()
        pause(0.05)
    require(collector.exit_code is None, "the collector died of it")
    collector.stop()
    nothing_lost(devices.acknowledged, site.stored())
    kept = {payload for _, payload in site.rejected()}
    require(kept == {message.payload for message in bad}, f"{len(kept):,} of {len(bad):,} are in quarantine")
    return f"{len(bad):,} unreadable among {len(sent):,}: all in quarantine, all others stored; seed {seed}"


@pytest.mark.parametrize(
    "messages", [2_000, pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_unreadable_messages_are_put_aside_and_the_flow_goes_on(
    new_site: NewSite, mosquitto: Mosquitto, messages: int, tell: Tell
) -> None:
    tell("F08", poison_the_stream(new_site, mosquitto, messages, seed=8))


def test_unreadable_messages_left_unacknowledged_stop_the_flow(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        # The broker overshoots its window several times, so it takes some more of them to fill it.
        poison_the_stream(new_site, mosquitto, 4_000, seed=8, broken="no-ack-on-error", one_in=10)
    tell("F08", f"no-ack-on-error: {failed.value}")


def slow_disk(new_site: NewSite, broker: Mosquitto, messages: int, seed: int, broken: str = "") -> str:
    """Let each commit take half a second longer while far more comes than can be stored in that time."""
    street = Street(messages // 20, seed)
    sent = street.readings(minutes_ago(20), 20)
    site = new_site(
        street,
        broker,
        broker={"receive_maximum": 65_535},
        collector={"queue_messages_max": QUEUE_MAX, "block_messages_max": QUEUE_MAX // 2},
    )
    collector = site.start_ready(broken, injected=["--slow-commit", "0.5"])
    memory_mb_before = collector.memory_mb
    queued = 0
    with Devices(broker.port, outstanding_max=10_000) as devices:
        devices.start_sending(sent)
        while (health := site.health()).get("stored", 0) < len(sent):
            queued = max(queued, health.get("queued", 0))
            require(queued <= QUEUE_MAX, f"{queued:,} messages in memory, allowed are {QUEUE_MAX:,}")
            require(collector.exit_code is None, "the collector died of it")
            pause(0.05)
        devices.wait()
        growth_mb = collector.memory_mb - memory_mb_before
    collector.stop()
    require(growth_mb < MEMORY_GROWTH_MB_MAX, f"memory grew by {growth_mb:.0f} MB")
    require(collector.log_text.count("connected to") == 1, "the connection was lost on the way")
    nothing_lost(devices.acknowledged, site.stored())
    return (
        f"each commit +500 ms, {len(sent):,} messages: 0 lost, no disconnection, at most {queued:,} of "
        f"{QUEUE_MAX:,} queued, memory +{growth_mb:.0f} MB; seed {seed}"
    )


@pytest.mark.parametrize("messages", [3_000, pytest.param(200_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a_slow_disk_slows_the_flow_and_fills_no_memory(
    new_site: NewSite, mosquitto: Mosquitto, messages: int, tell: Tell
) -> None:
    tell("F11", slow_disk(new_site, mosquitto, messages, seed=11))


def test_a_queue_without_bound_fills_memory(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="messages in memory") as failed:
        slow_disk(new_site, mosquitto, 3_000, seed=11, broken="unbounded-queue")
    tell("F11", f"unbounded-queue: {failed.value}")
