"""A publisher that costs little: MQTT 3.1.1, QoS 1, packets built ahead and sent in blocks over a plain socket."""

from __future__ import annotations

import socket
import struct
import time
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

_OUTSTANDING_MAX = 4_000
_BLOCK_MESSAGES_MAX = 500
_BLOCK_BYTES_MAX = 256 * 1024


class Publisher:
    """One connection to the broker. Every message sent is one that the broker has acknowledged when `send` returns."""

    def __init__(self, port: int, client_id: str = "bench-publisher") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        variable = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(client_id)
        self._socket.sendall(b"\x10" + _length(len(variable)) + variable)
        if self._read(4) != b"\x20\x02\x00\x00":
            raise ConnectionError("the broker refused the publisher")
        self._outstanding = 0

    def __enter__(self) -> Self:
        """Return the publisher."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    def send(self, messages: list[tuple[str, bytes]], messages_per_second: float | None = None) -> NDArray[np.float64]:
        """Send all messages, as fast as they are taken or at a rate; return when each was sent (n,) [s, monotonic]."""
        packets = [_publish(topic, payload, 1 + i % 65_535) for i, (topic, payload) in enumerate(messages)]
        sent_at = np.empty(len(packets))
        begun, at = time.monotonic(), 0
        while at < len(packets):
            end = self._block_end(packets, at)
            if messages_per_second is not None:
                due = int((time.monotonic() - begun) * messages_per_second) + 1
                if due <= at:
                    time.sleep(0.001)
                    continue
                end = min(end, due)
            self._take_acknowledgements(_OUTSTANDING_MAX - (end - at))
            sent_at[at:end] = time.monotonic()
            self._socket.sendall(b"".join(packets[at:end]))
            self._outstanding += end - at
            at = end
        self._take_acknowledgements(0)
        return sent_at

    def _block_end(self, packets: list[bytes], at: int) -> int:
        size, end = 0, at
        while end < len(packets) and end - at < _BLOCK_MESSAGES_MAX and size < _BLOCK_BYTES_MAX:
            size += len(packets[end])
            end += 1
        return end

    def _take_acknowledgements(self, outstanding_max: int) -> None:
        while self._outstanding > outstanding_max:
            answers = self._read(4 * (self._outstanding - outstanding_max))
            if any(kind != 0x40 for kind in answers[::4]):
                raise ConnectionError("the broker answered something else than PUBACK")
            self._outstanding -= len(answers) // 4

    def _read(self, wanted: int) -> bytes:
        parts = bytearray()
        while len(parts) < wanted:
            part = self._socket.recv(wanted - len(parts))
            if not part:
                raise ConnectionError("the broker closed the connection")
            parts += part
        return bytes(parts)


def _publish(topic: str, payload: bytes, packet_id: int) -> bytes:
    variable = _text(topic) + struct.pack(">H", packet_id)
    return b"\x32" + _length(len(variable) + len(payload)) + variable + payload


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _length(value: int) -> bytes:
    parts = bytearray()
    while True:
        value, low = divmod(value, 128)
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)
