"""The readings journal: every reading ever taken, once, on disk before it is acknowledged. The truth.

One SQLite file in WAL mode. One process writes it (`open_writer`), any number read it (`open_reader`).
A reading is kept once per (transformer, measured_at): the first that came stays, a later one with other
values goes to the `conflict` table. Every sqlite error comes out as StoreError and means "not stored".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from grid.readings import ReadingBatch
from stores.journal_values import Appended, JournalCounts, LastReceived, StoredReject, Waiting

__all__ = ["Appended", "Journal", "JournalCounts", "LastReceived", "StoredReject", "Waiting"]

REJECTS_ROWS_MAX = 100_000
REJECTS_BYTES_MAX = 256 * 1024 * 1024
"""Caps of the quarantine; the oldest rejects go first, and are counted."""


class Journal:
    """Readings, latest readings, rejects and conflicts of one partition. Safe to share between threads."""

    @staticmethod
    def open_writer(
        path: Path, *, rejects_rows_max: int = REJECTS_ROWS_MAX, rejects_bytes_max: int = REJECTS_BYTES_MAX
    ) -> Journal:
        """Open the journal for writing, making it (and its folder) if it is not there, and bring its schema up to date.

        Raises StoreError when another process writes it, when the file is damaged or no journal, and when
        the folder cannot be written.
        """
        raise NotImplementedError

    @staticmethod
    def open_reader(path: Path) -> Journal:
        """Open the journal read-only. Raises StoreError when it is not there, damaged, or of a newer version."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file; a writer gives its place free."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def numbers(self, transformer_ids: Iterable[str]) -> dict[str, int]:
        """Return the number of each transformer id, counted from 0 and never given to another.

        A writer gives a new id the next number; a reader leaves out what the journal does not know.
        """
        raise NotImplementedError

    def all_numbers(self) -> dict[str, int]:
        """Return the number of every transformer id that the journal knows."""
        raise NotImplementedError

    def append(self, batch: ReadingBatch, rejects: Sequence[StoredReject] = ()) -> Appended:
        """Store a block in one durable commit; when this returns, it survives power loss.

        `batch.transformer` holds numbers from `numbers`. Raises StoreError, and then nothing is stored.
        """
        raise NotImplementedError

    def series(self, number: int, from_us: int, to_us: int) -> ReadingBatch:
        """Return one transformer's readings with from_us ≤ measured_at ≤ to_us, in time order."""
        raise NotImplementedError

    def latest(self) -> ReadingBatch:
        """Return the reading with the newest measured_at of each transformer, by number."""
        raise NotImplementedError

    def last_received(self) -> LastReceived:
        """Return when each transformer was last heard of, by number."""
        raise NotImplementedError

    def since(
        self, from_us: int, numbers: Sequence[int] | None = None, rows_max: int = 50_000
    ) -> Iterator[ReadingBatch]:
        """Yield the readings with measured_at ≥ from_us, of all transformers or of some, in batches of ≤ rows_max.

        Each transformer's readings come in time order over the whole iteration.
        """
        raise NotImplementedError

    def after(self, block_no: int, rows_max: int) -> tuple[ReadingBatch, int]:
        """Return the readings that arrived after a block, in order of arrival, and the number of their last block.

        Whole blocks only, as many as fit rows_max, at least one; an empty batch and `block_no` when none came.
        """
        raise NotImplementedError

    def waiting(self, block_no: int) -> Waiting:
        """Return how much arrived after a block."""
        raise NotImplementedError

    def rejects(self, limit: int, since_us: int | None = None) -> tuple[StoredReject, ...]:
        """Return the newest rejects, newest first, or those received since a moment."""
        raise NotImplementedError

    def counts(self) -> JournalCounts:
        """Return the totals."""
        raise NotImplementedError
