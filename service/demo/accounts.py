"""Throw-away accounts of a demo: its addresses sign in by themselves, on this computer and in this demo only."""

from __future__ import annotations

from grid.assets import Role
from service.access.rights import AccountRole
from service.container import Container

_BY = "demo"


def throw_away_accounts(container: Container, port: int) -> tuple[str, str]:
    """Make an account for the desk and one for a phone. Return the addresses that sign in as them.

    They have no password; their tokens lie in the demo's own records, and are taken from loopback alone and only
    where the clock is a scaled one, as no real installation's is.
    """
    people = container.records.ledger().people
    duty = next((p.person_id for p in people if p.role is Role.DUTY), "")
    member = next(p.person_id for p in people if p.role is Role.MEMBER)
    address = f"http://127.0.0.1:{port}/enter?token="
    made = []
    for name, role, person, then in (
        ("demo-duty", AccountRole.DUTY, duty, "%2F"),
        ("demo-member", AccountRole.MEMBER, member, "%2Fm%2F"),
    ):
        container.accounts.add(name, role, _BY, person_id=person)
        made.append(f"{address}{container.accounts.demo_token(name)}&next={then}")
    return made[0], made[1]
