"""A publisher that costs little: packets built ahead, sent in slices over a plain socket, at a pace or in a window."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from bench.ingest.packets import ACCEPTED, PUBACK_BYTES, Stream, connect_3

UNANSWERED_MAX = 20_000
"""Messages at QoS 1 that the broker has not acknowledged; packet ids would run out at 65,535."""
_BLOCK_MESSAGES_MAX = 1_000
_NAP_SECONDS = 0.001
_RECEIVE_BYTES = 256 * 1024

MaySend = Callable[[int], int]
"""Told how many messages are sent, says how many may be in all by now."""


class Publisher:
    """One connection to the broker, MQTT 3.1.1, clean session."""

    def __init__(self, port: int, client_id: str = "bench-publisher") -> None:
        """Connect. Raises OSError when there is no broker or it refuses."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30.0)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(connect_3(client_id))
        if self._socket.recv(len(ACCEPTED), socket.MSG_WAITALL) != ACCEPTED:
            raise ConnectionError("the broker refused the publisher")
        self._answer_bytes = 0
        """Half an answer that is kept for later would be lost count of; so bytes are counted, not answers."""
        self._asked = 0

    def __enter__(self) -> Self:
        """Return the publisher."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()

    @property
    def unanswered(self) -> int:
        """Return how many messages at QoS 1 the broker has not acknowledged."""
        return self._asked - self._answer_bytes // PUBACK_BYTES

    def send(self, stream: Stream, may_send: MaySend, seconds_max: float) -> NDArray[np.float64]:
        """Send messages as far as `may_send` allows and time lasts; return when each was sent (n,) [s, monotonic].

        At QoS 1 every message sent is one that the broker has acknowledged when this returns.
        """
        sent_at = np.empty(len(stream))
        at, end_at = 0, time.monotonic() + seconds_max
        while at < len(stream) and time.monotonic() < end_at:
            room = min(may_send(at) - at, _BLOCK_MESSAGES_MAX, len(stream) - at)
            if room <= 0:
                self._hear_answers(wait=False)
                time.sleep(_NAP_SECONDS)
                continue
            end = stream.block_end(at, room)
            while stream.qos and self.unanswered + end - at > UNANSWERED_MAX:
                self._hear_answers(wait=True)
            sent_at[at:end] = time.monotonic()
            self._socket.sendall(stream.slice(at, end))
            self._asked += (end - at) if stream.qos else 0
            self._hear_answers(wait=False)
            at = end
        while self.unanswered:
            self._hear_answers(wait=True)
        return sent_at[:at]

    def _hear_answers(self, wait: bool) -> None:
        if not self.unanswered:
            return
        try:
            answers = self._socket.recv(_RECEIVE_BYTES, 0 if wait else socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        if not answers:
            raise ConnectionError("the broker closed the connection")
        self._answer_bytes += len(answers)


def at_pace(messages_per_second: float) -> MaySend:
    """Return leave to send at a steady pace from now on."""
    begun = time.monotonic()
    return lambda _: int((time.monotonic() - begun) * messages_per_second) + 1


def in_window(seen: Callable[[], int], least: int, most: int) -> MaySend:
    """Return leave to be ahead of what a receiver has seen, as it counts itself: by half as many, within bounds."""
    allowed = 0

    def may_send(sent: int) -> int:
        nonlocal allowed
        if sent >= allowed:
            had = seen()
            allowed = had + min(max(had // 2, least), most)
        return allowed

    return may_send
