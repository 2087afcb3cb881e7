"""The order of system calls, as strace saw it: what was received, written, synced and acknowledged, one after another.

Only this order shows a missing sync: a kill -9 leaves what was written in the kernel's hands, a power cut would not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.support.waiting import pause

_CALLS = "recvfrom,recvmsg,sendto,sendmsg,pwrite64,fdatasync,fsync"
_BEGUN = re.compile(r"(\d+) +(\w+|\?+)\((.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+|\?+) resumed>(.*)")
_ASIDE = re.compile(r"(\d+) +(?:---|\+\+\+) .*")
"""A signal that was delivered, the end of a thread."""
_RESULT = re.compile(r"((?:(?!\) +=).)*)\) += (\?|-?\d+)(?: E[A-Z0-9]+ \([^()]*(?:\([^()]*\))?[^()]*\))?")
_NO_RESULT_YET = ("<unfinished ...>", "<detached ...>")
_TARGET = re.compile(r"\d+<(.*?)>(?=[, ]|$)")
_NO_ADDRESS = re.compile(r"(?:TCP|TCPv6|socket):\[\d+\]|")
"""A socket of which strace knows no more than its number, or nothing at all."""
_BYTES = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_PUBLISH, _PUBACK = 3, 4
_QOS_MASK = 0x06


class TraceNotUnderstood(AssertionError):
    """A line of the trace may hide what the test looks for: nothing can be said."""


class Event(Enum):
    """What happened, as far as the promise is concerned."""

    RECEIVED = "received"
    WRITTEN = "written"
    SYNCED = "synced"
    ACKNOWLEDGED = "acknowledged"


@dataclass
class Call:
    """One system call of one thread."""

    name: str
    text: str
    """What stands between its brackets."""
    begun_at: int
    """Line at which it began."""
    ended_at: int | None = None
    """Line at which it returned; None for one that never did, because its thread was ended in it."""
    returned: int | None = None
    """What it returned, -1 for an error; None where it never did."""

    @property
    def target(self) -> str:
        """Return the file or socket that it is about, empty where strace could not name it."""
        found = _TARGET.match(self.text)
        return re.sub(r"\\x([0-9a-f]{2})", lambda byte: chr(int(byte[1], 16)), found[1]) if found else ""

    @property
    def may_have_moved(self) -> bool:
        """Return whether something was received, sent, written or synced, or may have been."""
        if self.returned is None:
            return self.name.startswith("send")
        return self.returned > 0 or (self.returned == 0 and self.name.endswith("sync"))

    @property
    def data(self) -> bytes:
        """Return the bytes that were moved; of a call that never returned, all that it was to move."""
        whole = b"".join(bytes.fromhex(part.replace("\\x", "")) for part in _BYTES.findall(self.text))
        return whole if self.returned is None else whole[: max(self.returned, 0)]


def tracer(file: Path) -> list[str]:
    """Return the words that trace a program into a file; the program keeps its process id."""
    return ["strace", "-D", "-f", "-yy", "-xx", "-s", "1000000", "-e", f"trace={_CALLS}", "-o", str(file)]


def wait_for_end(file: Path, pid: int, seconds_max: float = 60.0) -> None:
    """Wait until the trace tells of the end of a program: strace may still write when the program is gone."""
    give_up_at = time.monotonic() + seconds_max
    while not any(line.startswith(f"{pid} ") and "+++" in line for line in _lines_of(file)[-1:]):
        if time.monotonic() > give_up_at:
            raise TraceNotUnderstood(f"strace did not write the end of the trace in {seconds_max:g} s")
        pause(0.05)


def calls(lines: Sequence[str]) -> list[Call]:
    """Return the calls in the order in which they began.

    Raises TraceNotUnderstood for a line that is none of those which strace writes, and for the end of a call
    that did not begin.
    """
    found: list[Call] = []
    under_way: dict[str, Call] = {}
    for at, line in enumerate(lines):
        if begun := _BEGUN.fullmatch(line):
            thread, name, rest = begun.groups()
            call = Call(name, "", at)
            found.append(call)
        elif resumed := _RESUMED.fullmatch(line):
            thread, name, rest = resumed.groups()
            if thread not in under_way or name not in (under_way[thread].name, "?" * len(name)):
                raise TraceNotUnderstood(f"line {at + 1} ends a call that did not begin: {line[:200]}")
            call = under_way.pop(thread)
        elif aside := _ASIDE.fullmatch(line):
            if "+++" in line:
                under_way.pop(aside[1], None)
            continue
        else:
            raise TraceNotUnderstood(f"line {at + 1}: {line[:200]}")
        if thread in under_way:
            raise TraceNotUnderstood(f"line {at + 1} begins a call within a call: {line[:200]}")
        ended = _RESULT.fullmatch(rest)
        if ended is None and not rest.endswith(_NO_RESULT_YET):
            raise TraceNotUnderstood(f"line {at + 1} neither returns nor waits: {line[:200]}")
        call.text += (ended[1] if ended else rest).removesuffix(_NO_RESULT_YET[0]).removesuffix(_NO_RESULT_YET[1])
        if ended is None:
            under_way[thread] = call
        elif ended[2] != "?":  # with ? its thread was ended in it, or it was interrupted and did nothing
            call.ended_at, call.returned = at, int(ended[2])
            if "?" in call.name:
                raise TraceNotUnderstood(f"line {at + 1} is the end of a call without a name: {line[:200]}")
    return found


def events(file: Path, broker_port: int, log_name: str) -> list[tuple[Event, int]]:
    """Return what happened in order: with the packet id for messages, 0 for the file whose name ends in `log_name`.

    A call counts as begun for what it sends and writes, as ended for what it receives and syncs. One that failed
    counts for nothing; one that never returned may have sent, and has neither written, synced nor received.
    """
    sent, received = _Streams(_PUBACK), _Streams(_PUBLISH)
    happened: list[tuple[int, Event, int]] = []
    every = calls(_lines_of(file))
    broker = f"->127.0.0.1:{broker_port}]"
    for call in every:
        target = call.target
        if call.may_have_moved and _NO_ADDRESS.fullmatch(target):
            raise TraceNotUnderstood(f"line {call.begun_at + 1}: {call.name}, and nobody knows of what: {target}")
        if call.name.startswith("send") and broker in target:
            happened += [(call.begun_at, Event.ACKNOWLEDGED, mid) for mid in sent.take(target, call.data)]
        elif call.name == "pwrite64" and target.endswith(log_name) and (call.returned or -1) > 0:
            happened.append((call.begun_at, Event.WRITTEN, 0))
        elif call.name.endswith("sync") and target.endswith(log_name) and call.returned == 0:
            assert call.ended_at is not None
            happened.append((call.ended_at, Event.SYNCED, 0))
    # Of two threads that receive, the one that returned first has the earlier bytes.
    ended = sorted((call.ended_at, number) for number, call in enumerate(every) if call.ended_at is not None)
    for at, number in ended:
        call = every[number]
        if call.name.startswith("recv") and broker in call.target:
            happened += [(at, Event.RECEIVED, mid) for mid in received.take(call.target, call.data)]
    return [(event, mid) for _, event, mid in sorted(happened, key=lambda one: one[0])]


def _lines_of(file: Path) -> list[str]:
    return file.read_text(encoding="ascii", errors="replace").splitlines() if file.exists() else []


class _Streams:
    """The packets of one direction, connection by connection."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._of: dict[str, _Packets] = {}

    def take(self, target: str, data: bytes) -> list[int]:
        """Return the packet ids of the wanted packets that these bytes complete."""
        return list(self._of.setdefault(target, _Packets(self._wanted)).take(data))


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
