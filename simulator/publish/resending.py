"""Simulated devices that keep what they measured and send it again when the collector asks (docs/wire-format.md)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection
from typing import Any

import paho.mqtt.client as mqtt

from collector.mqtt.broker_address import BrokerAddress
from collector.wire.format import decode_replay_request, replay_topic
from grid.timestamps import HOUR_US

KEPT_HOURS = 72.0
KEPT_READINGS_MAX = 5_000
"""Of each device: a device's memory is small, and so is ours."""

_Kept = tuple[int, str, bytes]
"""When it was measured [µs], topic, payload."""


class ReplayingDevices:
    """The memory of some transformers' devices, and the connection on which they are asked."""

    def __init__(self, address: BrokerAddress, client_id: str, transformer_ids: Collection[str]) -> None:
        """Prepare; `start` connects."""
        self._address = address
        self._kept: dict[str, deque[_Kept]] = {i: deque(maxlen=KEPT_READINGS_MAX) for i in transformer_ids}
        self._lock = threading.Lock()
        self._client = address.client(client_id, kind=mqtt.Client)
        self._client.on_connect = lambda client, *_: client.subscribe(replay_topic("+", "+"), qos=1)
        self._client.on_message = self._on_message
        self.requests = 0
        """How often readings were asked for."""
        self.sent_again = 0

    def start(self) -> None:
        """Connect and listen. Raises OSError when the broker is away."""
        self._address.connect(self._client)
        self._client.loop_start()

    def stop(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def remember(self, transformer_id: str, measured_at_us: int, topic: str, payload: bytes) -> None:
        """Keep a reading that was measured, whether it is sent or not."""
        with self._lock:
            kept = self._kept.get(transformer_id)
            if kept is None:
                return
            kept.append((measured_at_us, topic, payload))
            while measured_at_us - kept[0][0] > KEPT_HOURS * HOUR_US:
                kept.popleft()

    def _on_message(self, client: mqtt.Client, _: Any, message: mqtt.MQTTMessage) -> None:
        transformer_id = message.topic.split("/")[3]
        try:
            _, from_us, to_us = decode_replay_request(bytes(message.payload))
        except ValueError:
            return  # a device does not answer what it does not understand
        with self._lock:
            again = [kept for kept in self._kept.get(transformer_id, ()) if from_us <= kept[0] <= to_us]
            self.requests += transformer_id in self._kept
            self.sent_again += len(again)
        for _, topic, payload in again:
            client.publish(topic, payload, qos=1)
