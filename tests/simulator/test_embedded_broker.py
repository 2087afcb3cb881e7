"""The demo's broker: mosquitto or the embedded one, in a process of its own, that really carries messages."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from grid.errors import BrokerError
from simulator.publish.broker import BrokerProcess

TOPIC = "redvest/v1/ST01/YX06/reading"


def carried(port: int, payloads: list[bytes]) -> tuple[list[bytes], int]:
    """Send payloads at QoS 1 over MQTT 3.1.1; return what a subscriber got, and how many were acknowledged."""
    got: list[bytes] = []
    acknowledged, subscribed, all_there = threading.Semaphore(0), threading.Event(), threading.Event()

    def on_message(client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        assert message.qos == 1
        got.append(bytes(message.payload))
        if len(got) == len(payloads):
            all_there.set()

    receiver, sender = (
        mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=MQTTProtocolVersion.MQTTv311)
        for name in ("receiver", "sender")
    )
    receiver.on_message = on_message
    receiver.on_subscribe = lambda *_: subscribed.set()
    sender.on_publish = lambda *_: acknowledged.release()
    for client in (receiver, sender):
        client.connect("127.0.0.1", port)
        client.loop_start()
    try:
        receiver.subscribe("redvest/v1/+/+/reading", qos=1)
        assert subscribed.wait(60.0)
        for payload in payloads:
            sender.publish(TOPIC, payload, qos=1)
        assert all_there.wait(60.0)
        count = sum(acknowledged.acquire(timeout=60.0) for _ in payloads)
    finally:
        for client in (receiver, sender):
            client.disconnect()
            client.loop_stop()
    return got, count


@pytest.mark.parametrize("kind", ["amqtt", "mosquitto"])
def test_the_broker_carries_qos_1_messages_over_mqtt_3_1_1(
    kind: Literal["amqtt", "mosquitto"], free_port: Callable[[], int], tmp_path: Path
) -> None:
    broker = BrokerProcess.start(free_port(), tmp_path / "broker", kind)
    try:
        assert broker.kind == kind
        payloads = [f'{{"seq": {i}, "name": "台区"}}'.encode() for i in range(50)]
        assert carried(broker.port, payloads) == (payloads, 50)
    finally:
        broker.stop()
    assert broker.process.poll() is not None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", broker.port), timeout=2)


def test_the_embedded_broker_ends_at_sigterm_without_a_word(free_port: Callable[[], int], tmp_path: Path) -> None:
    broker = BrokerProcess.start(free_port(), tmp_path, "amqtt")
    assert carried(broker.port, [b"1"]) == ([b"1"], 1)
    broker.process.send_signal(signal.SIGTERM)
    assert broker.process.wait(60.0) == 0
    assert (tmp_path / "broker.log").read_text() == ""


def test_a_port_in_use_is_said_with_the_remedy(free_port: Callable[[], int], tmp_path: Path) -> None:
    port = free_port()
    first = BrokerProcess.start(port, tmp_path / "first", "mosquitto")
    try:
        with pytest.raises(BrokerError, match=rf"127.0.0.1:{port}: something listens here already; .*another port"):
            BrokerProcess.start(port, tmp_path / "second", "mosquitto")
    finally:
        first.stop()


def test_without_mosquitto_on_the_path_the_embedded_one_is_taken(
    free_port: Callable[[], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferred = BrokerProcess.start(free_port(), tmp_path / "preferred")
    preferred.stop()
    assert (preferred.kind, preferred.protocol) == ("mosquitto", "5")
    monkeypatch.setattr("simulator.publish.broker._path_with_sbin", lambda: str(tmp_path))
    instead = BrokerProcess.start(free_port(), tmp_path / "instead")
    instead.stop()
    assert (instead.kind, instead.protocol) == ("amqtt", "3.1.1")


def test_the_broker_listens_on_loopback_only(free_port: Callable[[], int], tmp_path: Path) -> None:
    broker = BrokerProcess.start(free_port(), tmp_path, "mosquitto")
    port_hex = f":{broker.port:04X}"
    try:
        sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        listening = {where for _, where, _, state, *_ in sockets if state == "0A" and where.endswith(port_hex)}
        assert listening == {f"0100007F{port_hex}"}
        assert not any(
            line.split()[1].endswith(port_hex) and line.split()[3] == "0A"
            for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]
        )
        assert os.getpgid(broker.process.pid) != os.getpgrp()
    finally:
        broker.stop()
