"""Ledger, verdicts, incidents, lists, visits, outbox and audit: what several processes write a little of.

One relational database: a SQLite file (the default, nothing to install) or PostgreSQL, by URL. Answers are
values of `grid` and `alerts`; rows never leave this package. Every database error comes out as StoreError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, inspect, select, text

from alerts.model.episodes import Episode
from alerts.model.handling import Handling, IncidentNote
from alerts.model.incidents import Incident, IncidentEvent
from alerts.outreach.ask import Ask
from alerts.outreach.planner import OutreachList, Visit
from alerts.outreach.release import Release
from grid.assets import Ledger
from grid.errors import DamagedError, StoreError
from grid.text import Text
from stores.records import asks, audit, calls, cursors, handling, notifications, outbox, verdicts, visible
from stores.records import ledger as records_ledger
from stores.records import outreach as records_outreach
from stores.records.accounts import AccountRecords
from stores.records.audit import AuditAction, AuditEntry
from stores.records.audit_anchors import AuditAnchors
from stores.records.calls import Acknowledgement
from stores.records.changes import Call, Changes, NotifiedEvent
from stores.records.database import Database, alone
from stores.records.ledger import LedgerReplaced
from stores.records.merchant_data import MerchantData
from stores.records.outbox import ChannelCounts, DueMessage, Message
from stores.records.phone_answers import PhoneAnswers
from stores.records.schema import SCHEMA_VERSION, merchant, transformer
from stores.records.verdicts import EpisodeToCopy
from stores.records.visible import EVERYTHING, Visible

__all__ = ["AuditEntry", "Changes", "DueMessage", "EpisodeToCopy", "LedgerReplaced", "Message", "Records"]

_INSTALLATION = "installation"


class Records:
    """The relational store. Safe to share between threads; each call is one transaction."""

    def __init__(self, url: str) -> None:
        """Prepare the store of a URL; opens nothing yet. Raises SettingsError for an unusable URL.

        `sqlite:////path/records.sqlite` or `postgresql+psycopg://user@host/database`.
        """
        self._database = Database(url)
        self._visible = EVERYTHING

    def seen_by(self, visible: Visible) -> Records:
        """Return the same store as somebody sees it: reading leaves out what is not visible. Close the first one."""
        seen = copy(self)
        seen._visible = visible
        return seen

    @property
    def access(self) -> AccountRecords:
        """Return the tables of accounts and sessions."""
        return AccountRecords(self._database)

    @property
    def merchant_data(self) -> MerchantData:
        """Return what is kept about merchants, one at a time."""
        return MerchantData(self._database)

    @property
    def phone_answers(self) -> PhoneAnswers:
        """Return the answers that came from phones."""
        return PhoneAnswers(self._database)

    @property
    def visible_by_incidents(self) -> bool:
        """Return whether what is visible changes with incidents and their lists, and not with the ledger alone."""
        return bool(self._visible.doors_of)

    def sees_merchant(self, merchant_id: str) -> bool:
        """Return whether a merchant is visible."""
        with self._reading() as connection:
            asked = select(merchant.c.merchant_id).where(merchant.c.merchant_id == merchant_id)
            return connection.execute(asked.where(visible.merchants(self._visible))).first() is not None

    def visible_transformers(self) -> frozenset[str] | None:
        """Return the ids of the transformers that are visible; None where no row is left out."""
        if self._visible.everything:
            return None
        with self._reading() as connection:
            asked = select(transformer.c.transformer_id).where(visible.transformers(self._visible))
            return frozenset(connection.execute(asked).scalars())

    def migrate(self) -> None:
        """Bring the schema up to date, in one transaction; safe against a kill, and when several processes do it.

        Raises StoreError when the database was written by a newer Redvest.
        """
        self._database.make_file()
        version = self.schema_version()
        if version > SCHEMA_VERSION:
            raise StoreError(
                Text(
                    f"由更新版本的 Redvest 写入（库结构 {version}，本机为 {SCHEMA_VERSION}）",
                    f"was written by a newer Redvest (schema {version}, known here {SCHEMA_VERSION})",
                ),
                where=self._database.where,
                remedy=Text("请安装该版本或更新的版本", "install that version or a later one"),
            )
        if version < SCHEMA_VERSION:
            from stores.records.migrations import upgrade  # alembic takes long to import, and is seldom needed

            with self._database.writing() as connection:
                alone(connection, "migration")
                upgrade(connection)

    def refuse_damaged(self) -> None:
        """Raise DamagedError when the file of an embedded store is damaged, StoreError when it cannot be read."""
        self._database.refuse_damaged()

    def schema_version(self) -> str:
        """Return the schema's version, empty when the database is new."""
        with self._reading() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return ""
            return connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar_one() or ""

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

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
        with self._reading() as connection:
            return records_ledger.ledger(connection)

    def ledger_version(self) -> int:
        """Return the version of the ledger in force, counted from 1; 0 when none was ever taken."""
        with self._reading() as connection:
            return records_ledger.ledger_version(connection)

    def replace_ledger(self, ledger: Ledger, by: str, now_us: int) -> LedgerReplaced:
        """Take a ledger, all or nothing: rows that are gone are retired, not deleted.

        Taking the same ledger again changes nothing and keeps the version.
        """
        with self._writing() as connection:
            return records_ledger.replace_ledger(connection, ledger, by, now_us)

    # Verdicts and incidents

    def commit(self, changes: Changes) -> None:
        """Record everything a tick changed in one transaction; recording it again leaves the same records."""
        if not changes:
            return
        with self._writing() as connection:
            verdicts.record_episodes(connection, changes.episodes, changes.retracted_episodes)
            verdicts.record_incidents(connection, changes.incidents, changes.events)
            records_outreach.record_lists(connection, changes.lists)
            asks.record_asks(connection, changes.asks)
            asks.record_releases(connection, changes.releases)
            calls.record_calls(connection, changes.calls)
            outbox.put(connection, changes.messages)
            notifications.record_told(connection, changes.told)
            notifications.keep_states(connection, changes.states)

    def told_since(self, since_us: int) -> tuple[NotifiedEvent, ...]:
        """Return every event that was told to people since a moment, oldest first."""
        with self._reading() as connection:
            return notifications.told_since(connection, since_us, self._visible)

    def state(self, name: str) -> str:
        """Return what a part of the pipeline keeps under a name, empty when it keeps nothing."""
        with self._reading() as connection:
            return notifications.state(connection, name)

    def installation(self) -> int:
        """Return the id of the installation that the records belong to; 0 while they belong to none."""
        kept = self.state(_INSTALLATION)
        try:
            return int(kept or 0)
        except ValueError as error:
            raise DamagedError(
                Text(
                    f"所属安装的编号无法读取（{kept[:40]}）",
                    f"the id of their installation cannot be read ({kept[:40]})",
                ),
                where=Text("业务记录", "records"),
                remedy=Text("请恢复备份（redvest restore）", "restore a backup (redvest restore)"),
            ) from error

    def join(self, installation: int) -> None:
        """Make the records those of an installation."""
        with self._writing() as connection:
            notifications.keep_states(connection, ((_INSTALLATION, str(installation)),))

    def episodes(
        self, transformer_id: str | None = None, since_us: int | None = None, open_only: bool = False
    ) -> tuple[Episode, ...]:
        """Return episodes by their start, retracted ones left out.

        Only those of one transformer, those not over before a moment, those open.
        """
        with self._reading() as connection:
            return verdicts.episodes(connection, transformer_id, since_us, open_only)

    def incidents(self, open_only: bool = False, since_us: int | None = None) -> tuple[Incident, ...]:
        """Return incidents, newest first, retracted ones included.

        Only the open ones, or those not over before a moment.
        """
        with self._reading() as connection:
            return verdicts.incidents(connection, open_only, since_us, self._visible)

    def incident(self, incident_id: str) -> Incident | None:
        """Return one incident, None when there is none of that id."""
        with self._reading() as connection:
            return verdicts.one_incident(connection, incident_id, self._visible)

    def events(self, incident_id: str) -> tuple[IncidentEvent, ...]:
        """Return an incident's record, oldest first."""
        with self._reading() as connection:
            return verdicts.events(connection, incident_id, self._visible)

    # Outreach

    def outreach(self, incident_id: str) -> OutreachList | None:
        """Return the incident's list, its latest revision, None when none was made."""
        return next(reversed(self.outreach_revisions(incident_id)), None)

    def outreach_revisions(self, incident_id: str) -> tuple[OutreachList, ...]:
        """Return every revision of the incident's list, oldest first."""
        with self._reading() as connection:
            return records_outreach.lists(connection, incident_id, self._visible)

    def asks(self) -> tuple[Ask, ...]:
        """Return the asks that are not over."""
        with self._reading() as connection:
            return asks.asks_going_on(connection, self._visible)

    def ask(self, incident_id: str) -> Ask | None:
        """Return where an incident's ask stands, None where nobody was asked yet."""
        with self._reading() as connection:
            return asks.ask_of(connection, incident_id, self._visible)

    def releases(self, incident_id: str) -> tuple[Release, ...]:
        """Return who may switch back at an incident, the first told first."""
        with self._reading() as connection:
            return asks.releases(connection, incident_id, self._visible)

    def record_visit(self, visit: Visit, by: str) -> None:
        """Add one result at one door, with a line in the audit record; the same visit twice is one."""
        with self._writing() as connection:
            records_outreach.record_visit(connection, visit, by)

    def visits(self, incident_id: str) -> tuple[Visit, ...]:
        """Return every result recorded for an incident, oldest first."""
        with self._reading() as connection:
            return records_outreach.visits(connection, incident_id, self._visible)

    def current_visits(self, incident_id: str) -> dict[str, Visit]:
        """Return the latest result of each merchant of an incident."""
        return {visit.merchant_id: visit for visit in self.visits(incident_id)}

    def visits_since(self, since_us: int) -> tuple[Visit, ...]:
        """Return every result recorded since a moment, oldest first."""
        with self._reading() as connection:
            return records_outreach.visits_since(connection, since_us, self._visible)

    def visits_mark(self) -> tuple[int, int]:
        """Return what is another one after each visit that anybody records."""
        with self._reading() as connection:
            return records_outreach.visits_mark(connection)

    # Outbox

    def due_messages(self, now_us: int, limit: int, channel: str | None = None) -> tuple[DueMessage, ...]:
        """Return what channels, or one, should deliver now, oldest message first; see `outbox.due` for what waits."""
        with self._reading() as connection:
            return outbox.due(connection, now_us, limit, channel)

    def due_channels(self, now_us: int) -> frozenset[str]:
        """Return the channels that have something to deliver now."""
        with self._reading() as connection:
            return outbox.due_channels(connection, now_us)

    def channel_counts(self) -> Mapping[str, ChannelCounts]:
        """Return how each channel fares that has anything waiting, given up or closed."""
        with self._reading() as connection:
            return outbox.counts(connection)

    def last_delivered(self, channel: str, number: int) -> tuple[int, ...]:
        """Return when a channel delivered its newest messages [µs], oldest first."""
        with self._reading() as connection:
            return outbox.last_delivered(connection, channel, number)

    def dead_messages(self, channel: str | None, limit: int) -> tuple[Message, ...]:
        """Return messages that were given up, oldest first, each with the channels that gave it up."""
        with self._reading() as connection:
            return outbox.dead(connection, channel, limit)

    def resend(self, now_us: int, by: str, channel: str | None, message_nos: Sequence[int] | None) -> int:
        """Let messages that were given up be tried again, in their old order; a line of it is in the audit record.

        Return how many deliveries that are. None for all channels, and for all messages.
        """
        with self._writing() as connection:
            number = outbox.resend(connection, now_us, channel, message_nos)
            if number:
                detail = {"deliveries": number, "messages": list(message_nos) if message_nos is not None else "all"}
                audit.append(connection, AuditAction.MESSAGES_RESENT, channel or "all channels", by, detail, now_us)
            return number

    def close_other_channels(self, channels: Sequence[str], reason: str) -> int:
        """Close what waits, or was given up, on channels that are no longer there. Return how many deliveries."""
        with self._writing() as connection:
            return outbox.close_others(connection, channels, reason)

    def mark_delivered(self, delivery_no: int, at_us: int) -> None:
        """Note that a channel delivered its message."""
        with self._writing() as connection:
            outbox.mark_delivered(connection, delivery_no, at_us)

    def mark_failed(self, delivery_no: int, error: str, next_attempt_at_us: int | None) -> None:
        """Note that an attempt failed, and when to try again; None gives the message up as dead, with `error` why."""
        with self._writing() as connection:
            outbox.mark_failed(connection, delivery_no, error, next_attempt_at_us)

    def messages(self, limit: int) -> tuple[Message, ...]:
        """Return the newest messages, newest first, with the fate of each channel."""
        with self._reading() as connection:
            return outbox.messages(connection, limit, self._visible)

    # Who was called, and who has it

    def calls(self, incident_id: str | None = None) -> tuple[Call, ...]:
        """Return the calls of one incident, or of all that are open, in their order."""
        with self._reading() as connection:
            return calls.calls(connection, incident_id)

    def acknowledge(self, said: Acknowledgement, told: IncidentEvent, link_digest: str | None = None) -> bool:
        """Record that somebody has an incident, with a line in its record and in the audit; False when somebody had it.

        `link_digest`: the one-time link by which it was said; one that was used before changes nothing.
        """
        with self._writing() as connection:
            if link_digest is not None and not calls.use_link(connection, link_digest, said.at_us):
                return False
            if not calls.acknowledge(connection, said):
                return False
            verdicts.record_incidents(connection, (), (told,))
            audit.append(
                connection,
                AuditAction.INCIDENT_ACKNOWLEDGED,
                said.incident_id,
                said.person_id,
                {"way": said.way},
                said.at_us,
            )
            return True

    def acknowledgement(self, incident_id: str) -> Acknowledgement | None:
        """Return who has an incident, None while nobody does."""
        with self._reading() as connection:
            return calls.acknowledgement_of(connection, incident_id)

    def acknowledgements_after(self, row_no: int) -> tuple[tuple[int, Acknowledgement], ...]:
        """Return acknowledgements recorded after a row, each with its row, oldest first."""
        with self._reading() as connection:
            return calls.acknowledgements_after(connection, row_no)

    def record_note(self, note: IncidentNote, told: IncidentEvent) -> None:
        """Record what somebody noted at an incident, with a line in its record and, without its words, in the audit."""
        with self._writing() as connection:
            handling.record_note(connection, note)
            verdicts.record_incidents(connection, (), (told,))
            detail = {"kind": note.kind.value, "assigned_to": note.assigned_to}
            audit.append(connection, AuditAction.INCIDENT_NOTED, note.incident_id, note.by, detail, note.at_us)

    def handling(self, incident_ids: Sequence[str]) -> Mapping[str, Handling]:
        """Return how incidents stand with people; those of which nothing is noted are missing."""
        with self._reading() as connection:
            return handling.handling(connection, incident_ids)

    # Audit

    def record_export(self, by: str, people: int, merchants: int, now_us: int) -> None:
        """Note that an export with the contacts of so many people and merchants was made."""
        detail = {"how": "ledger export", "people": people, "merchants": merchants}
        with self._writing() as connection:
            audit.append(connection, AuditAction.CONTACTS_LISTED, "ledger", by, detail, now_us)

    def record_reveal(self, merchant_id: str, by: str, reason: str, now_us: int) -> None:
        """Note that a named person had a merchant's personal data shown, and why."""
        with self._writing() as connection:
            audit.append(connection, AuditAction.MERCHANT_REVEALED, merchant_id, by, {"reason": reason}, now_us)

    def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest audit entries, newest first."""
        with self._reading() as connection:
            return audit.entries(connection, limit)

    def anchor_audit(self, anchors: AuditAnchors) -> None:
        """Note the head of the audit record outside the database after each row from now on."""
        self._database.after_audit = anchors.note

    def audit_hashes(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the hashes of audit entries by number; those that are not there are missing."""
        with self._reading() as connection:
            return audit.hashes(connection, numbers)

    def verify_audit(self) -> AuditEntry | None:
        """Return the first audit entry that does not follow from the one before it, None when the chain is whole."""
        with self._reading() as connection:
            return audit.first_broken(connection)

    # Cursors and copies

    def cursor(self, name: str) -> int:
        """Return how far a follower of the journal came; 0 when it never began."""
        with self._reading() as connection:
            return cursors.cursor(connection, name)

    def set_cursor(self, name: str, value: int) -> None:
        """Note how far a follower came."""
        with self._writing() as connection:
            cursors.set_cursor(connection, name, value)

    def cursor_error(self, name: str) -> str:
        """Return what stood in a follower's way at its last attempt; empty when nothing did."""
        with self._reading() as connection:
            return cursors.cursor_error(connection, name)

    def set_cursor_error(self, name: str, error: str) -> None:
        """Note what stands in a follower's way; empty when nothing does any more."""
        with self._writing() as connection:
            cursors.set_cursor_error(connection, name, error)

    def episodes_to_copy(self, limit: int) -> tuple[EpisodeToCopy, ...]:
        """Return episodes that changed since they were last copied."""
        with self._reading() as connection:
            return verdicts.episodes_to_copy(connection, limit)

    def mark_episodes_copied(self, copied: tuple[EpisodeToCopy, ...]) -> None:
        """Note that these states of these episodes were copied; one that changed meanwhile stays to be copied."""
        with self._writing() as connection:
            verdicts.mark_episodes_copied(connection, copied)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._database.reading()

    def _writing(self) -> AbstractContextManager[Connection]:
        return self._database.writing()
