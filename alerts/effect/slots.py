"""Active power in slots of equal length, counted from the beginning of a window: what baselines are made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import DAY_US, MINUTE_US

STEP_MINUTES_MIN = 15.0
"""Shortest slot: 15 minutes is the classical reading interval, and the noise of minutes is evened out."""
STEPS_MINUTES = (15, 20, 30, 60)
"""Slots that divide a day and hold at least one reading of the usual meters."""
HISTORY_DAYS = 60
"""Readings older than this say nothing of a season any more (practice)."""
_SHARE_OF_SLOT_MIN = 0.5
"""A slot counts with at least this share of the readings that its meter usually sends."""

Floats = NDArray[np.float64]
Timestamps = NDArray[np.int64]


@dataclass(frozen=True)
class PowerSeries:
    """One transformer's active power, in time order, without readings that cannot be trusted."""

    measured_at_us: Timestamps
    active_power_kw: Floats
    """(n,) never NaN."""
    interval_us: int
    """What usually lies between two readings, unusable ones counted."""

    @staticmethod
    def of(measured_at_us: Timestamps, active_power_kw: Floats, usable: NDArray[np.bool_]) -> PowerSeries:
        """Take readings (n,) in time order; those that are NaN or not `usable` are left out."""
        gaps_us = np.diff(measured_at_us)
        interval_us = int(np.median(gaps_us)) if len(gaps_us) else DAY_US
        good = usable & ~np.isnan(active_power_kw)
        return PowerSeries(measured_at_us[good], active_power_kw[good], max(interval_us, 1))

    def without(self, from_us: int, to_us: int) -> PowerSeries:
        """Return the series without the readings in [from_us, to_us)."""
        keep = (self.measured_at_us < from_us) | (self.measured_at_us >= to_us)
        return PowerSeries(self.measured_at_us[keep], self.active_power_kw[keep], self.interval_us)

    @property
    def step_us(self) -> int:
        """Return the length of its slots [µs]: at least 15 minutes, and long enough to hold a reading."""
        wanted = max(self.interval_us * 0.99 / MINUTE_US, STEP_MINUTES_MIN)
        return next((m for m in STEPS_MINUTES if m >= wanted), STEPS_MINUTES[-1]) * MINUTE_US


@dataclass(frozen=True)
class Slots:
    """Means of slots around the beginning of a window; slot 0 begins with it."""

    step_us: int
    before: int
    """How many slots of the past there are; slot 0 stands at this place."""
    power_kw: Floats
    """(before + window,) NaN where a slot has too few readings."""

    @property
    def per_day(self) -> int:
        """Return how many slots a day has."""
        return DAY_US // self.step_us


def slots_of(series: PowerSeries, from_us: int, to_us: int, step_us: int) -> Slots:
    """Return the slots of the days before a window [from_us, to_us) and of the window; the last may be cut short."""
    before = HISTORY_DAYS * (DAY_US // step_us)
    window = -(-(to_us - from_us) // step_us)
    first, last = np.searchsorted(series.measured_at_us, [from_us - before * step_us, to_us]).tolist()
    at_us, power = series.measured_at_us[first:last], series.active_power_kw[first:last]
    slot = (at_us - from_us) // step_us + before
    count = np.bincount(slot, minlength=before + window)
    total = np.bincount(slot, weights=power, minlength=before + window)
    lengths_us = np.full(before + window, step_us, np.float64)
    lengths_us[-1] = to_us - from_us - (window - 1) * step_us
    wanted = np.maximum(_SHARE_OF_SLOT_MIN * np.floor(lengths_us / series.interval_us + 0.01), 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return Slots(step_us, before, np.where(count >= wanted, total / count, np.nan))
