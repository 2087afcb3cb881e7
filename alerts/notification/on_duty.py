"""Who is on duty: the roster first, else the grid's own team, substitutes in their place. Pure; in the station's time.

A person without a line in the roster is on whenever their role is called; one with lines only within them. A line
for a date counts instead of the person's weekdays on that day. A shift that ends before it begins runs past midnight
and belongs to the day on which it begins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from enum import Enum
from zoneinfo import ZoneInfo

from grid.assets import Ledger, Person, Role, Shift, Transformer
from grid.timestamps import as_datetime

CHAIN = (Role.MEMBER, Role.GRID_LEAD, Role.DUTY, Role.STATION_HEAD)
"""Who is called, and who next when nobody answers."""
_OF_A_GRID = (Role.MEMBER, Role.GRID_LEAD, Role.COMMUNITY_LEAD)
_DAY_MINUTES = 24 * 60


class Source(Enum):
    """Why somebody is on."""

    SHIFT = "shift"
    SUBSTITUTE = "substitute"
    TEAM = "team"
    """Not in the roster, and of the grid or station."""
    STAND_BY = "stand_by"
    """Named by the settings for when nobody else is."""


@dataclass(frozen=True)
class OnDuty:
    """One person who is on, in which role, and why."""

    person: Person
    role: Role
    source: Source
    in_place_of: str = ""
    """Person id, for a substitute."""
    until: datetime | None = None
    """End of the shift; None without one."""


class Roster:
    """The people of a ledger and their shifts."""

    def __init__(self, ledger: Ledger, stand_by: Sequence[str] = ()) -> None:
        """Sort people to their grids and stations; `stand_by` are the ids of those who are called when nobody is on."""
        self.person: Mapping[str, Person] = {person.person_id: person for person in ledger.people}
        self.transformer: Mapping[str, Transformer] = {t.transformer_id: t for t in ledger.transformers}
        self.zone: Mapping[str, tzinfo] = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self.station_of_grid: Mapping[str, str] = {grid.grid_id: grid.station_id for grid in ledger.grids}
        self._shifts: dict[str, list[Shift]] = {}
        for shift in ledger.roster:
            self._shifts.setdefault(shift.person_id, []).append(shift)
        self._stand_by = tuple(self.person[each] for each in stand_by if each in self.person)

    def of_role(self, role: Role, station_id: str, grid_id: str, at_us: int) -> tuple[OnDuty, ...]:
        """Return who of a role is on at a moment, for a grid (members and leads) or a station (desk and head)."""
        at = as_datetime(at_us, self.zone[station_id])
        found: dict[str, OnDuty] = {}
        for person in self.person.values():
            if person.role is role and self._serves(person, station_id, grid_id):
                for on in self._on(person, at):
                    found.setdefault(on.person.person_id, on)
        return tuple(found.values())

    def steps(self, station_id: str, grid_id: str, at_us: int) -> tuple[tuple[OnDuty, ...], ...]:
        """Return whom to call at a moment, one after another: the chain without those steps where nobody is on.

        Where nobody is on at all, those who stand by.
        """
        chain = [self.of_role(role, station_id, grid_id, at_us) for role in CHAIN]
        steps = tuple(step for step in chain if step)
        if steps or not self._stand_by:
            return steps
        return (tuple(OnDuty(person, person.role, Source.STAND_BY) for person in self._stand_by),)

    def _serves(self, person: Person, station_id: str, grid_id: str) -> bool:
        if person.role in _OF_A_GRID:
            return bool(grid_id) and person.grid_id == grid_id
        return not person.grid_id or self.station_of_grid.get(person.grid_id) == station_id

    def _on(self, person: Person, at: datetime) -> list[OnDuty]:
        shifts = self._shifts.get(person.person_id)
        if not shifts:
            return [OnDuty(person, person.role, Source.TEAM)]
        on = []
        for begins_on in (at.date(), at.date() - timedelta(days=1)):
            for shift in _of_day(shifts, begins_on):
                begins, ends = _span(shift, begins_on, at.tzinfo)
                if begins <= at < ends:
                    substitute = self.person.get(shift.substitute_id)
                    if substitute is None:
                        on.append(OnDuty(person, person.role, Source.SHIFT, until=ends))
                    else:
                        on.append(OnDuty(substitute, person.role, Source.SUBSTITUTE, person.person_id, ends))
        return on


def _of_day(shifts: Sequence[Shift], day: date) -> list[Shift]:
    dated = [shift for shift in shifts if shift.date == day.isoformat()]
    return dated or [shift for shift in shifts if not shift.date and str(day.isoweekday()) in shift.weekdays]


def _span(shift: Shift, day: date, zone: tzinfo | None) -> tuple[datetime, datetime]:
    begins, ends = _minutes(shift.starts), _minutes(shift.ends)
    if ends <= begins:
        ends += _DAY_MINUTES
    return _at(day, begins, zone), _at(day, ends, zone)


def _at(day: date, minutes: int, zone: tzinfo | None) -> datetime:
    days, minute = divmod(minutes, _DAY_MINUTES)
    on = day + timedelta(days=days)
    return datetime(on.year, on.month, on.day, minute // 60, minute % 60, tzinfo=zone)


def _minutes(time: str) -> int:
    hour, minute = time.split(":")
    return int(hour) * 60 + int(minute)
