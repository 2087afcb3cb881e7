"""Times of measurement: a column of ISO 8601 texts to a column of moments, fast where the texts look alike.

Texts of one length and one layout are read as a matrix of digits; whatever does not fit is read one by one with
`grid.moments`, which decides. So the fast way may be picky, and never says what the slow way would not say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from collector.rejects import Fault, Reason, shown
from grid.moments import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_moment_us

_LAYOUT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.(?P<fraction>\d{1,6}))?(?P<zone>Z|[+-]\d\d:?\d\d)", re.ASCII)
_PUNCTUATION = {4: "-", 7: "-", 10: "T", 13: ":", 16: ":"}


def parse_measured_at(texts: Sequence[str]) -> tuple[NDArray[np.int64], dict[int, Fault]]:
    """Return the moments (n,) [µs] of n texts and the faults by row; a faulty row has moment 0."""
    moments = np.zeros(len(texts), np.int64)
    read = np.zeros(len(texts), np.bool_)
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    distinct = set(lengths.tolist())
    for length in distinct:
        rows = np.flatnonzero(lengths == length)
        alike = texts if len(distinct) == 1 else [texts[row] for row in rows.tolist()]
        moments[rows], read[rows] = _parse_alike(alike)
    faults: dict[int, Fault] = {}
    for row in np.flatnonzero(~read).tolist():
        try:
            moments[row] = parse_moment_us(texts[row])
        except ValueError:
            faults[row] = _time_fault(texts[row])
    return moments, faults


def _parse_alike(texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return moments (n,) and which rows (n,) are read, of texts of one length in the layout of the first."""
    layout = _LAYOUT.fullmatch(texts[0])
    joined = "".join(texts)
    if layout is None or not joined.isascii():
        return np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    characters = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(texts), -1)
    digits = characters.astype(np.int64) - ord("0")
    fits = np.ones(len(texts), np.bool_)
    for place, mark in _PUNCTUATION.items():
        fits &= characters[:, place] == ord(mark)

    def number(start: int, stop: int, least: int, most: int) -> NDArray[np.int64]:
        nonlocal fits
        places = digits[:, start:stop]
        value: NDArray[np.int64] = places @ 10 ** np.arange(stop - start - 1, -1, -1)
        fits &= ((places >= 0) & (places <= 9)).all(axis=1) & (value >= least) & (value <= most)
        return value

    months = (number(0, 4, 1, 9999) - 1970) * 12 + number(5, 7, 1, 12) - 1
    day = number(8, 10, 1, 31)
    first_day = _first_day(months)
    fits &= day <= _first_day(months + 1) - first_day
    moments = (first_day + day - 1) * DAY_US
    moments += number(11, 13, 0, 23) * HOUR_US + number(14, 16, 0, 59) * MINUTE_US + number(17, 19, 0, 59) * SECOND_US
    if layout["fraction"]:
        start, stop = layout.span("fraction")
        fits &= characters[:, start - 1] == ord(".")
        moments += number(start, stop, 0, 999_999) * 10 ** (6 - (stop - start))
    zone = layout.start("zone")
    sign = characters[:, zone]
    if layout["zone"] == "Z":
        fits &= sign == ord("Z")
    else:
        fits &= (sign == ord("+")) | (sign == ord("-"))
        if ":" in layout["zone"]:
            fits &= characters[:, zone + 3] == ord(":")
        ahead = number(zone + 1, zone + 3, 0, 23) * HOUR_US + number(layout.end() - 2, layout.end(), 0, 59) * MINUTE_US
        moments -= np.where(sign == ord("+"), ahead, -ahead)
    return np.where(fits, moments, 0), fits


def _first_day(months: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the day number (n,) since 1970-01-01 of the first day of each month since January 1970."""
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _time_fault(text: str) -> Fault:
    try:
        naive = datetime.fromisoformat(text).tzinfo is None
    except ValueError:
        naive = False
    reason = Reason.TIME_WITHOUT_OFFSET if naive else Reason.TIME_MALFORMED
    return Fault(reason, "measured_at", f"it is {shown(text)}")
