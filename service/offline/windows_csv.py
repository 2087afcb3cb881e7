"""Files of `redvest baseline`: the windows to measure, and the outdoor air where it is known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from alerts.effect.effect import Weather
from alerts.effect.windows import Window
from collector.files.csv_text import encoding_of
from grid.errors import LedgerError
from grid.text import Text
from grid.timestamps import parse_timestamp_us

WINDOW_COLUMNS = ("transformer_id", "from", "to")
WEATHER_COLUMNS = ("time", "temperature_c")
_TIME_LIKE = Text("请写成 2021-07-24T11:00:00+08:00", "write it like 2021-07-24T11:00:00+08:00")
_TEMPERATURE_C = (-60.0, 60.0)


def read_windows(path: Path, known: Callable[[str], bool]) -> tuple[Window, ...]:
    """Read WINDOWS.csv. Raises LedgerError for the first faulty row: file, line, column, remedy."""
    found = []
    for where, row in _rows(path, WINDOW_COLUMNS):
        transformer_id = (row["transformer_id"] or "").strip()
        if not known(transformer_id):
            raise LedgerError(
                Text(f"台账里没有台区 {transformer_id!r}", f"the ledger knows no transformer {transformer_id!r}"),
                where=where,
                remedy=Text("请按 transformers 表填写", "write it as in the sheet transformers"),
            )
        from_us, to_us = (_timestamp(row[name] or "", name, where) for name in ("from", "to"))
        if to_us <= from_us:
            raise LedgerError(
                Text("列 to 不晚于 from", "column to is not after from"),
                where=where,
                remedy=Text("请检查两个时间", "look at both times"),
            )
        found.append(Window(transformer_id, from_us, to_us))
    return tuple(found)


def read_air(path: Path) -> Weather:
    """Read outdoor temperatures: `time` (or `measured_at`, with an offset) and `temperature_c`. Raises LedgerError."""
    values: dict[int, float] = {}
    for where, row in _rows(path, WEATHER_COLUMNS):
        at_us = _timestamp(row["time"] or "", "time", where)
        text = (row["temperature_c"] or "").strip()
        if not text:
            continue
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not _TEMPERATURE_C[0] <= value <= _TEMPERATURE_C[1]:
            raise LedgerError(
                Text(f"列 temperature_c：{text!r}", f"column temperature_c: {text!r}"),
                where=where,
                remedy=Text("请写 -60 到 60 之间的气温", "write a temperature from -60 to 60"),
            )
        values[at_us] = value
    at_us_all = np.array(sorted(values), np.int64)
    return Weather(at_us_all, np.array([values[at] for at in at_us_all.tolist()]))


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    with path.open(encoding=encoding_of(path), newline="") as file:
        rows = csv.DictReader(file)
        names = [name.strip() for name in rows.fieldnames or []]
        if "measured_at" in names and "time" not in names:
            names[names.index("measured_at")] = "time"
        rows.fieldnames = names
        for name in columns:
            if name not in names:
                raise LedgerError(
                    Text(f"缺少列 {name}", f"the column {name} is missing"),
                    where=f"{path} line 1",
                    remedy=Text(f"需要的列：{'、'.join(columns)}", f"the columns are {', '.join(columns)}"),
                )
        for row in rows:
            yield f"{path} line {rows.line_num}", row


def _timestamp(text: str, column: str, where: str) -> int:
    try:
        return parse_timestamp_us(text.strip())
    except ValueError as error:
        raise LedgerError(
            Text(f"列 {column}：{text!r}（{error}）", f"column {column}: {text!r} ({error})"),
            where=where,
            remedy=_TIME_LIKE,
        ) from error
