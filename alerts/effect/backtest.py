"""Back-test: placebo windows tell how far a method is off, which one is best, and how wide its interval must be.

A method corrects the mean of similar days by what is known when a window begins. How much each deviation counts is
estimated from the placebo windows by ridge regression: what is left of a peak is learned, not supposed, and so
regression to the mean fakes no saving. Errors are those of days that the estimate has not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.effect.features import FEATURES, Windows
from alerts.effect.similar_days import DayKind
from alerts.effect.slots import Floats
from alerts.effect.student import student_factor

PLACEBO_DAYS_MIN = 8
"""Fewer days of placebo windows say too little about errors."""
_RIDGE_DAYS = 1.0
"""The pull of coefficients towards nothing, as so many days of a deviation of 10 %."""
_PULL_SCALE = 0.1
_TRIGGER_WIDTH = 1.0
_TRIGGER_FLOOR = 0.25
"""A placebo window whose deviation before it is one spread from the measured one's counts 0.6, any at least this."""
NOMINAL_COVERAGE = 0.92
"""What the interval is made for, so that 90 % are covered in every class."""
_QUANTILE_DAYS = 10.0
_HALF_LIFE_DAYS = 15.0
"""Errors of so long ago count half: earlier days had fewer days before them, and another season."""
_BETTER_BY = 0.97
"""A method with more in it must have errors smaller than this share of the simpler one's."""


@dataclass(frozen=True)
class Method:
    """One way to say what a window would have been like."""

    name: str
    kind: DayKind
    features: tuple[str, ...]


METHODS = tuple(
    Method(f"{kind.value}{suffix}", kind, features)
    for kind in (DayKind.SAME, DayKind.ALL)
    for suffix, features in (
        ("", ()),
        ("+same_day", ("last", "short", "long")),
        ("+weather", ("heat", "cold", "air")),
        ("+same_day+weather", ("last", "short", "long", "heat", "cold", "air")),
        ("+same_day+donors", ("last", "short", "long", "donors")),
        ("+same_day+weather+donors", ("last", "short", "long", "heat", "cold", "air", "donors")),
    )
)
"""Simple before rich: of methods about as good the first is taken."""


@dataclass(frozen=True)
class BackTest:
    """How a method did on placebo windows (k,), and what it says of the measured one."""

    method: Method
    baseline_kw: float
    """Of the measured window, corrected by the bias of placebo windows chosen by the same trigger."""
    below_kw: float
    above_kw: float
    """How far the interval reaches below and above the baseline [kW]."""
    peak_kw: float
    """By how much windows that begin with a peak, as this one may, are above their baselines [kW]; 0 if it does not."""
    slots_kw: Floats
    """(w,) the baseline slot by slot: similar days, moved to the baseline."""
    baselines_kw: Floats
    measured_kw: Floats
    within: NDArray[np.bool_]
    """(k,) whether the placebo window lies within its own interval."""
    day: NDArray[np.intp]
    weight: Floats

    @property
    def bias(self) -> float:
        """Return by how much the placebo baselines are too high, as a share of what was measured."""
        return float(np.sum(self.weight * (self.baselines_kw - self.measured_kw)) / self._total)

    @property
    def mape(self) -> float:
        """Return the mean absolute error of the placebo baselines, as a share of what was measured."""
        return float(np.sum(self.weight * np.abs(self.baselines_kw - self.measured_kw)) / self._total)

    @property
    def coverage(self) -> float:
        """Return the share of placebo windows that lie within their own intervals."""
        return float(np.sum(self.weight * self.within) / np.sum(self.weight))

    @property
    def _total(self) -> float:
        return max(float(np.sum(self.weight * np.abs(self.measured_kw))), 1e-9)


def best_of(windows: dict[DayKind, Windows], methods: Sequence[Method] = METHODS) -> BackTest | None:
    """Return the back-test of the method with the smallest errors; None where no method has enough placebo days."""
    tested = [found for method in methods if (found := back_test(windows[method.kind], method)) is not None]
    if not tested:
        return None
    most = max(len(np.unique(one.day)) for one in tested)
    best: BackTest | None = None
    for one in tested:
        # Errors on far fewer days are not comparable.
        if len(np.unique(one.day)) * 2 >= most and (best is None or one.mape < best.mape * _BETTER_BY):
            best = one
    return best


def back_test(windows: Windows, method: Method) -> BackTest | None:
    """Return how a method does; None with too few placebo days, or where it lacks what the measured window needs."""
    columns = [FEATURES.index(name) for name in method.features]
    known = ~np.isnan(windows.features[:, columns]).any(axis=1) if columns else np.ones(len(windows.day), bool)
    known &= ~np.isnan(windows.measured_kw) & ~np.isnan(windows.usual_kw) & (windows.level_kw > 0.0)
    known[0] = not np.isnan(windows.usual_kw[0]) and bool(windows.level_kw[0] > 0.0)
    known[0] &= not np.isnan(windows.features[0, columns]).any()
    if not known[0]:
        return None
    rows = np.flatnonzero(known)[1:]
    day = windows.day[rows]
    days, day_of = np.unique(day, return_inverse=True)
    if len(days) < max(PLACEBO_DAYS_MIN, len(columns) + 4):
        return None
    level = windows.level_kw[rows]
    error = (windows.measured_kw[rows] - windows.usual_kw[rows]) / level
    x = np.column_stack([np.ones(len(rows)), windows.features[rows][:, columns]])
    x0 = np.append(1.0, windows.features[0, columns])
    per_day = 1.0 / np.bincount(day_of)[day_of]
    """Every day counts once, however many windows it has."""
    weight = per_day * _like_the_trigger(windows.features[rows, 1], float(windows.features[0, 1]))
    weight *= 0.5 ** (day / _HALF_LIFE_DAYS)
    left, slope_out, inverse = _leave_days_out(x, error, per_day, day_of, len(days))
    total = float(np.sum(weight))
    freedom = max(total**2 / float(np.sum(np.bincount(day_of, weight) ** 2)) - 1.0, 2.0)
    shrunk = freedom / (freedom + 5.0)
    bias = shrunk * float(np.sum(weight * left) / total)
    leverage = np.einsum("ij,jk,ik->i", x, inverse, x)
    variance = float(np.sum(weight * (left - bias) ** 2 / (1.0 + leverage)) / total)
    variance *= (freedom + 1.0) / freedom
    scale = np.sqrt(1.0 + leverage + 1.0 / (freedom + 1.0))
    scale0 = float(np.sqrt(1.0 + x0 @ inverse @ x0 + 1.0 / (freedom + 1.0)))
    below, above = _reach((left - bias) / scale, weight, float(np.sqrt(variance)), freedom)
    peaks = windows.begins_highest[rows]
    peak = 0.0
    if windows.begins_highest[0] and peaks.any():
        share = per_day * peaks
        peak = max(float(np.sum(share * (left - bias)) / (np.sum(share) + _RIDGE_DAYS)), 0.0)
    predicted = windows.measured_kw[rows] - (left - bias) * level
    level0 = float(windows.level_kw[0])
    return BackTest(
        method,
        float(windows.usual_kw[0] + (x0 @ slope_out + bias) * level0),
        below * scale0 * level0,
        above * scale0 * level0,
        peak * level0,
        windows.usual_slots_kw + float(x0 @ slope_out + bias) * level0,
        predicted,
        windows.measured_kw[rows],
        (left - bias >= -below * scale) & (left - bias <= above * scale),
        day,
        weight,
    )


def _reach(errors: Floats, weight: Floats, spread: float, freedom: float) -> tuple[float, float]:
    """Return how far an interval reaches below and above, for errors (k,) of unit scale.

    By the errors' own quantiles as far as there are days for it, else by Student's t: few days have no tails, and what
    is rare in many days must not widen every interval.
    """
    share = freedom / (freedom + _QUANTILE_DAYS)
    by_spread = spread * student_factor(freedom, NOMINAL_COVERAGE)
    order = np.argsort(errors)
    upto = (np.cumsum(weight[order]) - 0.5 * weight[order]) / np.sum(weight)
    tail = 0.5 * (1.0 - NOMINAL_COVERAGE)
    low, high = np.interp([tail, 1.0 - tail], upto, errors[order])
    below = share * max(-float(low), 0.0) + (1.0 - share) * by_spread
    above = share * max(float(high), 0.0) + (1.0 - share) * by_spread
    return below, above


def _like_the_trigger(short: Floats, measured: float) -> Floats:
    """Return how much placebo windows (k,) count, by the deviation they began with: an incident begins at a peak."""
    known = ~np.isnan(short)
    if np.isnan(measured) or known.sum() < 2:
        return np.ones(len(short))
    width = _TRIGGER_WIDTH * max(float(np.std(short[known])), 1e-6)
    apart = np.where(known, short - measured, np.inf) / width
    return _TRIGGER_FLOOR + (1.0 - _TRIGGER_FLOOR) * np.exp(-0.5 * apart**2)


def _leave_days_out(
    x: Floats, error: Floats, weight: Floats, day_of: NDArray[np.intp], days: int
) -> tuple[Floats, Floats, Floats]:
    """Return the errors (k,) of days left out, the coefficients (f,) of all days, and the inverse (f, f).

    Closed form over days: the sums of all days without those of one.
    """
    columns = x.shape[1]
    pull = np.full(columns, _RIDGE_DAYS * _PULL_SCALE**2)
    pull[0] = _RIDGE_DAYS
    squares = np.zeros((days, columns, columns))
    products = np.zeros((days, columns))
    weighted = x * weight[:, None]
    np.add.at(squares, day_of, weighted[:, :, None] * x[:, None, :])
    np.add.at(products, day_of, weighted * error[:, None])
    all_squares, all_products = squares.sum(axis=0) + np.diag(pull), products.sum(axis=0)
    without = np.linalg.solve(all_squares - squares, (all_products - products)[:, :, None])[:, :, 0]
    left = error - np.einsum("ij,ij->i", x, without[day_of])
    inverse = np.linalg.inv(all_squares)
    return left, inverse @ all_products, inverse
