"""Headers of other systems, in Chinese and English: which quantity, which phase, which unit, which point of the day."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_UNIT = re.compile(
    r"[\s_(\[{（【,/]*(?<![a-z0-9])(kvar|kva|kwh|kw|mw|mvar|mva|kv|ma|var|va|w|v|a|°c|℃|安|伏|千瓦|千乏)[)\]}）】]*$"
)
_FACTORS = {
    "w": 0.001, "var": 0.001, "va": 0.001, "mw": 1000.0, "mvar": 1000.0, "mva": 1000.0, "kv": 1000.0, "ma": 0.001,
}  # fmt: skip
_QUANTITY_OF_UNIT = {
    "v": "voltage", "kv": "voltage", "伏": "voltage", "a": "current", "ma": "current", "安": "current",
    "kw": "active", "w": "active", "mw": "active", "千瓦": "active", "kvar": "reactive", "var": "reactive",
    "mvar": "reactive", "千乏": "reactive", "kva": "apparent", "va": "apparent", "mva": "apparent",
    "°c": "temperature", "℃": "temperature",
}  # fmt: skip
_WORDS: tuple[tuple[str, str], ...] = (
    ("fed_back", r"反向有功|export(ed)?[\s_]*(active)?[\s_]*power|power[\s_]*export|p-$"),
    ("drawn", r"正向有功|import(ed)?[\s_]*(active)?[\s_]*power|power[\s_]*import|p\+$"),
    ("reactive", r"无功|reactive|^q(?![a-z])|totvar"),
    ("apparent", r"视在|apparent|^s(?![a-z])|aprt"),
    ("active", r"有功|active|^p(?![a-z])|totw|负荷|^功率|^power|总功率|total[\s_]*power"),
    ("neutral", r"零序|中性|零线|neutral|^in$|^i0$|^io$"),
    ("oil", r"油温|oil"),
    ("ambient", r"环境温|气温|室外|ambient|outdoor|air[\s_]*temp"),
    ("voltage", r"电压|voltage|^u(?![a-z]{2})|^v(?![a-z]{2})|phv|^volt"),
    ("current", r"电流|current|^i(?![a-z]{2})|^amp"),
)
_IDS = (
    r"台区(编号|编码|id|号|标识)|变压器(编号|编码|id|号|标识)|(公变|配变)(编号|编码|号)|transformer[\s_]*(id|no|code|number)|"
    r"^(tg|device|meter|terminal|asset)[\s_]*(id|no|code|number)$|(终端|设备|电表|表计|资产|计量点|测量点)(编号|编码|地址|号|id)|^编号$|^id$|^台区$|^transformer$"
)
_OF_MEASURING = "数据|采集|测量|采样|记录|抄表|量测"
_MEASURED_AT = (
    rf"({_OF_MEASURING})?(日期时间|时间戳)|({_OF_MEASURING})时间|^时间$|date[\s_]*time|timestamp|measured[\s_]*at|^ts$"
)
_ENERGY = r"电能|电量|kwh|energy|示值"
_NO_LOAD = (
    r"因数|factor|频率|freq|不平衡|谐波|最大|最小|max|min|线电压|u?ab\b|u?bc\b|u?ca\b|角|angle|percent|"
    r"(负载|不平衡|合格|利用|同时|损)率"
)
_PHASE = (
    (re.compile(r"a相|相a|phase[\s_]*a\b|phsa|l1|[_\s(]a\b|^[uvi]a$|_a_|r相|^[pqs]a$|[uvi]1$"), "a"),
    (re.compile(r"b相|相b|phase[\s_]*b\b|phsb|l2|[_\s(]b\b|^[uvi]b$|_b_|s相|^[pqs]b$|[uvi]2$"), "b"),
    (re.compile(r"c相|相c|phase[\s_]*c\b|phsc|l3|[_\s(]c\b|^[uvi]c$|_c_|t相|^[pqs]c$|[uvi]3$"), "c"),
)
_TRAILING_PHASE = re.compile(r"(?:电压|电流|voltage|current)[\s_]*([abc])$")
_CLOCK = re.compile(r"^(?:t|p|v|h)?[\s_]*(\d{1,2})[:：时点]?(\d\d)?分?(?:[:：]00)?(?:\s*[-~至].*)?$")
_INDEXED = re.compile(r"^(\D{0,12}?)[\s_]*0*(\d{1,4})(?:点|时)?$")
_TOTALS = {
    "active": "active_power_kw",
    "drawn": "active_power_kw",
    "fed_back": "active_power_kw",
    "reactive": "reactive_power_kvar",
    "apparent": "apparent_power_kva",
    "neutral": "neutral_current_amp",
    "oil": "oil_temperature_c",
    "ambient": "ambient_temperature_c",
}

_ADDED_UP = ("active", "reactive", "apparent")


@dataclass(frozen=True)
class Meaning:
    """What a header says."""

    column: str
    """Of readings.csv; `date` and `time` are the halves of `measured_at`."""
    multiplier: float = 1.0
    is_fed_back: bool = False
    """To be taken off the active power."""
    phase: str = ""
    """Of powers: this is one phase of three that are added up."""


def plain_header(text: str) -> str:
    """Return a header in half-width, lower case, without space around it."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().lower()


def meaning_of(header: str) -> Meaning | None:
    """Return what a header means, None where it cannot be told for certain.

    >>> meaning_of("总有功功率（kw）")
    Meaning(column='active_power_kw', multiplier=1.0, is_fed_back=False, phase='')
    >>> meaning_of("Current L2 [mA]")
    Meaning(column='current_b_amp', multiplier=0.001, is_fed_back=False, phase='')
    """
    text = plain_header(header)
    if re.search(_IDS, text):
        return Meaning("transformer_id")
    if time := _time_meaning(text):
        return time
    found = _UNIT.search(text)
    unit, words = (found[1], text[: found.start()].strip()) if found and found.start() else ("", text)
    if unit == "kwh" or re.search(_ENERGY, words) or re.search(_NO_LOAD, words):
        return None
    quantity = next((name for name, pattern in _WORDS if re.search(pattern, words)), "")
    if quantity in ("", "voltage", "current") and unit and _QUANTITY_OF_UNIT.get(unit) not in (quantity, "temperature"):
        quantity = _QUANTITY_OF_UNIT[unit] if not quantity else ""
    if not quantity:
        return None
    factor = _FACTORS.get(unit, 1.0)
    phase = _phase_of(words)
    if quantity in ("voltage", "current"):
        suffix = {"voltage": "v", "current": "amp"}[quantity]
        return Meaning(f"{quantity}_{phase}_{suffix}", factor) if phase else None
    if phase and quantity != "neutral":
        return Meaning(_TOTALS[quantity], factor, phase=phase) if quantity in _ADDED_UP else None
    return Meaning(_TOTALS[quantity], factor, quantity == "fed_back")


def _time_meaning(text: str) -> Meaning | None:
    if re.search(_MEASURED_AT, text):
        return Meaning("measured_at")
    if re.search(r"日期|^date$|^day$", text):
        return Meaning("date")
    if re.search(r"^时刻$|^(时|点)$|^time$|^clock$|^hour$|采集时刻", text):
        return Meaning("time")
    return None


def _phase_of(text: str) -> str:
    if trailing := _TRAILING_PHASE.search(text):
        return trailing[1]
    found = {phase for pattern, phase in _PHASE if pattern.search(text)}
    return found.pop() if len(found) == 1 else ""


@dataclass(frozen=True)
class DayPoints:
    """Headers that are points of a day."""

    headers: tuple[str, ...]
    first_point: str
    step_minutes: float
    is_certain: bool
    """Their names say the times; numbered points may begin at 00:00 or one step later."""


def day_points(headers: Sequence[str]) -> DayPoints | None:
    """Return the points of a day among headers, None where there are none: 24, 48, 96 … of them."""
    clocks = {header: minute for header in headers if (minute := _minute_of(header)) is not None}
    if points := _evenly(clocks, is_certain=True):
        return points
    numbered: dict[str, dict[str, int]] = {}
    for header in headers:
        if found := _INDEXED.fullmatch(plain_header(header)):
            numbered.setdefault(found[1].strip(" _"), {})[header] = int(found[2])
    for group in numbered.values():
        if len(group) in (24, 48, 96, 288) and sorted(group.values()) in (
            list(range(len(group))),
            list(range(1, len(group) + 1)),
        ):
            step = 1440.0 / len(group)
            by_number = sorted(group, key=lambda header: group[header])
            return DayPoints(tuple(by_number), "00:00", step, is_certain=min(group.values()) == 0)
    return None


def _minute_of(header: str) -> int | None:
    text = plain_header(header)
    found = _CLOCK.fullmatch(text)
    if found is None or (found[2] is None and not re.search(r"[:时]", text)):
        return None
    hour, minute = int(found[1]), int(found[2] or 0)
    return hour * 60 + minute if hour <= 24 and minute < 60 and hour * 60 + minute <= 1440 else None


def _evenly(minutes: dict[str, int], *, is_certain: bool) -> DayPoints | None:
    ordered = sorted(minutes, key=lambda header: minutes[header])
    if len(ordered) < 24 or len(set(minutes.values())) != len(ordered):
        return None
    steps = {minutes[later] - minutes[sooner] for sooner, later in pairwise(ordered)}
    if len(steps) != 1:
        return None
    first = minutes[ordered[0]]
    return DayPoints(tuple(ordered), f"{first // 60:02d}:{first % 60:02d}", float(steps.pop()), is_certain)
