"""Rows of a foreign file with their numbers: CSV in UTF-8 or GB18030, or a sheet of an XLSX workbook."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl

from collector.files.csv_text import encoding_of
from grid.errors import LedgerError, UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from service.foreign_files.cells import Cell

Row = tuple[int, Sequence[Cell]]
"""Its number from 1, as the file or the sheet counts, and its cells."""


def is_workbook(path: Path) -> bool:
    """Return whether a file is an XLSX workbook. Raises UsageError when it cannot be opened."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError as error:
        raise UsageError(
            Text(f"无法读取：{os_reason(error).zh}", f"cannot be read: {error.strerror}"),
            where=str(path),
            remedy=Text("请给出可读的 CSV 或 XLSX 文件", "give a CSV or XLSX file that you may read"),
        ) from error


def rows_of(path: Path, *, sheet: str = "", encoding: str = "", separator: str = ",") -> Iterator[Row]:
    """Yield the rows of a file. Raises UsageError or LedgerError when it cannot be read."""
    if is_workbook(path):
        yield from _rows_of_sheet(path, sheet)
        return
    with path.open(encoding=_with_mark(encoding) or encoding_of(path), newline="") as file:
        reader = csv.reader(file, delimiter=separator)
        line = 0
        try:
            for row in reader:
                # A quoted cell may go over several lines; a row is named by its first.
                yield line + 1, row
                line = reader.line_num
        except (csv.Error, UnicodeDecodeError) as error:
            raise LedgerError(
                Text(f"不是 CSV：{error}", f"no CSV: {error}"),
                where=f"{path}:{line + 1}",
                remedy=Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)"),
            ) from error


def separator_of(path: Path, encoding: str) -> str:
    """Return what stands between the cells of a CSV file, by its first lines."""
    with path.open(encoding=_with_mark(encoding), newline="") as file:
        head = "".join(line for _, line in zip(range(20), file, strict=False))
    counts = {separator: head.count(separator) for separator in (",", ";", "\t", "|")}
    return max(counts, key=lambda separator: counts[separator]) if any(counts.values()) else ","


def _with_mark(encoding: str) -> str:
    return "utf-8-sig" if encoding == "utf-8" else encoding


def _rows_of_sheet(path: Path, sheet: str) -> Iterator[Row]:
    with path.open("rb") as file:
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except Exception as error:
            raise LedgerError(
                Text("工作簿无法打开", f"the workbook cannot be opened ({type(error).__name__})"),
                where=str(path),
                remedy=Text("请在 Excel 中重新保存", "save it again in Excel"),
            ) from error
        if sheet and sheet not in book.sheetnames:
            names = ", ".join(book.sheetnames)
            raise LedgerError(
                Text(f"没有工作表 {sheet}", f"there is no sheet {sheet!r}"),
                where=str(path),
                remedy=Text(f"可选：{names}", f"use {names}"),
            )
        page = book[sheet or book.sheetnames[0]]
        yield from enumerate(page.iter_rows(values_only=True), 1)
