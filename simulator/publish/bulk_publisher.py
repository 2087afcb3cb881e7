"""Publishes many messages over one connection: paho connects and logs in, packets go over its socket in bulk.

paho's own publishing costs some 60 µs a message, which is more than a broker needs; here a block of packets is one
write and a block of acknowledgements one read.
"""

from __future__ import annotations

import select
import ssl
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from numpy.typing import NDArray

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.text import Text, same
from simulator.publish.packets import MID_MAX, PING, publish_packet, read_answers, sent_again

WINDOW_MESSAGES = 20_000
"""At QoS 1, messages on their way that the broker has not acknowledged; packet ids would end at 65,535."""
CONNECT_SECONDS_MAX = 30.0
ANSWER_SECONDS_MAX = 60.0
_BLOCK_MESSAGES = 500
_WRITE_BYTES = 256 * 1024
_RECONNECT_SECONDS = 0.5

Tokens = NDArray[np.int64]


class BulkPublisher:
    """One connection for one thread: `start`, `send` as often as you like, `finish` or `stop`."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        qos: int,
        on_answered: Callable[[Tokens, bool], None] = lambda tokens, taken: None,
    ) -> None:
        """Prepare. `on_answered` gets the tokens of messages that the broker took, or refused.

        At QoS 0 a message is taken when it has left for the wire, and lost when the connection breaks under it.
        """
        self._address = address
        self._client_id = client_id
        self._qos = qos
        self._has_properties = address.protocol == "5"
        self._on_answered = on_answered
        self._window = WINDOW_MESSAGES
        self._token_of_mid = np.full(MID_MAX + 1, -1, np.int64)
        self._packet_of_mid: dict[int, bytes] = {}
        self._last_mid = 0
        self._unread = b""
        self._heard_at = self._wrote_at = time.monotonic()
        self.reconnections = 0

    @property
    def outstanding(self) -> int:
        """Return how many messages at QoS 1 are not answered yet."""
        return len(self._packet_of_mid)

    def start(self, seconds_max: float = CONNECT_SECONDS_MAX) -> None:
        """Connect, trying again while the broker is away. Raises BrokerError when it stays away or refuses."""
        end = time.monotonic() + seconds_max
        while True:
            try:
                self._connect(end)
                return
            except OSError as error:
                if time.monotonic() >= end:
                    raise self._error(
                        Text(f"无法连上（{error}）", f"cannot be reached ({error})"),
                        Text("请启动消息服务器，或改正 [broker]", "start the broker, or mend [broker]"),
                    ) from error
                time.sleep(_RECONNECT_SECONDS)

    def send(self, messages: Sequence[tuple[str, bytes]], tokens: Sequence[int]) -> None:
        """Send messages, each with a number that names it in `on_answered`; waits while too many are on their way.

        Raises BrokerError when the broker stays away or answers nothing for a minute.
        """
        for at in range(0, len(messages), _BLOCK_MESSAGES):
            block = messages[at : at + _BLOCK_MESSAGES]
            self._send_block(block, np.array(tokens[at : at + len(block)], np.int64))

    def listen(self, seconds: float) -> None:
        """Take answers for so long, and keep the connection alive meanwhile."""
        end = time.monotonic() + seconds
        while True:
            self._exchange(b"", max(end - time.monotonic(), 0.0))
            if time.monotonic() - self._wrote_at > self._address.keep_alive_seconds / 2:
                self._exchange(PING, 1.0)
            if time.monotonic() >= end:
                return

    def finish(self) -> None:
        """Wait until everything is answered, then disconnect. Raises BrokerError when nothing is answered any more."""
        while self.outstanding:
            self._wait_for_answers()
        self.stop()

    def stop(self) -> None:
        """Disconnect without waiting."""
        line = self._client.socket()
        if line is not None:
            self._client.disconnect()
            line.close()

    def _connect(self, end: float) -> None:
        welcome: list[bool] = []

        def on_connect(_: Any, __: Any, ___: Any, reason: Any, properties: Any) -> None:
            welcome.append(not reason.is_failure)
            self._refusal = str(reason)
            self._window = min(WINDOW_MESSAGES, getattr(properties, "ReceiveMaximum", WINDOW_MESSAGES))

        self._client = self._address.client(self._client_id, kind=mqtt.Client)
        self._client.on_connect = on_connect
        self._address.connect(self._client)
        while not welcome:
            if self._client.loop(0.1) != mqtt.MQTT_ERR_SUCCESS or time.monotonic() > end:
                raise ConnectionError("it does not answer our CONNECT")
        if not welcome[0]:
            raise self._error(
                same(self._refusal),
                Text("请检查 [broker] 中的登录信息和 MQTT 版本", "check login and MQTT version in [broker]"),
            )
        line = self._client.socket()
        assert line is not None
        self._line: Any = line
        self._line.setblocking(False)
        self._unread = b""
        self._heard_at = time.monotonic()

    def _send_block(self, block: Sequence[tuple[str, bytes]], tokens: Tokens) -> None:
        if not self._qos:
            packets = [publish_packet(topic, payload, self._has_properties) for topic, payload in block]
            self._on_answered(tokens, self._exchange(b"".join(packets), ANSWER_SECONDS_MAX))
            return
        packets = []
        for (topic, payload), token in zip(block, tokens.tolist(), strict=True):
            if self.outstanding >= self._window:
                self._exchange(b"".join(packets), ANSWER_SECONDS_MAX)
                packets = []
                while self.outstanding >= self._window:
                    self._wait_for_answers()
            mid = self._free_mid()
            packet = publish_packet(topic, payload, self._has_properties, mid)
            self._packet_of_mid[mid] = packet
            self._token_of_mid[mid] = token
            packets.append(packet)
        self._exchange(b"".join(packets), ANSWER_SECONDS_MAX)

    def _free_mid(self) -> int:
        while True:
            self._last_mid = self._last_mid % MID_MAX + 1
            if self._last_mid not in self._packet_of_mid:
                return self._last_mid

    def _wait_for_answers(self) -> None:
        self._exchange(b"", 1.0)
        if time.monotonic() - self._heard_at > ANSWER_SECONDS_MAX:
            raise self._error(
                Text(
                    f"{self.outstanding} 条报文在 {ANSWER_SECONDS_MAX:g} 秒内没有得到确认",
                    f"{self.outstanding} messages were not acknowledged within {ANSWER_SECONDS_MAX:g} s",
                ),
                Text("消息服务器在运行吗？允许接收这些主题吗？", "is the broker up and allowed to take these topics?"),
            )

    def _exchange(self, data: bytes, seconds_max: float) -> bool:
        """Write all of `data` and read what is there; without data, wait for something. False: the line broke."""
        try:
            self._write_and_read(data, seconds_max)
        except OSError:
            self._connect_again()
            return False
        return True

    def _write_and_read(self, data: bytes, seconds_max: float) -> None:
        rest = memoryview(data)
        end = time.monotonic() + seconds_max
        while True:
            wait_seconds = max(end - time.monotonic(), 0.0)
            readable, writable, _ = select.select([self._line], [self._line] if rest else [], [], wait_seconds)
            if readable:
                self._read()
            if writable:
                try:
                    rest = rest[self._line.send(rest[:_WRITE_BYTES]) :]
                    self._wrote_at = time.monotonic()
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    continue
            if not rest:
                return
            if time.monotonic() > end:
                raise TimeoutError("the broker takes nothing")

    def _read(self) -> None:
        while True:
            try:
                part = self._line.recv(_WRITE_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not part:
                raise ConnectionResetError("the broker hung up")
            self._heard_at = time.monotonic()
            self._unread += part
            self._take_answers()
            if len(part) < _WRITE_BYTES and not isinstance(self._line, ssl.SSLSocket):
                return

    def _take_answers(self) -> None:
        taken, refused, self._unread = read_answers(self._unread)
        self._settle(taken, True)
        self._settle(refused, False)

    def _settle(self, mids: NDArray[np.int64], were_taken: bool) -> None:
        tokens = self._token_of_mid[mids]
        known = tokens >= 0  # an answer from before a reconnection may come twice
        self._token_of_mid[mids] = -1
        for mid in mids[known].tolist():
            self._packet_of_mid.pop(mid, None)
        if known.any():
            self._on_answered(tokens[known], were_taken)

    def _connect_again(self) -> None:
        """Connect anew and send again, marked as such, what was not acknowledged."""
        self._line.close()
        self.start()
        self.reconnections += 1
        again = [sent_again(packet) for packet in self._packet_of_mid.values()]
        if again:
            self._exchange(b"".join(again), ANSWER_SECONDS_MAX)

    def _error(self, what: Text, remedy: Text) -> BrokerError:
        return BrokerError(what, where=Text(f"消息服务器 {self._address}", f"broker {self._address}"), remedy=remedy)
