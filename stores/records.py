"""Ledger, verdicts, incidents, lists, visits, outbox and audit: what several processes write a little of.

One relational database: a SQLite file (the default, nothing to install) or PostgreSQL, by URL. Answers are
values of `grid` and `alerts`; rows never leave this package. Every database error comes out as StoreError.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from alerts.episodes import Episode
from alerts.incidents import Incident, IncidentEvent
from alerts.outreach import OutreachList, Visit
from grid.assets import Ledger
from stores.audit import AuditEntry
from stores.changes import Changes
from stores.outbox import DueMessage, Message


@dataclass(frozen=True)
class LedgerReplaced:
    """What taking a ledger did: rows added, changed and retired over all its sheets."""

    version: int
    added: int
    changed: int
    retired: int


@dataclass(frozen=True)
class EpisodeToCopy:
    """An episode as it stands, not yet copied as such to the long-term store."""

    episode: Episode
    retracted: bool
    revision: int
    """Grows whenever the episode changes."""


class Records:
    """The relational store. Safe to share between threads; each call is one transaction."""

    def __init__(self, url: str) -> None:
        """Prepare the store of a URL; opens nothing yet.

        `sqlite:////path/records.sqlite` or `postgresql+psycopg://user@host/database`.
        """
        raise NotImplementedError

    def migrate(self) -> None:
        """Bring the schema up to date, in one transaction; safe against a kill, and when several processes do it."""
        raise NotImplementedError

    def schema_version(self) -> str:
        """Return the schema's version, empty when the database is new."""
        raise NotImplementedError

    def close(self) -> None:
        """Close all connections."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        """Return the store itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    # Ledger

    def ledger(self) -> Ledger:
        """Return the ledger in force, in the order of its sheets; what is retired is left out."""
        raise NotImplementedError

    def ledger_version(self) -> int:
        """Return the version of the ledger in force, counted from 1; 0 when none was ever taken."""
        raise NotImplementedError

    def replace_ledger(self, ledger: Ledger, by: str, now_us: int) -> LedgerReplaced:
        """Take a ledger, all or nothing: rows that are gone are retired, not deleted.

        Taking the same ledger again changes nothing and keeps the version.
        """
        raise NotImplementedError

    # Verdicts and incidents

    def commit(self, changes: Changes) -> None:
        """Record everything a tick changed in one transaction; recording it again leaves the same records."""
        raise NotImplementedError

    def episodes(
        self, transformer_id: str | None = None, since_us: int | None = None, open_only: bool = False
    ) -> tuple[Episode, ...]:
        """Return episodes by their start, retracted ones left out.

        Only those of one transformer, those not over before a moment, those open.
        """
        raise NotImplementedError

    def incidents(self, open_only: bool = False, since_us: int | None = None) -> tuple[Incident, ...]:
        """Return incidents, newest first, retracted ones included.

        Only the open ones, or those not over before a moment.
        """
        raise NotImplementedError

    def incident(self, incident_id: str) -> Incident | None:
        """Return one incident, None when there is none of that id."""
        raise NotImplementedError

    def events(self, incident_id: str) -> tuple[IncidentEvent, ...]:
        """Return an incident's record, oldest first."""
        raise NotImplementedError

    # Outreach

    def outreach(self, incident_id: str) -> OutreachList | None:
        """Return the incident's list, its latest revision, None when none was made."""
        raise NotImplementedError

    def outreach_revisions(self, incident_id: str) -> tuple[OutreachList, ...]:
        """Return every revision of the incident's list, oldest first."""
        raise NotImplementedError

    def record_visit(self, visit: Visit, by: str) -> None:
        """Add one result at one door, with a line in the audit record; the same visit twice is one."""
        raise NotImplementedError

    def visits(self, incident_id: str) -> tuple[Visit, ...]:
        """Return every result recorded for an incident, oldest first."""
        raise NotImplementedError

    def current_visits(self, incident_id: str) -> dict[str, Visit]:
        """Return the latest result of each merchant of an incident."""
        raise NotImplementedError

    def visits_since(self, since_us: int) -> tuple[Visit, ...]:
        """Return every result recorded since a moment, oldest first."""
        raise NotImplementedError

    # Outbox

    def due_messages(self, now_us: int, limit: int) -> tuple[DueMessage, ...]:
        """Return what channels should deliver now, oldest message first."""
        raise NotImplementedError

    def mark_delivered(self, delivery_no: int, at_us: int) -> None:
        """Note that a channel delivered its message."""
        raise NotImplementedError

    def mark_failed(self, delivery_no: int, error: str, next_attempt_at_us: int | None) -> None:
        """Note that an attempt failed, and when to try again; None gives the message up as dead, with `error` why."""
        raise NotImplementedError

    def messages(self, limit: int) -> tuple[Message, ...]:
        """Return the newest messages, newest first, with the fate of each channel."""
        raise NotImplementedError

    # Audit

    def record_reveal(self, merchant_id: str, by: str, reason: str, now_us: int) -> None:
        """Note that a named person had a merchant's personal data shown, and why."""
        raise NotImplementedError

    def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest audit entries, newest first."""
        raise NotImplementedError

    def verify_audit(self) -> AuditEntry | None:
        """Return the first audit entry that does not follow from the one before it, None when the chain is whole."""
        raise NotImplementedError

    # Cursors and copies

    def cursor(self, name: str) -> int:
        """Return how far a follower of the journal came; 0 when it never began."""
        raise NotImplementedError

    def set_cursor(self, name: str, value: int) -> None:
        """Note how far a follower came."""
        raise NotImplementedError

    def episodes_to_copy(self, limit: int) -> tuple[EpisodeToCopy, ...]:
        """Return episodes that changed since they were last copied."""
        raise NotImplementedError

    def mark_episodes_copied(self, copied: tuple[EpisodeToCopy, ...]) -> None:
        """Note that these states of these episodes were copied; one that changed meanwhile stays to be copied."""
        raise NotImplementedError
