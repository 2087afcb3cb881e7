"""How much load has to go, and how likely a set of doors brings it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from grid.assets import Transformer
from grid.timestamps import MINUTE_US

Floats = NDArray[np.float64]

STEP_KW = 0.02
"""Independent offers are counted in whole steps, rounded down, so that a chance is never overstated."""
COMMON_STEP_KW = 0.1
"""Offers with a common effect are counted in whole steps, rounded to the nearest: the day's effect is far wider."""
DAY_NODES = 24
"""The day's common effect is a standard normal, taken at so many points of equal probability."""
SHARE_NODES = 5
"""Points of equal probability for what is delivered, and as many for what is needed."""

_ROUNDING = 1e-9
_NORMAL = NormalDist()
_LATENT_MAX = 0.9


@dataclass(frozen=True)
class Together:
    """What moves all doors of a list at once, and what a promise is worth."""

    kept_share: float = 1.0
    """Share of promises that are kept; the others bring nothing."""
    delivered_sd: float = 0.0
    """Relative standard deviation of the kW delivered by all kept promises together."""
    need_sd_kw: float = 0.0
    """Standard deviation [kW] of the need itself: how far the load of the next half hour can be told."""


def needed_relief_kw(transformer: Transformer, load_rate: float, target_load_rate: float, power_factor: float) -> float:
    """Return the active power [kW] between a load rate and the target; 0 when the target is met.

    `power_factor` is the measured one. NaN (nothing measured) counts as 1: that is exact when the rate comes
    from active power alone, because the curve is then P/Sn, and otherwise the most that can be needed, so a
    list is rather one door longer than one short.
    """
    factor = 1.0 if math.isnan(power_factor) else power_factor
    return max(0.0, load_rate - target_load_rate) * transformer.rated_power_kva * factor


def unmetered_share(promised_at_us: int, metered_at_us: int, settle_minutes: float) -> float:
    """Return which share of a promise a reading cannot show yet: all of it at first, none after `settle_minutes`."""
    age_minutes = (metered_at_us - promised_at_us) / MINUTE_US
    return 0.0 if age_minutes >= settle_minutes else min(1.0, 1.0 - age_minutes / settle_minutes)


def chances_of_reaching(
    needed_kw: float,
    offers_kw: Sequence[float],
    probabilities: Sequence[float],
    correlations: Sequence[float] | None = None,
    together: Together | None = None,
) -> Floats:
    """Return the probability (n + 1,) that the first 0, 1, … n doors together bring `needed_kw`.

    Each door brings its whole offer with its own probability or nothing. Without `together` doors answer
    independently: one exact convolution per door on steps of `STEP_KW`; a normal approximation is too hopeful for
    the few, unequal doors of a street.

    With `together` doors agree together: the answers of two doors have the intra-class correlations (n,) given for
    them, through one standard normal that all of them share (Gaussian one-factor model; Vasicek 2002), each door's
    own probability unchanged. An offer is then an expectation over promises kept or not.
    """
    if together is not None:
        return _together(needed_kw, offers_kw, probabilities, correlations or [0.0] * len(offers_kw), together)
    chances = np.ones(len(offers_kw) + 1)
    steps_needed = math.ceil(needed_kw / STEP_KW - _ROUNDING)
    if steps_needed <= 0:
        return chances
    if needed_kw > sum(offers_kw) + _ROUNDING:
        return np.zeros_like(chances)
    below = np.zeros(steps_needed)  # below[k]: probability that the sum so far is k steps, and so short of the need
    below[0] = 1.0
    chances[0] = 0.0
    for i, (offer_kw, probability) in enumerate(zip(offers_kw, probabilities, strict=True), 1):
        steps = math.floor(offer_kw / STEP_KW + _ROUNDING)
        agreed = np.zeros_like(below)
        if steps < steps_needed:
            agreed[steps:] = below[: steps_needed - steps]
        below = (1.0 - probability) * below + probability * agreed
        chances[i] = 1.0 - below.sum()
    return np.clip(chances, 0.0, 1.0)


def _together(
    needed_kw: float,
    offers_kw: Sequence[float],
    probabilities: Sequence[float],
    correlations: Sequence[float],
    together: Together,
) -> Floats:
    chances = np.ones(len(offers_kw) + 1)
    if needed_kw <= _ROUNDING:
        return chances
    nodes = _nodes(SHARE_NODES)
    needs_kw = needed_kw + together.need_sd_kw * nodes
    shares = np.exp(together.delivered_sd * nodes)
    shares /= shares.mean()
    # Every need over every delivered share: so many steps of offers are too few.
    steps_needed = np.ceil(np.maximum(needs_kw[:, None], 0.0) / shares[None, :] / COMMON_STEP_KW - _ROUNDING)
    short = steps_needed.ravel().astype(np.int64)
    sums = np.zeros((DAY_NODES, int(short.max()) + 1))  # [:, k]: probability, on that day, of k steps so far
    sums[:, 0] = 1.0
    chances[0] = float((short == 0).mean())
    for i, (offer_kw, p, correlation) in enumerate(zip(offers_kw, probabilities, correlations, strict=True), 1):
        kept = _by_day(p, correlation)[:, None] * together.kept_share
        steps = round(offer_kw / together.kept_share / COMMON_STEP_KW)
        moved = np.zeros_like(sums)
        if steps < sums.shape[1]:
            moved[:, steps:] = sums[:, : sums.shape[1] - steps]
        sums = (1.0 - kept) * sums + kept * moved
        below = np.concatenate([[0.0], np.cumsum(sums.mean(axis=0))])
        chances[i] = 1.0 - float(below[short].mean())
    return np.clip(chances, 0.0, 1.0)


def _by_day(probability: float, correlation: float) -> Floats:
    """Return the probability (DAY_NODES,) that a door agrees on a day of each kind; its mean is `probability`."""
    if correlation <= 0.0 or not 0.0 < probability < 1.0:
        return np.full(DAY_NODES, probability)
    threshold = _NORMAL.inv_cdf(probability)
    # A first-order step from the correlation of answers to that of what stands behind them (Pearson).
    latent = min(correlation * probability * (1.0 - probability) / _NORMAL.pdf(threshold) ** 2, _LATENT_MAX)
    spread, own = math.sqrt(latent), math.sqrt(1.0 - latent)
    found = np.array([_NORMAL.cdf((threshold + spread * z) / own) for z in _nodes(DAY_NODES)])
    by_day: Floats = np.clip(found + (probability - found.mean()), 0.0, 1.0)
    return by_day


@lru_cache(maxsize=8)
def _nodes(count: int) -> Floats:
    """Return points (count,) of a standard normal, of equal probability, with mean 0 and variance 1."""
    points = np.array([_NORMAL.inv_cdf((i + 0.5) / count) for i in range(count)])
    nodes: Floats = points / points.std()
    return nodes


def doors_needed(chances: Floats, probability: float) -> int:
    """Return the least number of leading doors whose chance is at least `probability`, or all of them."""
    reached = np.flatnonzero(chances >= probability - 1e-12)
    return int(reached[0]) if len(reached) else len(chances) - 1
