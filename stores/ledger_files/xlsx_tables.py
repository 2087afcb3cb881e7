"""XLSX workbooks as tables, one per sheet. A workbook that would unpack to far more than it is, is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree.ElementTree import ParseError

import numpy as np
import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from grid.text import Text
from stores.ledger_files.cells import DateCell
from stores.ledger_files.faults import SheetBrokenError
from stores.ledger_files.table import COLUMNS_MAX, FILE_BYTES_MAX, ROWS_MAX, Table, too_large, too_many_rows

UNPACKED_BYTES_MAX = 1024 * 1024 * 1024
UNPACKED_RATIO_MAX = 200
"""Real workbooks unpack to 5 to 30 times their size; a file of one repeated byte to 1,000 times."""
_UNPACKED_BYTES_FREE = 16 * 1024 * 1024
"""Up to here the ratio does not matter: an almost empty sheet packs well too."""
_MEMBERS_MAX = 1_000

_NOT_A_WORKBOOK = Text("不是可读的 XLSX 工作簿", "is no XLSX workbook that can be read")
_SAVE_AS_XLSX = Text("用表格软件重新另存为 .xlsx（不加密）", "save it anew as .xlsx, without a password")


class Workbook(AbstractContextManager["Workbook"]):
    """An open XLSX file. Raises SheetBrokenError when it is none or would not fit into memory."""

    def __init__(self, path: Path) -> None:
        """Check the file's sizes, then open it for reading row by row."""
        self._name = path.name
        self._path = path
        _refuse_bomb(path)
        file = path.open("rb")  # openpyxl leaves a file open that it cannot read
        try:
            self._book = openpyxl.load_workbook(file, read_only=True, data_only=False, keep_links=False)
        except (InvalidFileException, zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError) as error:
            file.close()
            raise SheetBrokenError(0, _NOT_A_WORKBOOK, _SAVE_AS_XLSX) from error
        self._file = file

    @property
    def sheets(self) -> tuple[str, ...]:
        """Return the names of the sheets with cells."""
        return tuple(sheet.title for sheet in self._book.worksheets)

    def table(self, title: str) -> Table:
        """Return one sheet as a table."""
        file = f"{self._name}[{title}]"
        lines = self._lines(title)
        header_line, header = next(lines, (0, []))
        while header and not header[-1]:
            header.pop()
        if not header:
            raise SheetBrokenError(
                0,
                Text("工作表是空的", "the sheet is empty"),
                Text("第一行写列名；没有内容的可选表可以删除", "write the column names, or delete an optional sheet"),
            )
        return Table(file, header_line, tuple(header), _even(lines, len(header)))

    def _lines(self, title: str) -> Iterator[tuple[int, list[str]]]:
        sheet = self._book[title]
        # What a sheet says of its own size is often old: programs that append rows leave it as it was.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(max_col=COLUMNS_MAX, values_only=True)
        line = 0
        while True:
            line += 1
            try:
                values = next(rows, None)
            except (zipfile.BadZipFile, ParseError, KeyError, ValueError, TypeError, IndexError) as error:
                raise SheetBrokenError(line, _NOT_A_WORKBOOK, _SAVE_AS_XLSX) from error
            if values is None:
                return
            if line > ROWS_MAX + 1:
                raise SheetBrokenError(line, *too_many_rows(line))
            if any(value not in (None, "") for value in values):
                yield line, [_cell(value) for value in values]

    def __enter__(self) -> Self:
        """Return the workbook."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._book.close()
        self._file.close()


def _refuse_bomb(path: Path) -> None:
    size_bytes = path.stat().st_size
    if size_bytes > FILE_BYTES_MAX:
        raise SheetBrokenError(0, *too_large(size_bytes))
    try:
        with zipfile.ZipFile(path) as packed:
            members = packed.infolist()
    except zipfile.BadZipFile as error:
        raise SheetBrokenError(0, _NOT_A_WORKBOOK, _SAVE_AS_XLSX) from error
    unpacked_bytes = sum(member.file_size for member in members)
    ratio = unpacked_bytes / max(size_bytes, 1)
    if (
        len(members) > _MEMBERS_MAX
        or unpacked_bytes > UNPACKED_BYTES_MAX
        or (unpacked_bytes > _UNPACKED_BYTES_FREE and ratio > UNPACKED_RATIO_MAX)
    ):
        unpacked = f"{unpacked_bytes // 2**20} MB"
        raise SheetBrokenError(
            0,
            Text(f"解压后有 {unpacked}，疑似压缩炸弹，未打开", f"would unpack to {unpacked}; not opened"),
            Text("只保留台账的几张表，重新另存为 .xlsx", "keep only the ledger's sheets and save it anew"),
        )


def _even(lines: Iterator[tuple[int, list[str]]], columns: int) -> Iterator[tuple[int, list[str]]]:
    """Cut empty cells beyond the header away: a workbook's rows are as wide as its widest one."""
    for line, cells in lines:
        while len(cells) > columns and not cells[-1]:
            cells.pop()
        cells.extend([""] * (columns - len(cells)))
        yield line, cells


def _cell(value: Any) -> str:
    """Return a cell as it would stand in a CSV file."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case float():
            return np.format_float_positional(value, trim="-")
        case datetime() | date() | time():
            return DateCell(value)
        case _:
            return str(value)
