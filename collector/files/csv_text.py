"""CSV files as people save them: which encoding, which separator, and what to do when it is another."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from grid.errors import LedgerError, UsageError

_BLOCK_BYTES = 1024 * 1024
_NOT_TEXT = {
    b"PK\x03\x04": ("an Excel workbook", "save the sheet as CSV (UTF-8)"),
    b"\x1f\x8b": ("a gzip archive", "unpack it first"),
    b"\xff\xfe": ("UTF-16 text", "save it as CSV (UTF-8)"),
    b"\xfe\xff": ("UTF-16 text", "save it as CSV (UTF-8)"),
}


def encoding_of(path: Path) -> str:
    """Return the encoding of a whole CSV file: UTF-8, with or without byte order mark, else GB18030.

    Raises UsageError when the file cannot be opened, LedgerError when it is no text in either.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            for mark, (what, remedy) in _NOT_TEXT.items():
                if start.startswith(mark):
                    raise LedgerError(f"this is {what}, not CSV", where=str(path), remedy=remedy)
            for encoding in ("utf-8", "gb18030"):
                if _decodes(file, encoding):
                    return "utf-8-sig" if encoding == "utf-8" else encoding
    except OSError as error:
        remedy = "give the path of a CSV file that you may read"
        raise UsageError(f"cannot be read: {error.strerror}", where=str(path), remedy=remedy) from error
    raise LedgerError("the text is neither UTF-8 nor GB18030", where=str(path), remedy="save it as CSV (UTF-8)")


def check_separator(header: list[str], path: Path) -> None:
    """Raise LedgerError when the only column of a header shows that the separator is no comma."""
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars"), ("，", "full-width commas")):
        if len(header) == 1 and separator in header[0]:
            raise LedgerError(
                f"the columns are separated by {name}", where=f"{path}:1", remedy="save the file with commas (,)"
            )


def _decodes(file: BinaryIO, encoding: str) -> bool:
    """Return whether a whole file is text of an encoding, in bounded memory."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(file):
            between_characters = not decoder.getstate()[0]
            if not (between_characters and block.isascii()):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        yield block
