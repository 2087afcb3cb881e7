"""CSV files as tables: UTF-8 with or without BOM, or GB18030; commas; quotes as RFC 4180 has them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from grid.text import Text
from grid.text_encoding import Decision, Unclear, Unreadable, decode_together
from stores.ledger_files.faults import SheetBrokenError
from stores.ledger_files.table import FILE_BYTES_MAX, ROWS_MAX, Table, too_large, too_many_rows

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SAVE_AS_UTF8 = Text("另存为“CSV UTF-8（逗号分隔）”", "save it as CSV UTF-8 (comma delimited)")


def csv_tables(paths: Sequence[Path]) -> dict[Path, Table | SheetBrokenError | OSError]:
    """Open the CSV files of one folder as tables; their encoding is decided over all of them.

    A file that is no table, or cannot be read, is there as the error that says so.
    """
    contents: dict[Path, bytes] = {}
    tables: dict[Path, Table | SheetBrokenError | OSError] = {}
    for path in paths:
        try:
            contents[path] = _content(path)
        except (SheetBrokenError, OSError) as error:
            tables[path] = error
    texts = decode_together({str(path): content for path, content in contents.items()})
    for path in contents:
        try:
            tables[path] = _table(path.name, _understood(texts[str(path)]))
        except SheetBrokenError as error:
            tables[path] = error
    return tables


def _content(path: Path) -> bytes:
    size_bytes = path.stat().st_size
    if size_bytes > FILE_BYTES_MAX:
        raise SheetBrokenError(0, *too_large(size_bytes))
    content = path.read_bytes()
    if content.startswith(_UTF16):
        raise SheetBrokenError(0, Text("编码是 UTF-16", "is UTF-16"), _SAVE_AS_UTF8)
    return content


def _table(name: str, text: str) -> Table:
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
    for delimiter, of in ((";", Text("分号", "semicolons")), ("\t", Text("制表符", "tabs"))):
        if len(header) == 1 and delimiter in header[0]:
            raise SheetBrokenError(
                header_line,
                Text(f"列之间用的是{of.zh}", f"its columns are separated by {of.en}"),
                Text("另存为逗号分隔的 CSV", "save it with commas"),
            )
    return Table(name, header_line, tuple(header), lines)


def _understood(text: Decision) -> str:
    match text:
        case str():
            return text
        case Unreadable(Unclear.NEITHER, line, _):
            problem = Text("文字编码损坏，既不是 UTF-8 也不是 GB18030", "is neither UTF-8 nor GB18030 from here on")
        case Unreadable(Unclear.EITHER, line, letters):
            problem = Text(
                f"编码不能确定：既可读作 UTF-8，也可读作 GB18030（{letters}）",
                f"could be UTF-8 or GB18030, and says another thing in each ({letters})",
            )
    raise SheetBrokenError(line, problem, _SAVE_AS_UTF8)


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
