"""Which day it is where a transformer stands, for rule sets that judge each day by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from alerts.rules.threshold_runs import NEVER, Heads
from grid.timestamps import DAY_US, MINUTE_US, as_datetime

_QUARTER_US = 15 * MINUTE_US
"""Every offset from UTC in use changes at a multiple of this (IANA time zone database)."""


class LocalDays:
    """Days of a fleet whose row i lies in `zones[i]`."""

    def __init__(self, zones: Sequence[tzinfo]) -> None:
        """Number the zones."""
        self._zones = list(dict.fromkeys(zones))
        number = {zone: i for i, zone in enumerate(self._zones)}
        self._zone_of = np.array([number[zone] for zone in zones], np.int32)

    def day(self, transformer: NDArray[np.int32], at_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the local day (n,), counted from 1970-01-01, of moments (n,) at transformers (n,)."""
        day = np.empty(len(at_us), np.int64)
        zone_of = self._zone_of[transformer]
        for number, zone in enumerate(self._zones):
            here = zone_of == number
            quarters, quarter_of = np.unique(at_us[here] // _QUARTER_US, return_inverse=True)
            offsets_us = np.array([_offset_us(int(q) * _QUARTER_US, zone) for q in quarters], np.int64)
            day[here] = (at_us[here] + offsets_us[quarter_of]) // DAY_US if len(quarters) else 0
        return day

    def new_day(self, heads: Heads, measured_at_us: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which readings (n,) lie on another day than the reading before them of their transformer."""
        sizes = np.diff(np.append(heads.first_row, len(measured_at_us)))
        day = self.day(np.repeat(heads.transformer, sizes), measured_at_us)
        day_before = np.roll(day, 1)
        known = heads.last_at_us != NEVER
        day_before[heads.first_row] = np.where(
            known, self.day(heads.transformer, np.where(known, heads.last_at_us, 0)), day[heads.first_row]
        )
        return np.asarray(day != day_before)


def _offset_us(timestamp_us: int, zone: tzinfo) -> int:
    offset = as_datetime(timestamp_us, zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() * 1e6)
