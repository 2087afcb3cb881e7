"""Readings as columns, and as the rows that the journal's tables hold. NaN here is NULL there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grid.moments import MINUTE_US
from grid.readings import ReadingBatch
from stores.journal_schema import VALUE_COLUMNS

READING_COLUMNS = ", ".join(("transformer", "measured_at_us", "received_at_us", *VALUE_COLUMNS, "sequence"))
"""What `batch_of` reads, in this order."""

_INSERTED = ("slot_minute", "transformer", "measured_at_us", "received_at_us", "block_no", *VALUE_COLUMNS, "sequence")
INSERT_READING = (
    f"INSERT INTO reading ({', '.join(_INSERTED)}) VALUES ({', '.join('?' * len(_INSERTED))}) "  # noqa: S608
    "ON CONFLICT (slot_minute, transformer, measured_at_us) DO NOTHING"
)
"""Takes the rows of `reading_rows`."""


def slot_minute(measured_at_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the slot (n,) that a moment falls into: whole minutes since the epoch."""
    return measured_at_us // MINUTE_US


def value_columns(batch: ReadingBatch) -> tuple[NDArray[np.float64], ...]:
    """Return the measured values as eleven columns (n,), in the order of `VALUE_COLUMNS`."""
    return (
        *batch.voltage_v.T,
        *batch.current_amp.T,
        batch.active_power_kw,
        batch.reactive_power_kvar,
        batch.neutral_current_amp,
        batch.oil_temperature_c,
        batch.ambient_temperature_c,
    )


def reading_rows(batch: ReadingBatch, block_no: int) -> Iterator[tuple[Any, ...]]:
    """Return rows for `INSERT_READING`. SQLite itself stores a NaN as NULL."""
    return zip(
        slot_minute(batch.measured_at_us).tolist(),
        batch.transformer.tolist(),
        batch.measured_at_us.tolist(),
        batch.received_at_us.tolist(),
        [block_no] * len(batch),
        *(column.tolist() for column in value_columns(batch)),
        batch.sequence.tolist(),
        strict=True,
    )


def measured_values(batch: ReadingBatch, row: int) -> tuple[float | None, ...]:
    """Return the eleven values of one reading as a row holds them, None where missing."""
    values = (float(column[row]) for column in value_columns(batch))
    return tuple(None if value != value else value for value in values)


def digest(values: tuple[float | None, ...]) -> str:
    """Return a name for a set of values, equal for equal values."""
    return sha256(repr(values).encode()).hexdigest()[:16]


def batch_of(rows: Sequence[tuple[Any, ...]]) -> ReadingBatch:
    """Return rows of `READING_COLUMNS` as a batch, in their order."""
    if not rows:
        return ReadingBatch.empty()
    transformer, measured_at_us, received_at_us, *values, sequence = zip(*rows, strict=True)
    return batch_of_columns(
        np.array(transformer, np.int32),
        np.array(measured_at_us, np.int64),
        np.array(received_at_us, np.int64),
        [np.array(column, np.float64) for column in values],
        np.array(sequence, np.int64),
    )


def batch_of_columns(
    transformer: NDArray[np.int32],
    measured_at_us: NDArray[np.int64],
    received_at_us: NDArray[np.int64],
    value: Sequence[NDArray[np.float64]],
    sequence: NDArray[np.int64],
) -> ReadingBatch:
    """Return columns (n,) as a batch; `value` in the order of `VALUE_COLUMNS`."""
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
        sequence=sequence,
    )
