"""Ledger sheets of other systems: which file, header and value each column comes from."""

from __future__ import annotations

import csv
import shutil
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from grid.errors import LedgerError, UsageError
from grid.text import Text
from service.foreign_files.cells import Cell, CellNotUnderstoodError, id_of, number_of, plain, time_of
from service.foreign_files.tables import rows_of
from stores.ledger_files import Fault
from stores.ledger_files.sheets import SHEETS

_IDS = ("_id", "phone")
"""Endings of columns that Excel damages."""
_COLUMNS_OF = {sheet.name: sheet.columns for sheet in SHEETS}


_DAMAGED_PHONE = Text("电话号码被 Excel 改成了数值或日期", "Excel has made a number or a date of the phone")


def _source(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class SourceColumn(BaseModel):
    """Where a column of a sheet comes from: a header, or the same for every row."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = ""
    value: str = ""
    multiplier: float = Field(default=1.0, allow_inf_nan=False)
    values: dict[str, str] = Field(default_factory=dict)
    """What stands there -> what the sheet has, such as 是 = "yes"."""


class SourceSheet(BaseModel):
    """One sheet of ours in a file of another system."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    file: str = ""
    """In the folder; empty: the sheet's own name with .csv, or the workbook itself."""
    sheet: str = ""
    header_row: int = Field(default=1, ge=1, le=1000)
    encoding: Literal["", "utf-8", "gb18030"] = ""
    separator: Literal[",", ";", "\t", "|"] = ","
    timezone: str = "Asia/Shanghai"
    id_replace: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, Annotated[SourceColumn, BeforeValidator(_source)]]


class LedgerMap(BaseModel):
    """All sheets that come from elsewhere; the others are taken as they lie in the folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    sheets: dict[str, SourceSheet]


def read_ledger_map(path: Path) -> LedgerMap:
    """Read and check a file of columns of ledger sheets. Raises UsageError with what to mend."""
    try:
        ledger_map = LedgerMap(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        told = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        raise _faulty(path, ": ".join(filter(None, (".".join(map(str, told["loc"])), str(told["msg"]))))) from error
    for name, source in ledger_map.sheets.items():
        if name not in _COLUMNS_OF:
            raise _faulty(path, f"sheets.{name} is no sheet: use {', '.join(_COLUMNS_OF)}")
        for column in source.columns:
            if column not in _COLUMNS_OF[name]:
                raise _faulty(path, f"sheets.{name}.columns.{column} is no column: use {', '.join(_COLUMNS_OF[name])}")
    return ledger_map


def _faulty(path: Path, what: str) -> UsageError:
    remedy = Text("见 docs/your-own-data.md", "see docs/your-own-data.md")
    return UsageError(Text(f"列对照有误：{what}", what), where=str(path), remedy=remedy)


@contextmanager
def converted_sheets(sheets: Path, ledger_map: LedgerMap) -> Iterator[tuple[Path, tuple[Fault, ...]]]:
    """Give a temporary folder of ledger sheets, and every cell that was not understood.

    Raises UsageError or LedgerError when a file cannot be read or lacks a header.
    """
    with TemporaryDirectory(prefix="redvest-ledger-") as folder:
        target = Path(folder)
        faults: list[Fault] = []
        if sheets.is_dir():
            for name in _COLUMNS_OF.keys() - ledger_map.sheets.keys():
                if (sheets / f"{name}.csv").is_file():
                    shutil.copyfile(sheets / f"{name}.csv", target / f"{name}.csv")
        for name, source in ledger_map.sheets.items():
            file = sheets / (source.file or f"{name}.csv") if sheets.is_dir() else sheets
            _convert(file, source, target / f"{name}.csv", faults)
        yield target, tuple(faults)


def _convert(file: Path, source: SourceSheet, target: Path, faults: list[Fault]) -> None:
    rows = rows_of(file, sheet=source.sheet, encoding=source.encoding, separator=source.separator)
    headers: list[str] = []
    for number, cells in rows:
        if number >= source.header_row:
            headers = [plain(cell) for cell in cells]
            break
    for column in source.columns.values():
        if column.name and column.name not in headers:
            raise LedgerError(
                Text(
                    f"第 {source.header_row} 行没有表头“{column.name}”",
                    f"row {source.header_row} has no {column.name!r}",
                ),
                where=str(file),
                remedy=Text("改正列对照中的表头或 header_row", "mend the header or header_row in the columns file"),
            )
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(source.columns)
        for number, cells in rows:
            if any(map(plain, cells)):
                writer.writerow(_row(file.name, number, cells, headers, source, faults))


def _row(
    file: str, number: int, cells: Sequence[Cell], headers: list[str], source: SourceSheet, faults: list[Fault]
) -> list[str]:
    told: list[str] = []
    for name, column in source.columns.items():
        place = headers.index(column.name) if column.name else -1
        cell = cells[place] if 0 <= place < len(cells) else None
        try:
            told.append(column.value or _text(name, cell, column, source))
        except CellNotUnderstoodError as error:
            told.append("")
            problem = _DAMAGED_PHONE if name == "phone" else error.problem  # a phone is repeated nowhere
            faults.append(Fault(file, number, column.name, problem, error.remedy))
    return told


def _text(name: str, cell: Cell, column: SourceColumn, source: SourceSheet) -> str:
    text = plain(cell)
    if not text:
        return ""
    if column.values:
        return _chosen(text, column.values)
    if name.endswith(_IDS):
        return id_of(cell, tuple(source.id_replace.items()))
    if name == "valid_from":
        return time_of((cell,), "", ZoneInfo(source.timezone))
    if column.multiplier != 1.0 or "," in text:
        try:
            number = number_of(cell)
        except CellNotUnderstoodError:
            if column.multiplier != 1.0:
                raise
            return text
        return "" if number is None else repr(round(number * column.multiplier, 9))
    return text


def _chosen(text: str, values: Mapping[str, str]) -> str:
    if text not in values:
        raise CellNotUnderstoodError(
            Text(f"没有说明“{text}”是什么", f"{text!r} stands for nothing"),
            Text("在列对照的 values 中补上", "add it to values in the columns file"),
        )
    return values[text]
