"""Columns of number texts to numbers: strict, because Python's own reading takes `1_0`, `nan` and `１２`."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CHARACTERS = b"0123456789.+-eE"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def parse_numbers(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
    """Return numbers (n,) and the rows that hold none. A blank is a missing number, NaN; so is a bad one."""
    if not any(texts):
        return np.full(len(texts), np.nan), []
    joined = "".join(texts)
    # Made of these characters alone, Python's reading is strict; it runs at C's speed where nothing is blank.
    if joined.isascii() and not joined.encode("ascii").translate(None, _CHARACTERS):
        try:
            if "" in texts:
                numbers = np.array([float(text) if text else math.nan for text in texts], np.float64)
            else:
                numbers = np.fromiter(map(float, texts), np.float64, len(texts))
        except ValueError:
            return _parse_singly(texts)
        return (numbers, []) if not np.isinf(numbers).any() else _parse_singly(texts)
    return _parse_singly(texts)


def _parse_singly(texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
    numbers = np.full(len(texts), np.nan)
    bad: list[int] = []
    for row, text in enumerate(texts):
        digits = text.strip(" \t")
        if _NUMBER.fullmatch(digits) and math.isfinite(number := float(digits)):
            numbers[row] = number
        elif digits:
            bad.append(row)
    return numbers, bad
