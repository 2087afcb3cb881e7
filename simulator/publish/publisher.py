"""Publishes as devices do: QoS 1 or 0 over paho, with a bound on what is on its way, across reconnections."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.text import Text, same

OUTSTANDING_MAX = 200
"""Messages handed to paho and not yet acknowledged. It walks all of them at each answer: with 2,000 a message costs
three times as much (bench/simulator_study/messages.py)."""
FINISH_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Published:
    """What became of the messages so far."""

    handed_over: int
    acknowledged: int
    """By the broker; at QoS 0 those that left for the wire."""
    reconnections: int
    refused: int = 0
    """Answered with a failure code: not allowed, over quota (MQTT 5 only; a 3.1.1 broker cannot say no). At QoS 0:
    lost with the connection."""


class Publisher:
    """One MQTT client that publishes: `start`, `publish`, `finish` or `stop`. `publish` may wait for the broker."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        *,
        connect_seconds_max: float = 30.0,
        on_acknowledged: Callable[[object], None] = lambda token: None,
    ) -> None:
        """Prepare; `start` connects. `on_acknowledged` gets the token of each message that the broker took."""
        self._address = address
        self._on_acknowledged = on_acknowledged
        self._tokens: dict[int, tuple[object, int]] = {}
        self._answered_early: dict[int, bool] = {}
        self._connect_seconds_max = connect_seconds_max
        self._client = address.client(client_id, kind=mqtt.Client)
        self._client.max_inflight_messages_set(OUTSTANDING_MAX)
        self._client.max_queued_messages_set(0)
        self._client.reconnect_delay_set(1, 10)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._client.on_disconnect = self._on_disconnect
        self._changed = threading.Condition()
        self._connections = 0
        self._refused = ""
        self._handed_over = 0
        self._acknowledged = 0
        self._not_taken = 0

    def start(self) -> None:
        """Connect, trying again while the broker is away. Raises BrokerError when it stays away or refuses."""
        end = time.monotonic() + self._connect_seconds_max
        while True:
            try:
                self._address.connect(self._client)
                break
            except OSError as error:
                if time.monotonic() >= end:
                    raise BrokerError(
                        Text(f"无法连上（{error}）", f"cannot be reached ({error})"),
                        where=Text(f"消息服务器 {self._address}", f"broker {self._address}"),
                        remedy=Text(
                            "请启动消息服务器，或用 [broker] 的 host 和 port 指定另一个",
                            "start the broker, or name another with [broker] host and port",
                        ),
                    ) from error
                time.sleep(0.3)
        self._client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._connections or self._refused, max(1.0, end - time.monotonic()))
            if not self._connections:
                raise BrokerError(
                    same(self._refused) if self._refused else Text("没有应答 CONNECT", "did not answer our CONNECT"),
                    where=Text(f"消息服务器 {self._address}", f"broker {self._address}"),
                    remedy=Text("请检查 [broker] 中的登录信息和 MQTT 版本", "check login and MQTT version in [broker]"),
                )

    def publish(
        self, topic: str, payload: bytes, qos: int = 1, token: object = None, *, retained: bool = False
    ) -> None:
        """Hand one message over; waits while too many are on their way. `retained`: the broker is to keep it."""
        with self._changed:
            self._changed.wait_for(lambda: self._outstanding < OUTSTANDING_MAX)
            self._handed_over += 1
        # Not under the lock: paho holds its own while it calls on_publish, which may come before this returns.
        sent = self._client.publish(topic, payload, qos, retain=retained)
        with self._changed:
            if sent.mid in self._answered_early:
                self._settle(token, self._answered_early.pop(sent.mid))
            elif sent.rc == mqtt.MQTT_ERR_SUCCESS or (qos and sent.rc == mqtt.MQTT_ERR_NO_CONN):
                self._tokens[sent.mid] = (token, qos)
            else:
                self._settle(token, False)

    def publish_all(self, messages: Iterable[tuple[str, bytes]], qos: int = 1) -> None:
        """Hand messages over in order."""
        for topic, payload in messages:
            self.publish(topic, payload, qos)

    def cut(self) -> None:
        """Break the connection as a bad line does; what was not acknowledged is sent again on the next one."""
        line = self._client.socket()
        if isinstance(line, socket.socket):
            with contextlib.suppress(OSError):  # it is broken already
                line.shutdown(socket.SHUT_RDWR)

    def published(self) -> Published:
        """Return the counts so far."""
        with self._changed:
            again = max(0, self._connections - 1)
            return Published(self._handed_over, self._acknowledged, again, self._not_taken)

    def finish(self, seconds_max: float = FINISH_SECONDS_MAX) -> Published:
        """Wait until everything is answered, then disconnect. Raises BrokerError when it never is."""
        with self._changed:
            done = self._changed.wait_for(lambda: self._outstanding == 0, seconds_max)
            left = self._outstanding
        self.stop()
        if not done:
            raise BrokerError(
                Text(
                    f"{left} 条报文在 {seconds_max:g} 秒内没有得到确认",
                    f"{left} messages were not acknowledged within {seconds_max:g} s",
                ),
                where=Text(f"消息服务器 {self._address}", f"broker {self._address}"),
                remedy=Text(
                    "消息服务器在运行吗？允许接收这些主题吗？", "is the broker up and allowed to take these topics?"
                ),
            )
        return self.published()

    def stop(self) -> None:
        """Disconnect without waiting."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            if reason.is_failure:
                self._refused = str(reason)
            else:
                self._connections += 1
            self._changed.notify_all()

    def _on_publish(self, client: mqtt.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        with self._changed:
            taken = not reason.is_failure
            if mid in self._tokens:
                self._settle(self._tokens.pop(mid)[0], taken)
            else:
                self._answered_early[mid] = taken

    def _on_disconnect(self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            # paho sends QoS 1 again on the next connection; what was on its way at QoS 0 is gone.
            for mid in [mid for mid, (_, qos) in self._tokens.items() if qos == 0]:
                self._settle(self._tokens.pop(mid)[0], False)

    @property
    def _outstanding(self) -> int:
        return self._handed_over - self._acknowledged - self._not_taken

    def _settle(self, token: object, taken: bool) -> None:
        """Count one answer; under the lock."""
        if taken:
            self._acknowledged += 1
            self._on_acknowledged(token)
        else:
            self._not_taken += 1
        self._changed.notify_all()
