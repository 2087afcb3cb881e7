"""Accounts, their sessions and tickets in the database. Secrets are stored as hashes only.

Every change is one transaction with its line in the audit record. Which moment it is, and what a password is worth,
is decided above: here are rows.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, or_, select, update

from stores.records.audit import AuditAction, append
from stores.records.database import Database, alone
from stores.records.schema import access_ticket, account, web_session, wrong_guess
from stores.records.upsert import insert_or_update

AGENT_LETTERS_MAX = 200


class AccountRole(Enum):
    """What an account is for. People of the ledger have a role of their own, which says who is called."""

    WALL = "wall"
    MEMBER = "member"
    GRID_LEAD = "grid_lead"
    COMMUNITY_LEAD = "community_lead"
    DUTY = "duty"
    STATION_HEAD = "station_head"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Account:
    """Somebody, or a screen, that may come in."""

    name: str
    role: AccountRole
    person_id: str
    """The person of the ledger that it belongs to; empty for none."""
    station_ids: tuple[str, ...]
    """Empty: all stations."""
    created_at_us: int
    disabled_at_us: int | None = None
    secret_hash: str = ""


@dataclass(frozen=True)
class WebSession:
    """One sign-in of an account, from one browser."""

    session_id: str
    """Names it for people and the audit record; it opens nothing."""
    account: str
    opened_at_us: int
    seen_at_us: int
    ends_at_us: int | None
    """None: until it is ended, as for walls."""
    ended_at_us: int | None
    ended_why: str
    address: str
    agent: str


@dataclass(frozen=True)
class Guesses:
    """What is remembered of wrong guesses under one key."""

    key: str
    failures: int
    failed_at_us: int
    next_at_us: int
    """Before this moment no further guess is looked at."""


class AccountRecords:
    """The tables of access. Safe to share between threads; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def accounts(self) -> tuple[Account, ...]:
        """Return every account by name, disabled ones included."""
        with self._database.reading() as connection:
            rows = connection.execute(select(account).order_by(account.c.name)).mappings()
            return tuple(_account(row) for row in rows)

    def account(self, name: str) -> Account | None:
        """Return one account, None when there is none of that name."""
        with self._database.reading() as connection:
            row = connection.execute(select(account).where(account.c.name == name)).mappings().first()
            return _account(row) if row else None

    def add(self, added: Account, by: str, at_us: int, *, only_first: bool = False) -> bool:
        """Add an account; return False when the name is taken, or with `only_first` when there is any account."""
        with self._database.writing() as connection:
            alone(connection, "accounts")
            taken = select(func.count()).select_from(account)
            if not only_first:
                taken = taken.where(account.c.name == added.name)
            if connection.execute(taken).scalar_one():
                return False
            row = {field.name: getattr(added, field.name) for field in fields(added)}
            row |= {"role": added.role.value, "station_ids": json.dumps(list(added.station_ids))}
            connection.execute(insert(account).values(row))
            detail = {"role": added.role.value, "person_id": added.person_id, "stations": list(added.station_ids)}
            append(connection, AuditAction.ACCOUNT_ADDED, added.name, by, detail, at_us)
            return True

    def change(self, changed: Account, action: AuditAction, by: str, at_us: int, why: str) -> None:
        """Write an account anew and end its sessions: whoever had come in with what it was comes in anew."""
        with self._database.writing() as connection:
            values = {
                "role": changed.role.value,
                "person_id": changed.person_id,
                "station_ids": json.dumps(list(changed.station_ids)),
                "secret_hash": changed.secret_hash,
                "disabled_at_us": changed.disabled_at_us,
            }
            connection.execute(update(account).where(account.c.name == changed.name).values(values))
            detail = {"role": changed.role.value, "person_id": changed.person_id, "stations": list(changed.station_ids)}
            append(connection, action, changed.name, by, detail, at_us)
            self._end(connection, web_session.c.account == changed.name, at_us, why)
            connection.execute(delete(access_ticket).where(access_ticket.c.account == changed.name))

    def open_session(self, opened: WebSession, token_hash: str, audit_at_us: int, how: str) -> None:
        """Add a session, with its line in the audit record."""
        with self._database.writing() as connection:
            row = {field.name: getattr(opened, field.name) for field in fields(opened)}
            row["agent"] = opened.agent[:AGENT_LETTERS_MAX]
            connection.execute(insert(web_session).values({**row, "token_hash": token_hash}))
            detail = {"session": opened.session_id, "how": how}
            append(connection, AuditAction.SIGNED_IN, opened.account, opened.account, detail, audit_at_us)

    def session(self, token_hash: str) -> tuple[WebSession, Account] | None:
        """Return the session of a token with its account, ended ones included; None when nobody ever got it."""
        asked = select(web_session).where(web_session.c.token_hash == token_hash)
        with self._database.reading() as connection:
            row = connection.execute(asked).mappings().first()
            if row is None:
                return None
            owner = select(account).where(account.c.name == row["account"])
            return _session(row), _account(connection.execute(owner).mappings().one())

    def sessions(self, name: str | None, seen_after_us: int) -> tuple[WebSession, ...]:
        """Return sessions that have not ended, newest first: of one account, or of all."""
        asked = select(web_session).where(web_session.c.ended_at_us.is_(None))
        asked = asked.where(or_(web_session.c.ends_at_us.is_(None), web_session.c.seen_at_us >= seen_after_us))
        if name is not None:
            asked = asked.where(web_session.c.account == name)
        with self._database.reading() as connection:
            rows = connection.execute(asked.order_by(web_session.c.opened_at_us.desc())).mappings()
            return tuple(_session(row) for row in rows)

    def ended(self, session_ids: tuple[str, ...]) -> frozenset[str]:
        """Return which of these sessions have been ended."""
        asked = select(web_session.c.session_id).where(web_session.c.session_id.in_(session_ids))
        with self._database.reading() as connection:
            found = connection.execute(asked.where(web_session.c.ended_at_us.is_not(None))).scalars()
            return frozenset(found)

    def seen(self, session_id: str, at_us: int) -> None:
        """Note that a session is in use."""
        with self._database.writing() as connection:
            mine = web_session.c.session_id == session_id
            connection.execute(update(web_session).where(mine).values(seen_at_us=at_us))

    def end_sessions(self, name: str, session_id: str | None, by: str, at_us: int, audit_at_us: int, why: str) -> int:
        """End one session of an account, or all of them. Return how many."""
        with self._database.writing() as connection:
            chosen = web_session.c.account == name
            if session_id is not None:
                chosen = chosen & (web_session.c.session_id == session_id)
            ended = self._end(connection, chosen, at_us, why)
            if ended:
                detail = {"sessions": ended, "why": why}
                append(connection, AuditAction.SESSIONS_ENDED, name, by, detail, audit_at_us)
            return ended

    def _end(self, connection: Connection, chosen: Any, at_us: int, why: str) -> int:
        still_open = update(web_session).where(chosen, web_session.c.ended_at_us.is_(None))
        return connection.execute(still_open.values(ended_at_us=at_us, ended_why=why)).rowcount

    def add_ticket(self, token_hash: str, kind: str, name: str, made_at_us: int, ends_at_us: int | None) -> None:
        """Add a ticket; an earlier one of the same kind and account is worth nothing any more."""
        with self._database.writing() as connection:
            same = (access_ticket.c.kind == kind) & (access_ticket.c.account == name)
            connection.execute(delete(access_ticket).where(same))
            row = {"token_hash": token_hash, "kind": kind, "account": name, "made_at_us": made_at_us}
            connection.execute(insert(access_ticket).values({**row, "ends_at_us": ends_at_us}))

    def ticket(self, token_hash: str, at_us: int) -> tuple[str, str] | None:
        """Return (kind, account) of a ticket that is still good."""
        asked = select(access_ticket).where(access_ticket.c.token_hash == token_hash)
        with self._database.reading() as connection:
            row = connection.execute(asked).first()
            if row is None or (row.ends_at_us is not None and row.ends_at_us < at_us):
                return None
            return row.kind, row.account

    def use_up(self, token_hash: str) -> bool:
        """Take a ticket out of the world; return False when somebody else was faster."""
        with self._database.writing() as connection:
            used = connection.execute(delete(access_ticket).where(access_ticket.c.token_hash == token_hash))
            return used.rowcount == 1

    def guesses(self, keys: tuple[str, ...]) -> dict[str, Guesses]:
        """Return what is remembered under these keys."""
        with self._database.reading() as connection:
            rows = connection.execute(select(wrong_guess).where(wrong_guess.c.key.in_(keys))).mappings()
            return {row["key"]: Guesses(**row) for row in rows}

    def keep_guesses(self, kept: tuple[Guesses, ...], forgotten_before_us: int) -> None:
        """Remember guesses, and forget those that are long over."""
        with self._database.writing() as connection:
            connection.execute(delete(wrong_guess).where(wrong_guess.c.failed_at_us < forgotten_before_us))
            insert_or_update(connection, wrong_guess, [vars(each) for each in kept], ("key",))

    def forget_guesses(self, key: str) -> None:
        """Forget what is remembered under a key: the right password was given."""
        with self._database.writing() as connection:
            connection.execute(delete(wrong_guess).where(wrong_guess.c.key == key))

    def note(self, action: AuditAction, subject: str, by: str, detail: dict[str, Any], at_us: int) -> None:
        """Add a line to the audit record."""
        with self._database.writing() as connection:
            append(connection, action, subject, by, detail, at_us)


def _account(row: RowMapping) -> Account:
    stations = tuple(json.loads(row["station_ids"]))
    return Account(**{**row, "role": AccountRole(row["role"]), "station_ids": stations})


def _session(row: RowMapping) -> WebSession:
    return WebSession(**{name: value for name, value in row.items() if name != "token_hash"})
