"""A false broker on a plain socket: speaks enough MQTT to be subscribed to, then sends whatever bytes a test wants.

And a slow, obvious reader of the same bytes, which says what a subscriber may hand over of them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from tests.support.mqtt_bytes import length_of

_ANSWER_SECONDS_MAX = 120.0
_CONNECT, _SUBSCRIBE, _PINGREQ, _PUBACK = 0x10, 0x82, 0xC0, 0x40


@dataclass(frozen=True)
class Sending:
    """What one connection is sent, chunk by chunk. Without `handshake` CONNACK and SUBACK are as they should be."""

    chunks: tuple[bytes, ...]
    handshake: bytes | None = None
    """Sent in place of CONNACK, and nothing is waited for."""
    hangs: bool = False
    """The broker does not hang up at the end, and answers no PINGREQ: the subscriber has to notice by itself."""


class FalseBroker:
    """Serves one connection after another on a loopback port, each by the plan for its number (from 1)."""

    def __init__(self, plan: Callable[[int], Sending]) -> None:
        """Listen; `plan` gives what a connection is sent."""
        self._plan = plan
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        self.port = int(self._server.getsockname()[1])
        self.served = 0
        """How many connections have begun and ended."""
        self.acknowledged: list[tuple[int, int]] = []
        """(number of the connection, packet id) of each PUBACK."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="false broker", daemon=True)

    def __enter__(self) -> Self:
        """Begin to serve."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up and end."""
        self._stopping.set()
        self._thread.join()
        self._server.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                caller, _ = self._server.accept()
            except TimeoutError:
                continue
            with caller, contextlib.suppress(OSError, EOFError):
                caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                caller.settimeout(_ANSWER_SECONDS_MAX)
                self._serve(caller, self._plan(self.served + 1))
            self.served += 1

    def _serve(self, caller: socket.socket, sending: Sending) -> None:
        head, body = _packet(caller)
        if head != _CONNECT:
            raise EOFError("the first packet is no CONNECT")
        if sending.handshake is None:
            has_properties = body[6] == 5
            caller.sendall(b"\x20\x03\x00\x00\x00" if has_properties else b"\x20\x02\x00\x00")
            head, body = _packet(caller)
            if head != _SUBSCRIBE:
                raise EOFError(f"packet {head:#x} is no SUBSCRIBE")
            granted = bytes([1] * _filters(body, has_properties))
            rest = body[:2] + (b"\x00" if has_properties else b"") + granted
            caller.sendall(bytes([0x90, len(rest)]) + rest)
        else:
            caller.sendall(sending.handshake)
        listener = threading.Thread(target=self._listen, args=[caller, self.served + 1, sending.hangs])
        listener.start()
        try:
            for chunk in sending.chunks:
                caller.sendall(chunk)
            if not sending.hangs:
                caller.shutdown(socket.SHUT_WR)  # closing at once would throw away what the caller has not read yet
        finally:
            listener.join()

    def _listen(self, caller: socket.socket, number: int, is_mute: bool) -> None:
        """Read what the caller sends until it hangs up."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                head, body = _packet(caller)
                if head == _PUBACK:
                    self.acknowledged.append((number, struct.unpack(">H", body[:2])[0]))
                if head == _PINGREQ and not is_mute:
                    caller.sendall(b"\xd0\x00")


def _packet(caller: socket.socket) -> tuple[int, bytes]:
    """Return first byte and body of the next packet. Raises EOFError at the end of the connection."""
    head = _exactly(caller, 1)[0]
    length = shift = 0
    while True:
        byte = _exactly(caller, 1)[0]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return head, _exactly(caller, length)


def _exactly(caller: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = caller.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def _filters(body: bytes, has_properties: bool) -> int:
    """Return how many filters a SUBSCRIBE holds."""
    at = 3 + body[2] if has_properties else 2
    count = 0
    while at < len(body):
        at += 2 + struct.unpack(">H", body[at : at + 2])[0] + 1
        count += 1
    return count


def publish(
    topic: bytes, payload: bytes, *, mid: int = 0, retain: bool = False, again: bool = False, properties: bytes | None
) -> bytes:
    """Return a PUBLISH packet: QoS 1 with a packet id, else QoS 0. `properties` is None for MQTT 3.1.1."""
    head = 0x30 | (0x02 if mid else 0) | (0x01 if retain else 0) | (0x08 if again and mid else 0)
    body = struct.pack(">H", len(topic)) + topic + (struct.pack(">H", mid) if mid else b"")
    body += (b"" if properties is None else length_of(len(properties)) + properties) + payload
    return bytes([head]) + length_of(len(body)) + body


class Handed(NamedTuple):
    """One message as it may be handed over."""

    topic: str
    """Empty where it is not UTF-8."""
    payload: bytes
    qos: int
    mid: int
    retained: bool


@dataclass(frozen=True)
class Readable:
    """What may be handed over of a stream of bytes."""

    messages: tuple[Handed, ...]
    """All messages up to the first bytes that are no MQTT; a subscriber hands over the first of them."""
    certain: int
    """How many it must hand over: those before the first packet that is not a PUBLISH, which may end the connection."""


def read_slowly(stream: bytes, has_properties: bool, packet_bytes_max: int) -> Readable:
    """Read packet by packet, byte by byte. What is longer than the maximum, or not whole, ends the reading."""
    messages: list[Handed] = []
    certain: int | None = None
    at = 0
    while True:
        header = _length_at(stream, at + 1)
        if header is None or header[0] > packet_bytes_max or header[1] + header[0] > len(stream):
            break
        length, start = header
        if stream[at] >> 4 == 3:
            message = _message(stream[at], stream[start : start + length], has_properties)
            if message is None:
                break
            messages.append(message)
        elif certain is None:
            certain = len(messages)
        at = start + length
    return Readable(tuple(messages), len(messages) if certain is None else certain)


def _length_at(stream: bytes, at: int) -> tuple[int, int] | None:
    length = 0
    for place in range(4):
        if at + place >= len(stream):
            return None
        length += (stream[at + place] % 128) * 128**place
        if stream[at + place] < 128:
            return length, at + place + 1
    return None


def _message(head: int, body: bytes, has_properties: bool) -> Handed | None:
    qos = head >> 1 & 3
    if len(body) < 2 or qos > 1 or (head & 8 and not qos):
        return None
    at = 2 + struct.unpack(">H", body[:2])[0]
    topic, mid = body[2:at], 0
    if qos:
        if len(body) < at + 2:
            return None
        mid = struct.unpack(">H", body[at : at + 2])[0]
        at += 2
    if has_properties:
        properties = _length_at(body, at)
        if properties is None:
            return None
        at = sum(properties)
    if at > len(body):
        return None
    try:
        name = topic.decode()
    except UnicodeDecodeError:
        name = ""
    return Handed(name, body[at:], qos, mid, bool(head & 1))


def one_byte_at_a_time(stream: bytes) -> Iterable[bytes]:
    """Yield each byte as a chunk of its own."""
    return (stream[place : place + 1] for place in range(len(stream)))
