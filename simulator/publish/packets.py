"""The packets of a publisher as bytes: PUBLISH at QoS 0 and 1, and the broker's answers, in blocks.

Source: MQTT 3.1.1 and MQTT 5.0 (OASIS), 2.1 fixed header, 3.3 PUBLISH, 3.4 PUBACK, 3.12 PINGREQ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MID_MAX = 65_535
PING = b"\xc0\x00"

_PUBLISH, _QOS_1, _AGAIN = 0x30, 0x02, 0x08
_PUBACK, _DISCONNECT = 0x40, 0xE0
_FAILURE = 0x80
"""Reason codes of MQTT 5 from here on mean that the message was not taken."""

Mids = NDArray[np.int64]


def publish_packet(topic: str, payload: bytes, has_properties: bool, mid: int = 0) -> bytes:
    """Return the packet of a message; without a packet id it goes at QoS 0. `has_properties`: as MQTT 5 has it."""
    name = topic.encode()
    id_bytes = mid.to_bytes(2, "big") if mid else b""
    properties = b"\x00" if has_properties else b""
    length = 2 + len(name) + len(id_bytes) + len(properties) + len(payload)
    head = bytearray([_PUBLISH | _QOS_1 if mid else _PUBLISH])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return b"".join((head, len(name).to_bytes(2, "big"), name, id_bytes, properties, payload))


def sent_again(packet: bytes) -> bytes:
    """Return a packet at QoS 1 marked as one that may have come before."""
    return bytes([packet[0] | _AGAIN]) + packet[1:]


def read_answers(data: bytes) -> tuple[Mids, Mids, bytes]:
    """Return the packet ids that were taken (k,) and refused (m,), and the bytes of a packet that is not whole yet.

    Raises ConnectionError when the broker hangs up, or sends what no publisher is sent.
    """
    whole = len(data) // 4 * 4
    answers = np.frombuffer(data, np.uint8, whole).reshape(-1, 4)
    if len(answers) and (answers[:, 0] == _PUBACK).all() and (answers[:, 1] == 2).all():
        return answers[:, 2].astype(np.int64) << 8 | answers[:, 3], np.empty(0, np.int64), data[whole:]
    return _read_singly(data)


def _read_singly(data: bytes) -> tuple[Mids, Mids, bytes]:
    """Read what is not only plain acknowledgements: reason codes of MQTT 5, answers to pings."""
    at = 0
    taken: list[int] = []
    refused: list[int] = []
    while len(data) - at >= 2:
        kind, length = data[at] & 0xF0, data[at + 1]
        if length > 127:
            raise ConnectionError("the broker sent something that is no acknowledgement")
        if len(data) - at < 2 + length:
            break
        if kind == _PUBACK:
            mid = int.from_bytes(data[at + 2 : at + 4], "big")
            (refused if length > 2 and data[at + 4] >= _FAILURE else taken).append(mid)
        elif kind == _DISCONNECT:
            raise ConnectionResetError("the broker says goodbye")
        at += 2 + length
    return np.array(taken, np.int64), np.array(refused, np.int64), data[at:]
