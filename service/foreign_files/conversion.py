"""A foreign file to the rows of readings.csv, with everything listed that was not understood."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO
from zoneinfo import ZoneInfo

from collector.files.readings_csv import ALL_COLUMNS
from grid.errors import LedgerError
from grid.text import Text
from service.foreign_files.cells import Cell, CellNotUnderstoodError, id_of, number_of, plain, time_of
from service.foreign_files.headers import meaning_of
from service.foreign_files.mapping import ColumnMap, FileMap, WideMap
from service.foreign_files.tables import Row, rows_of

PROBLEMS_KEPT_MAX = 1_000
DAYS_MAX = 300_000
"""Maximum number of transformer days of a wide file, which are put together in memory."""
_MULTIPLIED = ("current", "active", "reactive", "apparent", "neutral")


@dataclass(frozen=True)
class Problem:
    """A cell that was not understood."""

    file: str
    row: int
    column: str
    problem: Text
    remedy: Text


@dataclass
class Converted:
    """What became of a file."""

    rows: int = 0
    """Rows of readings.csv."""
    problems: list[Problem] = field(default_factory=list)
    """The first of them."""
    problem_count: int = 0

    def add(self, problem: Problem) -> None:
        """Note a problem."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_KEPT_MAX:
            self.problems.append(problem)


@contextmanager
def converted(path: Path, file_map: FileMap) -> Iterator[tuple[Path, Converted]]:
    """Turn a file into a temporary readings.csv of the same name. Raises UsageError or LedgerError."""
    with TemporaryDirectory(prefix="redvest-columns-") as folder:
        target = Path(folder) / f"{path.stem}.csv"
        with target.open("w", encoding="utf-8", newline="") as out:
            told = convert(path, file_map, out)
        yield target, told


def convert(path: Path, file_map: FileMap, out: TextIO) -> Converted:
    """Write the rows of readings.csv that a file holds. Raises UsageError or LedgerError.

    The rows of a long file keep their line numbers, so that what is refused later is found.
    """
    rows = rows_of(path, sheet=file_map.sheet, encoding=file_map.encoding, separator=file_map.separator)
    headers = _header(rows, path, file_map)
    told = Converted()
    reader = _Cells(path.name, headers, file_map, told)
    writer = csv.writer(out)
    writer.writerow(reader.columns)
    if file_map.wide is None:
        _write_long(rows, reader, writer, told)
    else:
        _write_wide(rows, reader, writer, told, file_map.wide)
    return told


def _header(rows: Iterator[Row], path: Path, file_map: FileMap) -> list[str]:
    headers: list[str] = []
    for number, cells in rows:
        if number >= file_map.header_row:
            headers = [plain(cell) for cell in cells]
            break
    wide = file_map.wide
    wanted = [header for column in file_map.columns.values() for header in column.headers]
    wanted += [] if wide is None else [wide.date, *wide.points, *wide.quantity]
    for name in wanted:
        if name not in headers:
            raise LedgerError(
                Text(
                    f"第 {file_map.header_row} 行没有表头“{name}”", f"row {file_map.header_row} has no header {name!r}"
                ),
                where=str(path),
                remedy=Text("改正列对照中的表头或 header_row", "mend the header or header_row in the columns file"),
            )
    return headers


class _Cells:
    """Reads the cells of rows as the map says."""

    def __init__(self, file: str, headers: list[str], file_map: FileMap, told: Converted) -> None:
        self._file, self._headers, self._map, self._told = file, headers, file_map, told
        self._place = {header: headers.index(header) for header in dict.fromkeys(headers)}
        self._zone = ZoneInfo(file_map.timezone) if file_map.timezone else None
        self._replace = tuple(file_map.id_replace.items())
        wide = file_map.wide
        values = [] if wide is None else [wide.value, *(each.value for each in wide.quantities.values())]
        used = {*file_map.columns, *values, "measured_at"}
        self.columns = [name for name in ALL_COLUMNS if name in used]

    def is_header_again(self, cells: Sequence[Cell]) -> bool:
        """Return whether a row says the header once more, as merged pages do."""
        texts = [plain(cell) for cell in cells[: len(self._headers)]]
        return texts == self._headers[: len(texts)]

    def transformer_id(self, row: int, cells: Sequence[Cell]) -> str:
        """Return whose row it is; empty where that was not understood."""
        column = self._map.columns["transformer_id"]
        if column.value:
            return column.value
        try:
            return id_of(self._cell(cells, column.headers[0]), self._replace)
        except CellNotUnderstoodError as error:
            self._note(row, column.headers[0], error)
            return ""

    def time(self, row: int, cells: Sequence[Cell], headers: Sequence[str], form: str = "") -> str:
        """Return a time; empty where it was not understood."""
        told = tuple(self._cell(cells, header) for header in headers)
        if not any(map(plain, told)):
            return ""
        try:
            return time_of(told, form, self._zone)
        except CellNotUnderstoodError as error:
            self._note(row, " + ".join(headers), error)
            return ""

    def value(self, row: int, cells: Sequence[Cell], name: str, column: ColumnMap) -> str:
        """Return a number as readings.csv has it; blank where there is none, or it was not understood."""
        if column.value:
            return column.value
        named = (column.name,) if isinstance(column.name, str) else column.name
        parts = [self.number(row, cells, header) for header in named]
        number = None if None in parts else sum(part for part in parts if part is not None)
        if number is not None and column.minus:
            back = self.number(row, cells, column.minus)
            number = None if back is None else number - back
        return self.scaled(name, number, column.multiplier)

    def scaled(self, name: str, number: float | None, multiplier: float) -> str:
        """Return a number in the unit of its column; blank for None."""
        if number is None:
            return ""
        factor = multiplier * (self._map.multiplier if name.startswith(_MULTIPLIED) else 1.0)
        return repr(number if factor == 1.0 else round(number * factor, 9))

    def number(self, row: int, cells: Sequence[Cell], header: str) -> float | None:
        """Return what a cell says; None where it says nothing, or was not understood."""
        try:
            return number_of(self._cell(cells, header))
        except CellNotUnderstoodError as error:
            self._note(row, header, error)
            return None

    def text(self, cells: Sequence[Cell], headers: Sequence[str]) -> str:
        """Return the texts of some cells, a space between them."""
        return " ".join(plain(self._cell(cells, header)) for header in headers)

    def note(self, row: int, column: str, problem: Text, remedy: Text) -> None:
        """Note what was not understood."""
        self._told.add(Problem(self._file, row, column, problem, remedy))

    def _note(self, row: int, column: str, error: CellNotUnderstoodError) -> None:
        self.note(row, column, error.problem, error.remedy)

    def _cell(self, cells: Sequence[Cell], header: str) -> Cell:
        place = self._place[header]
        return cells[place] if place < len(cells) else None

    @property
    def file_columns(self) -> Mapping[str, ColumnMap]:
        """Return the map's columns."""
        return self._map.columns


def _write_long(rows: Iterator[Row], reader: _Cells, writer: object, told: Converted) -> None:
    write = writer.writerow  # type: ignore[attr-defined]
    line = 1
    time_column = reader.file_columns["measured_at"]
    for number, cells in rows:
        while line < number - 1:
            write([])
            line += 1
        line += 1
        if not any(map(plain, cells)) or reader.is_header_again(cells):
            write([])
            continue
        known = {
            "transformer_id": reader.transformer_id(number, cells),
            "measured_at": reader.time(number, cells, time_column.headers, time_column.format),
        }
        if not all(known.values()):
            write([])
            continue
        for name, column in reader.file_columns.items():
            if name not in known:
                known[name] = reader.value(number, cells, name, column)
        write([known[name] for name in reader.columns])
        told.rows += 1


def _write_wide(rows: Iterator[Row], reader: _Cells, writer: object, told: Converted, wide: WideMap) -> None:
    days: dict[tuple[str, str], dict[str, list[str]]] = {}
    fixed = ColumnMap(value=wide.value) if wide.value else None
    for number, cells in rows:
        if not any(map(plain, cells)) or reader.is_header_again(cells):
            continue
        text = reader.text(cells, wide.quantity)
        quantity = wide.quantities.get(text) or fixed
        if quantity is None:
            if meaning_of(text) is not None:  # the others are no columns of readings.csv, such as a power factor
                problem = Text(f"没有说明“{text}”是什么量", f"{text!r} stands for nothing")
                remedy = Text("在 wide.quantities 中补上", "add it to wide.quantities")
                reader.note(number, " + ".join(wide.quantity), problem, remedy)
            continue
        transformer_id = reader.transformer_id(number, cells)
        day = reader.time(number, cells, [wide.date])
        if not transformer_id or not day:
            continue
        values = days.setdefault((transformer_id, day), {})
        if len(days) > DAYS_MAX:
            raise LedgerError(
                Text(f"超过 {DAYS_MAX} 个台区日", f"more than {DAYS_MAX} days of transformers"),
                where=f"{number}",
                remedy=Text("请按月拆分文件", "split the file by months"),
            )
        if quantity.value in values:
            problem = Text(
                f"{transformer_id} 当天的 {quantity.value} 出现两次，以先出现的为准",
                f"{quantity.value} of {transformer_id} on that day is there twice; the first counts",
            )
            reader.note(number, wide.date, problem, Text("保留一行", "keep one of the rows"))
            continue
        values[quantity.value] = [
            reader.scaled(quantity.value, reader.number(number, cells, header), quantity.multiplier)
            for header in wide.points
        ]
    _write_days(days, reader, writer, told, wide)


def _write_days(
    days: Mapping[tuple[str, str], Mapping[str, Sequence[str]]],
    reader: _Cells,
    writer: object,
    told: Converted,
    wide: WideMap,
) -> None:
    hour, _, minute = wide.first_point.partition(":")
    first = timedelta(hours=int(hour), minutes=int(minute or 0))
    for (transformer_id, day), values in days.items():
        for place in range(len(wide.points)):
            at = first + timedelta(minutes=wide.step_minutes * place)
            cells = {name: column[place] for name, column in values.items()}
            if not any(cells.values()):
                continue
            cells |= {"transformer_id": transformer_id, "measured_at": _later(day, at)}
            writer.writerow([cells.get(name, "") for name in reader.columns])  # type: ignore[attr-defined]
            told.rows += 1


def _later(day: str, after: timedelta) -> str:
    """Return the clock time of a day's midnight (ISO 8601) so much later, with the offset that it has."""
    return (datetime.fromisoformat(day) + after).isoformat()
