"""Who goes to which door: each walker one piece of the walk, of about as many minutes as the others'."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from alerts.model.outreach_model import Ask, OutreachList
from grid.assets import Person, Role, Transformer

DOOR_MINUTES = 3.0
"""Walking there and saying what it is about (practice)."""
UNIT_MINUTES = 2.0
"""For each unit that is switched off, and for the lights (practice)."""


def door_minutes(ask: Ask) -> float:
    """Return how long a door takes with somebody who agrees [minutes]."""
    return DOOR_MINUTES + UNIT_MINUTES * (ask.switch_off_units + ask.other_off_units + ask.lights_off)


def shared_out(
    walk: Sequence[tuple[str, Ask]],
    transformer: Transformer,
    people: Iterable[Person],
    previous: OutreachList | None,
) -> dict[str, str]:
    """Return who goes to each door of a walk, by merchant_id: members of the grid, else its lead, else nobody ("").

    Each gets one contiguous piece, and the pieces take about as long as each other. Doors of the `previous` list stay
    with the person who has them.
    """
    of_grid = [p for p in people if transformer.grid_id and p.grid_id == transformer.grid_id]
    members = sorted(p.person_id for p in of_grid if p.role is Role.MEMBER)
    leads = sorted(p.person_id for p in of_grid if p.role is Role.GRID_LEAD)
    team = members or leads[:1]
    if not team:
        return {merchant_id: "" for merchant_id, _ in walk}
    before = {door.merchant_id: door.assigned_to for door in previous.doors} if previous else {}
    goes = {m: before[m] for m, _ in walk if before.get(m) in team}
    free = [(m, door_minutes(ask)) for m, ask in walk if m not in goes]
    walkers = team[: max(1, len(free))]
    total, done = sum(minutes for _, minutes in free), 0.0
    left = len(free)
    piece = 0
    for i, (merchant_id, minutes) in enumerate(free):
        # The piece is the one that the middle of this door's minutes lies in; every walker gets a door.
        middle = int((done + minutes / 2.0) / total * len(walkers))
        piece = max(min(max(middle, piece), piece + 1 if i else 0), len(walkers) - (left - i))
        goes[merchant_id] = walkers[min(piece, len(walkers) - 1)]
        done += minutes
    return goes
