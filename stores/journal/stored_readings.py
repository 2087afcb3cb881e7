"""Readings as the journal's tables group them: by slot, by neighbours, by the block that each one came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US

FIRST_VALUE_COLUMNS = (
    "voltage_a_v",
    "voltage_b_v",
    "voltage_c_v",
    "current_a_amp",
    "current_b_amp",
    "current_c_amp",
    "active_power_kw",
    "reactive_power_kvar",
    "neutral_current_amp",
    "oil_temperature_c",
    "ambient_temperature_c",
)
"""What the first journals have of a reading."""
VALUE_COLUMNS = (*FIRST_VALUE_COLUMNS, "apparent_power_kva")
"""What a device measures. NaN, or NULL in a table, is missing."""

GROUP_SIZE = 16
"""Transformers that share bundles and segments: number // 16 says which. More of them pack no better, and a curve
unpacks them all (practice)."""


@dataclass(frozen=True)
class StoredReadings:
    """n readings and the block that each came with."""

    readings: ReadingBatch
    block_no: NDArray[np.int64]
    """(n,)"""

    def __len__(self) -> int:
        """Return n."""
        return len(self.block_no)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> StoredReadings:
        """Return what a mask (n,) or row numbers (k,) pick, in that order."""
        return StoredReadings(self.readings.take(rows), self.block_no[rows])

    def plus(self, others: StoredReadings) -> StoredReadings:
        """Return these and others, by transformer and time."""
        both = ReadingBatch.concatenate([self.readings, others.readings])
        order = np.lexsort((both.measured_at_us, both.transformer))
        return StoredReadings(both, np.concatenate([self.block_no, others.block_no])).take(order)


NO_READINGS = StoredReadings(ReadingBatch.empty(), np.empty(0, np.int64))


def slot_minute(measured_at_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the slot (n,) that a moment falls into: whole minutes since the epoch."""
    return measured_at_us // MINUTE_US


def value_columns(batch: ReadingBatch) -> tuple[NDArray[np.float64], ...]:
    """Return the measured values as columns (n,), in the order of `VALUE_COLUMNS`."""
    return (
        *batch.voltage_v.T,
        *batch.current_amp.T,
        batch.active_power_kw,
        batch.reactive_power_kvar,
        batch.neutral_current_amp,
        batch.oil_temperature_c,
        batch.ambient_temperature_c,
        batch.apparent_power_kva,
    )


def same_values(one: ReadingBatch, other: ReadingBatch) -> NDArray[np.bool_]:
    """Return where (n,) the readings of two batches of n have the same values; a missing one equals a missing one."""
    pairs = zip(value_columns(one), value_columns(other), strict=True)
    same: NDArray[np.bool_] = np.logical_and.reduce([(a == b) | (np.isnan(a) & np.isnan(b)) for a, b in pairs])
    return same


def values_of(batch: ReadingBatch, row: int) -> tuple[float | None, ...]:
    """Return the values of one reading, None where missing."""
    values = (float(column[row]) for column in value_columns(batch))
    return tuple(None if value != value else value for value in values)


def digest(values: tuple[float | None, ...]) -> str:
    """Return a name for a set of values, equal for equal values, and the one it had before S was among them."""
    without_s = values[:-1] if values[-1] is None else values
    return sha256(repr(without_s).encode()).hexdigest()[:16]


def batch_of_columns(
    transformer: NDArray[np.int32],
    measured_at_us: NDArray[np.int64],
    received_at_us: NDArray[np.int64],
    value: Sequence[NDArray[np.float64]],
    sequence: NDArray[np.int64],
) -> ReadingBatch:
    """Return columns (n,) as a batch; `value` in the order of `VALUE_COLUMNS`, or the first of them alone."""
    return ReadingBatch(
        transformer=transformer,
        measured_at_us=measured_at_us,
        received_at_us=received_at_us,
        voltage_v=np.column_stack(value[0:3]),
        current_amp=np.column_stack(value[3:6]),
        active_power_kw=value[6],
        reactive_power_kvar=value[7],
        neutral_current_amp=value[8],
        oil_temperature_c=value[9],
        ambient_temperature_c=value[10],
        apparent_power_kva=value[11] if len(value) > len(FIRST_VALUE_COLUMNS) else np.full(len(transformer), np.nan),
        sequence=sequence,
    )
