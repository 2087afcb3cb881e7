"""MQTT packets as bytes, straight from the standard: what the benchmark itself sends and reads, and no more.

Nothing of it comes from the product or from paho, so that what is measured does not measure itself.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES_MAX = 128 * 1024
PACKET_IDS = 65_535
"""Packet ids run from 1 to this (MQTT 5, 2.2.1)."""
ACCEPTED = b"\x20\x02\x00\x00"
"""CONNACK of MQTT 3.1.1: accepted, no session."""
PUBACK_BYTES = 4
_SESSION_SECONDS = 3600


@dataclass(frozen=True)
class Stream:
    """Messages as packets behind one another, ready to be sent in slices."""

    packets: bytes
    ends: NDArray[np.int64]
    """(n,) where each packet ends."""
    qos: int

    @staticmethod
    def of(messages: Iterable[tuple[str, bytes]], qos: int) -> Stream:
        """Return (topic, payload) as PUBLISH packets of MQTT 3.1.1; packet ids count up and begin again."""
        packets = [publish(topic, payload, qos, 1 + i % PACKET_IDS) for i, (topic, payload) in enumerate(messages)]
        return Stream(b"".join(packets), np.fromiter(accumulate(map(len, packets)), np.int64), qos)

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.ends)

    def start_of(self, message: int) -> int:
        """Return where a message's packet begins."""
        return int(self.ends[message - 1]) if message else 0

    def block_end(self, first: int, messages_max: int) -> int:
        """Return up to which message a slice from `first` on may go: at least one, else as much as a block holds."""
        fits = int(np.searchsorted(self.ends, self.start_of(first) + BLOCK_BYTES_MAX, side="right"))
        return min(max(first + 1, fits), first + messages_max)

    def slice(self, first: int, end: int) -> memoryview:
        """Return the packets of some messages."""
        return memoryview(self.packets)[self.start_of(first) : self.start_of(end)]


def connect_3(client_id: str) -> bytes:
    """Return a CONNECT of MQTT 3.1.1 with a clean session and no keep-alive."""
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + text(client_id)
    return b"\x10" + length(len(body)) + body


def connect_5(client_id: str, receive_maximum: int) -> bytes:
    """Return a CONNECT of MQTT 5 that resumes its session, which outlives the connection by an hour."""
    properties = struct.pack(">BIBH", 0x11, _SESSION_SECONDS, 0x21, receive_maximum)
    body = b"\x00\x04MQTT\x05\x00\x00\x00" + length(len(properties)) + properties + text(client_id)
    return b"\x10" + length(len(body)) + body


def subscribe_5(filters: Sequence[str], qos: int) -> bytes:
    """Return a SUBSCRIBE of MQTT 5 with packet id 1."""
    body = b"\x00\x01\x00" + b"".join(text(name) + bytes([qos]) for name in filters)
    return b"\x82" + length(len(body)) + body


def publish(topic: str, payload: bytes, qos: int, packet_id: int) -> bytes:
    """Return a PUBLISH of MQTT 3.1.1; at QoS 0 it has no packet id."""
    head = text(topic) + (struct.pack(">H", packet_id) if qos else b"")
    return bytes([0x30 | qos << 1]) + length(len(head) + len(payload)) + head + payload


def text(value: str) -> bytes:
    """Return a UTF-8 string with its length in front (MQTT 5, 1.5.4)."""
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def length(value: int) -> bytes:
    """Return a variable byte integer (MQTT 5, 1.5.5)."""
    parts = bytearray()
    while True:
        value, low = divmod(value, 128)
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)
