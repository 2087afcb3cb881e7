"""CSV files as people save them: which encoding, which separator, and what to do when it is another."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import BinaryIO

from grid.errors import LedgerError, UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.text_encoding import foreign_letters

_BLOCK_BYTES = 1024 * 1024
_NOT_TEXT = {
    b"PK\x03\x04": (
        Text("Excel 工作簿", "an Excel workbook"),
        Text("请把该表另存为 CSV（UTF-8）", "save the sheet as CSV (UTF-8)"),
    ),
    b"\x1f\x8b": (Text("gzip 压缩文件", "a gzip archive"), Text("请先解压", "unpack it first")),
    b"\xff\xfe": (Text("UTF-16 文本", "UTF-16 text"), Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)")),
    b"\xfe\xff": (Text("UTF-16 文本", "UTF-16 text"), Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)")),
}

_SEPARATORS = (
    (";", Text("分号", "semicolons")),
    ("\t", Text("制表符", "tabs")),
    ("|", Text("竖线", "bars")),
    ("，", Text("全角逗号", "full-width commas")),
)


def encoding_of(path: Path) -> str:
    """Return the encoding of a whole CSV file: UTF-8, with or without byte order mark, else GB18030.

    Short Chinese words in GB18030 can be valid UTF-8. Where that reading has letters that no name here has, and the
    other has none, it is GB18030.

    Raises UsageError when the file cannot be opened, LedgerError when it is no text in either.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            for mark, (what, remedy) in _NOT_TEXT.items():
                if start.startswith(mark):
                    raise LedgerError(
                        Text(f"这是{what.zh}，不是 CSV", f"this is {what.en}, not CSV"), where=str(path), remedy=remedy
                    )
            readings = {encoding: found for encoding in ("utf-8", "gb18030") if (found := _read_as(file, encoding))}
            for encoding in sorted(readings, key=lambda encoding: readings[encoding] is _Reading.STRANGE):
                return "utf-8-sig" if encoding == "utf-8" else encoding
    except OSError as error:
        remedy = Text("请给出可读的 CSV 文件路径", "give the path of a CSV file that you may read")
        raise UsageError(
            Text(f"无法读取：{os_reason(error).zh}", f"cannot be read: {error.strerror}"),
            where=str(path),
            remedy=remedy,
        ) from error
    raise LedgerError(
        Text("文字既不是 UTF-8，也不是 GB18030", "the text is neither UTF-8 nor GB18030"),
        where=str(path),
        remedy=Text("请另存为 CSV（UTF-8）", "save it as CSV (UTF-8)"),
    )


def check_separator(header: list[str], path: Path) -> None:
    """Raise LedgerError when the only column of a header shows that the separator is no comma."""
    for separator, name in _SEPARATORS:
        if len(header) == 1 and separator in header[0]:
            raise LedgerError(
                Text(f"各列之间用的是{name.zh}", f"the columns are separated by {name.en}"),
                where=f"{path}:1",
                remedy=Text("请用逗号（,）分隔后再保存", "save the file with commas (,)"),
            )


class _Reading(Enum):
    """What a file is in one encoding; None: no text."""

    PLAIN = "plain"
    STRANGE = "strange"
    """Text with letters that no name here has."""


def _read_as(file: BinaryIO, encoding: str) -> _Reading | None:
    """Return what a whole file is in an encoding, in bounded memory."""
    decoder = codecs.getincrementaldecoder(encoding)()
    found = _Reading.PLAIN
    try:
        for block in _blocks(file):
            between_characters = not decoder.getstate()[0]
            if not (between_characters and block.isascii()) and foreign_letters(decoder.decode(block)):
                found = _Reading.STRANGE
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return found


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        yield block
