"""Weather of one's own: a CSV of one day as curves of the day.

Columns: `time` (09:30, or ISO 8601 with an offset), `temperature_c`, and where known `humidity` (fraction or %),
`clearness` (1 clear, 0 overcast) or `irradiance_w_m2` (global, on the level), from which the clearness is worked out.
Of a file with dates the rows of the scenario's own day count.
"""

from __future__ import annotations

import csv
import difflib
import math
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import msgspec

from grid.errors import SettingsError
from grid.text import Text
from grid.timestamps import as_datetime, parse_timestamp_us
from simulator.scenario.day import minute_of
from simulator.scenario.parts import WeatherPart
from simulator.scenario.values import Points
from simulator.scenario.weather import Weather

COLUMNS = ("time", "temperature_c", "humidity", "clearness", "irradiance_w_m2")
_CLEAR = (("00:00", 0.8),)
"""Where a file says nothing of the sky."""
_BOUNDS = {"temperature_c": (-60.0, 60.0), "humidity": (0.0, 100.0), "clearness": (0.0, 1.0)}
_SUN_HIGH_ENOUGH = math.radians(8.0)
"""Lower, the irradiance says little of the clearness."""


def read_weather(file: Path, part: WeatherPart, starts_at: datetime) -> WeatherPart:
    """Return the weather of a file in place of the curves. Raises SettingsError: file, line, column, remedy."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            Text(f"无法读取：{error}", f"cannot be read: {error}"),
            where=str(file),
            remedy=Text("请指定 UTF-8 的 CSV 文件", "name a UTF-8 CSV file"),
        ) from error
    rows = csv.DictReader(lines)
    _check_columns(rows.fieldnames or [], file)
    columns: dict[str, dict[str, float]] = {name: {} for name in COLUMNS[1:]}
    for row in rows:
        where = f"{file} line {rows.line_num}"
        clock_time = _clock_time(row["time"] or "", starts_at, where)
        for name, values in columns.items():
            if clock_time and row.get(name):
                values[clock_time] = _number(row[name] or "", name, where)
    if not columns["temperature_c"]:
        raise SettingsError(
            Text(f"没有 {starts_at:%Y-%m-%d} 的气温", f"there is no temperature of {starts_at:%Y-%m-%d}"),
            where=str(file),
            remedy=Text("请补上那一天的行", "add rows of that day"),
        )
    points = {name: tuple(sorted(values.items())) for name, values in columns.items()}
    humidity = points["humidity"]
    if any(value > 1.0 for _, value in humidity):
        humidity = tuple((at, value / 100.0) for at, value in humidity)
    dry = msgspec.structs.replace(
        part, file="", temperature_c=points["temperature_c"], humidity=humidity, clearness=points["clearness"] or _CLEAR
    )
    if points["clearness"] or not points["irradiance_w_m2"]:
        return dry
    return msgspec.structs.replace(dry, clearness=_clearness(points["irradiance_w_m2"], dry, starts_at))


def _check_columns(names: list[str] | object, file: Path) -> None:
    found = list(names) if isinstance(names, list | tuple) else []
    for name in found:
        if name not in COLUMNS:
            meant = difflib.get_close_matches(name, COLUMNS, 1)
            columns = ", ".join(COLUMNS)
            remedy = (
                Text(f"是否应为 {meant[0]}？", f"did you mean {meant[0]}?")
                if meant
                else Text(f"可用的列：{columns}", f"the columns are {columns}")
            )
            raise SettingsError(
                Text(f"列 {name!r} 不认识", f"the column {name!r} is unknown"), where=str(file), remedy=remedy
            )
    for name in COLUMNS[:2]:
        if name not in found:
            raise SettingsError(
                Text(f"缺少列 {name}", f"the column {name} is missing"),
                where=str(file),
                remedy=Text("请补上", "add it"),
            )


def _clock_time(text: str, starts_at: datetime, where: str) -> str | None:
    """Return the clock time of a row; None for a row of another day."""
    try:
        if len(text) == 5:
            minute_of(text)
            return text
        here = as_datetime(parse_timestamp_us(text), timezone(starts_at.utcoffset() or timedelta(0)))
    except ValueError as error:
        raise SettingsError(
            Text(f"列 time：{error}", f"column time: {error}"),
            where=where,
            remedy=Text("请写成 09:30 或 2021-07-24T09:30:00+08:00", "write 09:30 or 2021-07-24T09:30:00+08:00"),
        ) from error
    return f"{here:%H:%M}" if here.date() == starts_at.date() else None


def _number(text: str, name: str, where: str) -> float:
    low, high = _BOUNDS.get(name, (0.0, 1500.0))
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise SettingsError(
            Text(f"列 {name}：{text!r}", f"column {name}: {text!r}"),
            where=where,
            remedy=Text(
                f"请写 {low:g} 到 {high:g} 的数，或留空", f"write a number from {low:g} to {high:g}, or nothing"
            ),
        )
    return value


def _clearness(irradiance: Points, part: WeatherPart, starts_at: datetime) -> Points:
    """Return the clearness that gives the irradiance, by the formulas of `Weather.sun` (linear in it)."""
    day: date = starts_at.date()
    offset_hours = (starts_at.utcoffset() or timedelta(0)).total_seconds() / 3600.0
    overcast, clear = (
        Weather.of(day, offset_hours, msgspec.structs.replace(part, clearness=(("00:00", value),)))
        for value in (0.0, 1.0)
    )
    points = []
    for at, measured_w_m2 in irradiance:
        dull, bright = overcast.sun(minute_of(at)), clear.sun(minute_of(at))
        if bright.elevation >= _SUN_HIGH_ENOUGH:
            low_w_m2 = dull.on_ground_w_m2
            share = (measured_w_m2 - low_w_m2) / (bright.on_ground_w_m2 - low_w_m2)
            points.append((at, min(max(share, 0.0), 1.0)))
    return tuple(points) or _CLEAR
