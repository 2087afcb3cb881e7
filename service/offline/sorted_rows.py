"""Readings of a file of any size and any order, given back in order of transformer and time, in bounded memory.

A small file stays in memory. Of a larger one, so many rows at a time are sorted and written to one temporary file
as a *run*; reading back, the rows of a range of keys are picked from every run. The temporary file has no name, so
nothing of it is left whatever ends the process; it lies where TMPDIR says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import IO

import numpy as np
from numpy.typing import NDArray

from grid.errors import StoreError
from grid.os_reasons import os_reason
from grid.precedence import rows_with_precedence
from grid.readings import ReadingBatch
from grid.text import Text

ROWS_IN_MEMORY_MAX = 1_000_000
BLOCK_ROWS = 100_000
"""About how many rows are given back at a time."""
PAGES = 1_000
"""A run is divided into so many pages. The first row of each is kept in mind: what lies where is found by it."""
_WRITTEN_ROWS = 50_000

ROW = np.dtype(
    [
        ("transformer", np.int32),
        ("measured_at_us", np.int64),
        ("voltage_v", np.float64, 3),
        ("current_amp", np.float64, 3),
        ("power", np.float64, 3),
    ],
    align=True,
)
"""What a row of a readings file holds of a load, 88 bytes; `power` are P, Q and S."""
_VALUES = ("voltage_v", "current_amp", "power")

Rows = NDArray[np.void]


@dataclass(frozen=True)
class RowsBlock:
    """Readings sorted by transformer and time, one per moment, and what had to stand back for them."""

    readings: ReadingBatch
    repeated: int
    """Rows that say again what the row that stands says."""
    conflicting: Rows
    """Rows (k,) that say something else for a transformer and moment than the row that stands."""


@dataclass(frozen=True)
class _Key:
    transformer: int
    measured_at_us: int


class RowsInOrder:
    """Takes readings in any order, then gives them back in order. To be closed after use."""

    def __init__(self, rows_in_memory_max: int = ROWS_IN_MEMORY_MAX) -> None:
        """Hold at most `rows_in_memory_max` rows in memory while taking them."""
        self.rows = 0
        self._block_rows = min(BLOCK_ROWS, rows_in_memory_max)
        self._page_rows = max(rows_in_memory_max // PAGES, 1)
        self._rows_max = rows_in_memory_max
        self._waiting = np.empty(rows_in_memory_max, ROW)
        self._waiting_rows = 0
        self._file: IO[bytes] | None = None
        self._runs: list[_Run] = []

    def __enter__(self) -> RowsInOrder:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Let the temporary file go."""
        if self._file is not None:
            self._file.close()

    def take(self, readings: ReadingBatch) -> None:
        """Take readings in any order. Raises StoreError when the temporary file cannot be written."""
        taken = 0
        while taken < len(readings):
            count = min(len(readings) - taken, self._rows_max - self._waiting_rows)
            part = slice(taken, taken + count)
            rows = self._waiting[self._waiting_rows : self._waiting_rows + count]
            rows["transformer"] = readings.transformer[part]
            rows["measured_at_us"] = readings.measured_at_us[part]
            rows["voltage_v"] = readings.voltage_v[part]
            rows["current_amp"] = readings.current_amp[part]
            rows["power"][:, 0] = readings.active_power_kw[part]
            rows["power"][:, 1] = readings.reactive_power_kvar[part]
            rows["power"][:, 2] = readings.apparent_power_kva[part]
            taken += count
            self._waiting_rows += count
            if self._waiting_rows == self._rows_max:
                self._write_run()
        self.rows += len(readings)

    def blocks(self) -> Iterator[RowsBlock]:
        """Yield all readings in order; of several rows for one transformer and moment one stands (`grid.precedence`).

        Rows for one transformer and moment are never divided between two blocks. Raises StoreError when the temporary
        file cannot be written or read.
        """
        runs = self._all_runs()
        if self.rows:
            before = [0] * len(runs)
            for key in [*self._bounds(runs), None]:
                upto = [run.rows if key is None else run.rank(key) for run in runs]
                parts = [run.read(a, b) for run, a, b in zip(runs, before, upto, strict=True) if b > a]
                if parts:
                    yield _settled(np.concatenate(parts))
                before = upto

    def _all_runs(self) -> list[_Run]:
        """Return the runs; what was never written is one in memory."""
        if self._file is None:
            rows = self._waiting[: self._waiting_rows]
            return [_Run(rows, _order(rows), self._page_rows)]
        if self._waiting_rows:
            self._write_run()
        self._waiting = np.empty(0, ROW)
        return self._runs

    def _write_run(self) -> None:
        rows = self._waiting[: self._waiting_rows]
        order = _order(rows)
        with _using_temporary_file():
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="redvest-judge-")  # noqa: SIM115  closed in __exit__
            place = self._file.seek(0, 2)
            for first in range(0, len(order), _WRITTEN_ROWS):
                self._file.write(rows[order[first : first + _WRITTEN_ROWS]].tobytes())
            self._file.flush()
        self._runs.append(_Run(rows, order, self._page_rows, self._file, place))
        self._waiting_rows = 0

    def _bounds(self, runs: list[_Run]) -> list[_Key]:
        """Return keys that divide all rows into blocks of about the wanted size."""
        transformer = np.concatenate([run.page_transformer for run in runs])
        measured_at_us = np.concatenate([run.page_measured_at_us for run in runs])
        order = np.lexsort((measured_at_us, transformer))
        every = max(self._block_rows // self._page_rows, 1)
        picked = order[every::every]
        return [_Key(int(transformer[i]), int(measured_at_us[i])) for i in picked]


class _Run:
    """Rows in order of transformer and time, in the temporary file or (one only) in memory."""

    def __init__(
        self, rows: Rows, order: NDArray[np.intp], page_rows: int, file: IO[bytes] | None = None, place: int = 0
    ) -> None:
        """Take rows, their order, and where in the file they have been written in this order."""
        self.rows = len(rows)
        self._page_rows = page_rows
        self._file, self._place = file, place
        self._in_memory = (rows, order) if file is None else None
        self.page_transformer: NDArray[np.int32] = rows["transformer"][order[::page_rows]]
        self.page_measured_at_us: NDArray[np.int64] = rows["measured_at_us"][order[::page_rows]]

    def read(self, first: int, stop: int) -> Rows:
        """Return the rows from `first` to before `stop`."""
        if self._in_memory is not None:
            every, order = self._in_memory
            return np.asarray(every[order[first:stop]])
        assert self._file is not None, "a run is in memory or in the file"
        rows = np.empty(stop - first, ROW)
        with _using_temporary_file():
            self._file.seek(self._place + first * ROW.itemsize)
            read = self._file.readinto(rows.view(np.uint8).data)  # type: ignore[attr-defined]
        if read != rows.nbytes:
            raise StoreError(
                Text("临时文件不完整", "the temporary file ends too soon"),
                where=tempfile.gettempdir(),
                remedy=Text("请再试一次", "try again"),
            )
        return rows

    def rank(self, key: _Key) -> int:
        """Return how many of the rows lie before a key."""
        page = max(_rank(self.page_transformer, self.page_measured_at_us, key) - 1, 0)
        first = page * self._page_rows
        rows = self.read(first, min(first + self._page_rows, self.rows))
        return first + _rank(rows["transformer"], rows["measured_at_us"], key)


@contextmanager
def _using_temporary_file() -> Iterator[None]:
    """Say in the house's words that the temporary file could not be used."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            Text(
                f"大文件所用的临时文件出错（{os_reason(error).zh}）",
                f"the temporary file for a large recording failed ({error.strerror or error})",
            ),
            where=tempfile.gettempdir(),
            remedy=Text(
                "请把 TMPDIR 设到空间与读数文件相当的磁盘上",
                "set TMPDIR to a folder on a disk with about as much room as the readings file takes",
            ),
        ) from error


def _order(rows: Rows) -> NDArray[np.intp]:
    """Return the rows in order of transformer and time, those of one moment in the order in which they came."""
    return np.lexsort((rows["measured_at_us"], rows["transformer"]))


def _rank(transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64], key: _Key) -> int:
    """Return how many rows of sorted columns lie before a key."""
    first, stop = np.searchsorted(transformer, np.array([key.transformer, key.transformer + 1], np.int32)).tolist()
    return int(first + np.searchsorted(measured_at_us[first:stop], key.measured_at_us))


def _settled(rows: Rows) -> RowsBlock:
    """Return the rows that stand, in order, how many say the same again, and those that say something else."""
    every = ReadingBatch.of(
        rows["transformer"],
        rows["measured_at_us"],
        voltage_v=rows["voltage_v"],
        current_amp=rows["current_amp"],
        active_power_kw=rows["power"][:, 0],
        reactive_power_kvar=rows["power"][:, 1],
        apparent_power_kva=rows["power"][:, 2],
    )
    ongoing = rows_with_precedence(every)
    if len(ongoing) == len(rows):
        return RowsBlock(every.take(ongoing), 0, rows[:0])
    stands = np.zeros(len(rows), bool)
    stands[ongoing] = True
    order = _order(rows)
    number, at_us = rows["transformer"][order], rows["measured_at_us"][order]
    timestamp = np.cumsum(np.append(True, (number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1]))) - 1
    others = np.flatnonzero(~stands[order])
    differs = np.zeros(len(others), bool)
    for name in _VALUES:
        ours, theirs = rows[name][order[others]], rows[name][ongoing[timestamp[others]]]
        differs |= ((ours != theirs) & ~(np.isnan(ours) & np.isnan(theirs))).any(axis=1)
    return RowsBlock(every.take(ongoing), int((~differs).sum()), rows[order[others[differs]]])
