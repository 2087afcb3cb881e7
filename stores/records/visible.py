"""What an account may see, as conditions in the query: the one place where rights on rows are decided.

Every question about transformers, incidents, lists, visits and messages is asked through these conditions, so that
a list of ten thousand costs one query, and what is not visible does not exist for whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from alerts.model.incidents import IncidentState
from alerts.outreach.ask import AskState
from stores.records.schema import ask, door, incident, merchant, message, person, service_grid, transformer


class Contacts(Enum):
    """How much of a merchant's contact is shown."""

    NEVER = "never"
    """Not even masked."""
    MASKED = "masked"
    ON_REQUEST = "on_request"
    """Masked; the number itself for a reason, with a record."""


@dataclass(frozen=True)
class Visible:
    """What somebody may see. The default is everything: commands run by whoever owns the files."""

    stations: tuple[str, ...] = ()
    """Empty: all of them."""
    grids_of: str = ""
    """Only the grids that this person works in; empty: all of the stations."""
    community: bool = False
    """With `grids_of`: all grids of the same community too."""
    doors_of: str = ""
    """Only what belongs to the doors that this person has in open incidents; empty: all."""
    incidents: bool = True
    merchants: bool = True
    """Doors, answers and names of merchants."""
    contacts: Contacts = field(default=Contacts.ON_REQUEST)

    @property
    def everything(self) -> bool:
        """Return whether no row is left out."""
        return not (self.stations or self.grids_of or self.doors_of) and self.incidents

    def may_see_door(self, assigned_to: str) -> bool:
        """Return whether a door of a visible incident may be seen by who it is assigned to."""
        return self.merchants and self.doors_of in ("", assigned_to)


EVERYTHING = Visible()


def stations(visible: Visible, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a station's id is visible."""
    return column.in_(visible.stations) if visible.stations else true()


def transformers(visible: Visible) -> ColumnElement[bool]:
    """Return the condition on the transformer table. Rows that are retired are judged like others."""
    conditions = [stations(visible, transformer.c.station_id)]
    if visible.grids_of:
        conditions.append(transformer.c.grid_id.in_(_own_grids(visible)))
    if visible.doors_of:
        own = select(incident.c.transformer_id).where(_open_with_own_door(visible))
        conditions.append(transformer.c.transformer_id.in_(own))
    return and_(*conditions)


def incidents(visible: Visible) -> ColumnElement[bool]:
    """Return the condition on the incident table."""
    if visible.everything:
        return true()
    if not visible.incidents:
        return false()
    own = select(transformer.c.transformer_id).where(transformers(visible))
    conditions: list[ColumnElement[bool]] = [incident.c.transformer_id.in_(own)]
    if visible.doors_of:
        conditions.append(_open_with_own_door(visible))
    return and_(*conditions)


def incident_ids(visible: Visible, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that a column holds the id of a visible incident."""
    if visible.everything:
        return true()
    return column.in_(select(incident.c.incident_id).where(incidents(visible)))


def merchants(visible: Visible) -> ColumnElement[bool]:
    """Return the condition on the merchant table."""
    if visible.everything:
        return true()
    if not visible.merchants:
        return false()
    own = select(transformer.c.transformer_id).where(transformers(visible))
    conditions = [merchant.c.transformer_id.in_(own)]
    if visible.doors_of:
        mine = select(door.c.merchant_id).where(door.c.assigned_to == visible.doors_of)
        conditions.append(merchant.c.merchant_id.in_(mine))
    return and_(*conditions)


def messages(visible: Visible) -> ColumnElement[bool]:
    """Return the condition on the outbox's messages."""
    if visible.everything:
        return true()
    of_station = stations(visible, message.c.station_id)
    return and_(of_station, or_(message.c.incident_id.is_(None), incident_ids(visible, message.c.incident_id)))


def _open_with_own_door(visible: Visible) -> ColumnElement[bool]:
    mine = select(door.c.incident_id).where(door.c.assigned_to == visible.doors_of)
    # An ask may outlive its incident: its doors are still to be walked.
    asked = select(ask.c.incident_id).where(ask.c.state.in_([state.value for state in AskState if state.sends_people]))
    goes_on = or_(incident.c.state == IncidentState.OPEN.value, incident.c.incident_id.in_(asked))
    return and_(goes_on, incident.c.incident_id.in_(mine))


def _own_grids(visible: Visible) -> ColumnElement[str]:
    own = select(person.c.grid_id).where(person.c.person_id == visible.grids_of, person.c.retired_at_us.is_(None))
    if not visible.community:
        return own.scalar_subquery()
    mine = service_grid.alias("mine")
    near = select(service_grid.c.grid_id).join(
        mine,
        and_(
            mine.c.grid_id.in_(own),
            mine.c.station_id == service_grid.c.station_id,
            or_(
                service_grid.c.grid_id == mine.c.grid_id,
                and_(mine.c.community != "", service_grid.c.community == mine.c.community),
            ),
        ),
    )
    return near.scalar_subquery()
