"""Phone numbers in the shapes that people write them, brought to one shape."""

from __future__ import annotations

import re
import unicodedata

from grid.text import Text
from stores.ledger_files.cells import clean
from stores.ledger_files.faults import CellError

_MOBILE = re.compile(r"(?:(?:\+|00)?86)?(1[3-9][0-9]{9})")
_AREA = r"010|02[0-9]|0[3-9][0-9]{2}"
_LANDLINE = re.compile(
    rf"(?:(?:\+|00)86[- ]?)?\(?({_AREA})\)?[- ]?([0-9]{{7,8}})(?: ?(?:-|转|分机|x|ext\.?) ?([0-9]{{1,6}}))?"
)
_LANDLINE_ABROAD = re.compile(r"(?:\+|00)86[- ]?(10|2[0-9]|[3-9][0-9]{2})[- ]?([0-9]{7,8})")
_SERVICE = re.compile(r"([48]00)[- ]?([0-9]{3})[- ]?([0-9]{4})")
_FOREIGN = re.compile(r"\+(?!86)[1-9][0-9]{6,14}")
_DAMAGED = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]{1,2}", re.IGNORECASE)
_SEVERAL = re.compile(r"[/,;、，；|]|或")
_DASHES = re.compile("[\u2010-\u2015\u2212]")
_LOCAL = re.compile(r"[0-9]{7,8}")


def phone(cell: str) -> str:
    """Return a phone number as 13812345678, 010-12345678, 010-12345678-801, 400-123-4567 or +85291234567.

    Taken: digits with spaces or hyphens, +86, 0086 or 86 in front, full-width digits, an area code in brackets,
    with a hyphen or without, an extension, an Excel text mark (') or a trailing .0, a foreign number with +.
    """
    text = unicodedata.normalize("NFKC", clean(cell.strip(" \u3000\u00a0"))).removeprefix("'").removesuffix(".0")
    text = _DASHES.sub("-", text)
    if _DAMAGED.fullmatch(text):
        raise CellError(
            Text(
                "号码被表格软件改成了科学计数，末位数字已丢失", "the spreadsheet turned the number into powers of ten"
            ),
            Text("把该列设为“文本”后重新输入完整号码", "set the column to text and type the whole number again"),
        )
    bare = re.sub(r"[ ()\-.]", "", text)
    if mobile := _MOBILE.fullmatch(bare):
        return mobile.group(1)
    if landline := _LANDLINE.fullmatch(text):
        area, local, extension = landline.groups()
        return f"{area}-{local}-{extension}" if extension else f"{area}-{local}"
    if landline := _LANDLINE_ABROAD.fullmatch(text):
        return f"0{landline.group(1)}-{landline.group(2)}"
    if service := _SERVICE.fullmatch(text):
        return "-".join(service.groups())
    if _FOREIGN.fullmatch(bare):
        return bare
    if _SEVERAL.search(text):
        raise CellError(
            Text("一格里有多个号码", "holds more than one number"),
            Text("每格只留一个号码", "keep one number in the cell"),
        )
    if _LOCAL.fullmatch(bare):
        raise CellError(
            Text("固定电话缺少区号", "the area code is missing"),
            Text("加上区号，例如 010-12345678", "write 010-12345678"),
        )
    raise CellError(
        Text("不是可识别的电话号码", "is no phone number we can read"),
        Text("写成 13812345678 或 010-12345678；没有就留空", "write 13812345678 or 010-12345678, or leave it blank"),
    )
