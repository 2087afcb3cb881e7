"""The rows that the pages of a damaged SQLite file still give, page by page, without the tree that leads to them.

The form is https://www.sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1 and 4. What a page says of itself is not
believed: rows are looked for in each of its four kinds, and whoever takes one has to tell by its own checksum or form
whether it is one. SQLite's own recovery reads pages likewise, but is no part of Python's library.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stores.journal.log import log_of

Value = int | float | str | bytes | None
_FILE_HEADER_BYTES = 100
_INDEX_LEAF, _TABLE_LEAF, _INDEX_INTERIOR = 0x0A, 0x0D, 0x02
_KINDS = ((_INDEX_LEAF, 8), (_INDEX_INTERIOR, 12), (_TABLE_LEAF, 8))
"""Kinds of pages that hold rows, and the bytes of their heads."""
_PAGE_BYTES = 8192
_PAYLOAD_BYTES_MAX = 4 * 1024 * 1024
_WAL_HEADER_BYTES, _FRAME = 32, struct.Struct(">6I")
_INTEGER_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}


@dataclass(frozen=True)
class RawRow:
    """A row as some page gives it: the number of a table with one, and its values."""

    rowid: int | None
    values: tuple[Value, ...]


class Pages:
    """The pages of a file, as its log has them where it has them."""

    def __init__(self, path: Path) -> None:
        """Open a file; its log is read where it lies beside it."""
        self._file = path.open("rb")
        head = self._file.read(_FILE_HEADER_BYTES)
        told = int.from_bytes(head[16:18]) or 0
        self.page_bytes = told if told in {512 << i for i in range(7)} else _PAGE_BYTES
        self.count = path.stat().st_size // self.page_bytes
        self._of_log = _pages_of_log(log_of(path), self.page_bytes)
        self.count = max([self.count, *self._of_log])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def page(self, number: int) -> bytes:
        """Return a page, counted from 1; shorter than a page where the file ends."""
        if number in self._of_log:
            return self._of_log[number]
        self._file.seek((number - 1) * self.page_bytes)
        return self._file.read(self.page_bytes)

    def rows(self, number: int) -> Iterator[RawRow]:
        """Yield whatever can be read as a row in a page."""
        page = self.page(number)
        if len(page) < self.page_bytes:
            return
        start = _FILE_HEADER_BYTES if number == 1 else 0
        for kind, head_bytes in _KINDS:
            cells = int.from_bytes(page[start + 3 : start + 5])
            first = start + head_bytes
            for at in range(first, min(first + 2 * cells, self.page_bytes - 1), 2):
                with suppress(ValueError, IndexError, struct.error, UnicodeDecodeError):
                    yield self._row(page, int.from_bytes(page[at : at + 2]), kind)

    def _row(self, page: bytes, at: int, kind: int) -> RawRow:
        if at < 8:
            raise ValueError("no cell")
        if kind == _INDEX_INTERIOR:
            at += 4
        size, at = _varint(page, at)
        rowid = None
        if kind == _TABLE_LEAF:
            rowid, at = _varint(page, at)
        if size > _PAYLOAD_BYTES_MAX:
            raise ValueError("no payload")
        return RawRow(rowid, _record(self._payload(page, at, size, kind)))

    def _payload(self, page: bytes, at: int, size: int, kind: int) -> bytes:
        usable = self.page_bytes
        most = usable - 35 if kind == _TABLE_LEAF else (usable - 12) * 64 // 255 - 23
        if size <= most:
            return page[at : at + size]
        least = (usable - 12) * 32 // 255 - 23
        local = least + (size - least) % (usable - 4)
        local = local if local <= most else least
        parts = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4])
        left = size - local
        while left > 0:
            if not 1 < following <= self.count:
                raise ValueError("the payload breaks off")
            overflow = self.page(following)
            parts.append(overflow[4 : 4 + min(left, usable - 4)])
            left -= usable - 4
            following = int.from_bytes(overflow[:4])
        return b"".join(parts)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(9):
        byte = data[at + i]
        if i == 8:
            value = (value << 8) | byte
        else:
            value = (value << 7) | (byte & 0x7F)
            if byte < 0x80:
                return value, at + i + 1
    return value - (1 << 64) if value >= 1 << 63 else value, at + 9


def _record(payload: bytes) -> tuple[Value, ...]:
    head_bytes, at = _varint(payload, 0)
    if not 1 < head_bytes <= 64 or head_bytes > len(payload):
        raise ValueError("no record")
    body = head_bytes
    values: list[Value] = []
    while at < head_bytes:
        kind, at = _varint(payload, at)
        size = _INTEGER_BYTES.get(kind, 8 if kind == 7 else max(kind - 12, 0) // 2)
        if kind in (10, 11) or kind < 0 or body + size > len(payload):
            raise ValueError("no record")
        values.append(_value(kind, payload[body : body + size]))
        body += size
    return tuple(values)


def _value(kind: int, data: bytes) -> Value:
    if kind == 0:
        return None
    if kind in (8, 9):
        return kind - 8
    if kind in _INTEGER_BYTES:
        return int.from_bytes(data, signed=True)
    if kind == 7:
        return float(struct.unpack(">d", data)[0])
    return data if kind % 2 == 0 else data.decode()


def _pages_of_log(log: Path, page_bytes: int) -> dict[int, bytes]:
    """Return the newest committed state of each page in the log; a damaged frame ends what is read of it."""
    if not log.exists():
        return {}
    found: dict[int, bytes] = {}
    waiting: dict[int, bytes] = {}
    with log.open("rb") as file:
        salts = file.read(_WAL_HEADER_BYTES)[16:24]
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            page = file.read(page_bytes)
            number, pages_after_commit, *_ = _FRAME.unpack(head)
            if len(page) < page_bytes or head[8:16] != salts:
                break
            waiting[number] = page
            if pages_after_commit:
                found |= waiting
                waiting = {}
    return found
