"""Powers and phases that say different things of one load: S of P and Q beside Σ U·I.

Single rows differ honestly, since means are held against instants. What lasts does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.quality.flags import QualitySettings
from alerts.quality.rated_readings import Numbers, OrderedPass, RatedReadings, Rates, Rows, Timestamps
from alerts.quality.value_runs import last_within, row_runs
from alerts.rules.threshold_runs import NEVER
from grid.electrical import Basis

LOW, HIGH = 1, 2


@dataclass(frozen=True)
class ApartState:
    """What is remembered of n transformers, as columns: the run that ends with the last reading."""

    kind: NDArray[np.int8]
    """0: powers and phases agree, or cannot be compared; `LOW`, `HIGH`: the powers are too low, too high."""
    readings: NDArray[np.uint8]
    since_us: Timestamps
    strong_at_us: Timestamps
    """When Σ U·I last was a load worth speaking of in this run."""

    @staticmethod
    def of(transformers: int) -> ApartState:
        """Return no past."""
        return ApartState(
            np.zeros(transformers, np.int8),
            np.zeros(transformers, np.uint8),
            np.full(transformers, NEVER, np.int64),
            np.full(transformers, NEVER, np.int64),
        )


def apart_kind(block: RatedReadings, by: QualitySettings) -> NDArray[np.int8]:
    """Return for each reading (n,) whether its powers are far below Σ U·I (`LOW`), above it (`HIGH`), or neither."""
    powers, phases = block.load_rate, block.phases_load_rate
    compared = (block.basis == Basis.ACTIVE_AND_REACTIVE) | (block.basis == Basis.APPARENT_POWER)
    low = compared & (powers * by.powers_low_ratio < phases) & (phases >= by.apart_load_rate_min)
    low[low] = _net_rate(block, np.flatnonzero(low)) > powers[low] * by.powers_low_ratio
    high = compared & (powers > by.powers_high_ratio * phases) & (powers > by.apart_load_rate_min)
    return np.asarray(low * LOW + high * HIGH, np.int8)


def _net_rate(block: RatedReadings, rows: Rows) -> Rates:
    """Return the load rate (k,) by Σ U·I with each current's sign: phases that feed back cancel others in P as well."""
    power_kva = np.abs((block.voltage_v[rows] * block.current_amp[rows]).sum(axis=1)) / 1000.0
    with_signs = (block.current_amp[rows] < 0.0).any(axis=1)
    net = power_kva * block.ct_ratio[rows] / block.rated_power_kva[rows]
    return np.where(with_signs, net, block.phases_load_rate[rows])


class PowersApart:
    """The disagreements of a fleet: show it blocks in time order, it says which have lasted."""

    def __init__(self, transformers: int, settings: QualitySettings) -> None:
        """Start with no past."""
        self._by = settings
        self.past = ApartState.of(transformers)

    def lasting(self, block: RatedReadings, evaluate: OrderedPass) -> tuple[Rows, Rows]:
        """Return the readings whose powers have been too low for long, and too high; remember the last of each."""
        by, past = self._by, self.past
        kind = apart_kind(block, by)
        if not kind.any():
            past.kind[evaluate.number] = 0
            nothing = np.empty(0, np.intp)
            return nothing, nothing
        goes_on = (kind == evaluate.before(kind, past.kind)) & (kind != 0) & evaluate.neighbours
        runs = row_runs(block, evaluate, goes_on, past.since_us, past.readings)
        strong = np.flatnonzero((kind == LOW) & (block.phases_load_rate >= by.powers_low_load_rate_min))
        at_us = block.measured_at_us
        strong_at_us = last_within(runs, at_us, strong, past.strong_at_us[block.transformer])
        lasts = (runs.readings >= by.apart_readings) & (at_us - runs.since_us >= by.apart_us)
        was_strong = (strong_at_us != NEVER) & (at_us - strong_at_us <= by.ratio_us)
        last, number = evaluate.last, evaluate.number
        past.kind[number] = kind[last]
        past.readings[number] = np.minimum(runs.readings, by.apart_readings)[last]
        past.since_us[number] = runs.since_us[last]
        past.strong_at_us[number] = strong_at_us[last]
        return np.flatnonzero(lasts & (kind == LOW) & was_strong), np.flatnonzero(lasts & (kind == HIGH))

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers."""
        self.past.kind[transformer] = 0
