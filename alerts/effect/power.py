"""Which power of which readings counts for a baseline, and which readings say nothing of a saving."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.effect.slots import HISTORY_DAYS, Floats, PowerSeries, Timestamps
from alerts.quality.believed import believed_rates, by_phases_instead
from alerts.quality.flags import QualityFlag
from alerts.quality.frozen import steps_of
from alerts.quality.rated_readings import RatedReadings
from alerts.rules.series import SortedRates
from grid.timestamps import DAY_US

SUPPLY_LOST_BELOW_V = 110.0
"""A phase below half of 220 V is no supply: what is not drawn then is no saving (practice)."""


@dataclass(frozen=True)
class MeasuredPower:
    """One transformer's readings (n,) in time order, as far as baselines need them."""

    measured_at_us: Timestamps
    active_power_kw: Floats
    """NaN where there is none."""
    apparent_power_kva: Floats
    by_apparent: NDArray[np.bool_]
    """The power is to be taken from the apparent power, at the usual power factor."""
    usable: NDArray[np.bool_]
    stuck: NDArray[np.bool_]

    @staticmethod
    def of(rated: RatedReadings, flags: NDArray[np.uint8]) -> MeasuredPower:
        """Take readings with their quality flags (n,).

        Of no use are readings in doubt, without voltage on a phase, and those of no load at all: an area that draws
        nothing has no supply.
        """
        plain = SortedRates.of(rated.transformer, rated.measured_at_us, rated.load_rate, rated.load_rate)
        believed = believed_rates(plain, rated, flags)
        instead = by_phases_instead(flags)
        active = rated.power[:, 0] * rated.ct_ratio
        has_supply = ~(rated.voltage_v < SUPPLY_LOST_BELOW_V).any(axis=1)
        usable = believed.trusted & has_supply & (believed.load_rate > 0.0)
        return MeasuredPower(
            rated.measured_at_us,
            active,
            believed.load_rate * rated.rated_power_kva,
            instead | np.isnan(active),
            usable,
            (flags & np.uint8(QualityFlag.STUCK)) != 0,
        )

    def until(self, from_us: int, to_us: int) -> PowerSeries:
        """Return the power before `to_us`, with what is usual taken from readings before `from_us` alone."""
        end, begin = np.searchsorted(self.measured_at_us, [to_us, from_us]).tolist()
        first = int(np.searchsorted(self.measured_at_us, from_us - _LOOKED_AT_DAYS * DAY_US))
        past = slice(first, begin)
        active, apparent = self.active_power_kw[past], self.apparent_power_kva[past]
        known = self.usable[past] & ~self.by_apparent[past] & ~np.isnan(active) & (apparent > 0.0)
        factor = float(np.median(np.abs(active[known]) / apparent[known])) if known.any() else 1.0
        power = np.where(
            self.by_apparent[first:end] | np.isnan(self.active_power_kw[first:end]),
            self.apparent_power_kva[first:end] * factor,
            self.active_power_kw[first:end],
        )
        usable = self.usable[first:end] & ~_frozen_runs(power, self.stuck[first:end])
        series = PowerSeries.of(self.measured_at_us[first:end], power, usable)
        gaps_us = np.diff(self.measured_at_us[past][-_RECENT:])
        interval_us = int(np.median(gaps_us)) if len(gaps_us) else series.interval_us
        return PowerSeries(series.measured_at_us, series.active_power_kw, max(interval_us, 1))


_LOOKED_AT_DAYS = HISTORY_DAYS + 1
_RECENT = 2_000
"""Minimum number of readings from which the usual interval is taken."""


_EQUAL_MIN = 4
_STEPS_MIN = 500.0
"""So many equal readings in a row, of so many steps of their last digit, measure nothing: a meter of 15 minutes that
froze when a window began is found to be frozen only after it (practice)."""


def _frozen_runs(power: Floats, stuck: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the readings (n,) of rows of equal ones that are frozen, or may be: from the row's beginning."""
    if not len(power):
        return stuck
    begins = np.append(True, power[1:] != power[:-1])
    row = np.cumsum(begins) - 1
    first = np.flatnonzero(begins)
    frozen = (np.bincount(row) >= _EQUAL_MIN) & (power[first] != 0.0)
    long = np.flatnonzero(frozen)
    frozen[long] = steps_of(np.round(power[first[long]], 4)) >= _STEPS_MIN
    frozen[row[stuck]] = True
    return np.asarray(frozen[row])
