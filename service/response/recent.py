"""What the last minutes of readings say: trend, power factor, and whether one phase is the problem.

One answer for the pipeline, which makes lists by it, and for the pages, which show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.quality.apart import LOW, apart_kind
from alerts.quality.flags import QualitySettings
from alerts.quality.rated_readings import RatedReadings
from grid.assets import Phase
from grid.electrical import LoadRates, power_factor
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US

RECENT_MINUTES = 15.0
PHASE_IN_TROUBLE_RATIO = 1.3
"""Worst phase over the mean of three; 1.21 is the median of a real transformer (practice)."""


@dataclass(frozen=True)
class Recent:
    """What the last minutes of one transformer's readings say, for an outreach list."""

    trend_per_hour: float
    """[1/h], NaN without two moments."""
    power_factor: float
    """Median of the measured ones, NaN without any."""
    worst_phase: Phase | None
    """The phase that is the problem, None when they share the load."""
    feeds_back: bool
    """Power flows upwards: what loads the transformer is fed in, not drawn."""
    heaviest_phase: Phase | None = None
    """The phase with the greatest load rate, however small its lead; None where phases are not measured."""
    highest_load_rate: float = np.inf
    """The highest of the last `RECENT_MINUTES`; infinite where the readings do not cover them."""
    load_rate: float = np.nan
    """The newest; NaN without any."""
    measured_at_us: int = 0
    """When [µs]; 0 without any."""
    outdoor_c: float = np.nan
    """The newest outdoor temperature that is known; NaN without any."""


NOTHING_RECENT = Recent(np.nan, np.nan, None, False)
"""Of a transformer without readings."""


def recent_of(readings: ReadingBatch, fleet: Fleet) -> Recent:
    """Return what readings of one transformer, in time order, say."""
    if not len(readings):
        return NOTHING_RECENT
    rates = LoadRates(readings, fleet)
    rated = RatedReadings.of(readings, rates, np.ones(len(readings)), np.arange(len(readings)))
    too_low = apart_kind(rated, QualitySettings()) == LOW
    if too_low.all():
        rates.take_phases(too_low)
    slope = slopes_per_hour(readings, rates.load_rate).get(int(readings.transformer[0]), np.nan)
    phases = rates.phase_load_rate[-1]
    air_c = readings.ambient_temperature_c[~np.isnan(readings.ambient_temperature_c)]
    return Recent(
        slope,
        typical_power_factor(readings),
        phase_in_trouble(phases),
        feeds_back(readings),
        heaviest_phase(phases),
        _highest(readings, rates.load_rate),
        float(rates.load_rate[-1]),
        int(readings.measured_at_us[-1]),
        float(air_c[-1]) if len(air_c) else np.nan,
    )


def _highest(readings: ReadingBatch, load_rate: NDArray[np.float64]) -> float:
    """Return the highest load rate of `RECENT_MINUTES`; infinite where they are not covered or one is missing."""
    covered_minutes = (readings.measured_at_us[-1] - readings.measured_at_us[0]) / MINUTE_US
    if covered_minutes < RECENT_MINUTES - 1.0 or np.isnan(load_rate).any():
        return float(np.inf)
    return float(load_rate.max())


def typical_power_factor(readings: ReadingBatch) -> float:
    """Return the median of the measured power factors; NaN without any."""
    factors = power_factor(readings)
    known = factors[~np.isnan(factors)]
    return float(np.median(known)) if len(known) else float("nan")


def feeds_back(readings: ReadingBatch) -> bool:
    """Return whether power flowed upwards with the newest active power that is known; False without any."""
    known = readings.active_power_kw[~np.isnan(readings.active_power_kw)]
    return bool(len(known)) and bool(known[-1] < 0.0)


def slopes_per_hour(batch: ReadingBatch, load_rate: NDArray[np.float64]) -> dict[int, float]:
    """Return the least-squares slope [1/h] of the load rate (n,) of each transformer number in a batch.

    NaN readings are left out; a transformer with fewer than two moments has no slope.
    """
    known = ~np.isnan(load_rate)
    if not known.any():
        return {}
    numbers, group = np.unique(batch.transformer[known], return_inverse=True)
    rate = load_rate[known]
    hours = (batch.measured_at_us[known] - batch.measured_at_us[known].max()) / HOUR_US
    count = np.bincount(group)
    mean_hours = np.bincount(group, hours) / count
    mean_rate = np.bincount(group, rate) / count
    spread = np.bincount(group, (hours - mean_hours[group]) ** 2)
    together = np.bincount(group, (hours - mean_hours[group]) * (rate - mean_rate[group]))
    slopes = np.divide(together, spread, out=np.full(len(numbers), np.nan), where=spread > 0)
    return {int(n): float(s) for n, s in zip(numbers, slopes, strict=True) if not np.isnan(s)}


def heaviest_phase(phase_load_rate: NDArray[np.float64]) -> Phase | None:
    """Return the phase (3,) with the greatest load rate, None unless all are measured."""
    if np.isnan(phase_load_rate).any():
        return None
    return (Phase.A, Phase.B, Phase.C)[int(np.argmax(phase_load_rate))]


def phase_in_trouble(phase_load_rate: NDArray[np.float64]) -> Phase | None:
    """Return the phase (3,) that carries so much more than the mean that doors on it should come first."""
    mean = float(phase_load_rate.mean())
    if np.isnan(mean) or float(phase_load_rate.max()) < PHASE_IN_TROUBLE_RATIO * mean:
        return None
    return (Phase.A, Phase.B, Phase.C)[int(np.argmax(phase_load_rate))]
