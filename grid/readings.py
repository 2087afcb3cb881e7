"""Readings as columns: what travels through the house is a block of them, never one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray

NO_SEQUENCE = -1
"""`sequence` of a reading whose device sends none."""


@dataclass(frozen=True)
class ReadingBatch:
    """n readings as equal-length columns, checked once when made. A missing number is NaN.

    Values are as the device sent them; `grid.electrical` applies the transformer's CT ratio.
    """

    transformer: NDArray[np.int32]
    """(n,) row of the transformer in its `Fleet`."""
    measured_at_us: NDArray[np.int64]
    """(n,) the device's own time [µs since the epoch, UTC]."""
    received_at_us: NDArray[np.int64]
    """(n,) when the collector had it [µs since the epoch, UTC]."""
    voltage_v: NDArray[np.float64]
    """(n, 3) phase voltages A, B, C [V]."""
    current_amp: NDArray[np.float64]
    """(n, 3) phase currents A, B, C [A]; negative where power flows back in that phase."""
    active_power_kw: NDArray[np.float64]
    """(n,) total active power [kW]; phases sent singly are added up."""
    reactive_power_kvar: NDArray[np.float64]
    """(n,) total reactive power [kvar]."""
    neutral_current_amp: NDArray[np.float64]
    """(n,) [A]."""
    oil_temperature_c: NDArray[np.float64]
    """(n,) top-oil temperature [°C]."""
    ambient_temperature_c: NDArray[np.float64]
    """(n,) outdoor air [°C]."""
    apparent_power_kva: NDArray[np.float64]
    """(n,) total apparent power as the device sends it [kVA]."""
    sequence: NDArray[np.int64]
    """(n,) the device's counter, `NO_SEQUENCE` where it sends none."""

    def __post_init__(self) -> None:
        """Check that all columns have n rows and the right second dimension."""
        rows = len(self.transformer)
        for column in fields(self):
            shape = getattr(self, column.name).shape
            wanted = (rows, 3) if column.name in ("voltage_v", "current_amp") else (rows,)
            if shape != wanted:
                raise ValueError(f"column {column.name} has shape {shape}, wanted {wanted}")

    def __len__(self) -> int:
        """Return n."""
        return len(self.transformer)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> ReadingBatch:
        """Return the readings that a mask (n,) or row numbers (k,) pick, in that order."""
        return ReadingBatch(*(getattr(self, column.name)[rows] for column in fields(self)))

    def where(self, picked: NDArray[np.bool_]) -> ReadingBatch:
        """Return the readings that a mask (n,) picks; this batch itself when it picks all, as it usually does."""
        return self if picked.all() else self.take(picked)

    @staticmethod
    def of(  # noqa: PLR0913 - one argument per column
        transformer: ArrayLike,
        measured_at_us: ArrayLike,
        *,
        received_at_us: ArrayLike | None = None,
        voltage_v: ArrayLike | None = None,
        current_amp: ArrayLike | None = None,
        active_power_kw: ArrayLike | None = None,
        reactive_power_kvar: ArrayLike | None = None,
        neutral_current_amp: ArrayLike | None = None,
        oil_temperature_c: ArrayLike | None = None,
        ambient_temperature_c: ArrayLike | None = None,
        apparent_power_kva: ArrayLike | None = None,
        sequence: ArrayLike | None = None,
    ) -> ReadingBatch:
        """Make a batch from whatever columns are there; the others are missing."""
        number = np.asarray(transformer, np.int32)
        measured = np.asarray(measured_at_us, np.int64)
        rows = len(number)

        def column(values: ArrayLike | None, *more: int) -> NDArray[np.float64]:
            return np.full((rows, *more), np.nan) if values is None else np.asarray(values, np.float64)

        return ReadingBatch(
            transformer=number,
            measured_at_us=measured,
            received_at_us=measured if received_at_us is None else np.asarray(received_at_us, np.int64),
            voltage_v=column(voltage_v, 3),
            current_amp=column(current_amp, 3),
            active_power_kw=column(active_power_kw),
            reactive_power_kvar=column(reactive_power_kvar),
            neutral_current_amp=column(neutral_current_amp),
            oil_temperature_c=column(oil_temperature_c),
            ambient_temperature_c=column(ambient_temperature_c),
            apparent_power_kva=column(apparent_power_kva),
            sequence=np.full(rows, NO_SEQUENCE, np.int64) if sequence is None else np.asarray(sequence, np.int64),
        )

    @staticmethod
    def empty() -> ReadingBatch:
        """Return a batch of no readings."""
        return ReadingBatch.of([], [])

    @staticmethod
    def concatenate(batches: Sequence[ReadingBatch]) -> ReadingBatch:
        """Return all readings of several batches, in order."""
        if not batches:
            return ReadingBatch.empty()
        if len(batches) == 1:
            return batches[0]
        return ReadingBatch(
            *(np.concatenate([getattr(b, column.name) for b in batches]) for column in fields(ReadingBatch))
        )
