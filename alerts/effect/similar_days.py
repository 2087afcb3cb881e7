"""Similar days: what the slots of a day are usually like, from days before it of the same kind."""

from __future__ import annotations

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alerts.effect.slots import Floats, Slots
from grid.timestamps import DAY_US

DAYS_MAX = 10
"""How many similar days are averaged: mean of the last ten (practice in Great Britain)."""
DAYS_MIN = 3
LOOK_BACK_DAYS = 30
_THURSDAY = 3
"""1970-01-01, day 0, counted from Monday."""


class DayKind(Enum):
    """Which days count as similar."""

    SAME = "same_kind"
    """Workdays for workdays, weekends for weekends."""
    ALL = "all_days"


def is_weekend(at_us: NDArray[np.int64], utc_offset_us: int) -> NDArray[np.bool_]:
    """Return which moments (n,) lie on a Saturday or Sunday, local time."""
    weekday = ((at_us + utc_offset_us) // DAY_US + _THURSDAY) % 7
    return np.asarray(weekday >= 5)


def usual(slots: Slots, values: Floats, weekend: NDArray[np.bool_], kind: DayKind) -> Floats:
    """Return for each slot (n,) the mean of `values` in the same slot of the last similar days; NaN of too few.

    Only slots before the window are averaged, and for each slot only days before it.
    """
    per_day, n = slots.per_day, len(values)
    source = values.copy()
    source[slots.before :] = np.nan
    total, count = np.zeros(n), np.zeros(n, np.intp)
    for days in range(1, LOOK_BACK_DAYS + 1):
        back = days * per_day
        if back >= n:
            break
        earlier = np.full(n, np.nan)
        earlier[back:] = source[:-back]
        takes = ~np.isnan(earlier) & (count < DAYS_MAX)
        if kind is DayKind.SAME:
            takes[back:] &= weekend[back:] == weekend[:-back]
        total[takes] += earlier[takes]
        count[takes] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count >= DAYS_MIN, total / count, np.nan)
