"""The read side: what pages draw and commands print, asked of the stores at one moment of the clock.

Nothing here changes a store; answers go in through `service.desk`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerts.incidents import Incident
from alerts.outreach import OutreachSettings
from alerts.rules import RuleSet
from grid.assets import Person
from service.clock import Clock
from service.queries_answers import (
    CollectorState,
    Curve,
    IncidentPage,
    IncidentRow,
    MyList,
    RejectRow,
    System,
    TransformerPage,
    Wall,
)
from stores.journal import Journal
from stores.records import Records

__all__ = ["Queries", "QueryOptions"]


@dataclass(frozen=True)
class QueryOptions:
    """The settings that the read side depends on."""

    outreach: OutreachSettings
    silent_after_minutes: float = 45.0
    """No reading received for longer than this: silent (three slots)."""
    gap_minutes: float = 20.0
    """A hole in a curve longer than this is drawn as a hole."""
    trend_minutes: float = 15.0


class Queries:
    """Answers about now. Safe to share between threads. Every method raises StoreError when a store cannot answer."""

    def __init__(
        self,
        journal: Callable[[], Journal | None],
        records: Records,
        rules: Sequence[RuleSet],
        clock: Clock,
        options: QueryOptions,
        collector_state: Callable[[], CollectorState] | None = None,
    ) -> None:
        """Keep the parts. `journal` gives the reader, or None while no collector has ever written one."""

    def wall(self) -> Wall:
        """Return what is heavy now, what is blind, and the open incidents."""
        raise NotImplementedError

    def curve(self, transformer_id: str, from_us: int, to_us: int, step_us: int | None = None) -> Curve:
        """Return the readings of one transformer in [from_us, to_us].

        With `step_us` each step is told by its heaviest reading: nothing is averaged away, no value is invented.
        Raises UsageError for a transformer that the ledger does not know.
        """
        raise NotImplementedError

    def transformer(self, transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
        """Return everything about one transformer; marks lie in [from_us, to_us]. Raises UsageError if unknown."""
        raise NotImplementedError

    def incidents(self, open_only: bool = False, since_us: int | None = None) -> tuple[IncidentRow, ...]:
        """Return incidents, newest first."""
        raise NotImplementedError

    def incident(self, incident_id: str) -> IncidentPage:
        """Return everything about one incident. The id may be shortened to a unique part. Raises UsageError if none."""
        raise NotImplementedError

    def find_incident(self, incident_id: str) -> Incident:
        """Return the incident of an id or of a unique part of one. Raises UsageError when there is none or several."""
        raise NotImplementedError

    def people(self) -> tuple[Person, ...]:
        """Return our people, phones masked."""
        raise NotImplementedError

    def my_list(self, person_id: str) -> MyList:
        """Return the doors of open incidents that one person has to walk. Raises UsageError if unknown."""
        raise NotImplementedError

    def rejects(self, limit: int = 100, since_us: int | None = None) -> tuple[RejectRow, ...]:
        """Return refused payloads, newest first."""
        raise NotImplementedError

    def system(self) -> System:
        """Return what stands behind the wall."""
        raise NotImplementedError
