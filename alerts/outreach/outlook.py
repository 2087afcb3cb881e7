"""How far the load will rise in the hours ahead: what a list has to cover, and what has to hold after it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from alerts.model.outreach_model import Conditions, OutreachSettings


def rise_expected(trend_per_hour: float, conditions: Conditions, settings: OutreachSettings) -> float:
    """Return by how much the load rate should still rise before the peak is over (a fraction, 0 to `trend_rise_max`).

    The greater of what the last minutes say, carried on for `trend_horizon_minutes`, and what earlier days did from
    this hour on (`rise_ahead`). A fall, or NaN, takes nothing away: a dip must not empty a list.
    """
    carried = 0.0 if math.isnan(trend_per_hour) else trend_per_hour * settings.trend_horizon_minutes / 60.0
    earlier = 0.0 if math.isnan(conditions.rise_ahead) else conditions.rise_ahead
    return min(max(carried, earlier, 0.0), settings.trend_rise_max)


def rise_of_earlier_days(load_rates: list[NDArray[np.float64]]) -> float:
    """Return how far the load rate rose on earlier days: from the first reading of each stretch to its highest.

    `load_rates`: of each earlier day, the readings (n,) from this time of day to the end of the hours ahead. The
    median of the days, so that one odd day decides nothing; NaN readings are left out; NaN where no day says anything.
    """
    rises = []
    for stretch in load_rates:
        known = stretch[~np.isnan(stretch)]
        if len(known) > 1:
            # The first reading alone would take its noise for a rise.
            start = float(np.mean(known[: max(1, len(known) // 12)]))
            rises.append(max(0.0, float(known.max()) - start))
    return float(np.median(rises)) if rises else math.nan
