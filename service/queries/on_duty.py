"""Who is on duty at a moment, station by station and grid by grid: for the page and the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.notification.on_duty import CHAIN, OnDuty, Roster, Source
from grid.assets import Ledger, Role
from grid.text import Text

SOURCES: Mapping[Source, Text] = {
    Source.SHIFT: Text("排班", "shift"),
    Source.SUBSTITUTE: Text("替班", "substitute"),
    Source.TEAM: Text("网格班组", "team"),
    Source.STAND_BY: Text("后备", "stand-by"),
}
_ROLES_OF_A_GRID = (Role.COMMUNITY_LEAD, Role.GRID_LEAD, Role.MEMBER)
_ROLES_OF_A_STATION = (Role.DUTY, Role.STATION_HEAD)


@dataclass(frozen=True)
class OnDutyRow:
    """One person who is on."""

    station_id: str
    grid_id: str
    """Empty for the desk and the head of a station."""
    on: OnDuty


def on_duty_rows(ledger: Ledger, stand_by: Sequence[str], at_us: int) -> tuple[OnDutyRow, ...]:
    """Return who is on, in the order of stations, grids and roles; those who stand by where nobody is."""
    people = Roster(ledger, stand_by)
    rows: list[OnDutyRow] = []
    for station in ledger.stations:
        grids = [grid.grid_id for grid in ledger.grids if grid.station_id == station.station_id]
        scopes = [(grid_id, role) for grid_id in grids for role in _ROLES_OF_A_GRID]
        scopes += [("", role) for role in _ROLES_OF_A_STATION]
        found = [
            OnDutyRow(station.station_id, grid_id, on)
            for grid_id, role in scopes
            for on in people.of_role(role, station.station_id, grid_id, at_us)
        ]
        if not any(row.on.role in CHAIN for row in found):
            steps = people.steps(station.station_id, "", at_us)
            found += [OnDutyRow(station.station_id, "", on) for step in steps for on in step]
        rows += found
    return tuple(rows)
