"""The copy of readings and verdicts to InfluxDB, written from the journal and never in the way of it."""

from __future__ import annotations

from dataclasses import dataclass

from grid.fleet import Fleet
from stores.journal import Journal
from stores.journal_values import Waiting
from stores.records import Records


@dataclass(frozen=True)
class InfluxTarget:
    """Where to write: a server that takes InfluxDB 2 writes (InfluxDB 2 and 3, VictoriaMetrics)."""

    url: str
    bucket: str
    org: str = ""
    token: str = ""
    timeout_seconds: float = 10.0


@dataclass(frozen=True)
class Copied:
    """What one call copied."""

    rows: int
    episodes: int
    cursor: int
    """Number of the last block that the server has whole."""
    error: str = ""
    """What stood in the way; empty when nothing did."""


class InfluxCopy:
    """Follows the journal by a cursor kept in the records. Errors are kept and told, never raised."""

    def __init__(self, target: InfluxTarget, journal: Journal, records: Records) -> None:
        """Prepare the copy; connects to nothing yet. `journal` may be a reader."""
        raise NotImplementedError

    def copy_once(self, fleet: Fleet, now_us: int, rows_max: int = 5_000) -> Copied:
        """Copy the next blocks (about rows_max readings) and changed episodes, unless it is backing off.

        `fleet` gives stations and ratings by journal number. Repeating a block is harmless: a point is
        named by its tags and time.
        """
        raise NotImplementedError

    def lag(self) -> Waiting:
        """Return what the journal has and the server does not."""
        raise NotImplementedError

    @property
    def last_error(self) -> str:
        """Return what stood in the way at the last attempt; empty when it went well."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the connection to the server."""
        raise NotImplementedError
