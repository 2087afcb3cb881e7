"""How much load has to go, and how likely a set of doors brings it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from grid.assets import Transformer

STEP_KW = 0.02
"""Offers are counted in whole steps, rounded down, so that a chance is never overstated."""

_ROUNDING = 1e-9


def needed_relief_kw(transformer: Transformer, load_rate: float, target_load_rate: float, power_factor: float) -> float:
    """Return the active power [kW] between a load rate and the target; 0 when the target is met.

    `power_factor` is the measured one. NaN (nothing measured) counts as 1: that is exact when the rate comes
    from active power alone, because the curve is then P/Sn, and otherwise the most that can be needed, so a
    list is rather one door longer than one short.
    """
    factor = 1.0 if math.isnan(power_factor) else power_factor
    return max(0.0, load_rate - target_load_rate) * transformer.rated_power_kva * factor


def chances_of_reaching(
    needed_kw: float, offers_kw: Sequence[float], probabilities: Sequence[float]
) -> NDArray[np.float64]:
    """Return the probability (n + 1,) that the first 0, 1, … n doors together bring `needed_kw`.

    Each door brings its whole offer with its own probability or nothing, independently of the others. The
    distribution of the sum is computed exactly (one convolution per door) on steps of `STEP_KW`: no normal
    approximation, which is too hopeful for the few, unequal doors of a street.
    """
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


def doors_needed(chances: NDArray[np.float64], probability: float) -> int:
    """Return the least number of leading doors whose chance is at least `probability`, or all of them."""
    reached = np.flatnonzero(chances >= probability - 1e-12)
    return int(reached[0]) if len(reached) else len(chances) - 1
