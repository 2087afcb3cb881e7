"""The order of system calls, as strace saw it: what was received, written, synced and acknowledged, one after another.

Only this order shows a missing sync: a kill -9 leaves what was written in the kernel's hands, a power cut would not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

_CALLS = "recvfrom,recvmsg,sendto,sendmsg,pwrite64,fdatasync,fsync"
_LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\((\d+<.*?>)?(?=[,)]))(.*)")
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PUBLISH, _PUBACK = 3, 4
_QOS_MASK = 0x06


class Event(Enum):
    """What happened, as far as the promise is concerned."""

    RECEIVED = "received"
    WRITTEN = "written"
    SYNCED = "synced"
    ACKNOWLEDGED = "acknowledged"


def tracer(file: Path) -> list[str]:
    """Return the words that trace a program into a file; the program keeps its process id."""
    return ["strace", "-D", "-f", "-yy", "-xx", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(file)]


def events(file: Path, broker_port: int, log_name: str) -> Iterator[tuple[Event, int]]:
    """Yield what happened in order: with the packet id for messages, 0 for the file whose name ends in `log_name`.

    A call counts as begun for what it sends and writes, as ended for what it receives and syncs.
    """
    streams: dict[tuple[str, int], _Packets] = {}
    open_calls: dict[str, str] = {}
    with file.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            thread, resumed, called, target, rest = found.groups()
            name = resumed or called
            if called:
                open_calls[thread] = _text_of(target or "")
            target = open_calls[thread]
            is_broker, is_log = f"->127.0.0.1:{broker_port}]" in target, target.endswith(f"{log_name}>")
            ends = "<unfinished" not in rest
            if name.startswith("recv") and is_broker and ends:
                incoming = streams.setdefault((target, _PUBLISH), _Packets(_PUBLISH))
                yield from ((Event.RECEIVED, mid) for mid in incoming.take(_bytes_in(rest, _returned(rest))))
            elif name.startswith("send") and is_broker and called:
                outgoing = streams.setdefault((target, _PUBACK), _Packets(_PUBACK))
                yield from ((Event.ACKNOWLEDGED, mid) for mid in outgoing.take(_bytes_in(rest)))
            elif name == "pwrite64" and is_log and called:
                yield Event.WRITTEN, 0
            elif name.endswith("sync") and is_log and ends:
                yield Event.SYNCED, 0


def _returned(rest: str) -> int:
    value = rest.rpartition(" = ")[2].split(" ")[0].strip()
    return int(value) if value.isdigit() else 0


def _text_of(target: str) -> str:
    """Return a file's or a socket's name; strace writes paths as bytes too."""
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), target)


def _bytes_in(rest: str, size: int | None = None) -> bytes:
    data = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in _BYTES.findall(rest))
    return data if size is None else data[:size]


class _Packets:
    """An MQTT stream of one connection in one direction; gives the packet ids of one type of packet."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._unread = b""

    def take(self, data: bytes) -> Iterator[int]:
        self._unread += data
        while (packet := self._next()) is not None:
            head, body = packet
            has_id = self._wanted != _PUBLISH or head & _QOS_MASK
            if head >> 4 == self._wanted and has_id:
                at = 2 + int.from_bytes(body[:2]) if self._wanted == _PUBLISH else 0
                yield int.from_bytes(body[at : at + 2])

    def _next(self) -> tuple[int, bytes] | None:
        size, shift, at = 0, 0, 1
        while at < len(self._unread):
            size |= (self._unread[at] & 0x7F) << shift
            shift += 7
            at += 1
            if self._unread[at - 1] < 0x80:
                if len(self._unread) < at + size:
                    return None
                packet = self._unread[0], self._unread[at : at + size]
                self._unread = self._unread[at + size :]
                return packet
        return None
