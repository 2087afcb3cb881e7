"""From what the wire said to columns: rows become columns, columns become a `ReadingBatch`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collector.decoding.measured_at import parse_measured_at
from collector.decoding.no_value import says_no_value
from collector.decoding.rejects import Fault, Reason
from collector.wire.format import FIELDS, Power, Three, WireColumns, WireReading
from grid.readings import NO_SEQUENCE, ReadingBatch

_NOT_MEASURED: Three = (None, None, None)


def as_columns(rows: Sequence[WireReading]) -> WireColumns:
    """Return n readings as columns of length n, None where a reading lacks the field."""
    return WireColumns(
        transformer_id=[row.transformer_id for row in rows],
        measured_at=[row.measured_at for row in rows],
        voltage_v=[row.voltage_v for row in rows],
        current_amp=[row.current_amp for row in rows],
        active_power_kw=[row.active_power_kw for row in rows],
        reactive_power_kvar=[row.reactive_power_kvar for row in rows],
        neutral_current_amp=[row.neutral_current_amp for row in rows],
        oil_temperature_c=[row.oil_temperature_c for row in rows],
        ambient_temperature_c=[row.ambient_temperature_c for row in rows],
        apparent_power_kva=[row.apparent_power_kva for row in rows],
        seq=[row.seq for row in rows],
    )


def join_columns(parts: Sequence[WireColumns]) -> WireColumns:
    """Return all readings of several column sets, in order."""
    if len(parts) == 1:
        return parts[0]
    return WireColumns(**{field: list(chain.from_iterable(_cells(part, field) for part in parts)) for field in FIELDS})


def _cells(columns: WireColumns, field: str) -> list[Any]:
    cells: list[Any] | None = getattr(columns, field)
    return [None] * len(columns.measured_at) if cells is None else cells


def as_batch(
    columns: WireColumns, transformer: NDArray[np.int32], received_at_us: NDArray[np.int64]
) -> tuple[ReadingBatch, dict[int, Fault], dict[int, list[Fault]]]:
    """Return the readings (n,), the faults of those whose time cannot be read (their moment is 0), and of values.

    The last are of powers of three phases of which one says "no value": added up, nobody would see it.
    """
    rows = len(transformer)
    measured_at_us, faults = parse_measured_at(columns.measured_at)
    value_faults: dict[int, list[Fault]] = {}

    def totals(name: str) -> NDArray[np.float64]:
        total, of_total = _totals(getattr(columns, name), rows, name)
        for row, fault in of_total.items():
            value_faults.setdefault(row, []).append(fault)
        return total

    batch = ReadingBatch(
        transformer=transformer,
        measured_at_us=measured_at_us,
        received_at_us=received_at_us,
        voltage_v=_phases(columns.voltage_v, rows),
        current_amp=_phases(columns.current_amp, rows),
        active_power_kw=totals("active_power_kw"),
        reactive_power_kvar=totals("reactive_power_kvar"),
        neutral_current_amp=_numbers(columns.neutral_current_amp, rows),
        oil_temperature_c=_numbers(columns.oil_temperature_c, rows),
        ambient_temperature_c=_numbers(columns.ambient_temperature_c, rows),
        apparent_power_kva=totals("apparent_power_kva"),
        sequence=_sequence(columns.seq, rows),
    )
    return batch, faults, value_faults


def _numbers(values: Sequence[float | None] | None, rows: int) -> NDArray[np.float64]:
    """Return numbers (n,); None becomes NaN."""
    if values is None or values.count(None) == rows:
        return np.full(rows, np.nan)
    return np.array(values, np.float64)


def _phases(values: Sequence[Three | None] | None, rows: int) -> NDArray[np.float64]:
    """Return phase values (n, 3); None, whole or one of three, becomes NaN."""
    if values is None or values.count(None) == rows:
        return np.full((rows, 3), np.nan)
    try:
        return np.fromiter(chain.from_iterable(values), np.float64, 3 * rows).reshape(rows, 3)  # type: ignore[arg-type]
    except TypeError:  # something is missing
        triples = [value or _NOT_MEASURED for value in values]
        return np.array(list(chain.from_iterable(triples)), np.float64).reshape(rows, 3)


def _totals(
    values: Sequence[Power | None] | None, rows: int, name: str
) -> tuple[NDArray[np.float64], dict[int, Fault]]:
    """Return totals (n,) and what is wrong with phases of them.

    Three phases are added up; the total is missing when one of them is, or says "no value".
    """
    if values is None or values.count(None) == rows:
        return np.full(rows, np.nan), {}
    if tuple not in set(map(type, values)):
        return np.array(values, np.float64), {}
    total = np.array([np.nan if value is None or isinstance(value, tuple) else value for value in values], np.float64)
    of_phases = [row for row, value in enumerate(values) if isinstance(value, tuple)]
    phases = np.array([values[row] for row in of_phases], np.float64)
    no_value = says_no_value(phases)
    phases[no_value] = np.nan
    total[of_phases] = [a + b + c for a, b, c in phases.tolist()]
    faults: dict[int, Fault] = {}
    for place, phase in np.argwhere(no_value).tolist():
        row = of_phases[place]
        faults.setdefault(row, Fault(Reason.SENTINEL, f"{name}[{phase}]", f"it is {values[row][phase]!r}"))  # type: ignore[index]
    return total, faults


def _sequence(values: Sequence[int | None] | None, rows: int) -> NDArray[np.int64]:
    if values is None or (missing := values.count(None)) == rows:
        return np.full(rows, NO_SEQUENCE, np.int64)
    sent = [NO_SEQUENCE if value is None else value for value in values] if missing else values
    return np.array(sent, np.int64)
