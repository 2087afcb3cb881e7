"""A concentrator's batch, as rows or as columns: one bad row does not spoil the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.decoding.columns import as_columns, join_columns
from collector.decoding.json_objects import UNREADABLE, explain, members
from collector.decoding.rejects import Fault, Reason
from collector.decoding.rows import RowsRead, quotes_in_rows, read_rows_singly
from collector.wire.format import BATCH_ROWS_MAX, FIELDS, WireBatch, WireColumns

_decode = msgspec.json.Decoder(WireBatch).decode
_list_of = msgspec.json.Decoder(list[msgspec.Raw] | None).decode
_KEYS = frozenset({"readings", "columns"})


def read_batch(payload: bytes) -> RowsRead | Fault:
    """Read a batch; a fault is one of the batch as a whole, such as a column that is too short."""
    read = read_batches_together([payload])
    return _read_exactly(payload) if read is None else RowsRead(read[0], range(int(read[1][0])), {}, 0)


def read_batches_together(payloads: Sequence[bytes]) -> tuple[WireColumns, NDArray[np.intp]] | None:
    """Read n batches in which all is well: the rows of one after another as columns, and how many (n,) each has.

    None when anything asks for a closer look, or when some are rows and some are columns.
    """
    try:
        batches = list(map(_decode, payloads))
    except UNREADABLE:
        return None
    rows = [batch.readings for batch in batches if batch.readings is not None and batch.columns is None]
    parts = [batch.columns for batch in batches if batch.columns is not None and batch.readings is None]
    if len(rows) == len(batches):
        columns = as_columns(list(chain.from_iterable(rows)))
        lengths = np.array(list(map(len, rows)), np.intp)
        quotes = quotes_in_rows(columns)
    elif len(parts) == len(batches) and all(map(_equally_long, parts)):
        columns = join_columns(parts)
        lengths = np.array([len(part.measured_at) for part in parts], np.intp)
        quotes = sum(map(_quotes_in_columns, parts))
    else:
        return None
    is_sized = lengths.min() > 0 and lengths.max() <= BATCH_ROWS_MAX
    # Each text holds at least so many quotes: where all together hold no more, none does.
    if not is_sized or sum(payload.count(b'"') for payload in payloads) != 2 * len(batches) + quotes:
        return None
    return columns, lengths


def batch_rows(payload: bytes) -> list[bytes]:
    """Return the JSON text of each row of a batch that was read, for the rejects among them."""
    texts = _row_texts(payload)
    return [] if isinstance(texts, Fault) else texts[0]


def _quotes_in_columns(columns: WireColumns) -> int:
    """Return how many quotes the JSON text of these columns holds at least; see `quotes_in_rows`."""
    present = sum(getattr(columns, field) is not None for field in FIELDS)
    return 2 * (present + len(columns.transformer_id) + len(columns.measured_at))


def _equally_long(columns: WireColumns) -> bool:
    cells = (getattr(columns, field) for field in FIELDS)
    return len({len(column) for column in cells if column is not None}) == 1


def _read_exactly(payload: bytes) -> RowsRead | Fault:
    texts = _row_texts(payload)
    if isinstance(texts, Fault):
        return texts
    rows, unknown_fields = texts
    read = read_rows_singly(rows)
    return replace(read, unknown_fields=read.unknown_fields + unknown_fields)


def _row_texts(payload: bytes) -> tuple[list[bytes], int] | Fault:
    """Return each row of a batch as the JSON text of one reading, and the number of unknown members around them."""
    batch = members(payload)
    if isinstance(batch, Fault):
        return batch
    forms = [(key, batch[key]) for key in _KEYS if batch.get(key, b"null") != b"null"]
    if not forms:
        return Fault(Reason.MISSING_FIELD, "readings", "neither readings nor columns are there")
    if len(forms) == 2:
        return Fault(Reason.WRONG_TYPE, "columns", "send either readings or columns")
    [(key, text)] = forms
    read = _texts_of_rows(text) if key == "readings" else _texts_of_columns(text)
    if isinstance(read, Fault):
        return read
    rows, unknown_columns = read
    if not rows:
        return Fault(Reason.EMPTY, key, "no rows")
    if len(rows) > BATCH_ROWS_MAX:
        return Fault(Reason.TOO_MANY_ROWS, key, f"{len(rows)} rows")
    return rows, unknown_columns + len(batch.keys() - _KEYS)


def _texts_of_rows(text: bytes) -> tuple[list[bytes], int] | Fault:
    cells = _cells(text, "readings")
    return cells if isinstance(cells, Fault) else (cells, 0)


def _texts_of_columns(text: bytes) -> tuple[list[bytes], int] | Fault:
    """Turn columns into rows: the cells of each are put together as the JSON text of one reading."""
    columns = members(text)
    if isinstance(columns, Fault):
        return Fault(columns.reason, f"columns.{columns.field}".rstrip("."), columns.detail)
    known: dict[str, list[bytes]] = {}
    for field in FIELDS:
        cells = _cells(columns.get(field, b"null"), f"columns.{field}")
        if isinstance(cells, Fault):
            return cells
        if columns.get(field, b"null") != b"null":
            known[field] = cells
    if "measured_at" not in known or "transformer_id" not in known:
        missing = "measured_at" if "measured_at" not in known else "transformer_id"
        return Fault(Reason.MISSING_FIELD, f"columns.{missing}", "the column is not there")
    rows = len(known["measured_at"])
    for field, cells in known.items():
        if len(cells) != rows:
            return Fault(Reason.COLUMNS_UNEQUAL, f"columns.{field}", f"{len(cells)} values, measured_at has {rows}")
    keys = [b'"%s":' % field.encode() for field in known]
    texts = [
        b"{%s}" % b",".join(map(b"".join, zip(keys, row, strict=True))) for row in zip(*known.values(), strict=True)
    ]
    return texts, len(columns.keys() - set(FIELDS))


def _cells(text: bytes, field: str) -> list[bytes] | Fault:
    """Return the elements of a JSON array as texts; null has none."""
    try:
        return [bytes(cell) for cell in _list_of(text) or ()]
    except UNREADABLE as error:
        fault = explain(text, error)
        return Fault(fault.reason, field, fault.detail)
