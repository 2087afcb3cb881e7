"""A stream of readings with faults: between the devices and the publisher, message by message.

What happens to a reading follows from seed, fault, transformer and moment alone, so a run gives the same messages
however it is cut into pieces, and one fault does not move the chance of another.
"""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import count

import msgspec

from grid.errors import UsageError
from grid.text import Text
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US
from simulator.faults.faults import Fault, Kind
from simulator.faults.values import Bent

_VALUES = (
    Kind.STUCK,
    Kind.WRONG_RATIO,
    Kind.WATTS,
    Kind.PHASE_SWAP,
    Kind.NEGATIVE,
    Kind.FROZEN_CLOCK,
    Kind.DRIFTING_CLOCK,
    Kind.WRONG_ZONE,
)


@dataclass(frozen=True)
class Sending:
    """One message on its way to the broker."""

    at_us: int
    """When it leaves, by the stream's own time [µs]."""
    transformer_id: str
    topic: str
    payload: bytes
    retained: bool = False
    cut_before: bool = False
    """The connection breaks before it is sent."""


class FaultyStream:
    """Gives the messages of devices the faults that were asked for."""

    def __init__(self, faults: Sequence[Fault], known_ids: Collection[str], seed: int, utc_offset_hours: float) -> None:
        """Prepare. Clock times of faults are those of the first reading's day at `utc_offset_hours`.

        Raises UsageError for a fault of a transformer that `known_ids` does not have.
        """
        for fault in faults:
            _refuse_unknown_ids(fault, known_ids)
        # In the order in which they act, whatever the order in which they were written.
        self._faults = sorted(faults, key=lambda fault: list(Kind).index(fault.kind))
        self._seed = seed
        self._offset_us = round(utc_offset_hours * HOUR_US)
        self._midnight_us: int | None = None
        self._bent: dict[tuple[int, str], Bent] = {}
        self._kept: list[tuple[int, int, Sending]] = []
        self._number = count()

    def send(self, sending: Sending) -> Iterator[Sending]:
        """Yield what leaves when this message should: what was kept until now, then the message as it became.

        Messages are given in the order of `at_us`.
        """
        yield from self._released(sending.at_us)
        midnight_us = self._midnight_us
        if midnight_us is None:
            midnight_us = (sending.at_us + self._offset_us) // DAY_US * DAY_US - self._offset_us
            self._midnight_us = midnight_us
        became = [sending]
        for number, fault in enumerate(self._faults):
            if _strikes(fault, sending, midnight_us):
                became = [after for before in became for after in self._strike(number, fault, before)]
        for after in became:
            if after.at_us <= sending.at_us:
                yield after
            else:
                heapq.heappush(self._kept, (after.at_us, next(self._number), after))

    def rest(self) -> Iterator[Sending]:
        """Yield what is still kept when the stream is over."""
        while self._kept:
            yield heapq.heappop(self._kept)[2]

    def _released(self, until_us: int) -> Iterator[Sending]:
        while self._kept and self._kept[0][0] <= until_us:
            yield heapq.heappop(self._kept)[2]

    def _strike(self, number: int, fault: Fault, sending: Sending) -> list[Sending]:
        if fault.kind in _VALUES:
            bent = self._bent.setdefault((number, sending.transformer_id), Bent(fault, sending.at_us))
            return [replace(sending, payload=_bent_payload(bent, sending))]
        if fault.kind is Kind.SILENT:
            return []
        if fault.kind is Kind.RETAINED:
            return [replace(sending, retained=True)]
        if fault.kind is Kind.LATE:
            return [self._in_a_block(fault, sending)]
        if self._chance(fault, sending, "strikes") >= fault.share:
            return [sending]
        match fault.kind:
            case Kind.LOST:
                return []
            case Kind.DUPLICATE:
                return [sending, replace(sending, cut_before=False)]
            case Kind.GARBAGE:
                return [replace(sending, payload=_garbage(sending.payload, self._chance(fault, sending, "which")))]
            case Kind.SHUFFLED:
                delay_us = round(self._chance(fault, sending, "delay") * fault.amount)
                return [replace(sending, at_us=sending.at_us + delay_us)]
            case _:
                return [replace(sending, cut_before=True)]

    def _in_a_block(self, fault: Fault, sending: Sending) -> Sending:
        # Devices do not cut their blocks at one moment: else a whole town would come in one second.
        length_us = round(fault.amount)
        shift_us = round(self._rng(fault, sending.transformer_id, "shift") * length_us)
        block = (sending.at_us + shift_us) // length_us
        if self._rng(fault, sending.transformer_id, str(block)) >= fault.share:
            return sending
        return replace(sending, at_us=(block + 1) * length_us - shift_us)

    def _chance(self, fault: Fault, sending: Sending, what: str) -> float:
        return self._rng(fault, sending.transformer_id, str(sending.at_us), what)

    def _rng(self, fault: Fault, *name: str) -> float:
        """Return a number from 0 to 1 that belongs to seed, fault and name."""
        words = "\n".join((str(self._seed), fault.text, *name))
        return int.from_bytes(blake2b(words.encode(), digest_size=8).digest()) / 2.0**64


def _refuse_unknown_ids(fault: Fault, known_ids: Collection[str]) -> None:
    for transformer_id in fault.transformer_ids:
        if transformer_id not in known_ids:
            some = ", ".join(sorted(known_ids)[:5]) + (" …" if len(known_ids) > 5 else "")
            raise UsageError(
                Text(
                    f"这里没有台区 {transformer_id!r} 的设备在发送",
                    f"no device of a transformer {transformer_id!r} sends here",
                ),
                where=f"--fault {fault.text}",
                remedy=Text(
                    f"请写 {some} 之一，或用 * 表示全部" if known_ids else "请先导入台账",
                    f"name one of {some}, or * for all" if known_ids else "import a ledger first",
                ),
            )


def _strikes(fault: Fault, sending: Sending, midnight_us: int) -> bool:
    if fault.transformer_ids and sending.transformer_id not in fault.transformer_ids:
        return False
    minute = (sending.at_us - midnight_us) / MINUTE_US
    return (fault.from_minute is None or minute >= fault.from_minute) and (
        fault.to_minute is None or minute < fault.to_minute
    )


def _bent_payload(bent: Bent, sending: Sending) -> bytes:
    try:
        members = msgspec.json.decode(sending.payload)
    except msgspec.DecodeError:
        return sending.payload
    return msgspec.json.encode(bent.bend(members, sending.at_us)) if isinstance(members, dict) else sending.payload


_GARBAGE: tuple[Callable[[bytes], bytes], ...] = (
    lambda payload: payload[: len(payload) // 2],
    lambda payload: gzip.compress(payload, mtime=0),
    lambda payload: payload[:1] + b"\xff\xfe" + payload[3:],
    lambda payload: b"",
    lambda payload: payload + b"}",
    lambda payload: payload.replace(b'"', b"'"),
)
"""What becomes of bytes on a bad line: cut off, packed, bits turned, nothing, something behind, quotes changed."""


def _garbage(payload: bytes, which: float) -> bytes:
    return _GARBAGE[int(which * len(_GARBAGE))](payload)
