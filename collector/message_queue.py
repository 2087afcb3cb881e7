"""The bounded queue between the network thread and the pipeline."""

from __future__ import annotations

import threading
import time
from collections import deque

from collector.message import Message

LINGER_SECONDS = 0.005
"""How long a take waits for more, once there is something: one commit for many, and nobody notices the delay."""


class MessageQueue:
    """Messages in order of arrival, bounded in number and in bytes. One thread puts, one takes."""

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._closed = False
        lock = threading.Lock()
        self._has_room = threading.Condition(lock)
        self._has_messages = threading.Condition(lock)

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._messages)

    def put(self, message: Message) -> bool:
        """Add a message, waiting for room as long as it takes. Return False when the queue was closed instead.

        A message larger than all of `bytes_max` finds room when the queue is empty.
        """
        with self._has_room:
            self._has_room.wait_for(lambda: self._closed or self._holds(message))
            if self._closed:
                return False
            self._messages.append(message)
            self._bytes += len(message.payload)
            self._has_messages.notify()
            return True

    def take(self, messages_max: int, wait_seconds: float) -> list[Message]:
        """Return up to `messages_max` messages; none when nothing came for `wait_seconds`."""
        give_up_at = time.monotonic() + wait_seconds
        with self._has_messages:
            self._has_messages.wait_for(lambda: self._closed or self._messages, wait_seconds)
            waiting = len(self._messages)
        if 0 < waiting < messages_max:
            time.sleep(max(0.0, min(LINGER_SECONDS, give_up_at - time.monotonic())))
        with self._has_room:
            taken = [self._messages.popleft() for _ in range(min(messages_max, len(self._messages)))]
            self._bytes -= sum(len(message.payload) for message in taken)
            self._has_room.notify()
            return taken

    def close(self) -> None:
        """Take no more messages; whoever waits goes on."""
        with self._has_room:
            self._closed = True
            self._has_room.notify_all()
            self._has_messages.notify_all()

    def _holds(self, message: Message) -> bool:
        if len(self._messages) >= self._messages_max:
            return False
        return not self._messages or self._bytes + len(message.payload) <= self._bytes_max
