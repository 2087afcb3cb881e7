"""The copy of readings and verdicts to InfluxDB, written from the journal and never in the way of it.

The journal stays the truth. A cursor in the records says which block the server has whole; a block that was
written in part is written again, which changes nothing: a point is named by its tags and time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grid.errors import StoreError
from grid.fleet import Fleet
from grid.timestamps import SECOND_US
from stores.influx.line_protocol import episode_line, reading_lines, station_of
from stores.influx.target import InfluxTarget, NotTaken
from stores.journal.journal import Journal
from stores.journal.values import Waiting
from stores.records.records import Records

if TYPE_CHECKING:
    from stores.influx.server import InfluxServer

__all__ = ["CURSOR", "Copied", "InfluxCopy", "InfluxTarget"]

CURSOR = "influx"
"""The copy's name among the cursors of the records."""
_BACK_OFF_FIRST_US = SECOND_US
_BACK_OFF_MAX_US = 300 * SECOND_US
_LINES_MAX = 5_000
_LINES_MIN = 100
_TOO_LARGE = 413
_ERROR_CHARACTERS_MAX = 300


@dataclass(frozen=True)
class Copied:
    """What one call copied."""

    rows: int
    episodes: int
    cursor: int
    """Number of the last block that the server has whole."""
    error: str = ""
    """What stands in the way; empty when nothing does."""


class InfluxCopy:
    """Follows the journal by a cursor kept in the records. Errors are kept and told, never raised."""

    def __init__(self, target: InfluxTarget, journal: Journal, records: Records) -> None:
        """Prepare the copy; connects to nothing yet. `journal` may be a reader."""
        self._target = target
        self._journal = journal
        self._records = records
        self._server: InfluxServer | None = None
        self._transformer_ids: list[str] = []
        self._lines_max = _LINES_MAX
        self._back_off_us = _BACK_OFF_FIRST_US
        self._next_try_at_us = 0
        self._cursor = 0
        self._error: str | None = None

    @property
    def last_error(self) -> str:
        """Return what stood in the way at the last attempt; empty when it went well."""
        return self._error or ""

    def copy_once(self, fleet: Fleet, now_us: int, rows_max: int = 5_000) -> Copied:
        """Copy the next blocks (about rows_max readings) and changed episodes, unless it is backing off.

        `fleet` gives stations and ratings by journal number. The error is kept in the records too, for
        processes that only look.
        """
        if now_us < self._next_try_at_us:
            return Copied(0, 0, self._cursor, self.last_error)
        rows = episodes = 0
        try:
            rows = self._copy_readings(fleet, rows_max)
            episodes = self._copy_episodes(fleet, rows_max)
        except (NotTaken, StoreError) as error:
            self._back_off(error, now_us)
        else:
            self._back_off_us, self._next_try_at_us = _BACK_OFF_FIRST_US, 0
            self._keep_error("")
        return Copied(rows, episodes, self._cursor, self.last_error)

    def lag(self) -> Waiting:
        """Return what the journal has and the server does not."""
        return self._journal.waiting(self._records.cursor(CURSOR))

    def close(self) -> None:
        """Close the connection to the server."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _copy_readings(self, fleet: Fleet, rows_max: int) -> int:
        self._cursor = self._records.cursor(CURSOR)
        batch, last = self._journal.after(self._cursor, rows_max)
        if last == self._cursor:
            return 0
        if int(batch.transformer.max()) >= len(self._transformer_ids):
            self._transformer_ids = list(self._journal.all_numbers())
        self._write(reading_lines(batch, self._transformer_ids, fleet))
        self._records.set_cursor(CURSOR, last)
        self._cursor = last
        return len(batch)

    def _copy_episodes(self, fleet: Fleet, limit: int) -> int:
        changed = self._records.episodes_to_copy(limit)
        if not changed:
            return 0
        stations = [station_of(fleet, fleet.number.get(one.episode.transformer_id, -1)) for one in changed]
        self._write(
            [episode_line(one.episode, one.retracted, station) for one, station in zip(changed, stations, strict=True)]
        )
        self._records.mark_episodes_copied(changed)
        return len(changed)

    def _write(self, lines: list[str]) -> None:
        if self._server is None:
            from stores.influx.server import InfluxServer  # see there why not earlier

            self._server = InfluxServer(self._target)
        for start in range(0, len(lines), self._lines_max):
            self._server.write(lines[start : start + self._lines_max])

    def _back_off(self, error: NotTaken | StoreError, now_us: int) -> None:
        wait_us = self._back_off_us
        if isinstance(error, NotTaken):
            wait_us = max(wait_us, error.wait_seconds * SECOND_US)
            if error.status == _TOO_LARGE:
                self._lines_max = max(self._lines_max // 2, _LINES_MIN)
        self._next_try_at_us = now_us + wait_us
        self._back_off_us = min(self._back_off_us * 2, _BACK_OFF_MAX_US)
        self._keep_error(str(error)[:_ERROR_CHARACTERS_MAX])

    def _keep_error(self, error: str) -> None:
        if error == self._error:
            return
        # What stands in the way may be the records themselves; then the error is told from here only.
        with suppress(StoreError):
            self._records.set_cursor_error(CURSOR, error)
        self._error = error
