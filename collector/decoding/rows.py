"""JSON objects of single readings, many at once: read trustingly, and again one by one where anything is odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from collector.decoding.columns import as_columns
from collector.decoding.json_objects import UNREADABLE, explain, members
from collector.decoding.rejects import Fault, Reason
from collector.decoding.single_values import without_bad_values
from collector.wire.format import FIELDS, WireColumns, WireReading

UNKNOWN_FIELDS_MAX = 64
"""A reading with more members that we do not know is refused: it is not meant for us."""

_decode = msgspec.json.Decoder(WireReading).decode
_known = frozenset(FIELDS)
_row_fields = msgspec.structs.astuple


@dataclass(frozen=True)
class RowsRead:
    """What was read of n objects: good ones as columns (k,), the faults of the others."""

    columns: WireColumns
    places: Sequence[int]
    """(k,) which of the n objects each row of the columns was."""
    faults: dict[int, Fault]
    unknown_fields: int
    value_faults: Mapping[int, Sequence[Fault]] = field(default_factory=dict)
    """By object, of values that could not be read and are missing; the rest of the object could."""


def read_rows(texts: Sequence[bytes]) -> RowsRead:
    """Read n JSON objects, each a `WireReading`."""
    try:
        rows = list(map(_decode, texts))
    except UNREADABLE:
        return read_rows_singly(texts)
    columns = as_columns(rows)
    if b"".join(texts).count(b'"') != quotes_in_rows(columns):
        return read_rows_singly(texts)
    return RowsRead(columns, range(len(rows)), {}, 0)


def quotes_in_rows(columns: WireColumns) -> int:
    """Return how many quotes (") the JSON texts of these rows hold at least.

    Two for each key and two for each text. A text that holds exactly as many has no unknown and no duplicate
    member: either would bring two more. That makes one count of bytes a proof, and it is all that the usual
    reading costs. (An explicit null brings two as well; it only makes us look closer.)
    """
    rows = len(columns.measured_at)
    missing: int = sum(getattr(columns, name).count(None) for name in FIELDS)
    texts = rows + rows - columns.transformer_id.count(None)
    return 2 * (len(FIELDS) * rows - missing + texts)


def read_rows_singly(texts: Sequence[bytes]) -> RowsRead:
    """Read n JSON objects exactly, each on its own."""
    rows: list[WireReading] = []
    places: list[int] = []
    faults: dict[int, Fault] = {}
    value_faults: dict[int, Sequence[Fault]] = {}
    unknown_fields = 0
    for place, text in enumerate(texts):
        read = _read_row(text)
        if isinstance(read, Fault):
            mended = without_bad_values(text, read)
            if isinstance(mended, Fault):
                faults[place] = mended
                continue
            text_without, of_values = mended
            read = _read_row(text_without)
            if not isinstance(read, Fault):
                value_faults[place] = of_values
        if isinstance(read, Fault):
            faults[place] = read
            continue
        row, unknown = read
        rows.append(row)
        places.append(place)
        unknown_fields += unknown
    return RowsRead(as_columns(rows), places, faults, unknown_fields, value_faults)


def _read_row(text: bytes) -> tuple[WireReading, int] | Fault:
    """Return a reading and how many of its members are unknown, or what is wrong with it."""
    try:
        row = _decode(text)
    except UNREADABLE as error:
        return explain(text, error)
    if text.count(b'"') == _quotes_in_row(row):
        return row, 0
    found = members(text)
    if isinstance(found, Fault):
        return found
    unknown = len(found.keys() - _known)
    if unknown > UNKNOWN_FIELDS_MAX:
        return Fault(Reason.TOO_MANY_FIELDS, "", f"{unknown} unknown fields")
    return row, unknown


def _quotes_in_row(row: WireReading) -> int:
    present = len(FIELDS) - _row_fields(row).count(None)
    texts = 1 if row.transformer_id is None else 2
    return 2 * (present + texts)
