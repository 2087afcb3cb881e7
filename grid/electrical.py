"""Electrical formulas on columns. NaN in, NaN out, unless a docstring says otherwise."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.supply import Supply, supply_of

VOLTAGE_LOW_V = 198.0
VOLTAGE_HIGH_V = 235.4
"""Limits of 220 V supply, +7 % / −10 % (GB/T 12325-2008)."""


class Basis(IntEnum):
    """What an apparent power was computed from. ACTIVE_ONLY under-reads it by the power factor."""

    NONE = 0
    ACTIVE_ONLY = 1
    VOLTAGE_AND_CURRENT = 2
    ACTIVE_AND_REACTIVE = 3

    @property
    def label(self) -> str:
        """Return the word used in JSON."""
        return ("none", "active_only", "u_i", "p_q")[self]


def apparent_power_kva(
    batch: ReadingBatch, ct_ratio: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return apparent power (n,) [kVA] and its `Basis` (n,), with the CT ratio (n,) applied.

    S = √(P² + Q²) where both are there, else Σ U·I over the phases where all six are there, else |P|,
    else NaN with `Basis.NONE`.
    """
    active = batch.active_power_kw
    from_powers = np.hypot(active, batch.reactive_power_kvar)
    from_phases = (batch.voltage_v * batch.current_amp).sum(axis=1) / 1000.0
    has_powers = ~np.isnan(from_powers)
    has_phases = ~np.isnan(from_phases)
    has_active = ~np.isnan(active)
    apparent = np.where(has_powers, from_powers, np.where(has_phases, from_phases, np.abs(active)))
    basis = np.where(
        has_powers,
        Basis.ACTIVE_AND_REACTIVE,
        np.where(has_phases, Basis.VOLTAGE_AND_CURRENT, np.where(has_active, Basis.ACTIVE_ONLY, Basis.NONE)),
    ).astype(np.int8)
    return apparent * ct_ratio, basis


def phase_load_rates(
    batch: ReadingBatch, ct_ratio: NDArray[np.float64], rated_power_kva: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return K_ph = U_ph·I_ph / (Sn/3) of each phase (n, 3), a fraction; NaN where U or I is missing."""
    phase_power_kva = batch.voltage_v * batch.current_amp / 1000.0 * ct_ratio[:, None]
    return phase_power_kva / (rated_power_kva[:, None] / 3.0)


def imbalance(current_amp: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the three-phase imbalance (Imax − Imin)/Imax (n,), a fraction; 0 at no current, NaN if one is missing."""
    highest = current_amp.max(axis=1)
    lowest = current_amp.min(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(highest == 0.0, 0.0, (highest - lowest) / highest)


def power_factor(batch: ReadingBatch) -> NDArray[np.float64]:
    """Return |P|/S (n,) of the measured powers; NaN where P or S is missing or S is 0."""
    apparent, basis = apparent_power_kva(batch, np.ones(len(batch)))
    active = np.where(basis == Basis.ACTIVE_ONLY, np.nan, np.abs(batch.active_power_kw))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(apparent > 0.0, np.minimum(active / apparent, 1.0), np.nan)


def voltage_outside(voltage_v: NDArray[np.float64]) -> NDArray[np.int8]:
    """Return where phase voltages (n, 3) [V] stand to 198.0…235.4 V: -1 below, 1 above, 0 within or missing (NaN).

    The limits themselves are within (GB/T 12325-2008).
    """
    return (voltage_v > VOLTAGE_HIGH_V).astype(np.int8) - (voltage_v < VOLTAGE_LOW_V).astype(np.int8)


class LoadRates:
    """Load rates of a batch: total, by phase, worst phase, and what the total was computed from.

    A reading without voltage has none of them: it is no load of zero (`grid.supply`).
    """

    __slots__ = (
        "apparent_power_kva",
        "basis",
        "load_rate",
        "phase_load_rate",
        "rated_power_kva",
        "supply",
        "worst_phase_load_rate",
    )

    def __init__(self, batch: ReadingBatch, fleet: Fleet) -> None:
        """Compute K = S/Sn and K_ph for each reading with its transformer's ratings at that time."""
        rated_power_kva, ct_ratio = fleet.ratings_at(batch.transformer, batch.measured_at_us)
        self.rated_power_kva = rated_power_kva
        """(n,) Sn [kVA] at the time of each reading."""
        self.apparent_power_kva, self.basis = apparent_power_kva(batch, ct_ratio)
        self.load_rate: NDArray[np.float64] = self.apparent_power_kva / rated_power_kva
        """(n,) S/Sn, a fraction."""
        self.phase_load_rate = phase_load_rates(batch, ct_ratio, rated_power_kva)
        """(n, 3) a fraction, NaN where U or I of that phase is missing."""
        self.worst_phase_load_rate: NDArray[np.float64] = self.phase_load_rate.max(axis=1)
        """(n,) NaN unless U and I of all three phases are there."""
        self.supply = supply_of(batch, self.load_rate, self.basis == Basis.VOLTAGE_AND_CURRENT)
        """(n,) `Supply`"""
        no_load = self.supply >= Supply.GONE
        if no_load.any():
            for column in (self.apparent_power_kva, self.load_rate, self.phase_load_rate, self.worst_phase_load_rate):
                column[no_load] = np.nan
            self.basis[no_load] = Basis.NONE

    def take_phases(self, rows: NDArray[np.bool_]) -> None:
        """Take the load of some readings (a mask, n) from voltages and currents instead of the powers."""
        by_phases = np.abs(self.phase_load_rate[rows].sum(axis=1)) / 3.0
        self.load_rate[rows] = by_phases
        self.apparent_power_kva[rows] = by_phases * self.rated_power_kva[rows]
        self.basis[rows] = Basis.VOLTAGE_AND_CURRENT
