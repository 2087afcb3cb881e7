"""Cells of the roster: weekdays in the ways people write them, a date, a time of day."""

from __future__ import annotations

import re
from datetime import date

from grid.text import Text
from stores.ledger_files.cells import DateCell, clean
from stores.ledger_files.faults import CellError

_NAMES = {
    **{name: i for i, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)},
    **{name: i for i, name in enumerate("一二三四五六日", 1)},
    "天": 7,
}
_GROUPS = {
    "工作日": "12345",
    "周末": "67",
    "每天": "1234567",
    "全周": "1234567",
    "weekdays": "12345",
    "workdays": "12345",
    "weekend": "67",
    "daily": "1234567",
    "every day": "1234567",
}
_DAY = r"(?:周|星期|礼拜)?([1-7一二三四五六日天]|mon|tue|wed|thu|fri|sat|sun)[a-z]*"
_SPAN = re.compile(rf"{_DAY}-{_DAY}")
_TIME = re.compile(r"(\d{1,2})[:：](\d{2})(?::00)?", re.ASCII)
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]00:00(?::00)?)?", re.ASCII)


def weekdays(cell: str) -> str:
    """Return weekdays as digits from 1 (Monday) to 7: Mon-Fri, 1-5, 一二三, 周一至周五, 工作日. Raises CellError."""
    text = clean(cell).lower()
    if text in _GROUPS:
        return _GROUPS[text]
    text = re.sub(r"\s*(?:-|–|—|~|至|到|\bto\b)\s*", "-", text)
    days: set[int] = set()
    for part in re.split(r"[,，、;；/ ]+", text):
        span, single = _SPAN.fullmatch(part), re.fullmatch(_DAY, part)
        if span:
            first, last = _number(span[1]), _number(span[2])
            days |= {(first - 1 + i) % 7 + 1 for i in range((last - first) % 7 + 1)}
        elif single:
            days.add(_number(single[1]))
        elif re.fullmatch(r"(?:周|星期)?[1-7一二三四五六日天]{2,7}", part):
            days |= {_number(letter) for letter in part if letter in _NAMES or letter.isdigit()}
        else:
            raise CellError(
                Text(f"{part!r} 不是星期", f"{part!r} is no weekday"),
                Text("写成 周一至周五、一三五 或 1-5", "write it like Mon-Fri, or 1,3,5"),
            )
    return "".join(str(number) for number in sorted(days))


def day(cell: str) -> str:
    """Return a date as 2021-07-24. Raises CellError."""
    match = _DATE.fullmatch(str(cell) if isinstance(cell, DateCell) else clean(cell))
    try:
        if match is None:
            raise ValueError
        return date(int(match[1]), int(match[2]), int(match[3])).isoformat()
    except ValueError:
        raise CellError(
            Text(f"{cell[:20]!r} 不是日期", f"{cell[:20]!r} is no date"),
            Text("写成 2021-07-24", "write it like 2021-07-24"),
        ) from None


def time_of_day(cell: str) -> str:
    """Return a time of day as 08:00, up to 24:00. Raises CellError."""
    match = _TIME.fullmatch(clean(cell))
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise CellError(
            Text(f"{cell[:20]!r} 不是时刻", f"{cell[:20]!r} is no time of day"),
            Text("写成 08:00，最晚 24:00", "write it like 08:00, at the latest 24:00"),
        )
    return f"{int(match[1]):02}:{match[2]}"


def _number(word: str) -> int:
    return int(word) if word.isdigit() else _NAMES[word]
