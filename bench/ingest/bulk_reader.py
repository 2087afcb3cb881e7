"""The bare reader: takes PUBLISH packets off a plain socket in bulk, counts them, acknowledges in bulk, keeps nothing.

    python -m bench.ingest.bulk_reader --port PORT --qos QOS --count FILE

What broker and Python reach together when nothing is done with a message: the bound of any collector in Python.
"""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

from bench.ingest.counts import CountFile
from bench.ingest.packets import connect_5, subscribe_5
from collector.wire.format import subscription_filters

RECEIVE_MAXIMUM = 10_000
"""The collector's own default."""
_RECEIVE_BYTES = 512 * 1024
_PUBLISH, _CONNACK = 3, 2


def main() -> None:
    """Read until the connection ends."""
    words = argparse.ArgumentParser(prog="python -m bench.ingest.bulk_reader")
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--qos", type=int, choices=(0, 1), required=True)
    words.add_argument("--count", type=Path, required=True)
    given = words.parse_args()
    with socket.create_connection(("127.0.0.1", given.port)) as broker, CountFile(given.count) as count:
        broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker.sendall(connect_5("bench-bulk-reader", RECEIVE_MAXIMUM) + subscribe_5(subscription_filters(), given.qos))
        left = b""
        while part := broker.recv(_RECEIVE_BYTES):
            taken, answers, left = read_packets(left + part)
            if answers:
                broker.sendall(b"".join(answers))
            count.add(taken)


def read_packets(read: bytes) -> tuple[int, list[bytes], bytes]:
    """Return how many PUBLISH packets there are, the PUBACKs they ask for, and the unfinished rest.

    Raises ConnectionError when the broker says no.
    """
    answers: list[bytes] = []
    taken, at, end = 0, 0, len(read)
    while end - at >= 2:
        size, body = read[at + 1], at + 2
        if size & 0x80:
            size, shift = size & 0x7F, 7
            while body < end and read[body] & 0x80:
                size |= (read[body] & 0x7F) << shift
                shift, body = shift + 7, body + 1
            if body == end:
                break
            size |= read[body] << shift
            body += 1
        beyond = body + size
        if beyond > end:
            break
        first = read[at]
        if first >> 4 == _PUBLISH:
            taken += 1
            if first & 0x06:
                packet_id = body + 2 + (read[body] << 8 | read[body + 1])
                answers.append(b"\x40\x02" + read[packet_id : packet_id + 2])
        elif first >> 4 == _CONNACK and read[body + 1]:
            raise ConnectionError(f"the broker refused the reader with reason {read[body + 1]:#x}")
        at = beyond
    return taken, answers, read[at:]


if __name__ == "__main__":
    main()
