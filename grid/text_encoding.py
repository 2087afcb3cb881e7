"""UTF-8 or GB18030: which of the two a file's bytes are, decided by what the letters would be, and by its neighbours.

Short Chinese words in GB18030 can be valid UTF-8: the two bytes of each character of 学院 are also a Cyrillic and an
Armenian letter. No name of this trade has such letters, so that reading is not believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

UTF8 = "utf-8-sig"
GB18030 = "gb18030"
_MARK = b"\xef\xbb\xbf"

# Scripts that no name in a Chinese ledger has: Cyrillic to Hebrew, Syriac to Samaritan, India to Georgia, Ethiopia to
# Khmer. Arabic (Uyghur), Tibetan, Mongolian, Yi and Hangul are written in China and stay. Then what no character is.
_FOREIGN = re.compile(
    "[\u0400-\u05ff\u0700-\u08ff\u0900-\u0eff\u1000-\u10ff\u1200-\u17ff\ue000-\uf8ff\ufffd\u0080-\u009f]|锟斤拷"
)
# Beyond those, what two bytes of GB18030 look like in UTF-8: all of it lies between U+0080 and U+07FF. An accented
# letter beside a plain one is a word of Latin script.
_ACCENTED_WORD = re.compile("(?<=[A-Za-z])[\u00c0-\u024f]+|[\u00c0-\u024f]+(?=[A-Za-z])")
_TWO_BYTES = re.compile("[\u0080-\u07ff]")
_IDEOGRAPH = re.compile("[\u3400-\u9fff]")
_WIDE = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_WIDE_CHARACTERS_PROOF = 4
"""So many valid UTF-8 characters beyond ASCII before the first invalid byte are no accident of GB18030."""


class Unclear(Enum):
    """Why no encoding can be named."""

    NEITHER = "neither"
    """The bytes are text in neither of the two."""
    EITHER = "either"
    """They are text in both, and nothing tells which was meant."""


@dataclass(frozen=True)
class Unreadable:
    """Bytes whose encoding could not be told. `line` counts from 1; `letters` are the ones in doubt."""

    why: Unclear
    line: int = 0
    letters: str = ""


Decision = str | Unreadable
"""The text, or why it could not be read."""


def decode_together(files: Mapping[str, bytes]) -> dict[str, Decision]:
    """Return the text of each file of a folder, or why it cannot be read.

    A file that is text in one encoding alone decides for those beside it that would be text in both. Letters that are
    strange (`foreign_letters`) in the only reading there is are left in the text.
    """
    readings = {name: _readings(data) for name, data in files.items()}
    certain = {next(iter(found)) for found in readings.values() if len(found) == 1}
    shared = next(iter(certain)) if len(certain) == 1 else None
    proven = {next(iter(found)) for data in files.values() if len(found := _texts(data)) == 1}
    return {name: _decide(data, readings[name], shared, proven) for name, data in files.items()}


def foreign_letters(text: str) -> tuple[int, str] | None:
    """Return the line and the first run of letters that no name here has; None where there are none."""
    found = _FOREIGN.search(text)
    if found is None:
        return None
    end = found.end()
    while end < len(text) and _FOREIGN.match(text, end):
        end += 1
    return text.count("\n", 0, found.start()) + 1, text[found.start() : end][:20]


def _texts(data: bytes) -> dict[str, str]:
    """Return every text that the bytes can be, by encoding; of plain ASCII none, it decides nothing."""
    if data.isascii():
        return {}
    encodings = (UTF8,) if data.startswith(_MARK) or _is_spoilt_utf8(data) else (UTF8, GB18030)
    found = {encoding: _text(data, encoding) for encoding in encodings}
    return {encoding: text for encoding, text in found.items() if text is not None}


def _readings(data: bytes) -> dict[str, str]:
    """Return the texts that can be believed: the only one there is, or those of two that look like names."""
    texts = _texts(data)
    if len(texts) < 2:
        return texts
    utf8, gb18030 = texts[UTF8], texts[GB18030]
    believed = {}
    pairs = _TWO_BYTES.findall(_ACCENTED_WORD.sub("", utf8))
    only_pairs = any(pair.isalpha() for pair in pairs) and not _IDEOGRAPH.search(utf8)
    if not foreign_letters(utf8) and not (only_pairs and _is_plain(gb18030)):
        believed[UTF8] = utf8
    if _is_plain(gb18030):
        believed[GB18030] = gb18030
    return believed or {UTF8: utf8}


def _is_spoilt_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(_WIDE.findall(data, 0, error.start)) >= _WIDE_CHARACTERS_PROOF
    return False


def _decide(data: bytes, readings: dict[str, str], shared: str | None, proven: set[str]) -> Decision:
    if data.isascii():
        return data.decode("ascii")
    if not readings:
        return Unreadable(Unclear.NEITHER, _broken_line(data))
    if len(readings) == 1:
        encoding, text = next(iter(readings.items()))
        if encoding == GB18030 and proven == {UTF8}:
            # Every file beside it is UTF-8 for sure, and this one could be: too odd to be decided by its letters.
            return Unreadable(Unclear.EITHER, *_first_letters(text))
        return text
    if shared is not None:
        return readings[shared]
    if _IDEOGRAPH.search(readings[UTF8]):
        return readings[UTF8]
    return Unreadable(Unclear.EITHER, *_first_letters(readings[GB18030]))


def _is_plain(text: str) -> bool:
    """Return whether all of a text is in GB 2312, as nearly all that is written in GB18030 is."""
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return not foreign_letters(text)


def _text(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _first_letters(text: str) -> tuple[int, str]:
    found = re.search(r"[^\x00-\x7f]+", text)
    return (0, "") if found is None else (text.count("\n", 0, found.start()) + 1, found[0][:20])


def _broken_line(data: bytes) -> int:
    """Return the line of the first byte that spoils the encoding which holds for longer."""
    lines = []
    for encoding in (UTF8,) if _is_spoilt_utf8(data) else (UTF8, GB18030):
        try:
            data.decode(encoding)
        except UnicodeDecodeError as error:
            lines.append(data.count(b"\n", 0, error.start) + 1)
    return max(lines, default=0)
