"""Accounts: adding, disabling, passwords, tickets. What the command and the administrator's page both do."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from hashlib import sha256

from grid.errors import UsageError
from grid.text import Text
from grid.timestamps import MINUTE_US
from service.access.passwords import hash_of, refuse_weak
from service.access.rights import NEEDS_PERSON
from service.clock import Clock
from stores.records.accounts import Account, AccountRecords, AccountRole
from stores.records.audit import AuditAction
from stores.records.records import Records

TOKEN_BYTES = 32
"""256 random bits: sessions, tickets, wall tokens."""
SET_UP = "set_up"
WALL = "wall"
DEMO = "demo"
_SET_UP_US = 60 * MINUTE_US
_NAME = re.compile(r"[\w][\w.@-]{0,63}")


class Accounts:
    """Changes accounts, each change with a line in the audit record. Safe to share between threads."""

    def __init__(self, records: Records, clock: Clock, audit_clock: Clock) -> None:
        """Keep the store, the real clock, and the installation's clock, which the audit record goes by."""
        self._ledger = records
        self._records: AccountRecords = records.access
        self._clock = clock
        self._audit_clock = audit_clock

    def all(self) -> tuple[Account, ...]:
        """Return every account by name."""
        return self._records.accounts()

    def find(self, name: str) -> Account:
        """Return an account. Raises UsageError when there is none of that name."""
        found = self._records.account(name)
        if found is None:
            raise UsageError(
                Text(f"没有账号 {name!r}", f"there is no account {name!r}"),
                remedy=Text("请查看 redvest account list", "see redvest account list"),
            )
        return found

    def add(
        self,
        name: str,
        role: AccountRole,
        by: str,
        *,
        person_id: str = "",
        stations: tuple[str, ...] = (),
        password: str | None = None,
        only_first: bool = False,
    ) -> Account:
        """Add an account. Raises UsageError for a name, person, station or password that does not do.

        Without a password nobody can sign in by one: walls have none. `only_first`: refused once there is any account.
        """
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise UsageError(
                Text(f"{name!r} 不能作账号名", f"{name!r} is no name for an account"),
                remedy=Text("请用字母、数字或汉字，最多 64 个", "use letters, digits, . _ @ -, at most 64"),
            )
        self._check(role, person_id, stations)
        if password is not None:
            refuse_weak(password, name)
        made = Account(
            name=name,
            role=role,
            person_id=person_id,
            station_ids=stations,
            created_at_us=self._clock.now_us(),
            secret_hash=hash_of(password) if password is not None else "",
        )
        if not self._records.add(made, by, self._audit_clock.now_us(), only_first=only_first):
            raise UsageError(
                Text("已经有账号了", "there are accounts already")
                if only_first
                else Text(f"账号 {name} 已经有了", f"there is an account {name} already"),
                remedy=Text("请换一个名字，或 redvest account enable", "take another name, or redvest account enable"),
            )
        return made

    def change(self, name: str, role: AccountRole, person_id: str, stations: tuple[str, ...], by: str) -> None:
        """Give an account another role, person or stations; its sessions end. Raises UsageError."""
        self._check(role, person_id, stations)
        changed = replace(self.find(name), role=role, person_id=person_id, station_ids=stations)
        self._keep_an_administrator(changed)
        self._records.change(changed, AuditAction.ACCOUNT_CHANGED, by, self._audit_clock.now_us(), "changed")

    def disable(self, name: str, by: str) -> None:
        """Disable an account; its sessions end and its tickets are void. Raises UsageError."""
        found = self.find(name)
        changed = replace(found, disabled_at_us=found.disabled_at_us or self._clock.now_us())
        self._keep_an_administrator(changed)
        self._records.change(changed, AuditAction.ACCOUNT_DISABLED, by, self._audit_clock.now_us(), "disabled")

    def enable(self, name: str, by: str) -> None:
        """Let an account in again. Raises UsageError."""
        changed = replace(self.find(name), disabled_at_us=None)
        self._records.change(changed, AuditAction.ACCOUNT_ENABLED, by, self._audit_clock.now_us(), "enabled")

    def set_password(self, name: str, password: str, by: str) -> None:
        """Give an account another password; its sessions end. Raises UsageError for a weak one, or for a wall."""
        found = self.find(name)
        if found.role is AccountRole.WALL:
            raise UsageError(
                Text("大屏没有密码，用令牌登录", "a wall has no password, it signs in by its token"),
                remedy=Text("请不带密码再来一次，以得到新令牌", "call this without a password for another token"),
            )
        refuse_weak(password, name)
        changed = replace(found, secret_hash=hash_of(password))
        self._records.change(changed, AuditAction.PASSWORD_CHANGED, by, self._audit_clock.now_us(), "password")

    def wall_token(self, name: str, by: str) -> str:
        """Return a new device token of a wall; an earlier one is void and its sessions end. Raises UsageError."""
        found = self.find(name)
        if found.role is not AccountRole.WALL:
            raise UsageError(
                Text(f"账号 {name} 不是大屏", f"the account {name} is no wall"),
                remedy=Text("请给它一个密码", "give it a password"),
            )
        self._records.change(found, AuditAction.PASSWORD_CHANGED, by, self._audit_clock.now_us(), "token")
        return self._ticket(WALL, name, None)

    def set_up_token(self) -> str | None:
        """Return a one-time token for making the first account; None when there is any account."""
        if self._records.accounts():
            return None
        return self._ticket(SET_UP, "", self._clock.now_us() + _SET_UP_US)

    def is_set_up_token(self, token: str) -> bool:
        """Return whether a token may make the first account: it was printed, it is fresh, and there is none yet."""
        found = self._records.ticket(token_hash(token), self._clock.now_us())
        return found is not None and found[0] == SET_UP and not self._records.accounts()

    def use_up(self, token: str) -> None:
        """Take a token out of the world."""
        self._records.use_up(token_hash(token))

    def demo_token(self, name: str) -> str:
        """Return a token by which a throw-away account of a demo signs in."""
        return self._ticket(DEMO, name, None)

    def note_contacts_listed(self, incident_id: str, by: str, how: str) -> None:
        """Note that somebody took a list with contacts along."""
        now_us = self._audit_clock.now_us()
        self._records.note(AuditAction.CONTACTS_LISTED, incident_id, by, {"how": how}, now_us)

    def _ticket(self, kind: str, name: str, ends_at_us: int | None) -> str:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._records.add_ticket(token_hash(token), kind, name, self._clock.now_us(), ends_at_us)
        return token

    def _check(self, role: AccountRole, person_id: str, stations: tuple[str, ...]) -> None:
        ledger = self._ledger.ledger()
        if role in NEEDS_PERSON and not person_id:
            raise UsageError(
                Text(f"角色 {role.value} 需要 --person", f"the role {role.value} needs --person"),
                remedy=Text("请给出 people.csv 中的 person_id", "give a person_id of people.csv"),
            )
        if person_id and person_id not in {person.person_id for person in ledger.people}:
            raise UsageError(
                Text(f"台账里没有人员 {person_id!r}", f"the ledger knows no person {person_id!r}"),
                remedy=Text("请给出 people.csv 中的 person_id", "give a person_id of people.csv"),
            )
        unknown = set(stations) - {station.station_id for station in ledger.stations}
        if unknown:
            named = ", ".join(sorted(unknown))
            raise UsageError(
                Text(f"台账里没有供电所 {named}", f"the ledger knows no station {named}"),
                remedy=Text("请给出 stations.csv 中的 station_id", "give a station_id of stations.csv"),
            )

    def _keep_an_administrator(self, changed: Account) -> None:
        def leads(account: Account) -> bool:
            return account.role is AccountRole.ADMINISTRATOR and account.disabled_at_us is None

        before = [account.name for account in self._records.accounts() if leads(account)]
        if before == [changed.name] and not leads(changed):
            raise UsageError(
                Text("这是最后一个管理员", "this is the last administrator"),
                remedy=Text("请先添加另一个管理员", "add another administrator first"),
            )


def token_hash(token: str) -> str:
    """Return what is kept of a token. It has 256 random bits, so one round of SHA-256 is enough."""
    return sha256(token.encode()).hexdigest()
