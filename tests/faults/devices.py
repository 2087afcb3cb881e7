"""Devices that keep a ledger of their own: which of their readings the broker has acknowledged, by key.

MQTT 3.1.1 at QoS 1 over a plain socket, so that what is counted here shares no line with what is tested.
A connection that breaks is made again, and what was not acknowledged is sent again, as devices do.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.faults.street import Key, Sent
from tests.support.mqtt_bytes import length_of
from tests.support.waiting import pause

_BLOCK_MESSAGES = 200
_RECONNECT_SECONDS = 0.1
_SEND_SECONDS_MAX = 900.0


class Devices:
    """One connection that publishes for all devices. `acknowledged` is the ledger."""

    def __init__(self, port: int, client_id: str = "devices", outstanding_max: int = 1_000) -> None:
        """Connect to the broker on a loopback port."""
        self._port = port
        self._client_id = client_id
        self._outstanding_max = outstanding_max
        self.acknowledged: set[Key] = set()
        self.messages_acknowledged = 0
        self.connections = 0
        self._outstanding: dict[int, Sent] = {}
        self._next_mid = 0
        self._unread = b""
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._stop = threading.Event()
        self._socket = self._connected()

    def __enter__(self) -> Self:
        """Return the devices."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sending and hang up."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._socket.close()

    def send(self, messages: Sequence[Sent], per_second: float | None = None, retain: bool = False) -> None:
        """Send all, as fast as they are taken or at a rate; return when the broker has acknowledged every one."""
        begun, at = time.monotonic(), 0
        while (at < len(messages) or self._outstanding) and not self._stop.is_set():
            if time.monotonic() - begun > _SEND_SECONDS_MAX:
                raise TimeoutError(f"{len(messages) - at + len(self._outstanding)} messages not acknowledged")
            due = len(messages) if per_second is None else int((time.monotonic() - begun) * per_second) + 1
            end = min(len(messages), due, at + _BLOCK_MESSAGES, at + self._outstanding_max - len(self._outstanding))
            packets = [self._packet(message, retain) for message in messages[at:end]]
            at = max(at, end)
            try:
                if packets:
                    self._socket.sendall(b"".join(packets))
                self._take_acknowledgements(0.0 if at < min(len(messages), due) else 0.005)
            except OSError:
                self._connect_again(retain)

    def start_sending(self, messages: Sequence[Sent], per_second: float | None = None) -> None:
        """Send in a thread of its own; `wait` for its end."""

        def run() -> None:
            try:
                self.send(messages, per_second)
            except (OSError, TimeoutError) as error:  # told by `wait`
                self._error = error

        self._thread = threading.Thread(target=run, name="devices", daemon=True)
        self._thread.start()

    @property
    def sending(self) -> bool:
        """Return whether something is still being sent."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Wait until all is sent and acknowledged."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._error is not None:
            raise self._error

    def _packet(self, message: Sent, retain: bool) -> bytes:
        while True:
            self._next_mid = self._next_mid % 65_535 + 1
            if self._next_mid not in self._outstanding:
                break
        self._outstanding[self._next_mid] = message
        return _publish(message, self._next_mid, retain)

    def _take_acknowledgements(self, wait_seconds: float) -> None:
        readable, _, _ = select.select([self._socket], [], [], wait_seconds)
        if not readable:
            return
        part = self._socket.recv(65_536)
        if not part:
            raise ConnectionResetError("the broker hung up")
        self._unread += part
        whole = len(self._unread) // 4 * 4
        for kind, _, mid in struct.iter_unpack(">BBH", self._unread[:whole]):
            if kind != 0x40:
                raise ConnectionError(f"the broker sent packet type {kind:#x} instead of PUBACK")
            message = self._outstanding.pop(mid, None)
            if message is not None:
                self.messages_acknowledged += 1
                if message.key is not None:
                    self.acknowledged.add(message.key)
        self._unread = self._unread[whole:]

    def _connect_again(self, retain: bool) -> None:
        self._socket.close()
        while not self._stop.is_set():
            pause(_RECONNECT_SECONDS)
            try:
                self._socket = self._connected()
                self._socket.sendall(b"".join(_publish(m, mid, retain) for mid, m in self._outstanding.items()))
            except OSError:
                continue
            return

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), timeout=30.0)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        variable = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(self._client_id)
        made.sendall(b"\x10" + length_of(len(variable)) + variable)
        answer = b""
        while len(answer) < 4:
            part = made.recv(4 - len(answer))
            if not part:
                raise ConnectionResetError("the broker hung up on CONNECT")
            answer += part
        if answer != b"\x20\x02\x00\x00":
            raise ConnectionRefusedError(f"the broker answered CONNECT with {answer!r}")
        self._unread = b""
        self.connections += 1
        return made


def _publish(message: Sent, mid: int, retain: bool) -> bytes:
    variable = _text(message.topic) + struct.pack(">H", mid)
    return (
        bytes([0x33 if retain else 0x32]) + length_of(len(variable) + len(message.payload)) + variable + message.payload
    )


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw
