"""Columns of whole numbers and of measured values as few bytes, and back to the very same bits.

Neighbours in a column are alike, so what is kept are differences; of these only as many bytes as the widest one needs,
the low bytes of all rows first, then the next ones (equal bytes then lie together), and zlib over the whole. A measured
value is a decimal number that a meter sent: it is kept as a whole number and a power of ten where dividing gives back
every bit of the column, and as its sixty-four bits where it does not.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LEVEL = 6
_HEADER = struct.Struct("<II")
_DECIMALS_MAX = 6
_EXACT_MAX = 2.0**53
"""Up to here a float64 holds every whole number."""
_RAW = 255
"""In place of the decimals: the column holds the bits of its values."""

Integers = NDArray[np.int64]
"""(k, n) k columns of n rows."""


def pack_integers(columns: Integers) -> bytes:
    """Return columns (k, n) of any int64 as bytes."""
    return zlib.compress(_differences(columns), _LEVEL)


def unpack_integers(data: bytes) -> Integers:
    """Return the columns (k, n) of `pack_integers`. Raises ValueError for bytes that it never made."""
    return _sums(_inflated(data), 0)


def pack_values(integers: Integers, values: Sequence[NDArray[np.float64]]) -> bytes:
    """Return columns (k, n) and as many columns (n,) of values as there are, NaN missing, as bytes."""
    decimals: list[int] = []
    gaps: list[bytes] = []
    wholes: list[Integers] = []
    for value in values:
        missing = np.isnan(value)
        power, whole = _whole(value[~missing])
        decimals.append(power)
        gaps.append(np.packbits(missing).tobytes() if missing.any() else b"")
        wholes.append(_over_gaps(whole, missing))
    told = bytes(decimals) + bytes(bool(gap) for gap in gaps) + b"".join(gaps)
    return zlib.compress(told + _differences(np.vstack([integers, *wholes])), _LEVEL)


def unpack_values(data: bytes, count: int, rows: int) -> tuple[Integers, tuple[NDArray[np.float64], ...]]:
    """Return the columns of `pack_values`: integers (k, rows) and `count` columns of values (rows,).

    Raises ValueError for bytes that it never made.
    """
    raw = _inflated(data)
    at, gap_bytes = 2 * count, -(-rows // 8)
    with_gaps = [number for number in range(count) if raw[count + number]]
    columns = _sums(raw, at + gap_bytes * len(with_gaps))
    first = len(columns) - count
    if first < 0 or columns.shape[1] != rows:
        raise ValueError("the columns are not as many as they should be")
    values = [_value(columns[first + number], raw[number]) for number in range(count)]
    for number in with_gaps:
        missing = np.unpackbits(np.frombuffer(raw, np.uint8, gap_bytes, at), count=rows).astype(bool)
        values[number] = np.where(missing, np.nan, values[number])
        at += gap_bytes
    return columns[:first], tuple(values)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)  # its own checksum finds every flipped bit
    except zlib.error as error:
        raise ValueError(f"what was packed cannot be unpacked: {error}") from error


def _differences(columns: Integers) -> bytes:
    count, rows = columns.shape
    if not rows:
        return _HEADER.pack(count, 0)
    steps = np.diff(columns, axis=1)  # where they do not fit into 64 bits they wrap, and wrap back when added up
    units = np.array([_unit(step) for step in steps], np.int64)
    steps //= units[:, None]
    folded = ((steps << 1) ^ (steps >> 63)).view(np.uint64)  # small ones of either sign get small numbers
    widths = [(int(most).bit_length() + 7) // 8 for most in folded.max(axis=1, initial=0)]
    planes = np.ascontiguousarray(folded, "<u8").view(np.uint8).reshape(count, rows - 1, 8)
    parts = [planes[number, :, :width].T.tobytes() for number, width in enumerate(widths)]
    first = np.ascontiguousarray(columns[:, 0], "<i8").tobytes()
    return _HEADER.pack(count, rows) + bytes(widths) + first + units.astype("<i8").tobytes() + b"".join(parts)


def _sums(raw: bytes, at: int) -> Integers:
    try:
        count, rows = _HEADER.unpack_from(raw, at)
        at += _HEADER.size
        if not rows:
            return np.empty((count, 0), np.int64)
        widths = raw[at : at + count]
        first, units = np.frombuffer(raw, "<i8", 2 * count, at + count).reshape(2, count)
        at += 17 * count
        planes = np.zeros((count, rows, 8), np.uint8)
        for number, width in enumerate(widths):
            size = width * (rows - 1)
            planes[number, 1:, :width] = np.frombuffer(raw, np.uint8, size, at).reshape(width, rows - 1).T
            at += size
    except (struct.error, ValueError) as error:
        raise ValueError(f"what was packed is not whole: {error}") from error
    folded = planes.view("<u8")[:, :, 0]
    steps = ((folded >> np.uint64(1)) ^ (np.uint64(0) - (folded & np.uint64(1)))).view(np.int64)
    columns: Integers = np.cumsum(steps, axis=1) * units[:, None] + first[:, None]
    return columns


def _unit(steps: NDArray[np.int64]) -> int:
    """Return what all steps are multiples of: readings come every minute, every second, seldom every microsecond."""
    if not steps.size or steps.min() < -_EXACT_MAX or steps.max() > _EXACT_MAX:
        return 1
    return max(int(np.gcd.reduce(steps)), 1)


def _whole(value: NDArray[np.float64]) -> tuple[int, NDArray[np.int64]]:
    """Return the power of ten and the whole numbers that give back every bit of values, or the bits themselves."""
    bits = value.view(np.int64)
    if np.all(np.abs(value) < _EXACT_MAX / 10**_DECIMALS_MAX):
        for power in range(_DECIMALS_MAX + 1):
            whole = np.rint(value * 10.0**power).astype(np.int64)
            if np.array_equal(_value(whole, power).view(np.int64), bits):
                return power, whole
    return _RAW, bits


def _value(whole: NDArray[np.int64], power: int) -> NDArray[np.float64]:
    value: NDArray[np.float64] = whole.view(np.float64) if power == _RAW else whole / 10.0**power
    return value


def _over_gaps(whole: NDArray[np.int64], missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a column (n,) of whole numbers that stays as it was where values are missing."""
    if not missing.any():
        return whole
    if not whole.size:
        return np.zeros(len(missing), np.int64)
    stays: NDArray[np.int64] = whole[np.maximum(np.cumsum(~missing) - 1, 0)]
    return stays
