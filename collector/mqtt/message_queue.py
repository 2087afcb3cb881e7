"""The bounded queue between the network thread and the pipeline."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from collector.message import MessageBlock

LINGER_SECONDS = 0.001
"""How long a take waits for more, once there is something: one commit for many, and nobody notices the delay."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much a queue can take now."""

    messages: int
    bytes: int
    is_all: bool
    """The queue is empty: a message that is larger than all its room finds room too."""


class MessageQueue:
    """Messages in order of arrival, bounded in number and in bytes. One thread puts, one takes."""

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._blocks: deque[MessageBlock] = deque()
        self._messages = 0
        self._bytes = 0
        self._closed = False
        lock = threading.Lock()
        self._has_room = threading.Condition(lock)
        self._has_messages = threading.Condition(lock)

    def __len__(self) -> int:
        """Return how many messages wait."""
        return self._messages

    def room(self, wait_seconds: float = 0.0) -> Room:
        """Return how much room there is, waiting for any so long."""
        with self._has_room:
            if self._is_full() and wait_seconds:
                self._has_room.wait_for(lambda: self._closed or not self._is_full(), wait_seconds)
            return Room(self._messages_max - self._messages, self._bytes_max - self._bytes, not self._messages)

    def put(self, block: MessageBlock) -> bool:
        """Add messages, for which there is room. Return False when the queue was closed instead."""
        with self._has_room:
            if self._closed:
                return False
            self._blocks.append(block)
            self._messages += len(block)
            self._bytes += _bytes_of(block)
            self._has_messages.notify()
            return True

    def take(self, messages_max: int, wait_seconds: float) -> MessageBlock:
        """Return up to `messages_max` messages of one connection; none when nothing came for `wait_seconds`."""
        give_up_at = time.monotonic() + wait_seconds
        with self._has_messages:
            self._has_messages.wait_for(lambda: self._closed or self._messages, wait_seconds)
            waiting = self._messages
        if 0 < waiting < messages_max:
            time.sleep(max(0.0, min(LINGER_SECONDS, give_up_at - time.monotonic())))
        with self._has_room:
            taken: list[MessageBlock] = []
            left = messages_max
            while self._blocks and left and self._blocks[0].epoch == (taken or self._blocks)[0].epoch:
                block = self._blocks.popleft()
                if len(block) > left:
                    self._blocks.appendleft(block[left:])
                    block = block[:left]
                taken.append(block)
                left -= len(block)
            self._messages -= sum(map(len, taken))
            self._bytes -= sum(map(_bytes_of, taken))
            self._has_room.notify()
        return MessageBlock.join(taken)

    def close(self) -> None:
        """Take no more messages; whoever waits goes on."""
        with self._has_room:
            self._closed = True
            self._has_room.notify_all()
            self._has_messages.notify_all()

    def _is_full(self) -> bool:
        return self._messages >= self._messages_max or self._bytes >= self._bytes_max


def _bytes_of(block: MessageBlock) -> int:
    return sum(map(len, block.payloads))
