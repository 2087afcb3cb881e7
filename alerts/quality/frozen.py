"""Values that have not changed for too long: all of a reading, or just those that make its load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alerts.quality.flags import QualitySettings
from alerts.quality.rated_readings import Flags, Numbers, OrderedPass, RatedReadings, Rates, Rows, Timestamps
from alerts.quality.value_runs import row_runs
from alerts.rules.threshold_runs import NEVER
from grid.electrical import Basis

_DECIMALS = 4
"""Steps finer than this many decimals are not looked for."""


@dataclass(frozen=True)
class FrozenState:
    """What is remembered of n transformers, as columns: the runs that end with the last reading."""

    power: Rates
    voltage_v: Rates
    current_amp: Rates
    equal_readings: NDArray[np.uint8]
    """How many readings up to the last are equal, never counted further than is needed."""
    equal_since_us: Timestamps
    source: Rates
    """What made the last load."""
    source_readings: NDArray[np.uint8]
    source_since_us: Timestamps

    @staticmethod
    def of(transformers: int) -> FrozenState:
        """Return no past."""
        return FrozenState(
            power=np.full((transformers, 2), np.nan),
            voltage_v=np.full((transformers, 3), np.nan),
            current_amp=np.full((transformers, 3), np.nan),
            equal_readings=np.zeros(transformers, np.uint8),
            equal_since_us=np.full(transformers, NEVER, np.int64),
            source=np.full(transformers, np.nan),
            source_readings=np.zeros(transformers, np.uint8),
            source_since_us=np.full(transformers, NEVER, np.int64),
        )


def source_of(block: RatedReadings) -> Rates:
    """Return what made each load (n,): the larger of P and Q, S or P alone, or the sum of the currents."""
    active, reactive = block.power[:, 0], block.power[:, 1]
    power = np.where(np.abs(reactive) > np.abs(active), reactive, active)
    of_apparent = block.basis == Basis.APPARENT_POWER
    if of_apparent.any():
        as_sent = np.round(block.load_rate * block.rated_power_kva / block.ct_ratio, _DECIMALS + 1)
        power = np.where(of_apparent, as_sent, power)
    of_phases = block.basis == Basis.VOLTAGE_AND_CURRENT
    if not of_phases.any():
        return power
    return np.where(of_phases, block.current_amp.sum(axis=1), power)


class FrozenValues:
    """The unchanging values of a fleet: show it blocks in time order, it says which readings are frozen."""

    def __init__(self, transformers: int, settings: QualitySettings) -> None:
        """Start with no past."""
        self._by = settings
        self.past = FrozenState.of(transformers)

    def frozen(self, block: RatedReadings, evaluate: OrderedPass) -> Flags:
        """Return which readings (n,) end a long row of equal ones, and remember how long the last row is."""
        past, number = self.past, evaluate.number
        stuck = self._all_frozen(block, evaluate) | self._source_frozen(block, evaluate)
        past.power[number] = block.power[evaluate.last]
        past.voltage_v[number] = block.voltage_v[evaluate.last]
        past.current_amp[number] = block.current_amp[evaluate.last]
        return stuck

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers."""
        self.past.equal_readings[transformer] = 0
        self.past.source_readings[transformer] = 0

    def _all_frozen(self, block: RatedReadings, evaluate: OrderedPass) -> Flags:
        by, past, at_us = self._by, self.past, block.measured_at_us
        equal = (block.load_rate == evaluate.neighbour_rate) & (block.load_rate != 0.0)
        rows = np.flatnonzero(equal)
        for column, last in (
            (block.power, past.power),
            (block.voltage_v, past.voltage_v),
            (block.current_amp, past.current_amp),
        ):
            now, before = column[rows], evaluate.before(column, last, rows)
            rows = rows[((now == before) | (np.isnan(now) & np.isnan(before))).all(axis=1)]
        if not len(rows):
            past.equal_readings[evaluate.number] = 1
            past.equal_since_us[evaluate.number] = at_us[evaluate.last]
            return np.zeros(len(block), bool)
        equal[:] = False
        equal[rows] = True
        runs = row_runs(block, evaluate, equal, past.equal_since_us, past.equal_readings)
        past.equal_readings[evaluate.number] = np.minimum(runs.readings, by.stuck_readings)[evaluate.last]
        past.equal_since_us[evaluate.number] = runs.since_us[evaluate.last]
        return (runs.readings >= by.stuck_readings) & (at_us - runs.since_us > by.stuck_us)

    def _source_frozen(self, block: RatedReadings, evaluate: OrderedPass) -> Flags:
        """Return which readings have the same load, by what makes it, for too long, whatever moves beside it."""
        by, past, at_us = self._by, self.past, block.measured_at_us
        source = source_of(block)
        equal = (source == evaluate.before(source, past.source)) & evaluate.neighbours & (source != 0.0)
        frozen = np.zeros(len(block), bool)
        if equal.any():
            runs = row_runs(block, evaluate, equal, past.source_since_us, past.source_readings)
            past.source_readings[evaluate.number] = np.minimum(runs.readings, by.stuck_readings)[evaluate.last]
            past.source_since_us[evaluate.number] = runs.since_us[evaluate.last]
            frozen = (runs.readings >= by.stuck_readings) & (at_us - runs.since_us > by.frozen_us)
            rows: Rows = np.flatnonzero(frozen)
            frozen[rows] = steps_of(source[rows]) >= by.frozen_steps_min
        else:
            past.source_readings[evaluate.number] = 1
            past.source_since_us[evaluate.number] = at_us[evaluate.last]
        past.source[evaluate.number] = source[evaluate.last]
        return frozen


def steps_of(value: Rates) -> Rates:
    """Return how many steps of its last decimal digit a value (n,) is: 372.431 is 372,431 of 0.001."""
    steps = np.abs(value)
    for _ in range(_DECIMALS):
        whole = np.abs(steps - np.rint(steps)) <= 1e-9 * np.maximum(steps, 1.0)
        steps = np.where(whole, steps, steps * 10.0)
    return np.rint(steps)
