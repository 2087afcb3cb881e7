"""CSV files as tables: UTF-8 with or without BOM, or GB18030; commas; quotes as RFC 4180 has them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from grid.text import Text
from stores.ledger_files.faults import SheetBrokenError
from stores.ledger_files.table import FILE_BYTES_MAX, ROWS_MAX, Table, too_large, too_many_rows

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS_UTF8 = Text("另存为“CSV UTF-8（逗号分隔）”", "save it as CSV UTF-8 (comma delimited)")
_WIDE_CHARACTERS_PROOF = 4
"""At least this many valid UTF-8 characters beyond ASCII before the first invalid byte are no accident of GB18030."""


def csv_table(path: Path) -> Table:
    """Open a CSV file as a table. Raises SheetBrokenError when it is no such file, OSError when it cannot be read."""
    size_bytes = path.stat().st_size
    if size_bytes > FILE_BYTES_MAX:
        raise SheetBrokenError(0, *too_large(size_bytes))
    text = _decoded(path.read_bytes())
    rows = max(text.count("\n"), text.count("\r"))
    if rows > ROWS_MAX + 1:
        raise SheetBrokenError(0, *too_many_rows(rows))
    lines = _lines(text)
    header_line, header = next(lines, (0, []))
    if not header:
        raise SheetBrokenError(
            0,
            Text("文件是空的", "is empty"),
            Text("第一行写列名；没有内容的可选表可以不提供", "write the column names; leave an optional sheet away"),
        )
    for delimiter, name in ((";", Text("分号", "semicolons")), ("\t", Text("制表符", "tabs"))):
        if len(header) == 1 and delimiter in header[0]:
            raise SheetBrokenError(
                header_line,
                Text(f"列之间用的是{name.zh}", f"its columns are separated by {name.en}"),
                Text("另存为逗号分隔的 CSV", "save it with commas"),
            )
    return Table(path.name, header_line, tuple(header), lines)


def _decoded(data: bytes) -> str:
    if data.startswith(_UTF16):
        raise SheetBrokenError(0, Text("编码是 UTF-16", "is UTF-16"), _SAVE_AS_UTF8)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad_byte = error.start
    line = data.count(b"\n", 0, bad_byte) + 1
    wide = len(re.findall(rb"[\xc2-\xf4][\x80-\xbf]+", data[:bad_byte]))
    if wide < _WIDE_CHARACTERS_PROOF:
        try:
            return data.decode("gb18030")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
    raise SheetBrokenError(
        line,
        Text("文字编码损坏，既不是 UTF-8 也不是 GB18030", "is neither UTF-8 nor GB18030 from here on"),
        _SAVE_AS_UTF8,
    )


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise SheetBrokenError(
                line,
                Text("引号不成对，或单元格过长", f"the quotes do not pair up, or a cell is far too long ({error})"),
                Text('单元格里的引号写成两个（""）', 'write a quotation mark inside a cell as two ("")'),
            ) from error
        if cells is None:
            return
        if any(cells):
            yield line, cells
        line = reader.line_num + 1
