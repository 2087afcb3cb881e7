"""One receiver, one broker, one run: the rate that it sustains without loss, and its delay at a rate of choice.

Sustained rate: the publisher stays a bounded number of messages ahead of what the receiver says that it has, so
nothing is queued without end and nothing is dropped, at QoS 0 as at QoS 1; the receiver is never idle either.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.broker import Broker, running_broker
from bench.ingest.packets import Stream
from bench.ingest.publisher import Publisher, at_pace, in_window
from bench.ingest.receivers import STORING, Kind, Place, Receiver, running
from bench.process import cpu_seconds, memory_mb
from collector.wire.format import encode_singly
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, SECOND_US

WINDOW_READINGS_MIN, WINDOW_READINGS_MAX = 10_000, 40_000
WINDOW_MESSAGES_MIN = 100
"""How far ahead the publisher is: more than a receiver takes between two commits, so that it never waits."""
_START_SECONDS_MAX = 60.0
_STARTED_A_SECOND_MIN = 5_000
"""Transformers of a large ledger that a start may take a second for, before it is given up."""
_STALL_SECONDS_MAX = 10.0
_SETTLED_SECONDS = 0.4
_PROBE_SECONDS = 0.1
_PROBES_BEFORE_US = 20 * HOUR_US
"""Hours before the benchmark's own readings, so that none is late."""
_LOOK_SECONDS = 0.002


@dataclass(frozen=True)
class Sustained:
    """What a receiver took of a stream, from the first message sent to the last one that it had."""

    readings: int
    lost: int
    seconds: float
    cpu_seconds: float
    broker_cpu_seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Delays:
    """How long [s] after its sending a reading can be read back (n,), and a severe one has opened an incident (m,)."""

    stored: NDArray[np.float64]
    incident: NDArray[np.float64]
    memory_mb: float


@dataclass(frozen=True)
class Standing:
    """A broker, a receiver that listens, and a publisher."""

    broker: Broker
    receiver: Receiver
    publisher: Publisher
    probes: int
    """Readings that went before, to see that the receiver listens."""

    def seen(self) -> int:
        """Return the readings that the receiver has of those that count."""
        return self.receiver.seen() - self.probes


@contextmanager
def standing(kind: Kind, place: Place, fleet: Fleet, broker: Broker) -> Iterator[Standing]:
    """Give a receiver that has shown to be listening, and is done with what showed it."""
    with running(kind, place) as receiver, Publisher(broker.port) as publisher:
        patience = _START_SECONDS_MAX + place.case.transformers / _STARTED_A_SECOND_MIN
        _probe(receiver, publisher, fleet, place.case.first_at_us - _PROBES_BEFORE_US, patience)
        yield Standing(broker, receiver, publisher, receiver.seen())


def sustain(kind: Kind, place: Place, fleet: Fleet, stream: Stream, seconds_max: float) -> Sustained:
    """Return what a receiver sustains when it is kept busy for so long, or to the end of the stream."""
    per_message = place.case.per_message
    least, most = (max(n // per_message, WINDOW_MESSAGES_MIN) for n in (WINDOW_READINGS_MIN, WINDOW_READINGS_MAX))
    with running_broker(place.folder / "broker") as broker:
        place = Place(place.folder, broker.port, place.case, place.qos, place.node_modules)
        with standing(kind, place, fleet, broker) as stand:
            pid = stand.receiver.process.pid
            cpu, broker_cpu, begun = cpu_seconds(pid), cpu_seconds(broker.pid), time.monotonic()
            leave = in_window(lambda: stand.seen() // per_message, least, most)
            sent = len(stand.publisher.send(stream, leave, seconds_max)) * per_message
            had, ended = wait_for(stand.seen, sent, stand.receiver.check)
            return Sustained(
                had,
                sent - had,
                ended - begun,
                cpu_seconds(pid) - cpu,
                cpu_seconds(broker.pid) - broker_cpu,
                memory_mb(pid),
            )


def delays(
    kind: Kind, place: Place, fleet: Fleet, stream: Stream, severe: dict[str, int], readings_per_second: float,
    seconds: float,
) -> Delays:  # fmt: skip
    """Publish at a rate for so long and return the delays.

    Readings are stored in the order they were sent in, so counting the stored ones tells which they are. `severe`
    says of each transformer that becomes severe which message makes it so.
    """
    assert kind in STORING
    per_message = place.case.per_message
    with running_broker(place.folder / "broker") as broker:
        place = Place(place.folder, broker.port, place.case, place.qos, place.node_modules)
        with standing(kind, place, fleet, broker) as stand:
            watch = _Watch(stand)
            watch.start()
            try:
                sent_at = stand.publisher.send(stream, at_pace(readings_per_second / per_message), seconds)
                had, _ = wait_for(stand.seen, len(sent_at) * per_message, stand.receiver.check)
                time.sleep(_SETTLED_SECONDS)  # incidents are told after the readings
            finally:
                watch.stop()
            memory = memory_mb(stand.receiver.process.pid)
    looked_at, seen = np.array(watch.looks).T
    first_look = np.searchsorted(seen, np.arange(had) + 1)
    stored = looked_at[first_look] - np.repeat(sent_at, per_message)[:had]
    told = [
        at - sent_at[severe[name]]
        for name, at in watch.incidents.items()
        if severe.get(name, len(sent_at)) < len(sent_at)
    ]
    return Delays(stored, np.array(told), memory)


def wait_for(seen: Callable[[], int], wanted: int, check: Callable[[], None]) -> tuple[int, float]:
    """Return what was seen at last and since when, when all is there or nothing more comes."""
    had, changed_at = seen(), time.monotonic()
    while had < wanted and time.monotonic() < changed_at + _STALL_SECONDS_MAX:
        check()
        time.sleep(_LOOK_SECONDS)
        now = seen()
        if now > had:
            had, changed_at = now, time.monotonic()
    return had, changed_at


def _probe(receiver: Receiver, publisher: Publisher, fleet: Fleet, from_us: int, start_seconds_max: float) -> None:
    """Send early readings until one of them is seen, and wait until the last of them is."""
    give_up_at = time.monotonic() + start_seconds_max
    number = 1
    while not receiver.seen():
        receiver.check()
        if time.monotonic() > give_up_at:
            raise RuntimeError(f"{receiver.kind.value} took nothing: {receiver.log_text()}")
        at_us = np.array([from_us + SECOND_US * number])
        probe = ReadingBatch.of(
            [1], at_us, voltage_v=np.full((1, 3), 228.0), current_amp=np.full((1, 3), 100.0),
            active_power_kw=[60.0 + number % 7], reactive_power_kvar=[20.0], sequence=[0],
        )  # fmt: skip
        publisher.send(Stream.of(encode_singly(probe, fleet), 1), lambda _: 1, 5.0)
        time.sleep(_PROBE_SECONDS)
        number += 1
    settled_at, seen = time.monotonic() + _SETTLED_SECONDS, receiver.seen()
    while time.monotonic() < settled_at:
        time.sleep(0.02)
        if receiver.seen() > seen:
            settled_at, seen = time.monotonic() + _SETTLED_SECONDS, receiver.seen()


class _Watch(threading.Thread):
    """Notes how many readings are there, and which incidents, and when."""

    def __init__(self, stand: Standing) -> None:
        super().__init__(name="watch")
        self._stand = stand
        self._ended = threading.Event()
        self.looks: list[tuple[float, int]] = []
        self.incidents: dict[str, float] = {}

    def run(self) -> None:
        last = 0
        while not self._ended.wait(_LOOK_SECONDS):
            self.looks.append((time.monotonic(), self._stand.seen()))
            for number, transformer_id in self._stand.receiver.incidents_after(last):
                last = number
                self.incidents.setdefault(transformer_id, time.monotonic())

    def stop(self) -> None:
        """End it, after a last look."""
        self._ended.set()
        self.join()
        self.looks.append((time.monotonic(), self._stand.seen()))
