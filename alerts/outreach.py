"""Whom to ask: the shortest list of doors that will be enough."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from grid.text import Text


class VisitResult(Enum):
    """What a visit to one door brought."""

    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"
    ABSENT = "absent"
    DONE = "done"


@dataclass(frozen=True)
class Visit:
    """One result at one door, as somebody recorded it."""

    incident_id: str
    merchant_id: str
    result: VisitResult
    recorded_at_us: int
    recorded_by: str


@dataclass(frozen=True)
class Ask:
    """What to ask of one merchant. Zero units or None means: not asked for."""

    switch_off_units: int = 0
    of_units: int = 0
    setpoint_from_c: float | None = None
    setpoint_to_c: float | None = None
    lights_off: bool = False


@dataclass(frozen=True)
class Door:
    """One door of a list: whom, what to ask, what it should bring, who goes, and why."""

    order: int
    merchant_id: str
    ask: Ask
    offer_kw: float
    """Relief if the merchant agrees [kW]."""
    agree_probability: float
    assigned_to: str
    """person_id, or empty when the grid has nobody."""
    reason: Text

    @property
    def expected_relief_kw(self) -> float:
        """Return the relief [kW] to expect before knowing the answer."""
        return self.offer_kw * self.agree_probability


@dataclass(frozen=True)
class OutreachList:
    """The doors to knock for one incident, in walking order. `revision` counts from 1."""

    incident_id: str
    revision: int
    made_at_us: int
    load_rate: float
    """The load rate the list was made at."""
    target_load_rate: float
    needed_kw: float
    probability: float
    """The probability that was asked for."""
    reached_probability: float
    """The probability that the doors of this list bring `needed_kw`; below `probability`, it is not enough."""
    doors: tuple[Door, ...]
