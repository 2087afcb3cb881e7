"""The readings journal: every reading ever taken, once, on disk before it is acknowledged. The truth.

One SQLite file in WAL mode. One process writes it (`open_writer`), any number read it (`open_reader`).
A reading is kept once per (transformer, measured_at); of two with other values one stands (`grid.precedence`), the
other
goes to the `conflict` table. Readings of hours that are long over are packed (`pack`); every answer takes them and the
others as one. Every sqlite error comes out as StoreError and means "not stored".
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from grid.errors import StoreError
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import DAY_US, MINUTE_US
from stores.journal import append as journal_append
from stores.journal import gaps as journal_gaps
from stores.journal import identity, packing, reading, row_groups
from stores.journal.file import WriterLock, open_for_reading, open_for_writing
from stores.journal.log import LogState
from stores.journal.newest import NEVER, Newest
from stores.journal.packing import FIRST_PLACE, Packed, Place
from stores.journal.segments import since_hour
from stores.journal.values import Appended, Gap, JournalCounts, LastReceived, StoredReject, Waiting
from stores.sqlite_errors import telling

__all__ = [
    "FIRST_PLACE",
    "Appended",
    "Gap",
    "Journal",
    "JournalCounts",
    "LastReceived",
    "LogState",
    "Packed",
    "Place",
    "StoredReject",
    "Waiting",
]

REJECTS_ROWS_MAX = 100_000
REJECTS_BYTES_MAX = 256 * 1024 * 1024
"""Caps of the quarantine; the oldest rejects go first, and are counted."""
_EVERY_SEGMENT = (-(2**62), 0, 2**62)
_SOUGHT_NUMBERS_MAX = 20
"""Up to so many transformers are sought one by one; for more, reading everything is quicker (practice)."""


class Journal:
    """Readings, latest readings, rejects and conflicts of one partition. Safe to share between threads."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        writer: WriterLock | None,
        rejects_rows_max: int,
        rejects_bytes_max: int,
    ) -> None:
        """Use `open_writer` or `open_reader`."""
        self.path = path
        self._connection = connection
        self._writer = writer
        self._rejects_rows_max = rejects_rows_max
        self._rejects_bytes_max = rejects_bytes_max
        # One connection under a lock: answers are short, and Python turns rows into objects one thread at a time.
        self._lock = threading.RLock()
        self._numbers: dict[str, int] = {}
        self._newest: Newest | None = None

    @staticmethod
    def open_writer(
        path: Path, *, rejects_rows_max: int = REJECTS_ROWS_MAX, rejects_bytes_max: int = REJECTS_BYTES_MAX
    ) -> Journal:
        """Open the journal for writing, making it (and its folder) if it is not there, and bring its schema up to date.

        Raises StoreError when another process writes it, when the file is damaged or no journal, and when
        the folder cannot be written.
        """
        connection, writer = open_for_writing(path)
        return Journal(path, connection, writer, rejects_rows_max, rejects_bytes_max)

    @staticmethod
    def open_reader(path: Path) -> Journal:
        """Open the journal read-only. Raises StoreError when it is not there, damaged, or of another version."""
        return Journal(path, open_for_reading(path), None, 0, 0)

    def close(self) -> None:
        """Close the file; a writer gives its place free."""
        with self._lock, telling(self.path):
            if self._writer is not None:
                self._writer.mark_log(holds_commits=False)
            self._connection.close()
            if self._writer is not None:
                self._writer.free()
                self._writer = None

    @property
    def log_state(self) -> LogState:
        """Return how the writer found the journal's log when it opened it."""
        return LogState.SOUND if self._writer is None else self._writer.log_state

    def __enter__(self) -> Self:
        """Return the journal itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def installation(self) -> int:
        """Return the id of the installation that the journal belongs to; 0 while it belongs to none."""
        with self._asking() as connection:
            return identity.installation(connection)

    def join(self, installation: int) -> None:
        """Make the journal, with its transformers numbered as they are, one of an installation. Raises StoreError."""
        with self._durably() as connection:
            identity.set_installation(connection, installation)
            identity.accept_numbers(connection)

    def numbers_are_kept(self) -> bool:
        """Return whether every transformer still has the number under which its readings were stored."""
        with self._asking() as connection:
            return identity.numbers_are_kept(connection)

    def numbers(self, transformer_ids: Iterable[str]) -> dict[str, int]:
        """Return the number of each transformer id, counted from 0 and never given to another.

        A writer gives a new id the next number; a reader leaves out what the journal does not know.
        """
        asked = list(dict.fromkeys(transformer_ids))
        with self._lock:
            if any(transformer_id not in self._numbers for transformer_id in asked):
                self._numbers = self.all_numbers()
            missing = [transformer_id for transformer_id in asked if transformer_id not in self._numbers]
            if missing and self._writer is not None:
                first = max(self._numbers.values(), default=-1) + 1
                given = {transformer_id: first + i for i, transformer_id in enumerate(missing)}
                with self._durably() as connection:
                    connection.executemany(
                        "INSERT INTO transformer (transformer_id, number) VALUES (?, ?)", given.items()
                    )
                    identity.add_numbers(connection, [(number, name) for name, number in given.items()])
                self._numbers |= given
            return {i: self._numbers[i] for i in asked if i in self._numbers}

    def take_numbers(self, number_of: Mapping[int, str]) -> None:
        """Give transformers the numbers that they had in another file. The journal must be new. Raises StoreError."""
        with self._lock, self._durably() as connection:
            connection.executemany(
                "INSERT INTO transformer (number, transformer_id) VALUES (?, ?)", sorted(number_of.items())
            )
            identity.add_numbers(connection, number_of.items())
            self._numbers = {}

    def all_numbers(self) -> dict[str, int]:
        """Return the number of every transformer id that the journal knows."""
        with self._asking() as connection:
            return dict(connection.execute("SELECT transformer_id, number FROM transformer ORDER BY number").fetchall())

    def append(self, batch: ReadingBatch, rejects: Sequence[StoredReject] = ()) -> Appended:
        """Store a block in one durable commit; when this returns, it survives power loss.

        `batch.transformer` holds numbers from `numbers`. Raises StoreError, and then nothing is stored.
        """
        self._refuse_unknown_numbers(batch)
        newest, self._newest = self._newest, None  # after anything goes wrong, what is on disk counts
        with self._durably() as connection:
            newest = newest or reading.newest(connection)
            last = reading.last_block(connection)
            added = journal_append.append_readings(connection, batch, last + 1, newest)
            dropped = journal_append.append_rejects(
                connection, rejects, self._rejects_rows_max, self._rejects_bytes_max
            )
            stored = int(added.new.sum())
            duplicates = len(batch) - stored - added.conflicts + added.replaced
            counted = {"readings": stored - added.replaced, "duplicates": duplicates, "conflicts": added.conflicts}
            journal_append.count(connection, counted)
        self._newest = newest
        return Appended(added.new, duplicates, added.conflicts, last + 1 if stored else last, dropped)

    def pack(self, place: Place, before_us: int) -> Packed:
        """Take one step of packing hours that end by a moment, from a place on: one durable commit, about 25 ms.

        Answers stay what they are. Begin a pass with `FIRST_PLACE`, go on where the answer says. Raises StoreError, and
        then nothing has moved.
        """
        newest, self._newest = self._newest, None
        with self._durably() as connection:
            newest = newest or reading.newest(connection)
            newest.write(connection, reading.last_block(connection))
            packed = packing.pack_step(connection, place, before_us)
        self._newest = newest
        return packed

    def series(self, number: int, from_us: int, to_us: int) -> ReadingBatch:
        """Return one transformer's readings with from_us ≤ measured_at ≤ to_us, in time order."""
        with self._asking() as connection:
            return reading.series(connection, number, from_us, to_us)

    def newest_measured_us(self) -> int | None:
        """Return the newest moment that any reading was measured at [µs], None in an empty journal."""
        with self._asking() as connection:
            newest_us = int(reading.newest(connection).timestamps[0].max(initial=NEVER))
        return None if newest_us == NEVER else newest_us

    def latest(self) -> ReadingBatch:
        """Return the reading with the newest measured_at of each transformer, by number."""
        with self._asking() as connection:
            return reading.latest(connection)

    def last_received(self) -> LastReceived:
        """Return when each transformer was last heard of, by number."""
        with self._asking() as connection:
            received_us = reading.newest(connection).timestamps[1]
        heard = np.flatnonzero(received_us != NEVER)
        return LastReceived(heard.astype(np.int32), received_us[heard])

    def since(
        self, from_us: int, numbers: Sequence[int] | None = None, rows_max: int = 50_000
    ) -> Iterator[ReadingBatch]:
        """Yield the readings with measured_at ≥ from_us, of all transformers or of some, in batches of ≤ rows_max.

        Each transformer's readings come in time order over the whole iteration, as the journal was when it began.
        Between two batches the journal may go on writing and answering.
        """
        if numbers is not None and len(numbers) <= _SOUGHT_NUMBERS_MAX:
            yield from self._sought(from_us, numbers, rows_max)
            return
        # A connection of its own: it sees one state of the file throughout, whatever is packed meanwhile.
        with telling(self.path), closing(open_for_reading(self.path)) as connection:
            connection.execute("BEGIN")
            yield from reading.since(connection, from_us, numbers, rows_max)

    def after(self, block_no: int, rows_max: int) -> tuple[ReadingBatch, int]:
        """Return the readings that arrived after a block, in order of arrival, and the number of their last block.

        Whole blocks only, as many as fit rows_max, at least one; an empty batch and `block_no` when none came.
        Old blocks are listed together, as one with the number of the last.
        """
        with self._asking() as connection:
            return reading.blocks_after(connection, block_no, rows_max)

    def waiting(self, block_no: int) -> Waiting:
        """Return how much arrived after a block."""
        with self._asking() as connection:
            blocks, readings, oldest = connection.execute(
                "SELECT count(*), coalesce(sum(readings), 0), min(received_at_us) FROM block WHERE block_no > ?",
                (block_no,),
            ).fetchone()
        return Waiting(blocks, readings, oldest)

    def timestamps(self, from_us: int, numbers: range) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return transformer (n,) and moment (n,) [µs] of all readings of some transformers since a moment's minute.

        Cheaper than `since`, where only what is there counts, and not what it says.
        """
        with self._asking() as connection:
            return journal_gaps.timestamps(connection, from_us, numbers)

    def list_gaps(self, gaps: Sequence[Gap], instead_of: Sequence[Gap] = ()) -> int:
        """Put gaps on the list, in place of others, in one durable commit. Return how many were not on it before."""
        with self._durably() as connection:
            journal_gaps.remove(connection, instead_of)
            return journal_gaps.put(connection, gaps)

    def gaps(self, limit: int, open_only: bool = True, skip: int = 0) -> tuple[Gap, ...]:
        """Return the list of gaps, the newest first, without the first `skip`; only those not filled, or all."""
        with self._asking() as connection:
            return journal_gaps.listed(connection, open_only, limit, skip)

    def open_gaps(self) -> tuple[int, int]:
        """Return how many gaps are open, and how many readings are missing in them."""
        with self._asking() as connection:
            return journal_gaps.open_totals(connection)

    def rejects(
        self, limit: int, since_us: int | None = None, *, with_values: bool = False
    ) -> tuple[StoredReject, ...]:
        """Return the newest rejects, newest first; with `since_us`, only those received since that moment.

        `with_values`: also the single values that are missing in readings that were taken.
        """
        with self._asking() as connection:
            return reading.rejects(connection, limit, since_us, with_values)

    def rejects_between(
        self, after_no: int, up_to_no: int, reasons: Sequence[str], since_us: int, limit: int
    ) -> tuple[tuple[int, StoredReject], ...]:
        """Return rejects of some reasons with their numbers, oldest first, received since a moment."""
        with self._asking() as connection:
            return reading.rejects_between(connection, (after_no, up_to_no), reasons, since_us, limit)

    def last_reject(self) -> int:
        """Return the number of the newest reject, 0 when there is none."""
        with self._asking() as connection:
            return reading.last_reject(connection)

    def counts(self) -> JournalCounts:
        """Return the totals."""
        with self._asking() as connection:
            return reading.counts(connection, self.path)

    def damaged_readings(self, file_bytes_max: int) -> int:
        """Return how many readings are damaged; each bundle and each segment of them is said in the log.

        A larger file is not looked through: 0.
        """
        if self.counts().bytes > file_bytes_max:
            return 0
        with self._asking() as connection:
            packed = sum(s.readings for s in since_hour(connection, *_EVERY_SEGMENT) if not len(s.stored()))
            return packed + row_groups.damaged_readings(connection)

    def _sought(self, from_us: int, numbers: Sequence[int], rows_max: int) -> Iterator[ReadingBatch]:
        with self._asking() as connection:
            bounds = reading.bounds(connection)
        if bounds is None:
            return
        first_us = max(from_us, bounds[0] * MINUTE_US)
        beyond_us = (bounds[1] + 1) * MINUTE_US
        for number in numbers:
            for day_us in range(first_us, beyond_us, DAY_US):
                day = self.series(number, day_us, day_us + DAY_US - 1)
                for start in range(0, len(day), rows_max):
                    yield day.take(np.arange(start, min(start + rows_max, len(day))))

    def _refuse_unknown_numbers(self, batch: ReadingBatch) -> None:
        if len(batch) and batch.transformer.max() >= len(self._numbers):
            self._numbers = self.all_numbers()
        if len(batch) and not 0 <= batch.transformer.min() <= batch.transformer.max() < len(self._numbers):
            raise StoreError(
                Text("读数带有从未分配过的台区序号", "a reading carries a transformer number that was never given"),
                where=str(self.path),
                remedy=Text("请用这个读数库的序号建立台区表", "build the fleet with the numbers of this journal"),
            )

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        """One transaction: what several statements say is of one state, whatever another process packs meanwhile."""
        with self._lock, telling(self.path):
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                self._connection.rollback()

    @contextmanager
    def _durably(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on disk when the block is left; undone when anything in it fails."""
        if self._writer is None:
            raise StoreError(
                Text("是以只读方式打开的", "was opened for reading only"),
                where=str(self.path),
                remedy=Text("请以写入方式打开", "open it as the writer"),
            )
        with self._lock, telling(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
                self._writer.mark_log(holds_commits=True)
            except BaseException:
                # After a full disk SQLite may have rolled back already; what counts is the first error.
                with suppress(sqlite3.Error):
                    self._connection.rollback()
                raise
