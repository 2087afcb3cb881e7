"""Cells as people and programs write them, to what readings.csv has: numbers, times, ids. Nothing is guessed."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from grid.text import Text

MISSING_WORDS = frozenset(
    {"", "-", "--", "---", "—", "——", "/", "n/a", "na", "null", "none", "nan", "无", "空", "缺", "\\n"}
)
"""What stands in a cell where there is no value."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?", re.ASCII)
_WITH_UNIT = re.compile(r"(.*\d)\s*(v|kv|a|ma|kw|w|kvar|var|kva|va|℃|°c|c)", re.IGNORECASE)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)")
_CLOCK = re.compile(r"(\d{1,2})(?::|时|点)(\d{1,2})?(?:分|:)?(\d{1,2}(?:\.\d+)?)?秒?")
_COMPACT_CLOCK = re.compile(r"(\d\d)(\d\d)(\d\d)?")
_OFFSET = re.compile(r"\s*(Z|[+-]\d\d:?\d\d)$", re.ASCII)
_DAMAGED = re.compile(r"\d(\.\d+)?[eE][+-]?\d+", re.ASCII)
_EXCEL_DIGITS = 15
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no zone
_EXCEL_DAYS = (20_000.0, 80_000.0)
"""Dates from 1954 to 2119."""

Cell = str | int | float | datetime | date | time | None


class CellNotUnderstoodError(ValueError):
    """A cell says nothing that can be relied on."""

    def __init__(self, problem: Text, remedy: Text) -> None:
        super().__init__(problem.en)
        self.problem = problem
        self.remedy = remedy


def plain(cell: Cell) -> str:
    """Return a cell as text with half-width characters, without space around it."""
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 10**_EXCEL_DIGITS:
        cell = int(cell)
    return unicodedata.normalize("NFKC", str(cell)).replace("\ufeff", "").strip()


def number_of(cell: Cell) -> float | None:
    """Return a number, None where there is none. Raises CellNotUnderstoodError."""
    if isinstance(cell, bool):
        raise _no_number(str(cell))
    if isinstance(cell, int | float):
        return float(cell)
    if isinstance(cell, datetime | date | time):
        raise CellNotUnderstoodError(
            Text(f"Excel 把数字变成了日期 {cell}", f"Excel has made a date of the number: {cell}"),
            Text("把该列格式设为“数值”后重新导出", "format the column as a number and export again"),
        )
    text = plain(cell)
    if text.lower() in MISSING_WORDS:
        return None
    if _NUMBER.fullmatch(text):
        return float(text)
    if _GROUPED.fullmatch(text):
        return float(text.replace(",", ""))
    raise _no_number(text)


def _no_number(text: str) -> CellNotUnderstoodError:
    if _WITH_UNIT.fullmatch(text):
        remedy = Text("单位请写在表头里", "write the unit into the header")
    elif "," in text:
        remedy = Text("小数点请用 .，千分位为每三位一个逗号", "use a decimal point; commas group three digits")
    else:
        remedy = Text("写数字，没有数值时留空", "write a number, or nothing where there is none")
    return CellNotUnderstoodError(Text(f"“{text[:40]}”不是数字", f"{text[:40]!r} is no number"), remedy)


def id_of(cell: Cell, replace: tuple[tuple[str, str], ...] = ()) -> str:
    """Return an identifier. Raises CellNotUnderstoodError for one that Excel has damaged."""
    remedy = Text(
        "原编号已丢失：在来源系统中把该列设为“文本”后重新导出",
        "the id is lost: format the column as text at its source, export again",
    )
    text = plain(cell)
    if isinstance(cell, datetime | date | time) or _DATE.match(text):
        raise CellNotUnderstoodError(
            Text(f"Excel 把编号变成了日期 {text}", f"Excel has made a date of the id: {text}"), remedy
        )
    digits = text.replace(".", "").lstrip("0")
    if _DAMAGED.fullmatch(text) or re.fullmatch(r"\d+\.0+", text):
        raise CellNotUnderstoodError(
            Text(f"编号 {text} 被 Excel 改成了数值", f"Excel has made a number of the id: {text}"), remedy
        )
    if digits.isdigit() and len(digits) > _EXCEL_DIGITS and not digits[_EXCEL_DIGITS:].strip("0"):
        raise CellNotUnderstoodError(
            Text(f"编号 {text} 的后几位被 Excel 变成了 0", f"Excel has put zeros for the last digits of the id {text}"),
            remedy,
        )
    for old, new in replace:
        text = text.replace(old, new)
    return text


def time_of(cells: tuple[Cell, ...], form: str, zone: ZoneInfo | None) -> str:
    """Return the time of a cell, or of a date and a time of day, as ISO 8601; with an offset where one is known.

    Raises CellNotUnderstoodError for what could be read in two ways, or in none.
    """
    if len(cells) == 1 and isinstance(cells[0], int | float):
        return _excel_number(float(cells[0]), zone)
    if len(cells) == 2 and isinstance(cells[1], float) and 0.0 <= cells[1] < 1.0:
        cells = cells[0], f"{timedelta(seconds=round(cells[1] * 86_400))}"
    return _time_of_text(" ".join(filter(None, (_time_text(cell) for cell in cells))), form, zone)


def _time_text(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ") if cell.time() != time() else f"{cell:%Y-%m-%d}"
    return plain(cell)


@lru_cache(maxsize=100_000)
def _time_of_text(text: str, form: str, zone: ZoneInfo | None) -> str:
    if form:
        try:
            return _iso(datetime.strptime(text, form), zone)  # noqa: DTZ007 - the zone is put on it
        except ValueError as error:
            raise _no_time(text) from error
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return _excel_number(float(text), zone)
    offset = _OFFSET.search(text) if re.search(r"\d[T\s]", text) or text.endswith("Z") else None
    told = text[: offset.start()] if offset else text
    parts = [part for part in re.split(r"[T\s]+", told.strip()) if part]
    day = parts and (_DATE.match(parts[0]) or _COMPACT.match(parts[0]))
    if not day or len(parts) > 3:
        raise _no_time(text)
    rest = parts[0][day.end() :] + "".join(_clock_text(part, parts) for part in parts[1:])
    if not rest and len(parts) > 1:
        rest = "00:00"
    clock = _CLOCK.fullmatch(rest) or _COMPACT_CLOCK.fullmatch(rest) if rest else None
    if rest and clock is None:
        raise _no_time(text)
    hour, minute, second = (float(part or 0) for part in clock.groups()) if clock else (0.0, 0.0, 0.0)
    try:
        when = datetime(*map(int, day.groups()))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError as error:
        raise _no_time(text) from error
    if hour > 24 or minute > 59 or second >= 60 or (hour == 24 and (minute or second)):
        raise _no_time(text)
    when += timedelta(hours=hour, minutes=minute, seconds=second)
    if offset:
        return when.isoformat() + offset[1]
    return _iso(when, zone)


def _clock_text(part: str, parts: list[str]) -> str:
    # A date that a workbook shows as a whole day is put before a time of day: its midnight says nothing.
    return "" if part in ("00:00:00", "0:00:00") and len(parts) == 3 and part is parts[1] else part


def _excel_number(days: float, zone: ZoneInfo | None) -> str:
    if not _EXCEL_DAYS[0] <= days < _EXCEL_DAYS[1]:
        raise _no_time(f"{days:g}")
    return _iso(_EXCEL_EPOCH + timedelta(seconds=round(days * 86_400)), zone)


def _iso(when: datetime, zone: ZoneInfo | None) -> str:
    if when.tzinfo is None and zone is not None:
        when = when.replace(tzinfo=zone)
    return when.isoformat()


def _no_time(text: str) -> CellNotUnderstoodError:
    return CellNotUnderstoodError(
        Text(f"“{text[:40]}”不是能确定的时间", f"{text[:40]!r} is no time that can be told for certain"),
        Text(
            "写成 2018-01-01 00:15，或在列对照中用 format 说明",
            "write 2018-01-01 00:15, or say format in the columns file",
        ),
    )
