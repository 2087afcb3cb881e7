"""Electrical formulas on columns. NaN in, NaN out, unless a docstring says otherwise."""

from __future__ import annotations

from enum import IntEnum
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from grid.exact_lines import decimal_of, is_short, on_the_line
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
    APPARENT_POWER = 4

    @property
    def label(self) -> str:
        """Return the word used in JSON."""
        return ("none", "active_only", "u_i", "p_q", "s")[self]


def apparent_power_kva(
    batch: ReadingBatch, ct_ratio: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return apparent power (n,) [kVA] and its `Basis` (n,), with the CT ratio (n,) applied.

    S = √(P² + Q²) where both are there, else S as the meter sends it, else Σ U·I over the phases where all six are
    there, else |P|, else NaN with `Basis.NONE`.
    """
    active = batch.active_power_kw
    from_powers = np.hypot(active, batch.reactive_power_kvar)
    told = batch.apparent_power_kva
    from_phases = sum_of_phases_kva(batch)
    apparent = np.abs(active)
    basis = np.where(np.isnan(apparent), np.int8(Basis.NONE), np.int8(Basis.ACTIVE_ONLY))
    for better, name in (
        (from_phases, Basis.VOLTAGE_AND_CURRENT),
        (told, Basis.APPARENT_POWER),
        (from_powers, Basis.ACTIVE_AND_REACTIVE),
    ):
        there = ~np.isnan(better)
        apparent = np.where(there, better, apparent)
        basis[there] = name
    return apparent * ct_ratio, basis


def sum_of_phases_kva(batch: ReadingBatch) -> NDArray[np.float64]:
    """Return Σ U·|I| (n,) [kVA] before the CT ratio; NaN unless U and I of all phases are there.

    A current's sign is the direction of power in its phase; a phase that feeds back loads its winding as much.
    """
    return np.asarray((batch.voltage_v * np.abs(batch.current_amp)).sum(axis=1) / 1000.0)


def phase_load_rates(
    batch: ReadingBatch, ct_ratio: NDArray[np.float64], rated_power_kva: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return K_ph = U_ph·|I_ph| / (Sn/3) of each phase (n, 3), a fraction; NaN where U or I is missing."""
    phase_power_kva = batch.voltage_v * np.abs(batch.current_amp) / 1000.0 * ct_ratio[:, None]
    return phase_power_kva / (rated_power_kva[:, None] / 3.0)


def imbalance(current_amp: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the three-phase imbalance (Imax − Imin)/Imax (n,), a fraction; 0 at no current, NaN if one is missing.

    Magnitudes are compared: a current's sign is its direction.
    """
    magnitude = np.abs(current_amp)
    highest = magnitude.max(axis=1)
    lowest = magnitude.min(axis=1)
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


class _Factors:
    """The numbers that load rates were made of, to compare one with a line without rounding."""

    def __init__(
        self, batch: ReadingBatch, basis: NDArray[np.int8], ct_ratio: NDArray[np.float64], rated: NDArray[np.float64]
    ) -> None:
        self._batch, self._basis, self._ct_ratio, self._rated = batch, basis, ct_ratio, rated

    def total_is_proven(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which totals (k,) are no roots, and of numbers with few decimals."""
        batch, basis = self._batch, self._basis[rows]
        of_phases = basis == Basis.VOLTAGE_AND_CURRENT
        proven = (basis != Basis.ACTIVE_AND_REACTIVE) & is_short(
            np.column_stack(
                [
                    np.where(basis == Basis.ACTIVE_ONLY, batch.active_power_kw[rows], np.nan),
                    np.where(basis == Basis.APPARENT_POWER, batch.apparent_power_kva[rows], np.nan),
                    np.where(of_phases[:, None], batch.voltage_v[rows], np.nan),
                    np.where(of_phases[:, None], batch.current_amp[rows], np.nan),
                ]
            )
        )
        return np.asarray(proven & self._has_short_ratings(rows))

    def total_squares(self, rows: NDArray[np.intp]) -> list[Fraction]:
        """Return K² of some rows."""
        return [self._total(row) ** 2 * self._ratio(row) ** 2 if self._basis[row] != Basis.ACTIVE_AND_REACTIVE
                else self._of_powers(row) * self._ratio(row) ** 2 for row in rows.tolist()]  # fmt: skip

    def phase_is_proven(self, cells: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return which phases (k,), three to a row, are of numbers with few decimals."""
        factors = [self._batch.voltage_v.ravel()[cells], self._batch.current_amp.ravel()[cells]]
        return is_short(np.column_stack(factors)) & self._has_short_ratings(cells // 3)

    def phase_squares(self, cells: NDArray[np.intp]) -> list[Fraction]:
        """Return K_ph² of some phases."""
        return [(self._phase(cell) * 3 * self._ratio(cell // 3)) ** 2 for cell in cells.tolist()]

    def _has_short_ratings(self, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
        return is_short(np.column_stack([self._ct_ratio[rows], self._rated[rows]]))

    def _ratio(self, row: int) -> Fraction:
        return decimal_of(float(self._ct_ratio[row])) / decimal_of(float(self._rated[row]))

    def _of_powers(self, row: int) -> Fraction:
        p, q = (
            decimal_of(float(column[row])) for column in (self._batch.active_power_kw, self._batch.reactive_power_kvar)
        )
        return p * p + q * q

    def _total(self, row: int) -> Fraction:
        if self._basis[row] == Basis.VOLTAGE_AND_CURRENT:
            return sum((self._phase(3 * row + phase) for phase in range(3)), Fraction(0))
        of_s = self._basis[row] == Basis.APPARENT_POWER
        return decimal_of(float((self._batch.apparent_power_kva if of_s else self._batch.active_power_kw)[row]))

    def _phase(self, cell: int) -> Fraction:
        volts, amps = (float(column.ravel()[cell]) for column in (self._batch.voltage_v, self._batch.current_amp))
        return decimal_of(volts) * abs(decimal_of(amps)) / 1000


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
        factors = _Factors(batch, self.basis, ct_ratio, rated_power_kva)
        self.load_rate: NDArray[np.float64] = on_the_line(
            self.apparent_power_kva / rated_power_kva, factors.total_is_proven, factors.total_squares
        )
        """(n,) S/Sn, a fraction; exactly on a line where the decimal numbers sent are (`grid.exact_lines`)."""
        phases = phase_load_rates(batch, ct_ratio, rated_power_kva)
        self.phase_load_rate = on_the_line(phases.ravel(), factors.phase_is_proven, factors.phase_squares).reshape(
            -1, 3
        )
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
