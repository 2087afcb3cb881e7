"""Columns of whole numbers and of measured values as few bytes, and back to the very same bits.

Rows in a column are alike, so what is kept are differences; of these only as many bytes as the widest one needs,
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
_TENS = 10.0 ** np.arange(_DECIMALS_MAX + 1)
_RAW = 255
"""In place of the decimals: the column holds the bits of its values."""

Integers = NDArray[np.int64]
"""(k, n) k columns of n rows."""


def pack_integers(columns: Integers, lengths: NDArray[np.int64], head: bytes = b"") -> bytes:
    """Return columns (k, n) of any int64 as bytes, behind a head of the caller's.

    `lengths` (m,): how many rows belong together, one run after another; a run can be unpacked alone.
    """
    return zlib.compress(head + _differences(columns, lengths), _LEVEL)


def inflated(data: bytes) -> bytes:
    """Return what was packed with its head. Raises ValueError for any flipped bit: zlib has a checksum."""
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise ValueError(f"what was packed cannot be unpacked: {error}") from error


def integers_in(raw: bytes, at: int, lengths: NDArray[np.int64], run: int | None = None) -> Integers:
    """Return the columns that begin at a byte of what was inflated, or of one run the rows.

    Raises ValueError where none can begin.
    """
    starts = np.cumsum(lengths) - lengths
    try:
        count, rows = _HEADER.unpack_from(raw, at)
        if rows != lengths.sum():
            raise ValueError(f"{rows} rows, not {lengths.sum()}")
        if not rows:
            return np.empty((count, 0), np.int64)
        at += _HEADER.size
        widths = np.frombuffer(raw, np.uint8, count, at).astype(np.int64)
        first, units = np.frombuffer(raw, "<i8", 2 * count, at + count).reshape(2, count, 1)
        bytes_of_rows = np.frombuffer(raw, np.uint8, int(widths.sum()) * rows, at + 17 * count).reshape(-1, rows)
    except (struct.error, ValueError) as error:
        raise ValueError(f"what was packed is not whole: {error}") from error
    if run is None:
        return _all_runs(_steps(bytes_of_rows, widths), starts, lengths, units, first)
    rows_of_run = np.arange(starts[run] + 1, starts[run] + lengths[run])
    steps = _steps(bytes_of_rows[:, np.concatenate([starts[: run + 1], rows_of_run])], widths)
    of_run = steps[:, run:]
    of_run[:, 0] = steps[:, : run + 1].sum(axis=1)
    columns: Integers = np.cumsum(of_run, axis=1) * units + first
    return columns


def pack_values(integers: Integers, values: Sequence[NDArray[np.float64]], lengths: NDArray[np.int64]) -> bytes:
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
    return zlib.compress(told + _differences(np.vstack([integers, *wholes]), lengths), _LEVEL)


def unpack_values(
    data: bytes, count: int, lengths: NDArray[np.int64], run: int | None = None
) -> tuple[Integers, tuple[NDArray[np.float64], ...]]:
    """Return the columns of `pack_values`, integers and `count` columns of values, or of one run the rows.

    Raises ValueError for bytes that it never made.
    """
    raw = inflated(data)
    rows = int(lengths.sum())
    at, gap_bytes = 2 * count, -(-rows // 8)
    powers, with_gaps = np.frombuffer(raw, np.uint8, 2 * count).reshape(2, count)
    columns = integers_in(raw, at + gap_bytes * int(with_gaps.sum()), lengths, run)
    first = len(columns) - count
    values = columns[first:] / _TENS[np.minimum(powers, _DECIMALS_MAX), None]
    for number in np.flatnonzero(powers == _RAW).tolist():
        values[number] = columns[first + number].view(np.float64)
    begins = 0 if run is None else int(lengths[:run].sum())
    for number in np.flatnonzero(with_gaps).tolist():
        missing = np.unpackbits(np.frombuffer(raw, np.uint8, gap_bytes, at), count=rows).astype(bool)
        values[number, missing[begins : begins + columns.shape[1]]] = np.nan
        at += gap_bytes
    return columns[:first], tuple(values)


def _differences(columns: Integers, lengths: NDArray[np.int64]) -> bytes:
    """Of each row to the one before, of a run's first row to the first one of the run before: a run is read alone."""
    count, rows = columns.shape
    if not rows:
        return _HEADER.pack(count, 0)
    starts = np.cumsum(lengths) - lengths
    steps = np.diff(columns, axis=1, prepend=columns[:, :1])  # what does not fit wraps, and wraps back when added up
    steps[:, starts[1:]] = np.diff(columns[:, starts], axis=1)
    units = np.array([_unit(step) for step in steps], np.int64)
    steps //= units[:, None]
    folded = ((steps << 1) ^ (steps >> 63)).view(np.uint64)  # small ones of either sign get small numbers
    widths = [(int(most).bit_length() + 7) // 8 for most in folded.max(axis=1)]
    planes = np.ascontiguousarray(folded, "<u8").view(np.uint8).reshape(count, rows, 8)
    parts = [planes[number, :, :width].T.tobytes() for number, width in enumerate(widths)]
    first = np.ascontiguousarray(columns[:, 0], "<i8").tobytes()
    return _HEADER.pack(count, rows) + bytes(widths) + first + units.astype("<i8").tobytes() + b"".join(parts)


def _all_runs(
    steps: Integers, starts: NDArray[np.int64], lengths: NDArray[np.int64], units: Integers, first: Integers
) -> Integers:
    begins = np.cumsum(steps[:, starts], axis=1) * units + first
    steps[:, starts] = 0
    columns: Integers = np.cumsum(steps, axis=1)
    columns -= np.repeat(columns[:, starts], lengths, axis=1)
    columns *= units
    columns += np.repeat(begins, lengths, axis=1)
    return columns


def _steps(bytes_of_rows: NDArray[np.uint8], widths: NDArray[np.int64]) -> Integers:
    """Return differences (k, n) from their bytes (p, n), the low ones of each column first."""
    column = np.repeat(np.arange(len(widths)), widths)
    byte = np.arange(len(column)) - np.repeat(np.cumsum(widths) - widths, widths)
    planes = np.zeros((len(widths), 8, bytes_of_rows.shape[1]), np.uint8)
    planes[column, byte] = bytes_of_rows
    folded = np.ascontiguousarray(planes.transpose(0, 2, 1)).view("<u8")[:, :, 0]
    steps: Integers = ((folded >> np.uint64(1)) ^ (np.uint64(0) - (folded & np.uint64(1)))).view(np.int64)
    return steps


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
            whole = np.rint(value * _TENS[power]).astype(np.int64)
            if np.array_equal((whole / _TENS[power]).view(np.int64), bits):
                return power, whole
    return _RAW, bits


def _over_gaps(whole: NDArray[np.int64], missing: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a column (n,) of whole numbers that stays as it was where values are missing."""
    if not missing.any():
        return whole
    if not whole.size:
        return np.zeros(len(missing), np.int64)
    stays: NDArray[np.int64] = whole[np.maximum(np.cumsum(~missing) - 1, 0)]
    return stays
