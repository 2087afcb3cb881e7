"""From the text of one cell to a checked value. Each function raises CellError with the problem and its remedy."""

from __future__ import annotations

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import cache, lru_cache

from grid.text import Text
from grid.text_encoding import foreign_letters
from grid.timestamps import parse_timestamp_us
from stores.ledger_files.faults import CellError

CELL_CHARACTERS_MAX = 500
ID_CHARACTERS_MAX = 64

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd]")
_FORMULA = re.compile(r"[=@＝＠]")
_NEUTRALISED = re.compile(r"'+[=+\-@＝＋－＠]")
_SPREADSHEET_ERROR = re.compile(r"#(N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!)")
_ID = re.compile(r"[A-Za-z0-9\u3400-\u9fff][A-Za-z0-9\u3400-\u9fff_.:()-]*")
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,20})?", re.ASCII)
_WHOLE = re.compile(r"-?[0-9]{1,15}(\.0+)?", re.ASCII)
_YES_NO = {"yes": True, "是": True, "true": True, "no": False, "否": False, "false": False}


class DateCell(str):
    """A cell of which a spreadsheet made a date. No column of a ledger holds one: a date alone has no offset."""


def clean(cell: str) -> str:
    """Return a cell without the apostrophe that keeps a spreadsheet from calculating it; refuse what cannot be seen."""
    if isinstance(cell, DateCell):
        raise CellError(
            Text(f"被表格软件改成了日期 {cell[:10]}", f"the spreadsheet turned it into the date {cell[:10]}"),
            Text("把该列设为“文本”后重新输入", "set the column to text and type the cell anew"),
        )
    if len(cell) > CELL_CHARACTERS_MAX:
        raise CellError(
            Text(f"内容有 {len(cell)} 个字符，过长", f"has {len(cell)} characters, which is too long"),
            Text(f"缩短到 {CELL_CHARACTERS_MAX} 个字符以内", f"shorten it to {CELL_CHARACTERS_MAX} characters"),
        )
    unseen = _UNSEEN.search(cell)
    if unseen:
        code = f"U+{ord(unseen.group()):04X}"
        raise CellError(
            Text(f"含有看不见或损坏的字符（{code}）", f"holds a character that cannot be seen or is damaged ({code})"),
            Text(
                "删除该字符（换行、制表符也不允许），重新输入",
                "delete it (line breaks and tabs too) and type the cell anew",
            ),
        )
    if cell != cell.strip():
        raise CellError(
            Text("开头或结尾有空格", "begins or ends with a space"), Text("删除首尾空格", "remove the spaces")
        )
    if _SPREADSHEET_ERROR.fullmatch(cell):
        raise CellError(
            Text(f"是表格软件的错误值 {cell}", f"is the spreadsheet's error {cell}"),
            Text("填入实际内容，或留空", "write the value itself, or leave it blank"),
        )
    return cell[1:] if _NEUTRALISED.match(cell) else cell


def words(characters_max: int) -> Callable[[str], str]:
    """Return a check of free text: not too long, not what a spreadsheet would calculate."""

    def check(cell: str) -> str:
        text = clean(cell)
        if text is cell and _FORMULA.match(text):
            raise CellError(
                Text(
                    f"以 {text[0]} 开头，表格软件会当成公式执行", f"begins with {text[0]}, a formula to a spreadsheet"
                ),
                Text(f"去掉开头的 {text[0]}，只保留文字", f"take the {text[0]} away and keep plain text"),
            )
        foreign = foreign_letters(text)
        if foreign is not None:
            raise CellError(
                Text(
                    f"含有本地名称不会有的文字（{foreign[1]}），多半是编码弄错或文字已损坏",
                    f"has letters that no name here has ({foreign[1]}): of another encoding, or text was lost",
                ),
                Text("核对原文，另存为 UTF-8 后重新导入", "look at where it comes from, save that as UTF-8"),
            )
        if len(text) > characters_max:
            raise CellError(
                Text(f"有 {len(text)} 个字符，过长", f"has {len(text)} characters, which is too long"),
                Text(f"缩短到 {characters_max} 个字符以内", f"shorten it to {characters_max} characters"),
            )
        return text

    return check


def identifier(cell: str) -> str:
    """Return an id that is safe in an MQTT topic, a link and a file name, and cannot be taken for another."""
    text = clean(cell)
    if len(text) > ID_CHARACTERS_MAX:
        raise CellError(
            Text(f"编号有 {len(text)} 个字符，过长", f"the id has {len(text)} characters, which is too long"),
            Text(f"编号最多 {ID_CHARACTERS_MAX} 个字符", f"use at most {ID_CHARACTERS_MAX} characters"),
        )
    if _ID.fullmatch(text):
        return text
    plain = unicodedata.normalize("NFKC", text)
    if plain != text and _ID.fullmatch(plain):
        raise CellError(
            Text(f"编号 {text} 含全角或变体字符", f"the id {text} holds full-width or variant characters"),
            Text(f"改为半角：{plain}", f"write {plain}"),
        )
    strange = next((c for c in text if not _ID.fullmatch("a" + c)), text[:1])
    name = unicodedata.name(strange, "").lower() if strange else ""
    told = f"{strange!r}" + (f"（{name}）" if name and not strange.isascii() else "")
    raise CellError(
        Text(f"编号里不能有 {told}", f"an id may not hold {told}"),
        Text(
            "编号只用英文字母、数字、汉字和 - _ . : ( )，以字母、数字或汉字开头（不能有 / + # 和空格）",
            "use Latin letters, digits, Chinese characters and - _ . : ( ), beginning with a letter or digit "
            "(no / + # and no space)",
        ),
    )


def device_identifier(cell: str) -> str:
    """Return a device's own id; behind a gateway it has levels, such as `group/node/device`."""
    return "/".join(identifier(level) for level in clean(cell).split("/"))


def number(lowest: float, highest: float, *, above: bool = False) -> Callable[[str], float]:
    """Return a check of a decimal number between two bounds; `above`: the lower bound itself is refused."""

    def check(cell: str) -> float:
        text = clean(cell)
        if not _DECIMAL.fullmatch(text):
            raise CellError(
                _not_a_number(text), Text("写成 400 或 7.5 这样的数字", "write a number such as 400 or 7.5")
            )
        value = float(text)
        if not lowest <= value <= highest or (above and value == lowest):
            bound_zh = f"大于 {lowest:g}、不超过 {highest:g}" if above else f"{lowest:g} 到 {highest:g}"
            bound_en = f"above {lowest:g} and at most {highest:g}" if above else f"from {lowest:g} to {highest:g}"
            raise CellError(
                Text(f"数值 {text} 不在允许范围内", f"{text} is out of range"),
                Text(f"应为{bound_zh}", f"write a number {bound_en}"),
            )
        return value

    return check


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a check of a whole number between two bounds."""

    def check(cell: str) -> int:
        text = clean(cell)
        if not _WHOLE.fullmatch(text):
            raise CellError(_not_a_number(text), Text("写成整数，例如 3", "write a whole number such as 3"))
        value = int(text.partition(".")[0])
        if not lowest <= value <= highest:
            raise CellError(
                Text(f"数值 {text} 不在允许范围内", f"{text} is out of range"),
                Text(f"应为 {lowest} 到 {highest} 的整数", f"write a whole number from {lowest} to {highest}"),
            )
        return value

    return check


def yes_or_no(cell: str) -> bool:
    """Return True for yes, 是, true and False for no, 否, false."""
    text = clean(cell)
    value = _YES_NO.get(text.lower())
    if value is None:
        raise CellError(
            Text(f"{_shown(text)} 不是 yes 或 no", f"{_shown(text)} is neither yes nor no"),
            Text("写 yes 或 no（也可写 是、否）", "write yes or no"),
        )
    return value


def one_of(choices: Iterable[str]) -> Callable[[str], str]:
    """Return a check that a cell is one of a closed list of words."""
    allowed = tuple(choices)

    def check(cell: str) -> str:
        text = clean(cell)
        if text in allowed:
            return text
        close = [c for c in allowed if c.lower() == text.lower()] or get_close_matches(text, allowed, 1, 0.6)
        meant_zh, meant_en = (f"，是否应为 {close[0]}？", f"; did you mean {close[0]}?") if close else ("", "")
        raise CellError(
            Text(f"没有 {_shown(text)} 这个选项", f"there is no choice {_shown(text)}"),
            Text(f"可选：{'、'.join(allowed)}{meant_zh}", f"use one of {', '.join(allowed)}{meant_en}"),
        )

    return check


def phase_order(cell: str) -> str:
    """Return the phases that the channels of a device are connected to, such as ABC, CAB or B."""
    text = clean(cell).upper()
    if text and set(text) <= set("ABC") and len(set(text)) == len(text):
        return text
    raise CellError(
        Text(f"{_shown(text)} 不是相序", f"{_shown(text)} is no order of phases"),
        Text("按设备通道 1、2、3 的顺序写，例如 ABC、CAB 或 B", "write them by channel, such as ABC, CAB or B"),
    )


def timezone(cell: str) -> str:
    """Return the name of a time zone of the IANA list."""
    text = clean(cell)
    if text in _zones():
        return text
    example = _closest_zone(text)
    raise CellError(
        Text(f"没有 {_shown(text)} 这个时区", f"there is no time zone {_shown(text)}"),
        Text(f"写时区名称，例如 {example}（不写 +08:00）", f"write a zone's name such as {example} (not +08:00)"),
    )


_CHINESE_TIME = re.compile(r"(?:utc|gmt)?\s*\+?0?8(?::?00)?|cst|prc|北京时间?|beijing|中国标准时间", re.IGNORECASE)
"""Ways to write the time of China that are no zone's name."""


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@lru_cache(maxsize=1_000)
def _closest_zone(text: str) -> str:
    if _CHINESE_TIME.fullmatch(text):
        return "Asia/Shanghai"
    known = sorted(_zones())
    close = [zone for zone in known if zone.lower() == text.lower()] or get_close_matches(text, known, 1, 0.75)
    return close[0] if close else "Asia/Shanghai"


def _shown(text: str) -> str:
    return f"“{text[:30]}…”" if len(text) > 30 else f"“{text}”"


def _not_a_number(text: str) -> Text:
    if unicodedata.normalize("NFKC", text) != text:
        return Text(f"{_shown(text)} 含全角数字或符号", f"{_shown(text)} holds full-width digits or signs")
    if "," in text:
        return Text(f"{_shown(text)} 里有逗号", f"{_shown(text)} holds a comma")
    return Text(f"{_shown(text)} 不是数字", f"{_shown(text)} is no number")


def timestamp(cell: str) -> int:
    """Return the moment [µs] of an ISO 8601 text with an offset."""
    text = clean(cell)
    try:
        return parse_timestamp_us(text)
    except ValueError as error:
        raise CellError(
            Text(f"“{text}”不是带时区的时间", f"“{text}” is no time with an offset"),
            Text("写成 2021-06-01T00:00:00+08:00 这样", "write it like 2021-06-01T00:00:00+08:00"),
        ) from error
