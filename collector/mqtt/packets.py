"""MQTT packets out of a stream of bytes: PUBLISH packets in bulk as columns, all others left whole for paho.

Source: MQTT 3.1.1 and MQTT 5.0 (OASIS), 2.1 fixed header, 3.3 PUBLISH, 3.4 PUBACK.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from collector.wire.format import BATCH_BYTES_MAX
from grid.errors import BrokerError
from grid.text import Text

PACKET_BYTES_MAX = 2 * BATCH_BYTES_MAX
"""What the broker may send us in one packet: more than we take, so that the too large is seen and refused."""

_PUBLISH = 0x30
_PUBACK = 0x40
_TYPE_MASK = 0xF0
_FLAGS_MASK = 0x0F
_MID_BYTES = {0x30: 0, 0x31: 0, 0x32: 2, 0x33: 2, 0x3A: 2, 0x3B: 2}
"""Length of the packet id, by first byte: PUBLISH at QoS 0 and 1, retained or not, sent again or not."""
_MORE = 0x80
"""Bit of a length byte: another one follows. There are up to four (1.5.5 variable byte integer)."""
_LENGTH_BYTES_MAX = 4
_CONTROL_BYTES_MAX = 64 * 1024
"""No packet other than PUBLISH that a broker sends is anywhere near as long."""
_KEPT_BYTES_MAX = BATCH_BYTES_MAX + 64 * 1024 + 1_024
"""Size of what is kept of a packet longer than `PACKET_BYTES_MAX` [bytes]: its topic, and enough to see what it is."""


@dataclass(frozen=True, slots=True)
class Published:
    """n PUBLISH packets, in order of arrival, as columns."""

    topics: list[bytes] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    flags: bytearray = field(default_factory=bytearray)
    """(n,) the low four bits of the first byte: retained, QoS, repeated."""
    mids: list[int] = field(default_factory=list)
    """Packet ids of those with QoS 1, in order."""


class PacketReader:
    """Cuts what comes over one connection into packets. It does no I/O.

    Raises BrokerError for bytes that no broker sends; what came before them has been handed over by then.
    """

    def __init__(self, has_properties: bool) -> None:
        """Begin with the first byte of a connection. `has_properties`: packets are those of MQTT 5."""
        self._has_properties = has_properties
        self._data = b""
        self._at = 0
        self._to_skip = 0
        self._fault = ""
        self.lacks_room = False
        """The last `read` left a message behind because there was no room for it."""
        self.control = bytearray()
        """Whole packets of other kinds, in their order, for whoever handles them; to be taken away from here."""

    def feed(self, data: bytes) -> None:
        """Add what has come."""
        skipped = min(self._to_skip, len(data))
        self._to_skip -= skipped
        self._data = self._data[self._at :] + (data[skipped:] if skipped else data)
        self._at = 0

    def read(self, messages_max: int, bytes_max: int, first_fits: bool = True) -> Published:
        """Return the next whole PUBLISH packets, up to a number and a size; of any size the first, if it may be."""
        if self._fault:
            raise BrokerError(
                Text(f"收到的内容不合 MQTT 规范（{self._fault}）", self._fault),
                remedy=Text(
                    "broker.host 和 broker.port 处必须是 MQTT 消息服务器",
                    "what speaks at broker.host and broker.port must be an MQTT broker",
                ),
            )
        found = Published()
        topics, payloads, flags, mids = found.topics, found.payloads, found.flags, found.mids
        data, at, has_properties = self._data, self._at, self._has_properties
        end_of_room = at + bytes_max
        end = min(len(data), end_of_room)
        self.lacks_room = False
        while True:
            # The usual packet, at the price of a dozen operations; `_read_one` reads exactly whatever is not usual,
            # and says whether there is room for it where that is in doubt.
            stop = payload_at = end + 1
            if at + 5 < end and (head := data[at]) in _MID_BYTES:
                length, body = data[at + 1], at + 2
                if length >= _MORE:
                    length, body = length - _MORE + (data[body] << 7), body + 1
                topic_end = body + 2 + (data[body] << 8 | data[body + 1])
                payload_at, stop = topic_end + _MID_BYTES[head], body + length
            if (
                stop > end
                or payload_at >= stop
                or data[at + 2] >= _MORE
                or (has_properties and data[payload_at])
                or len(payloads) >= messages_max
            ):
                self._at = at
                if not self._read_one(found, messages_max, end_of_room - at, first_fits):
                    return found
                at = self._at
                continue
            if payload_at > topic_end:
                mids.append(data[topic_end] << 8 | data[topic_end + 1])
            topics.append(data[body + 2 : topic_end])
            payloads.append(data[payload_at + has_properties : stop])
            flags.append(head & _FLAGS_MASK)
            at = stop

    def _read_one(self, found: Published, messages_max: int, bytes_left: int, first_fits: bool) -> bool:
        """Read the next packet exactly, whatever it is; return whether it was there, and there was room for it."""
        data, at = self._data, self._at
        header = self._length(data, at + 1)
        if header is None:
            return False
        length, body = header
        if data[at] & _TYPE_MASK != _PUBLISH:
            if length > _CONTROL_BYTES_MAX:
                self._fault = f"a packet of kind {data[at] >> 4} is {length} bytes long"
            elif body + length <= len(data):
                self.control += data[at : body + length]
                self._at = body + length
            return self._at > at
        kept = length if length <= PACKET_BYTES_MAX else _KEPT_BYTES_MAX
        stop = body + kept
        if stop > len(data):
            return False
        if len(found.payloads) >= messages_max or (kept > bytes_left and (found.payloads or not first_fits)):
            self.lacks_room = True
            return False
        if not self._cut(data[at], data[body:stop], found):
            self._fault = f"a PUBLISH packet cannot be read, it begins {data[at : at + 16].hex(' ')}"
            return False
        self._at = min(len(data), stop + length - kept)
        self._to_skip = stop + length - kept - self._at
        return True

    def _cut(self, head: int, packet: bytes, found: Published) -> bool:
        """Cut a PUBLISH packet without its fixed header into its parts; return whether it is one."""
        topic_end = payload_at = 2 + int.from_bytes(packet[:2])
        if head not in _MID_BYTES:
            return False
        payload_at += _MID_BYTES[head]
        if self._has_properties:
            properties = self._length(packet, payload_at)
            if properties is None:
                return False
            payload_at = sum(properties)
        if len(packet) < 2 or payload_at > len(packet):
            return False
        if _MID_BYTES[head]:
            found.mids.append(int.from_bytes(packet[topic_end : topic_end + 2]))
        found.topics.append(packet[2:topic_end])
        found.payloads.append(packet[payload_at:])
        found.flags.append(head & _FLAGS_MASK)
        return True

    def _length(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return the length that stands there and where it ends; None when it is not all there, or no length."""
        length = 0
        for place, byte in enumerate(data[at : at + _LENGTH_BYTES_MAX]):
            length |= (byte & ~_MORE) << 7 * place
            if byte < _MORE:
                return length, at + place + 1
        if len(data) >= at + _LENGTH_BYTES_MAX:
            self._fault = f"a length goes on for more than {_LENGTH_BYTES_MAX} bytes"
        return None


def acknowledgements(mids: list[int]) -> bytes:
    """Return the PUBACK packets of packet ids, in order; without a reason code, which means success."""
    packets = np.empty((len(mids), 4), np.uint8)
    ids = np.array(mids, np.uint16)
    packets[:, 0], packets[:, 1] = _PUBACK, 2
    packets[:, 2], packets[:, 3] = ids >> 8, ids & 0xFF
    return packets.tobytes()
