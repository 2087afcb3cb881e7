"""What each role may see and do: the one table. Rows are decided by `stores.records.visible`, actions here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from grid.text import Text
from stores.records.accounts import Account, AccountRole
from stores.records.visible import Contacts, Visible

__all__ = [
    "EVERY_RIGHT", "MAY", "NEEDS_PERSON", "NO_RIGHT", "PHONE_ROLES", "ROLE_NAMES",
    "AccountRole", "Action", "Contacts", "Rights", "rights_of",
]  # fmt: skip


class Action(Enum):
    """What can be asked of the product over HTTP."""

    SEE_LOAD = "see_load"
    SEE_INCIDENTS = "see_incidents"
    SEE_DOORS = "see_doors"
    SEE_ALARMS = "see_alarms"
    SEE_SYSTEM = "see_system"
    SEE_AUDIT = "see_audit"
    ANSWER = "answer"
    REVEAL = "reveal"
    EXPORT = "export"
    HAND_OVER = "hand_over"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    CLOSE = "close"
    REPORT = "report"
    PROTECT = "protect"
    ROSTER = "roster"
    MANAGE_ACCOUNTS = "manage_accounts"
    MANAGE_LEDGER = "manage_ledger"


_A = Action
_DOORS = frozenset({_A.SEE_LOAD, _A.SEE_INCIDENTS, _A.SEE_DOORS, _A.ANSWER})
_LEADS = _DOORS | {_A.HAND_OVER, _A.EXPORT}
_DUTY = _LEADS | {
    _A.REVEAL,
    _A.SEE_ALARMS,
    _A.SEE_SYSTEM,
    _A.ACKNOWLEDGE,
    _A.ASSIGN,
    _A.COMMENT,
    _A.CLOSE,
    _A.REPORT,
}
MAY: dict[AccountRole, frozenset[Action]] = {
    AccountRole.WALL: frozenset({_A.SEE_LOAD, _A.SEE_INCIDENTS}),
    AccountRole.MEMBER: _DOORS | {_A.REVEAL},
    AccountRole.GRID_LEAD: _LEADS | {_A.REVEAL},
    AccountRole.COMMUNITY_LEAD: _LEADS,
    AccountRole.DUTY: _DUTY,
    AccountRole.STATION_HEAD: _DUTY | {_A.PROTECT, _A.ROSTER},
    AccountRole.AUDITOR: frozenset({_A.SEE_INCIDENTS, _A.SEE_LOAD, _A.SEE_DOORS, _A.SEE_ALARMS, _A.SEE_AUDIT}),
    AccountRole.ADMINISTRATOR: frozenset({_A.MANAGE_ACCOUNTS, _A.MANAGE_LEDGER, _A.SEE_SYSTEM}),
}
"""Role by role, what it may do to what it sees."""

NEEDS_PERSON = frozenset({AccountRole.MEMBER, AccountRole.GRID_LEAD, AccountRole.COMMUNITY_LEAD})
"""Roles whose rights follow from who they are in the ledger."""
PHONE_ROLES = frozenset({AccountRole.MEMBER, AccountRole.GRID_LEAD, AccountRole.DUTY})
"""Roles of the phone page."""

ROLE_NAMES = {
    AccountRole.WALL: Text("大屏", "wall"),
    AccountRole.MEMBER: Text("队员", "member"),
    AccountRole.GRID_LEAD: Text("网格长", "grid lead"),
    AccountRole.COMMUNITY_LEAD: Text("社区负责人", "community lead"),
    AccountRole.DUTY: Text("值班员", "duty"),
    AccountRole.STATION_HEAD: Text("所长", "station head"),
    AccountRole.AUDITOR: Text("审计员", "auditor"),
    AccountRole.ADMINISTRATOR: Text("管理员", "administrator"),
}


@dataclass(frozen=True)
class Rights:
    """What one account may see and do. Equal rights give equal answers, so answers are kept by them."""

    role: AccountRole | None
    """None: whoever owns the files, by a command."""
    person_id: str
    actions: frozenset[Action]
    visible: Visible

    def may(self, action: Action) -> bool:
        """Return whether the action is allowed on what is visible."""
        return action in self.actions


EVERY_RIGHT = Rights(None, "", frozenset(Action), Visible())
"""Of commands, which run as the owner of the files."""


NO_RIGHT = Rights(
    None, "", frozenset(), Visible(incidents=False, merchants=False, stations=("",), contacts=Contacts.NEVER)
)
"""Of nobody."""


def rights_of(account: Account) -> Rights:
    """Return the rights of an account. One without the person that its role needs sees nothing."""
    role, person = account.role, account.person_id
    if role in NEEDS_PERSON and not person:
        return replace(NO_RIGHT, role=role)
    return Rights(role, person, MAY[role], _visible(role, account.station_ids, person))


def _visible(role: AccountRole, stations: tuple[str, ...], person: str) -> Visible:
    match role:
        case AccountRole.WALL:
            return Visible(stations, merchants=False, contacts=Contacts.NEVER)
        case AccountRole.MEMBER:
            return Visible(stations, doors_of=person)
        case AccountRole.GRID_LEAD:
            return Visible(stations, grids_of=person)
        case AccountRole.COMMUNITY_LEAD:
            return Visible(stations, grids_of=person, community=True, contacts=Contacts.NEVER)
        case AccountRole.DUTY | AccountRole.STATION_HEAD:
            return Visible(stations)
        case AccountRole.AUDITOR:
            return Visible(stations, contacts=Contacts.MASKED)
        case AccountRole.ADMINISTRATOR:
            return Visible(stations, incidents=False, merchants=False, contacts=Contacts.NEVER)
