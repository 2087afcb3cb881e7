"""Columns of number texts to numbers: strict, because Python's own reading takes `1_0`, `nan` and `１２`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_decode = msgspec.json.Decoder(list[float]).decode


def parse_numbers(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
    """Return numbers (n,) and the rows that hold none. A blank is a missing number, NaN; so is a bad one."""
    blank = "" in texts
    filled = [text for text in texts if text] if blank else texts
    numbers = _parse_as_json(filled)
    if numbers is None:
        return _parse_singly(texts)
    if not blank:
        return numbers, []
    column = np.full(len(texts), np.nan)
    column[np.fromiter(map(bool, texts), np.bool_, len(texts))] = numbers
    return column, []


def _parse_as_json(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """Return the numbers (n,) of texts that are all numbers of JSON, the fast and usual case; else None."""
    try:
        numbers = _decode(f"[{','.join(texts)}]")
    except msgspec.DecodeError:
        return None
    # A cell with a comma of its own would have brought one number too many.
    return np.array(numbers, np.float64) if len(numbers) == len(texts) else None


def _parse_singly(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
    """Read each text on its own: further ways to write a number are taken, such as `+5`, `5.` and `007`."""
    numbers = np.full(len(texts), np.nan)
    bad: list[int] = []
    for row, text in enumerate(texts):
        digits = text.strip(" \t\r\n")
        if _NUMBER.fullmatch(digits) and math.isfinite(number := float(digits)):
            numbers[row] = number
        elif digits:
            bad.append(row)
    return numbers, bad
