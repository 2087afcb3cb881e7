"""Recorded readings from a CSV file: the same screening as on the wire, a chunk at a time."""

from __future__ import annotations

import csv
import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from hashlib import sha256
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from collector.decoding.decode import Decoded
from collector.decoding.measured_at import parse_measured_at
from collector.decoding.plausibility import Limits, Sifted, sift
from collector.decoding.rejects import KEPT_BYTES_MAX, Fault, Reason, Reject, shown
from collector.files.csv_numbers import parse_numbers
from collector.files.csv_text import check_separator, encoding_of
from grid.errors import LedgerError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Text

CHUNK_ROWS = 5_000
"""So few stay in the processor's cache: larger chunks are read at half the speed."""

_REQUIRED = ("transformer_id", "measured_at")
_PHASE_COLUMNS = {
    "voltage_v": ("voltage_a_v", "voltage_b_v", "voltage_c_v"),
    "current_amp": ("current_a_amp", "current_b_amp", "current_c_amp"),
}
_FURTHER_TOTALS = ("apparent_power_kva", "neutral_current_amp", "oil_temperature_c", "ambient_temperature_c")
_TOTAL_COLUMNS = ("active_power_kw", "reactive_power_kvar", *_FURTHER_TOTALS)
NUMBER_COLUMNS = (*_PHASE_COLUMNS["voltage_v"], *_PHASE_COLUMNS["current_amp"], *_TOTAL_COLUMNS)
_COLUMN_OF_FIELD = {
    f"{field}[{phase}]": name for field, names in _PHASE_COLUMNS.items() for phase, name in enumerate(names)
}
_FIELD_OF_COLUMN = {name: name for name in NUMBER_COLUMNS} | {name: field for field, name in _COLUMN_OF_FIELD.items()}
COLUMNS = (*_REQUIRED, *NUMBER_COLUMNS[: -len(_FURTHER_TOTALS)])
"""The usual columns of readings.csv; the first two are required, in any order."""
ALL_COLUMNS = (*COLUMNS, *_FURTHER_TOTALS)
"""These may be there as well."""

Progress = Callable[[int, float], None]
"""Told the rows read so far and the fraction of the file that they are."""


def read_readings_csv(
    path: Path,
    fleet: Fleet,
    *,
    limits: Limits,
    now_us: int | None = None,
    zone: tzinfo | None = None,
    progress: Progress | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[Decoded]:
    """Read a file of readings of any length, `chunk_rows` rows at a time; a bad row is a reject with its line.

    `now_us` is when the readings count as received; without it, each is received when it was measured. A time without
    an offset is the time of `zone`, where one is given. Columns without a name are passed over as long as nothing
    stands in them. Raises UsageError when the file cannot be opened, LedgerError when it is no CSV or its columns are
    not ours.
    """
    encoding = encoding_of(path)
    header = _read_header(path, encoding)
    reader = _Reader(path.name, header, fleet, limits, now_us, zone)
    return _chunks(path, encoding, reader, progress, chunk_rows)


def _read_header(path: Path, encoding: str) -> list[str]:
    with path.open(encoding=encoding, newline="") as file:
        try:
            header = [name.strip() for name in next(csv.reader(file), [])]
        except csv.Error as error:
            raise LedgerError(
                Text(f"不是 CSV：{error}", f"no CSV: {error}"),
                where=f"{path}:1",
                remedy=Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)"),
            ) from error
    if not any(header):
        names = ", ".join(ALL_COLUMNS)
        remedy = Text(f"请在第一行写上列名：{names}", f"write the names of the columns into its first line: {names}")
        raise LedgerError(Text("文件没有表头", "the file has no header"), where=f"{path}:1", remedy=remedy)
    check_separator(header, path)
    for name in filter(None, header):
        if name not in ALL_COLUMNS:
            near = difflib.get_close_matches(name, ALL_COLUMNS, 1)
            use = ", ".join(ALL_COLUMNS)
            remedy = (
                Text(f"是否应为 {near[0]}？", f"did you mean {near[0]}?")
                if near
                else Text(f"可用的列：{use}", f"use {use}")
            )
            raise LedgerError(
                Text(f"列 {shown(name)} 不认识", f"the column {shown(name)} is unknown"),
                where=f"{path}:1",
                remedy=remedy,
            )
        if header.count(name) > 1:
            raise LedgerError(
                Text(f"列 {name} 出现了两次", f"the column {name} is there twice"),
                where=f"{path}:1",
                remedy=Text("请只保留一列", "keep one of them"),
            )
    for name in _REQUIRED:
        if name not in header:
            raise LedgerError(
                Text(f"缺少列 {name}", f"the column {name} is missing"),
                where=f"{path}:1",
                remedy=Text("请补上", "add it"),
            )
    return header


def _chunks(
    path: Path, encoding: str, reader: _Reader, progress: Progress | None, chunk_rows: int
) -> Iterator[Decoded]:
    size = max(path.stat().st_size, 1)
    rows_read = 0
    with path.open("rb") as file, TextIOWrapper(file, encoding=encoding, newline="") as text:
        rows = csv.reader(text)
        next(rows)
        while True:
            first_line = rows.line_num + 1
            try:
                chunk = list(islice(rows, chunk_rows))
            except csv.Error as error:
                remedy = Text('请查找没有配对的引号（"）', 'look for a quote (") that is not closed')
                raise LedgerError(
                    Text(f"不是 CSV：{error}", f"no CSV: {error}"), where=f"{path}:{rows.line_num}", remedy=remedy
                ) from error
            if not chunk:
                return
            yield reader.read(chunk, first_line)
            rows_read += len(chunk)
            if progress is not None:
                progress(rows_read, min(file.tell() / size, 1.0))


class _Reader:
    """Turns chunks of rows of cells into readings and rejects."""

    def __init__(
        self,
        file: str,
        header: Sequence[str],
        fleet: Fleet,
        limits: Limits,
        now_us: int | None,
        zone: tzinfo | None,
    ) -> None:
        self._header = header
        self._named = [place for place, name in enumerate(header) if name]
        self._columns = ReadingColumns(file, fleet, limits, now_us, zone)

    def read(self, rows: Sequence[list[str]], first_line: int) -> Decoded:
        """Return the readings and the rejects of a chunk of rows of cells, in order; blank rows are neither."""
        cells = len(self._header)
        ragged: dict[int, Fault] = {}
        whole: Sequence[int] = range(len(rows))
        told = rows
        if len(self._named) != cells or set(map(len, rows)) != {cells}:
            # One row with a cell too many may be a number with a comma in it; all rows are what a program wrote.
            longer = min((len(row) for row in rows if row), default=0) > cells
            told = [self._without_unnamed(row, longer) for row in rows]
            ragged = {place: fault for place, row in enumerate(told) if row and (fault := self._ragged(row))}
            whole = [place for place, row in enumerate(told) if row and place not in ragged]
        taken = told if len(whole) == len(rows) else [told[place] for place in whole]
        names = [self._header[place] for place in self._named]
        texts = dict(zip(names, zip(*taken, strict=True), strict=True)) if taken else dict.fromkeys(names, ())
        lines = _Lines(rows, first_line)
        return self._columns.read(texts, whole, ragged, lambda place: (lines.of(place), rows[place]))

    def _without_unnamed(self, row: list[str], longer: bool) -> list[str]:
        """Return the cells that stand under a name; the row itself where there are others, or cells lack."""
        cells = len(self._header)
        if len(row) < cells or (len(row) > cells and not longer):
            return row
        others = [cell for place, cell in enumerate(row) if place >= cells or not self._header[place]]
        return row if any(others) else [row[place] for place in self._named]

    def _ragged(self, row: list[str]) -> Fault | None:
        if len(row) == len(self._named):
            return None
        return Fault(Reason.RAGGED_ROW, "", f"{len(row)} cells, the header has {len(self._named)}")


class ReadingColumns:
    """Turns columns of texts, named like those of readings.csv, into readings and rejects."""

    def __init__(self, file: str, fleet: Fleet, limits: Limits, now_us: int | None, zone: tzinfo | None) -> None:
        """`file` is named in rejects; the others are as for `read_readings_csv`."""
        self._file = file
        self._fleet = fleet
        self._limits = limits
        self._now_us = now_us
        self._zone = zone

    def read(
        self,
        texts: Mapping[str, Sequence[str]],
        places: Sequence[int],
        refused: Mapping[int, Fault],
        source: Callable[[int], tuple[int, Sequence[str]]],
    ) -> Decoded:
        """Return the readings of columns of n texts, and the rejects of those that are none.

        `places` (n,) are the rows that they came from, in rising order; `refused` has the faults of further such rows.
        `source` gives line and cells of a row, and is asked for rows in rising order.
        """
        sifted = self._sift(texts, len(places))
        faults = {**refused, **{places[row]: fault for row, fault in sifted.faults.items()}}
        examples = [(places[row], fault) for row, fault in sifted.missing.examples]
        asked = {place: source(place) for place in sorted({*faults, *(place for place, _ in examples)})}
        rejects = [
            self._reject(*asked[place], fault) for place, fault in sorted(faults.items()) if any(asked[place][1])
        ]
        missing = [replace(self._reject(*asked[place], fault), taken=True) for place, fault in examples]
        counts: Counter[tuple[Reason, str]] = Counter()
        for (reason, field), count in sifted.missing.counts.items():
            counts[reason, _COLUMN_OF_FIELD.get(field, field)] += count
        return Decoded(sifted.readings, tuple(rejects), missing=counts, missing_examples=tuple(missing))

    def _sift(self, texts: Mapping[str, Sequence[str]], rows: int) -> Sifted:
        """Return the good readings among n rows, and the faults of the others."""
        transformer = self._fleet.rows_of(texts["transformer_id"])
        measured_at_us, time_faults = parse_measured_at(texts["measured_at"], self._zone)
        faults = {row: _name_fault(texts["transformer_id"][row]) for row in np.flatnonzero(transformer < 0).tolist()}
        for row, fault in time_faults.items():
            blank = not texts["measured_at"][row]
            faults.setdefault(row, Fault(Reason.MISSING_FIELD, "measured_at", "the cell is blank") if blank else fault)
        numbers: dict[str, NDArray[np.float64]] = {}
        value_faults: dict[int, list[Fault]] = {}
        for name in NUMBER_COLUMNS:
            numbers[name], bad = parse_numbers(texts[name]) if name in texts else (np.full(rows, np.nan), [])
            for row in bad:
                fault = Fault(Reason.BAD_NUMBER, _FIELD_OF_COLUMN[name], f"it is {shown(texts[name][row])}")
                value_faults.setdefault(row, []).append(fault)
        batch = ReadingBatch.of(
            transformer,
            measured_at_us,
            received_at_us=None if self._now_us is None else np.full(rows, self._now_us),
            **{field: np.column_stack([numbers[name] for name in names]) for field, names in _PHASE_COLUMNS.items()},
            **{field: numbers[field] for field in _TOTAL_COLUMNS},
        )
        return sift(batch, faults, self._fleet, self._limits, value_faults)

    def _reject(self, line: int, row: Sequence[str], fault: Fault) -> Reject:
        text = ",".join(row).encode("utf-8", "surrogatepass")
        return Reject(
            received_at_us=self._now_us or 0,
            topic=f"{self._file}:{line}",
            reason=fault.reason,
            field=_COLUMN_OF_FIELD.get(fault.field, fault.field),
            detail=fault.detail,
            payload=text[:KEPT_BYTES_MAX],
            sha256=sha256(text).hexdigest(),
            line=line,
        )


def _name_fault(transformer_id: str) -> Fault:
    if not transformer_id:
        return Fault(Reason.MISSING_FIELD, "transformer_id", "the cell is blank")
    return Fault(Reason.UNKNOWN_TRANSFORMER, "transformer_id", f"it is {shown(transformer_id)}")


class _Lines:
    """Tells in which line of the file each row of a chunk ends; a quoted cell may go over several."""

    def __init__(self, rows: Sequence[list[str]], first_line: int) -> None:
        self._rows = rows
        self._place = 0
        self._line = first_line - 1

    def of(self, place: int) -> int:
        """Return the line, from 1; to be asked for places in rising order."""
        for row in self._rows[self._place : place + 1]:
            self._line += 1 + sum(cell.count("\n") for cell in row)
        self._place = place + 1
        return self._line
