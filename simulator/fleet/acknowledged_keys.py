"""The publisher's own ledger: which (transformer, measured_at) the broker has acknowledged, one bit for each.

A file has a line that names it, a line of JSON (`KeysHeader`), and for each round the bits of all transformers,
eight to a byte: 62.5 kB a round for 500,000 transformers. A round is written when all of it is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text

_NAME = b"redvest fleet keys 1\n"

Taken = NDArray[np.bool_]
"""(n,) of which transformers a round's reading is acknowledged."""


class KeysHeader(msgspec.Struct, frozen=True):
    """What the bits are of."""

    transformers: int
    start_us: int
    """When the first round was measured [µs]."""
    interval_us: int

    def timestamp_us(self, turn: int) -> int:
        """Return when a round was measured [µs]."""
        return self.start_us + turn * self.interval_us


class KeysWriter:
    """Writes the rounds in their order; they may be given in any."""

    def __init__(self, stream: BinaryIO, header: KeysHeader) -> None:
        """Write the head."""
        self._stream = stream
        self._header = header
        self._waiting: dict[int, bytes] = {}
        self._next = 0
        stream.write(_NAME + msgspec.json.encode(header) + b"\n")

    def write(self, turn: int, taken: Taken) -> None:
        """Write a round, and those behind it that were given already."""
        self._waiting[turn] = np.packbits(taken).tobytes()
        while self._next in self._waiting:
            self._stream.write(self._waiting.pop(self._next))
            self._next += 1
        self._stream.flush()


@dataclass(frozen=True)
class AcknowledgedKeys:
    """A ledger that was read: its head, and the bits of each round."""

    header: KeysHeader
    rounds: tuple[bytes, ...]

    @staticmethod
    def read(stream: BinaryIO, where: str) -> AcknowledgedKeys:
        """Read a ledger. Raises UsageError for anything else, or one that is cut off."""
        if stream.readline() != _NAME:
            raise UsageError(
                Text("不是已确认读数的清单", "is no ledger of acknowledged readings"),
                where=where,
                remedy=Text("请指定 fleet run 生成的文件", "name a file of fleet run"),
            )
        try:
            header = msgspec.json.decode(stream.readline(), type=KeysHeader)
        except msgspec.DecodeError as error:
            raise UsageError(
                Text(f"已损坏（{error}）", f"is damaged ({error})"),
                where=where,
                remedy=Text("请重新运行 fleet", "run the fleet again"),
            ) from error
        each = -(-header.transformers // 8)
        rounds: list[bytes] = []
        while part := stream.read(each):
            if len(part) != each:
                raise UsageError(
                    Text("不完整", "is cut off"), where=where, remedy=Text("请重新运行 fleet", "run the fleet again")
                )
            rounds.append(part)
        return AcknowledgedKeys(header, tuple(rounds))

    def __len__(self) -> int:
        """Return how many readings are acknowledged."""
        return sum(int(self.taken(turn).sum()) for turn in range(len(self.rounds)))

    def taken(self, turn: int) -> Taken:
        """Return of which transformers a round's reading is acknowledged."""
        bits = np.frombuffer(self.rounds[turn], np.uint8)
        return np.unpackbits(bits, count=self.header.transformers).view(np.bool_)

    def by_timestamp(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield (measured_at_us, rows of the transformers) of what is acknowledged, in time order."""
        for turn in range(len(self.rounds)):
            yield self.header.timestamp_us(turn), np.flatnonzero(self.taken(turn))


def read_keys(file: Path) -> AcknowledgedKeys:
    """Read a ledger file. Raises UsageError."""
    try:
        with file.open("rb") as stream:
            return AcknowledgedKeys.read(stream, str(file))
    except OSError as error:
        raise UsageError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=str(file),
            remedy=Text("请换一个文件名", "name another file"),
        ) from error


def join_parts(parts: Sequence[AcknowledgedKeys], writer: KeysWriter) -> None:
    """Write one ledger of parts of a fleet, in their order; a round that a part does not have is not acknowledged."""
    for turn in range(max((len(part.rounds) for part in parts), default=0)):
        writer.write(turn, np.concatenate(list(_of_each(parts, turn))))


def _of_each(parts: Iterable[AcknowledgedKeys], turn: int) -> Iterator[Taken]:
    for part in parts:
        yield part.taken(turn) if turn < len(part.rounds) else np.zeros(part.header.transformers, np.bool_)
