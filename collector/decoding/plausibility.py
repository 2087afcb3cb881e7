"""Plausibility, the same for the wire and for files: readings that no meter can have measured are told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.decoding.rejects import Fault, Reason
from grid.electrical import Basis, apparent_power_kva
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.supply import Supply, supply_of
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US

CALENDAR_FROM_US = 946_684_800_000_000
CALENDAR_TO_US = 4_102_444_800_000_000
"""2000-01-01 and 2100-01-01: a time outside is a clock that was reset, however old a reading may be."""

SENTINELS = (65535.0, 32767.0, -32768.0, -9999.0)
"""What devices send for "no value": all ones of 16 bits, the ends of a signed 16-bit number, -9999 (practice)."""

PLAUSIBLE: dict[str, tuple[float, float]] = {
    "voltage_v": (0.0, 1_000.0),
    "current_amp": (0.0, 100_000.0),
    "neutral_current_amp": (0.0, 100_000.0),
    "oil_temperature_c": (-60.0, 250.0),
    "ambient_temperature_c": (-60.0, 70.0),
}
"""Closed ranges of what low voltage can be (practice). Powers are held against the rating; they may be negative
where roofs feed back."""

DEAD_VOLTAGE_V = 1.0
LIVE_CURRENT_AMP = 1.0
"""A phase at less voltage that carries more current is impossible; below it is the noise of a phase switched off."""

PHASES_DISAGREE_RATIO = 1.5
PHASES_DISAGREE_LOAD_RATE_MIN = 0.05
"""S of P and Q cannot exceed Σ U·I. Half as much again leaves room for means held against instants, and below
5 % of the rating the currents are too small to say (own choice)."""

_SINGLE = (
    "active_power_kw",
    "reactive_power_kvar",
    "neutral_current_amp",
    "oil_temperature_c",
    "ambient_temperature_c",
)
_FIELDS = (*(f"{field}[{phase}]" for field in ("voltage_v", "current_amp") for phase in range(3)), *_SINGLE)
_RANGES = [PLAUSIBLE.get(field.partition("[")[0], (-np.inf, np.inf)) for field in _FIELDS]
_LEAST, _MOST = np.array(_RANGES).T
_SMALLEST_NORMAL = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class Limits:
    """How far a reading's time may lie from now, and how much load is believed. None: any."""

    measured_age_hours_max: float | None = 72.0
    measured_ahead_minutes_max: float | None = 5.0
    load_rate_max: float = 10.0

    @staticmethod
    def of_recordings() -> Limits:
        """Return the limits for recorded readings, which may be of any day."""
        return Limits(measured_age_hours_max=None, measured_ahead_minutes_max=None)


Rule = tuple[NDArray[np.bool_], Callable[[int], Fault]]
"""Which rows (n,) break a rule, and the fault of one of them."""


def screen(batch: ReadingBatch, fleet: Fleet, limits: Limits) -> tuple[NDArray[np.bool_], dict[int, Fault]]:
    """Return which readings (n,) are plausible, and the fault of each other row: the first rule that it breaks.

    Age is measured against `received_at_us`. NaN, a missing number, breaks no rule but that of the load basis.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        rules = (*_time_rules(batch, limits), *_number_rules(batch), *_load_rules(batch, fleet, limits))
    plausible = np.ones(len(batch), np.bool_)
    faults: dict[int, Fault] = {}
    for broken, fault_of in rules:
        for row in np.flatnonzero(broken & plausible).tolist():
            faults[row] = fault_of(row)
        plausible &= ~broken
    return plausible, faults


def sift(
    batch: ReadingBatch, unreadable: Mapping[int, Fault], fleet: Fleet, limits: Limits
) -> tuple[NDArray[np.intp], dict[int, Fault]]:
    """Return the rows (k,) that can be kept, and the fault of each other row: unreadable before implausible."""
    readable = np.ones(len(batch), np.bool_)
    readable[list(unreadable)] = False
    rows = np.flatnonzero(readable)
    plausible, faults = screen(batch.take(rows) if unreadable else batch, fleet, limits)
    return rows[plausible], {**unreadable, **{int(rows[row]): fault for row, fault in faults.items()}}


def _time_rules(batch: ReadingBatch, limits: Limits) -> tuple[Rule, Rule]:
    measured, received = batch.measured_at_us, batch.received_at_us
    too_old = measured < CALENDAR_FROM_US
    if limits.measured_age_hours_max is not None:
        too_old |= received - measured > limits.measured_age_hours_max * HOUR_US
    too_new = measured >= CALENDAR_TO_US
    if limits.measured_ahead_minutes_max is not None:
        too_new |= measured - received > limits.measured_ahead_minutes_max * MINUTE_US

    def told(reason: Reason) -> Callable[[int], Fault]:
        return lambda row: Fault(
            reason, "measured_at", f"measured {_utc_text(measured[row])}, received {_utc_text(received[row])}"
        )

    return (too_old, told(Reason.TIME_TOO_OLD)), (too_new, told(Reason.TIME_IN_FUTURE))


def _utc_text(timestamp_us: np.int64) -> str:
    """Return ISO 8601 UTC to the second, of any year: a foreign time need not fit Python's calendar."""
    return f"{np.datetime64(int(timestamp_us) // SECOND_US, 's')}Z"


def _number_rules(batch: ReadingBatch) -> tuple[Rule, Rule, Rule, Rule]:
    numbers = np.column_stack([batch.voltage_v, batch.current_amp, *(getattr(batch, field) for field in _SINGLE)])
    sentinel = np.zeros(numbers.shape, np.bool_)
    for value in SENTINELS:
        sentinel |= numbers == value
    denormal = (np.abs(numbers) < _SMALLEST_NORMAL) & (numbers != 0.0)
    outside = (numbers < _LEAST) | (numbers > _MOST)
    unfed: NDArray[np.bool_] = (batch.voltage_v < DEAD_VOLTAGE_V) & (batch.current_amp > LIVE_CURRENT_AMP)

    def told(reason: Reason, cells: NDArray[np.bool_]) -> Rule:
        def fault(row: int) -> Fault:
            column = int(cells[row].argmax())
            allowed = f", outside {_LEAST[column]:g} to {_MOST[column]:g}" if reason is Reason.OUT_OF_RANGE else ""
            return Fault(reason, _FIELDS[column], f"it is {float(numbers[row, column])!r}{allowed}")

        return np.asarray(cells.any(axis=1)), fault

    def unfed_fault(row: int) -> Fault:
        phase = int(unfed[row].argmax())
        volts, amps = batch.voltage_v[row, phase], batch.current_amp[row, phase]
        return Fault(Reason.CURRENT_WITHOUT_VOLTAGE, f"voltage_v[{phase}]", f"{volts:g} V and {amps:g} A")

    return (
        told(Reason.SENTINEL, sentinel),
        told(Reason.DENORMAL, denormal),
        told(Reason.OUT_OF_RANGE, outside),
        (np.asarray(unfed.any(axis=1)), unfed_fault),
    )


def _load_rules(batch: ReadingBatch, fleet: Fleet, limits: Limits) -> tuple[Rule, Rule, Rule]:
    rated_power_kva, ct_ratio = fleet.ratings_at(batch.transformer, batch.measured_at_us)
    apparent, basis = apparent_power_kva(batch, ct_ratio)
    load_rate = apparent / rated_power_kva
    from_powers = np.hypot(batch.active_power_kw, batch.reactive_power_kvar)
    from_phases = (batch.voltage_v * batch.current_amp).sum(axis=1) / 1000.0
    # Dead voltages alone make no load, but say that there is no supply.
    has_nothing = (basis == Basis.NONE) & ~(
        supply_of(batch, load_rate, basis == Basis.VOLTAGE_AND_CURRENT) == Supply.GONE
    )
    disagree = (from_powers > PHASES_DISAGREE_RATIO * from_phases) & (load_rate > PHASES_DISAGREE_LOAD_RATE_MIN)

    def above_rating(row: int) -> Fault:
        field = "current_amp" if basis[row] == Basis.VOLTAGE_AND_CURRENT else "active_power_kw"
        told = f"{apparent[row]:g} kVA of {rated_power_kva[row]:g} kVA is {load_rate[row]:.4g} times the rating"
        return Fault(Reason.LOAD_RATE_IMPOSSIBLE, field, told)

    def apart(row: int) -> Fault:
        told = f"P and Q give {from_powers[row]:g} kVA, the phases {from_phases[row]:g} kVA"
        return Fault(Reason.PHASES_DISAGREE, "active_power_kw", told)

    return (
        (has_nothing, lambda row: Fault(Reason.NO_LOAD_BASIS, "active_power_kw", "no P, and U·I incomplete")),
        (load_rate > limits.load_rate_max, above_rating),
        (disagree, apart),
    )
