"""Windows to be measured, and what others of the same transformer mean for the days before one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from alerts.effect.slots import PowerSeries
from grid.timestamps import DAY_US, HOUR_US, as_datetime

AFTER_US = 2 * HOUR_US
"""For so long after another window the load may yet come back, so that it is no ordinary day."""
WINDOW_DAYS_MAX = 6
"""Other windows are taken out of the past only where they lie on few of its last 30 days: else nothing is left."""
_LAST_DAYS = 30


@dataclass(frozen=True)
class Window:
    """One window [from_us, to_us) of one transformer."""

    transformer_id: str
    from_us: int
    to_us: int


def without_others(series: PowerSeries, window: Window, others: Sequence[Window]) -> PowerSeries:
    """Return a series without the other windows of its transformer that began earlier, where enough is left."""
    earlier = [o for o in others if o.from_us < window.from_us and o.from_us >= window.from_us - _LAST_DAYS * DAY_US]
    if len({(window.from_us - o.from_us) // DAY_US for o in earlier}) > WINDOW_DAYS_MAX:
        return series
    for other in earlier:
        series = series.without(other.from_us, min(other.to_us + AFTER_US, window.from_us))
    return series


def utc_offset_us(at_us: int, zone: tzinfo) -> int:
    """Return how far a zone is ahead of UTC at a moment [µs]."""
    offset = as_datetime(at_us, zone).utcoffset()
    return round(offset.total_seconds() * 1e6) if offset is not None else 0
