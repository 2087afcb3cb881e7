"""Sign-in and sessions: who is this, until when, and does it still hold."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass

from grid.timestamps import MINUTE_US
from service.access.accounts import DEMO, TOKEN_BYTES, WALL, token_hash
from service.access.guesses import SlowDown
from service.access.passwords import is_right
from service.access.rights import Rights, rights_of
from service.clock import Clock
from stores.records.accounts import Account, AccountRole, WebSession
from stores.records.audit import AuditAction
from stores.records.records import Records

SESSION_COOKIE = "redvest_session"
HOST_PREFIX = "__Host-"
"""Before the names of cookies over https: browsers then take them from this host alone, and never in the clear."""
_SEEN_EVERY_US = MINUTE_US
"""A session that is in use is noted so often; more would write on every request."""
NAME_LETTERS_MAX = 64


@dataclass(frozen=True)
class SessionLimits:
    """How long a session lasts. Walls stay until they are ended."""

    idle_minutes: float
    absolute_hours: float


@dataclass(frozen=True)
class SignedIn:
    """A session that holds, and what its account may do."""

    session_id: str
    account: Account
    rights: Rights
    until_us: int | None
    """When it ends at the latest; None for a wall."""


@dataclass(frozen=True)
class Visitor:
    """Where somebody who is not signed in yet comes from."""

    address: str
    agent: str
    device: str = ""
    """The token of a browser that has signed in before, empty for a new one."""


@dataclass(frozen=True)
class Refused:
    """A sign-in that was not taken."""

    wait_seconds: float = 0.0
    """0: name or password is wrong. More: too many guesses are waiting, come again after this time."""


def session_cookie(*, https: bool) -> str:
    """Return the name of the cookie that holds a session's token."""
    return f"{HOST_PREFIX if https else ''}{SESSION_COOKIE}"


class Sessions:
    """Opens, finds and ends sessions. Safe to share between threads."""

    def __init__(self, records: Records, clock: Clock, audit_clock: Clock, limits: SessionLimits) -> None:
        """Keep the store, the real clock, the installation's clock for the audit record, and the limits."""
        self._records = records.access
        self._clock = clock
        self._audit_clock = audit_clock
        self._limits = limits
        self._slow_down = SlowDown(records.access)

    async def sign_in(self, name: str, password: str, visitor: Visitor) -> str | Refused:
        """Return the token of a new session, or why there is none. Takes as long for a name that nobody has."""
        name = name.strip()[:NAME_LETTERS_MAX]
        keys = await asyncio.to_thread(self._keys, name, visitor)
        place = await asyncio.to_thread(self._slow_down.take_place, keys, self._clock.now_us())
        if place.refused:
            return Refused(place.wait_seconds)
        await asyncio.sleep(place.wait_seconds)
        return await asyncio.to_thread(self._look_at, name, password, visitor, keys)

    def _keys(self, name: str, visitor: Visitor) -> tuple[str, ...]:
        if visitor.device:
            known = self._records.session(token_hash(visitor.device))
            if known is not None and known[1].name == name:
                return (f"device:{known[0].session_id}",)
        return f"account:{name.casefold()}", f"address:{visitor.address}"

    def _look_at(self, name: str, password: str, visitor: Visitor, keys: tuple[str, ...]) -> str | Refused:
        account = self._records.account(name)
        usable = account if account is not None and account.disabled_at_us is None else None
        right = is_right(password, usable.secret_hash if usable else "")
        if usable is None or not right:
            self._slow_down.was_wrong(keys, self._clock.now_us())
            detail = {"address": visitor.address}
            known = name if account is not None else "?"  # a name that nobody has may be a password typed too early
            self._records.note(AuditAction.SIGN_IN_REFUSED, known, known, detail, self._audit_clock.now_us())
            return Refused()
        self._slow_down.was_right(keys[0])
        return self._open(usable, visitor, "password")

    def enter(self, token: str, visitor: Visitor, *, is_demo: bool) -> str | None:
        """Return the token of a new session for the holder of a wall's or a demo's token; None when it is worthless."""
        found = self._records.ticket(token_hash(token), self._clock.now_us())
        if found is None or found[0] not in (WALL, DEMO) or (found[0] == DEMO and not is_demo):
            return None
        account = self._records.account(found[1])
        if account is None or account.disabled_at_us is not None:
            return None
        return self._open(account, visitor, found[0])

    def _open(self, account: Account, visitor: Visitor, how: str) -> str:
        token, now_us = secrets.token_urlsafe(TOKEN_BYTES), self._clock.now_us()
        lasts_us = round(self._limits.absolute_hours * 60 * MINUTE_US)
        opened = WebSession(
            session_id=secrets.token_hex(6),
            account=account.name,
            opened_at_us=now_us,
            seen_at_us=now_us,
            ends_at_us=None if account.role is AccountRole.WALL else now_us + lasts_us,
            ended_at_us=None,
            ended_why="",
            address=visitor.address,
            agent=visitor.agent,
        )
        self._records.open_session(opened, token_hash(token), self._audit_clock.now_us(), how)
        return token

    def find(self, token: str) -> SignedIn | None:
        """Return the session of a token while it holds, and note now and then that it is in use."""
        if not token or len(token) > 4 * TOKEN_BYTES:
            return None
        found = self._records.session(token_hash(token))
        if found is None:
            return None
        session, account = found
        now_us = self._clock.now_us()
        if account.disabled_at_us is not None or not self._holds(session, now_us):
            return None
        if now_us - session.seen_at_us > _SEEN_EVERY_US:
            self._records.seen(session.session_id, now_us)
        return SignedIn(session.session_id, account, rights_of(account), session.ends_at_us)

    def now_us(self) -> int:
        """Return the moment of the clock that sessions live by [µs]."""
        return self._clock.now_us()

    def of(self, name: str | None) -> tuple[WebSession, ...]:
        """Return the sessions that hold, newest first: of one account, or of all."""
        return self._records.sessions(name, self._clock.now_us() - self._idle_us)

    def end(self, name: str, session_id: str | None, by: str, why: str) -> int:
        """End one session of an account, or all of them. Return how many."""
        return self._records.end_sessions(name, session_id, by, self._clock.now_us(), self._audit_clock.now_us(), why)

    def over(self, ends_at_us: dict[str, int | None]) -> frozenset[str]:
        """Return which of these sessions (id to latest end) are over: ended by somebody, or by their time."""
        now_us = self._clock.now_us()
        late = {i for i, ends_us in ends_at_us.items() if ends_us is not None and ends_us <= now_us}
        return self._records.ended(tuple(ends_at_us)) | late

    def _holds(self, session: WebSession, now_us: int) -> bool:
        if session.ended_at_us is not None:
            return False
        if session.ends_at_us is None:
            return True
        return now_us < session.ends_at_us and now_us - session.seen_at_us < self._idle_us

    @property
    def _idle_us(self) -> int:
        return round(self._limits.idle_minutes * MINUTE_US)
