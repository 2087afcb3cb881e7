"""What of an incident is measured: the whole of it, each wave of doors, each door.

A window begins with an answer that brings relief and never ends with the load: it would end when the load is low.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from alerts.model.incidents import Incident
from alerts.model.outreach_model import OutreachList, Visit
from grid.timestamps import HOUR_US, MINUTE_US

INCIDENT_US = 2 * HOUR_US
WAVE_US = HOUR_US
DOOR_US = HOUR_US // 2
"""How long an incident, a wave, a door is measured at most (practice): later, other things have happened."""
APART_US = 15 * MINUTE_US
"""Doors whose answers lie nearer to one another cannot be told apart: a slot of the measurement is as long."""


class Scope(Enum):
    """What a window is of."""

    INCIDENT = "incident"
    WAVE = "wave"
    DOOR = "door"


@dataclass(frozen=True)
class ScopeWindow:
    """One window of an incident."""

    scope: Scope
    wave: int | None
    """Revision of the list that a wave or a door belongs to."""
    merchant_id: str | None
    from_us: int
    to_us: int
    is_apart: bool
    """Whether nothing else that was asked falls into it."""


def scope_windows(
    incident: Incident, revisions: Sequence[OutreachList], visits: Mapping[str, Visit]
) -> tuple[ScopeWindow, ...]:
    """Return the windows of an incident: itself, its waves, and the doors that brought relief, in order of time.

    `visits` are the answers that stand, by merchant. Without any the incident is measured from its opening on, so that
    it says what the load did by itself.
    """
    helpful = sorted((v for v in visits.values() if v.result.brings_relief), key=lambda v: v.recorded_at_us)
    # The reading that opened the incident lies before the window: it made the window begin.
    from_us = helpful[0].recorded_at_us if helpful else incident.first_reading_at_us + 1
    found = [ScopeWindow(Scope.INCIDENT, None, None, from_us, from_us + INCIDENT_US, is_apart=True)]
    wave_of = _waves(revisions)
    begun: dict[int, int] = {}
    for visit in helpful:
        begun.setdefault(wave_of.get(visit.merchant_id, 1), visit.recorded_at_us)
    starts = sorted(begun.items(), key=lambda item: item[1])
    for place, (wave, at_us) in enumerate(starts):
        next_us = starts[place + 1][1] if place + 1 < len(starts) else at_us + WAVE_US
        to_us = min(next_us, at_us + WAVE_US)
        found.append(ScopeWindow(Scope.WAVE, wave, None, at_us, to_us, is_apart=to_us - at_us >= APART_US))
    times_us = [visit.recorded_at_us for visit in helpful]
    for place, visit in enumerate(helpful):
        at_us = visit.recorded_at_us
        next_us = times_us[place + 1] if place + 1 < len(times_us) else at_us + DOOR_US
        before_us = times_us[place - 1] if place else at_us - APART_US
        apart = next_us - at_us >= APART_US and at_us - before_us >= APART_US
        to_us = max(min(next_us, at_us + DOOR_US), at_us + MINUTE_US)
        found.append(
            ScopeWindow(Scope.DOOR, wave_of.get(visit.merchant_id, 1), visit.merchant_id, at_us, to_us, is_apart=apart)
        )
    return tuple(found)


def _waves(revisions: Sequence[OutreachList]) -> dict[str, int]:
    """Return the revision that first named each merchant."""
    found: dict[str, int] = {}
    for one in revisions:
        for door in one.doors:
            found.setdefault(door.merchant_id, one.revision)
    return found
