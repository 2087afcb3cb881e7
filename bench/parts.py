"""The bare parts, each measured in a process of its own: `python -m bench.parts NAME …` prints one JSON object."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from bench.process import memory_mb
from bench.traffic import Case, ledger_of, load_messages
from collector.decode import decode_block
from collector.message import Message
from collector.screen import Limits
from collector.wire import subscription_filters
from grid.fleet import Fleet
from stores.journal import Journal

BLOCK_READINGS = 10_000
"""Readings that are decoded and appended at once, as much as the collector takes when it is busy."""
EMPTY_CLIENT_ID = "bench-empty"


def main() -> None:
    """Measure the part that is named."""
    words = argparse.ArgumentParser()
    words.add_argument("part", choices=("subscriber", "decode", "append"))
    words.add_argument("--messages", type=Path, required=True)
    words.add_argument("--transformers", type=int, required=True)
    words.add_argument("--per-message", type=int, required=True)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--count", type=int, default=0)
    given = words.parse_args()
    if given.part == "subscriber":
        measured = measure_subscriber(given.port, given.count)
    else:
        case = Case(given.transformers, given.per_message, 0, 0)
        blocks = list(blocks_of(load_messages(given.messages), given.per_message))
        fleet = Fleet.of(ledger_of(case).transformers)
        measured = (measure_decode if given.part == "decode" else measure_append)(blocks, fleet)
    print(json.dumps({**measured, "memory_mb": memory_mb(os.getpid())}))


def _session(port: int, client: mqtt.Client) -> None:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = 3600
    properties.ReceiveMaximum = 10_000
    client.connect("127.0.0.1", port, clean_start=False, properties=properties)


def leave_session(port: int, client_id: str) -> None:
    """Subscribe under a client id and go away: from now on the broker keeps all messages for it."""
    answered = threading.Event()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
    client.on_subscribe = lambda *_: answered.set()
    _session(port, client)
    client.loop_start()
    client.subscribe([(name, 1) for name in subscription_filters()])
    if not answered.wait(10.0):
        raise ConnectionError("the broker did not answer the subscription")
    client.disconnect()
    client.loop_stop()


def measure_subscriber(port: int, count: int) -> dict[str, float]:
    """Receive what the broker holds for us and do nothing with it: what paho alone costs."""
    taken, first_at, first_cpu, last_at = 0, 0.0, 0.0, 0.0
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=EMPTY_CLIENT_ID, protocol=mqtt.MQTTv5)

    def on_message(_client: mqtt.Client, _data: object, _message: mqtt.MQTTMessage) -> None:
        nonlocal taken, first_at, first_cpu, last_at
        if not taken:
            first_at, first_cpu = time.monotonic(), time.process_time()
        taken += 1
        if taken == count:
            last_at = time.monotonic()
            client.disconnect()

    client.on_message = on_message
    _session(port, client)
    client.loop_forever(retry_first_connection=False)
    if taken != count:
        raise ConnectionError(f"received {taken} of {count} messages")
    return {"seconds": last_at - first_at, "cpu_seconds": time.process_time() - first_cpu}


def blocks_of(messages: list[tuple[str, bytes]], per_message: int) -> Iterator[list[Message]]:
    """Yield the messages in blocks of about 10,000 readings, as the subscriber hands them over."""
    step = max(1, BLOCK_READINGS // per_message)
    now_us = time.time_ns() // 1000
    for at in range(0, len(messages), step):
        yield [
            Message(topic, payload, now_us, mid=1 + i % 65_535, qos=1, epoch=1, retained=False)
            for i, (topic, payload) in enumerate(messages[at : at + step], at)
        ]


def measure_decode(blocks: list[list[Message]], fleet: Fleet) -> dict[str, float]:
    """Decode every block: what turning payloads into columns costs."""
    limits = Limits(measured_age_hours_max=None)
    begun, begun_cpu, readings = time.monotonic(), time.process_time(), 0
    for block in blocks:
        decoded = decode_block(block, fleet, limits)
        if decoded.rejects:
            raise ValueError(f"the benchmark's own message was refused: {decoded.rejects[0]}")
        readings += len(decoded.readings)
    seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - begun_cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "readings": readings}


def measure_append(blocks: list[list[Message]], fleet: Fleet) -> dict[str, float]:
    """Append every decoded block to a new journal: what being on disk costs."""
    limits = Limits(measured_age_hours_max=None)
    decoded = [decode_block(block, fleet, limits).readings for block in blocks]
    with (
        tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder,
        Journal.open_writer(Path(folder) / "journal.sqlite") as journal,
    ):
        journal.numbers(fleet.transformer_ids)
        begun, begun_cpu, readings = time.monotonic(), time.process_time(), 0
        for batch in decoded:
            readings += int(journal.append(batch).new.sum())
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - begun_cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "readings": readings}


if __name__ == "__main__":
    main()
