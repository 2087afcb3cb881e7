"""Messages per second that simulated devices publish, beside a bare paho publisher in the same run.

    python -m bench.simulator_study.messages [--messages N] [--repeats N]

Single readings over MQTT 3.1.1. The broker has no subscriber: measured is publishing and the broker's taking.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.broker import broker_version, running_broker
from collector.mqtt.broker_address import BrokerAddress
from simulator.fleet.fleet import FleetPlan, messages_of
from simulator.fleet.run import run_fleet
from simulator.publish.bulk_publisher import BulkPublisher
from simulator.publish.publisher import Publisher

Messages = Sequence[tuple[str, bytes]]
PAHO_WINDOW = 200
"""Messages on their way; with more, paho is slower, for it walks all of them at each answer."""


class Measured(NamedTuple):
    """One run of one publisher."""

    per_second: float
    cpu_us: float
    """Processor time of this process for each message; the broker's is not in it."""


def bare_paho(address: BrokerAddress, messages: Messages, qos: int) -> None:
    """Publish with paho and nothing else; wait until all is answered."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "bench-paho")
    client.max_inflight_messages_set(PAHO_WINDOW)
    room = threading.Semaphore(PAHO_WINDOW)
    client.on_publish = lambda *_: room.release()
    client.connect(address.host, address.port)
    client.loop_start()
    for topic, payload in messages:
        room.acquire()
        client.publish(topic, payload, qos)
    for _ in range(PAHO_WINDOW):
        room.acquire()
    client.disconnect()
    client.loop_stop()


def devices(address: BrokerAddress, messages: Messages, qos: int) -> None:
    """Publish as `redvest simulate` and `redvest replay` do."""
    publisher = Publisher(address, "bench-devices")
    publisher.start()
    publisher.publish_all(messages, qos)
    publisher.finish()


def in_bulk(address: BrokerAddress, messages: Messages, qos: int) -> None:
    """Publish as `redvest fleet` does, the messages made ahead."""
    publisher = BulkPublisher(address, "bench-bulk", qos)
    publisher.start()
    publisher.send(messages, range(len(messages)))
    publisher.finish()


def whole_fleet(address: BrokerAddress, messages: Messages, qos: int) -> None:
    """Publish as `redvest fleet run` does: the messages are made on the way, the keys written."""
    run_fleet(address, FleetPlan(len(messages), qos=qos, paced=False), 0)


PUBLISHERS: dict[str, Callable[[BrokerAddress, Messages, int], None]] = {
    "bare paho": bare_paho,
    "simulate, replay": devices,
    "fleet, made ahead": in_bulk,
    "fleet": whole_fleet,
}


def measured(
    publish: Callable[[BrokerAddress, Messages, int], None], address: BrokerAddress, messages: Messages, qos: int
) -> Measured:
    """Run one publisher once."""
    cpu, began = time.process_time(), time.monotonic()
    publish(address, messages, qos)
    seconds = time.monotonic() - began
    return Measured(len(messages) / seconds, (time.process_time() - cpu) / len(messages) * 1e6)


def lines(runs: dict[tuple[int, str], list[Measured]]) -> Iterable[str]:
    """Yield the table."""
    yield "| QoS | publisher | messages/s | spread | of bare paho | CPU µs a message |"
    yield "|---|---|---|---|---|---|"
    for (qos, name), of_name in runs.items():
        rates = [run.per_second for run in of_name]
        rate = statistics.median(rates)
        bare = statistics.median(run.per_second for run in runs[qos, "bare paho"])
        spread = (max(rates) - min(rates)) / rate / 2.0
        cpu_us = statistics.median(run.cpu_us for run in of_name)
        yield f"| {qos} | {name} | {rate:,.0f} | ± {spread:.0%} | {rate / bare:.1f} | {cpu_us:.1f} |"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.simulator_study.messages", description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    plan = FleetPlan(options.messages)
    messages = [m for part in messages_of(plan, range(plan.transformers), 0) for m in part]
    runs: dict[tuple[int, str], list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder)) as broker:
        address = BrokerAddress("127.0.0.1", broker.port, protocol="3.1.1")
        for _ in range(options.repeats):
            for qos in (0, 1):
                for name, publish in PUBLISHERS.items():
                    runs.setdefault((qos, name), []).append(measured(publish, address, messages, qos))
    print(f"{broker_version()}, {os.cpu_count()} cores, {options.messages:,} messages, {options.repeats} repeats")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    print("\n".join(lines(runs)))


if __name__ == "__main__":
    main()
