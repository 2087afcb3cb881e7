"""One sheet: from a table of text to checked rows and a list of its faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from grid.text import Text
from stores.ledger_files.cells import ID_CHARACTERS_MAX
from stores.ledger_files.faults import FAULTS_PER_SHEET_MAX, CellError, Fault, SheetBrokenError
from stores.ledger_files.sheets import Sheet
from stores.ledger_files.table import Table


@dataclass
class SheetRead:
    """What was read of one sheet."""

    sheet: Sheet
    file: str
    assets: dict[int, Any] = field(default_factory=dict)
    """The rows without a fault of their own, by line, as what they are in `grid.assets`."""
    faults: list[Fault] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    """Every key that stands in the sheet, in faulty rows too, and its line: what others may refer to."""
    unread: bool = False
    """The sheet could not be read to its end, so a key that is not in `keys` may still be in it."""

    def add(self, line: int, column: str, problem: Text, remedy: Text) -> None:
        """Note one fault."""
        self.faults.append(Fault(self.file, line, column, problem, remedy))


def read_sheet(sheet: Sheet, table: Table) -> SheetRead:
    """Check every row of a table; never raises for what stands in it."""
    read = SheetRead(sheet, table.file)
    columns = _columns(read, table)
    if columns is None:
        read.unread = True
        return read
    try:
        for line, cells in table.lines:
            _read_row(read, columns, line, cells)
            if len(read.faults) >= FAULTS_PER_SHEET_MAX:
                read.unread = True
                read.add(
                    line,
                    "",
                    Text(f"问题已达 {len(read.faults)} 处，此行之后不再检查", f"{len(read.faults)} faults up to here"),
                    Text("先修正以上问题再检查一次", "mend those above and check again; the rest was not read"),
                )
                break
    except SheetBrokenError as broken:
        read.unread = True
        read.add(broken.line, "", broken.problem, broken.remedy)
    return read


def _columns(read: SheetRead, table: Table) -> tuple[str, ...] | None:
    """Return the header if every column is known, none is missing or repeated; else note the faults."""
    sheet, header, line = read.sheet, table.header, table.header_line
    before = len(read.faults)
    for i, name in enumerate(header):
        if name in header[:i] and name:
            read.add(line, name, Text("列名重复", "the column is there twice"), Text("只保留一列", "keep one of them"))
        elif name not in sheet.columns:
            missing = [column for column in sheet.columns if column not in header]
            close = get_close_matches(name.strip().lower(), missing, 1, 0.6)
            if close:
                remedy = Text(f"是否应为 {close[0]}？", f"did you mean {close[0]}?")
            else:
                known = ", ".join(sheet.columns)
                remedy = Text(f"删除该列；可用的列：{known}", f"delete it; the columns are {known}")
            shown = name[:40] or f"#{i + 1}"
            read.add(line, shown, Text("没有这个列", "there is no such column"), remedy)
    for name in sheet.required_columns:
        if name not in header:
            read.add(line, name, Text("缺少必填列", "the column is missing"), Text(f"加上 {name} 列", f"add {name}"))
    return header if len(read.faults) == before else None


def _read_row(read: SheetRead, columns: tuple[str, ...], line: int, cells: list[str]) -> None:
    if len(cells) != len(columns):
        read.add(
            line,
            "",
            Text(f"有 {len(cells)} 格，列名有 {len(columns)} 个", f"has {len(cells)} cells for {len(columns)} columns"),
            Text("补齐或删除多余的逗号；内容含逗号时加引号", "mend the commas; quote a cell that holds one"),
        )
        return
    values = {column: cell for column, cell in zip(columns, cells, strict=True) if cell}
    _note_key(read, line, values)
    try:
        read.assets[line] = read.sheet.row.model_validate(values).asset()
    except ValidationError as error:
        _note_faults(read, line, error)


def _note_key(read: SheetRead, line: int, values: Mapping[str, str]) -> None:
    key = read.sheet.key
    value = values.get(key, "") if key else ""
    if not key or not value or len(value) > ID_CHARACTERS_MAX:
        return
    first = read.keys.setdefault(value, line)
    if first != line:
        read.add(
            line,
            key,
            Text(f"编号 {value} 与第 {first} 行重复", f"the id {value} is on line {first} already"),
            Text("每个编号只保留一行", "keep one line for each id"),
        )


def _note_faults(read: SheetRead, line: int, error: ValidationError) -> None:
    for detail in error.errors(include_url=False, include_input=False):
        column = str(detail["loc"][0]) if detail["loc"] else ""
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, CellError):
            read.add(line, column, cause.problem, cause.remedy)
        elif detail["type"] == "missing":
            read.add(line, column, Text("必填项为空", "is blank"), Text("填入内容", "fill it in"))
        else:
            read.add(line, column, Text("内容无法识别", detail["msg"]), Text("改正内容", "mend the cell"))
