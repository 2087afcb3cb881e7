"""The effect of a window: what it would have been like, what was measured, and whether a drop can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from alerts.effect.backtest import BackTest, best_of
from alerts.effect.features import Surroundings, windows_of
from alerts.effect.similar_days import DayKind
from alerts.effect.slots import Floats, PowerSeries, Slots, slots_of
from grid.timestamps import DAY_US

MEASURED_SHARE_MIN = 0.75
"""Share of a window's slots that must have usable readings."""
DONORS_MAX = 6
WEATHER_SHARE_MIN = 0.9


class EffectVerdict(Enum):
    """What can be said of a saving."""

    SHOWN = "shown"
    """All of the interval is a saving."""
    NOT_SHOWN = "not_shown"
    """It may as well be nothing."""
    NOT_MEASURABLE = "not_measurable"
    """Too little was measured, in the window or before it."""


@dataclass(frozen=True)
class Effect:
    """The measured change of a window against its baseline; NaN where nothing can be said."""

    measured_kw: float
    baseline_kw: float
    low_kw: float
    high_kw: float
    """90 % interval of the baseline."""
    verdict: EffectVerdict
    method: str
    """Name of the method that the back-test chose; `none` without one."""
    placebo_windows: int
    placebo_bias: float
    """By how much baselines of placebo windows are too high, a share."""
    placebo_mape: float
    placebo_coverage: float
    """Share of placebo windows within their own interval, days left out."""
    smallest_shown_kw: float
    """The smallest saving that this window could have shown."""
    why: str = ""
    """Word for why it is not measurable."""
    step_us: int = 0
    slots_kw: tuple[float, ...] = ()
    """The baseline in slots of `step_us` from the window's beginning; empty without one."""

    @property
    def saving_kw(self) -> float:
        """Return baseline less measured [kW]."""
        return self.baseline_kw - self.measured_kw

    @property
    def saving_low_kw(self) -> float:
        """Return the low end of the saving's interval [kW]."""
        return self.low_kw - self.measured_kw

    @property
    def saving_high_kw(self) -> float:
        """Return the high end of the saving's interval [kW]."""
        return self.high_kw - self.measured_kw


@dataclass(frozen=True)
class Weather:
    """Outdoor air over time, in time order."""

    at_us: np.ndarray[tuple[int], np.dtype[np.int64]]
    temperature_c: Floats

    def over(self, from_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
        """Return the temperature at moments (n,), straight lines between what is known; NaN further than 3 h away."""
        known = np.interp(from_us, self.at_us, self.temperature_c)
        place = np.clip(np.searchsorted(self.at_us, from_us), 1, max(len(self.at_us) - 1, 1))
        nearest = np.minimum(
            np.abs(from_us - self.at_us[place - 1]),
            np.abs(self.at_us[np.minimum(place, len(self.at_us) - 1)] - from_us),
        )
        return np.where(nearest <= DAY_US // 8, known, np.nan)


def effect_of(
    series: PowerSeries,
    from_us: int,
    to_us: int,
    *,
    utc_offset_us: int,
    weather: Weather | None = None,
    donors: Sequence[PowerSeries] = (),
) -> Effect:
    """Return the effect of a window [from_us, to_us), by readings before `to_us`; those within it only measure.

    Other windows of outreach must have been taken out of `series` (`PowerSeries.without`).
    """
    if not 0 < to_us - from_us <= DAY_US:
        return _nothing(np.nan, "window_too_long")
    step_us = series.step_us
    slots = slots_of(series, from_us, to_us, step_us)
    window = slots.power_kw[slots.before :]
    known = ~np.isnan(window)
    if known.mean() < MEASURED_SHARE_MIN:
        return _nothing(float(np.nanmean(window)) if known.any() else np.nan, "too_few_readings_in_the_window")
    measured = float(window[known].mean())
    around = _surroundings(slots, from_us, utc_offset_us, weather, donors)
    windows = {kind: windows_of(slots, series, from_us, around, kind) for kind in DayKind}
    best = best_of(windows)
    if best is None:
        return _nothing(measured, "too_few_days_before")
    return _judged(measured, best, step_us)


def _surroundings(
    slots: Slots, from_us: int, utc_offset_us: int, weather: Weather | None, donors: Sequence[PowerSeries]
) -> Surroundings:
    n, step_us = len(slots.power_kw), slots.step_us
    temperature = None
    if weather is not None and len(weather.at_us):
        middle_us = from_us + (np.arange(n) - slots.before) * step_us + step_us // 2
        temperature = weather.over(middle_us)
        if np.isnan(temperature[slots.before :]).any():
            temperature = None
    found = []
    for donor in donors:
        # Nothing of a donor counts from the beginning of the window on.
        power = np.full(n, np.nan)
        power[: slots.before] = slots_of(donor, from_us, from_us + step_us, step_us).power_kw[: slots.before]
        found.append(power)
    return Surroundings(temperature, _best_donors(slots, np.array(found).reshape(-1, n)), utc_offset_us)


def _best_donors(slots: Slots, donors_kw: Floats) -> Floats:
    """Return the donors that have moved most like the transformer from one day to the next."""
    if len(donors_kw) <= DONORS_MAX:
        return donors_kw
    back = slots.per_day

    def moves(power: Floats) -> Floats:
        return power[back : slots.before] - power[: slots.before - back]

    own = moves(slots.power_kw)
    likeness = []
    for power in donors_kw:
        other = moves(power)
        both = ~np.isnan(own) & ~np.isnan(other)
        alike = np.corrcoef(own[both], other[both])[0, 1] if both.sum() > back and np.std(other[both]) > 0 else -1.0
        likeness.append(alike if np.isfinite(alike) else -1.0)
    return donors_kw[np.argsort(likeness)[::-1][:DONORS_MAX]]


def _judged(measured: float, best: BackTest, step_us: int) -> Effect:
    low, high = best.baseline_kw - best.below_kw, best.baseline_kw + best.above_kw + best.peak_kw
    return Effect(
        measured_kw=measured,
        baseline_kw=best.baseline_kw,
        low_kw=low,
        high_kw=high,
        verdict=EffectVerdict.SHOWN if low > measured else EffectVerdict.NOT_SHOWN,
        method=best.method.name,
        placebo_windows=len(best.day),
        placebo_bias=best.bias,
        placebo_mape=best.mape,
        placebo_coverage=best.coverage,
        smallest_shown_kw=best.below_kw,
        step_us=step_us,
        slots_kw=tuple(best.slots_kw.tolist()),
    )


def not_measurable(why: str, measured_kw: float = float("nan")) -> Effect:
    """Return the effect of a window of which nothing can be said."""
    return _nothing(measured_kw, why)


def _nothing(measured: float, why: str) -> Effect:
    nan = float("nan")
    return Effect(measured, nan, nan, nan, EffectVerdict.NOT_MEASURABLE, "none", 0, nan, nan, nan, nan, why)
