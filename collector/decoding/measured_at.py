"""Times of measurement: a column of ISO 8601 texts to a column of moments, fast where the texts look alike.

Texts of one length and one layout are read as a matrix of digits; whatever does not fit is read one by one with
`grid.timestamps`, which decides. So the fast way may be picky, and never says what the slow way would not say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.decoding.rejects import Fault, Reason, shown
from grid.timestamps import MINUTE_US, SECOND_US, as_datetime, parse_datetime, parse_timestamp_us, timestamp_us

_LAYOUT = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)T(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:\.(?P<microsecond>\d{1,6}))?(?:Z|(?P<sign>[+-])(?P<zone_hour>\d\d):?(?P<zone_minute>\d\d))",
    re.ASCII,
)
_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond", "zone_hour", "zone_minute")
_HAS_OFFSET = re.compile(r"(?:[Zz]|\d[+-]\d\d(?::?\d\d)?)$", re.ASCII)
"""Behind the time of day; a date alone, which ends likewise, is no time with or without an offset."""
_OFFSET_STEP_US = 15 * MINUTE_US
"""Clocks are set at quarters of an hour."""
_LEAST = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0])
_MOST = np.array([9999, 12, 31, 23, 59, 59, 999_999, 23, 59])


def parse_measured_at(texts: Sequence[str], zone: tzinfo | None = None) -> tuple[NDArray[np.int64], dict[int, Fault]]:
    """Return the moments (n,) [µs] of n texts and the faults by row; a faulty row has moment 0.

    A text without an offset is the time of `zone`, where one is given.
    """
    if zone is not None:
        return _parse_local(texts, zone)
    timestamps = np.zeros(len(texts), np.int64)
    read = np.zeros(len(texts), np.bool_)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    distinct = set(lengths.tolist())
    for length in distinct:
        rows = np.flatnonzero(lengths == length)
        alike = texts if len(distinct) == 1 else [texts[row] for row in rows.tolist()]
        timestamps[rows], read[rows] = _parse_alike(alike)
    faults: dict[int, Fault] = {}
    for row in np.flatnonzero(~read).tolist():
        try:
            timestamps[row] = parse_timestamp_us(texts[row])
        except ValueError:
            faults[row] = _time_fault(texts[row])
    return timestamps, faults


def _parse_alike(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return moments (n,) and which rows (n,) are read, of texts of one length in the layout of the first."""
    layout = _LAYOUT.fullmatch(texts[0])
    joined = "".join(texts)
    if layout is None or not joined.isascii():
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    characters = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), -1)
    parts = _parts(characters, layout)
    fits = _within(characters, *_allowed_characters(layout)) & _within(parts.T, _LEAST, _MOST)
    year, month, day, hour, minute, second, microsecond, zone_hour, zone_minute = parts
    months = (year - 1970) * 12 + month - 1
    first_day = _first_day(months)
    fits &= day <= _first_day(months + 1) - first_day
    ahead = zone_hour * 60 + zone_minute
    if layout["sign"]:
        sign = characters[:, layout.start("sign")]
        fits &= sign != ord(",")
        ahead = np.where(sign == ord("+"), ahead, -ahead)
    minutes = ((first_day + day - 1) * 24 + hour) * 60 + minute - ahead
    return np.where(fits, minutes * MINUTE_US + second * SECOND_US + microsecond, 0), fits


def _parts(characters: NDArray[np.uint8], layout: re.Match[str]) -> NDArray[np.int64]:
    """Return the parts (9, n) of the times that stand in characters (n, l); 0 where the layout has no such part."""
    # Digit by digit along the columns: a product of matrices would keep a second processor busy for nothing.
    digits = (characters.T - np.uint8(ord("0"))).astype(np.int64)
    parts = np.zeros((len(_PARTS), len(characters)), np.int64)
    for part, name in enumerate(_PARTS):
        start, stop = layout.span(name)
        last = start + 5 if name == "microsecond" else stop - 1  # .5 is 500,000 µs
        for place in range(start, stop):
            parts[part] += digits[place] * 10 ** (last - place)
    return parts


def _allowed_characters(layout: re.Match[str]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the least and the greatest character (l,) at each place; a sign may be + or - (and , between them)."""
    text = layout.string
    least, most = re.sub(r"\d", "0", text), re.sub(r"\d", "9", text)
    if layout["sign"]:
        at = layout.start("sign")
        least, most = f"{least[:at]}+{least[at + 1 :]}", f"{most[:at]}-{most[at + 1 :]}"
    return np.frombuffer(least.encode("ascii"), np.uint8), np.frombuffer(most.encode("ascii"), np.uint8)


def _within(values: NDArray[Any], least: NDArray[Any], most: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows (n,) of a matrix (n, k) lie between two rows (k,)."""
    within = (values >= least) & (values <= most)
    return np.asarray(within.all(axis=1))


def _first_day(months: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the day number (n,) since 1970-01-01 of the first day of each month since January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _parse_local(texts: Sequence[str], zone: tzinfo) -> tuple[NDArray[np.int64], dict[int, Fault]]:
    """Read texts of which those without an offset are the time of a zone."""
    has_offset = np.fromiter((_HAS_OFFSET.search(text) is not None for text in texts), np.bool_, len(texts))
    as_utc = [text if has else f"{text}Z" for text, has in zip(texts, has_offset.tolist(), strict=True)]
    timestamps, faults = parse_measured_at(as_utc)
    faults = {row: Fault(fault.reason, fault.field, f"it is {shown(texts[row])}") for row, fault in faults.items()}
    local = np.flatnonzero(~has_offset)
    local = local[~np.isin(local, list(faults))]
    hours, hour_of = np.unique(timestamps[local] // _OFFSET_STEP_US, return_inverse=True)
    offsets_us = [_offset_us(hour * _OFFSET_STEP_US, zone) for hour in hours.tolist()]
    timestamps[local] -= np.array(offsets_us, np.int64)[hour_of]
    return timestamps, faults


def _offset_us(local_us: int, zone: tzinfo) -> int:
    """Return by how much a zone's clock is ahead of UTC when it shows a time [µs as if it were UTC]."""
    try:
        shows = as_datetime(local_us)
    except (OverflowError, ValueError):
        return 0  # a year that no calendar has is refused for itself
    return local_us - timestamp_us(shows.replace(tzinfo=zone))


def _time_fault(text: str) -> Fault:
    try:
        naive = parse_datetime(text).tzinfo is None
    except ValueError:
        naive = False
    reason = Reason.TIME_WITHOUT_OFFSET if naive else Reason.TIME_MALFORMED
    return Fault(reason, "measured_at", f"it is {shown(text)}")
