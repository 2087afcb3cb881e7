"""F03: no acknowledgement leaves before the sync that covers its reading; seen in the system calls themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.faults.system_calls import Event, events, tracer, wait_for_end
from tests.support.mosquitto import Mosquitto
from tests.support.tools import tool

NewSite = Callable[..., Site]
BURST = 20
SINGLE = 20
"""Number of messages sent one by one: then no other message's commit can stand for theirs."""


def trace_acknowledgements(new_site: NewSite, broker: Mosquitto, bursts: int, seed: int, broken: str = "") -> str:
    """Send burst after burst to a traced collector, each when the one before is stored; look at the order of calls."""
    tool("strace")
    street = Street(BURST, seed)
    sent = street.readings(minutes_ago(bursts), bursts)
    site = new_site(street, broker)
    trace = site.folder / "strace.txt"
    collector = site.start_ready(broken, as_program=tracer(trace))
    with Devices(broker.port) as devices:
        at = 0
        while at < len(sent):
            end = at + (1 if len(sent) - at <= SINGLE else BURST)
            devices.send(sent[at:end])
            site.wait_until(lambda: site.health().get("stored", 0) >= end, collector)  # noqa: B023
            at = end
    collector.stop()
    nothing_lost(devices.acknowledged, site.stored())
    wait_for_end(trace, collector.pid)
    return figure_of(events(trace, broker.port, "-wal"), len(sent)) + f"; seed {seed}"


def figure_of(order: Sequence[tuple[Event, int]], messages: int) -> str:
    """Require of each acknowledgement that a commit was begun after its message came, and synced before it left."""
    received: dict[int, int] = {}
    first_write = newest_begun = syncs = acknowledged = 0
    for at, (event, mid) in enumerate(order):
        match event:
            case Event.RECEIVED:
                received[mid] = at
            case Event.WRITTEN:
                first_write = first_write or at
            case Event.SYNCED:
                newest_begun, first_write = first_write or newest_begun, 0
                syncs += 1
            case Event.ACKNOWLEDGED:
                acknowledged += 1
                require(mid in received, f"message {mid} was acknowledged before it came")
                require(received[mid] < newest_begun, f"message {mid} was acknowledged before a sync covered it")
    require(acknowledged >= messages, f"the trace shows {acknowledged} acknowledgements of {messages}")
    return f"{acknowledged:,} acknowledgements, {syncs} syncs, none before the sync that covers it"


def test_every_acknowledgement_comes_after_the_sync_that_covers_it(
    new_site: NewSite, mosquitto: Mosquitto, tell: Callable[[str, str], None]
) -> None:
    tell("F03", trace_acknowledgements(new_site, mosquitto, bursts=50, seed=3))


def test_a_journal_that_does_not_sync_is_seen(
    new_site: NewSite, mosquitto: Mosquitto, tell: Callable[[str, str], None]
) -> None:
    with pytest.raises(PromiseBroken, match="before a sync covered it") as failed:
        trace_acknowledgements(new_site, mosquitto, bursts=5, seed=3, broken="synchronous-off")
    tell("F03", f"synchronous-off: {failed.value}")
