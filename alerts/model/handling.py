"""How people handle an incident: who has it, who was given it, what was noted, and how the desk put it away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

NOTE_LETTERS_MAX = 500


class NoteKind(Enum):
    """What somebody noted at an incident."""

    ASSIGNED = "assigned"
    COMMENTED = "commented"
    PUT_AWAY = "put_away"
    """The desk has done what it can, with a reason. Readings alone close an incident: this is about people's work."""


@dataclass(frozen=True)
class IncidentNote:
    """One thing noted. `text` may be anything a person wrote; it leaves the records only onto pages and reports."""

    incident_id: str
    kind: NoteKind
    at_us: int
    by: str
    """person_id"""
    text: str = ""
    assigned_to: str = ""
    """person_id, for `ASSIGNED`."""


@dataclass(frozen=True)
class Handling:
    """How an incident stands with people."""

    acknowledged_by: str = ""
    """person_id, empty while nobody has it."""
    acknowledged_at_us: int | None = None
    assigned_to: str = ""
    """person_id, of the newest assignment."""
    put_away: IncidentNote | None = None
    """The newest, with its reason; None while it is being worked on."""

    @staticmethod
    def of(notes: Iterable[IncidentNote], acknowledged_by: str = "", at_us: int | None = None) -> Handling:
        """Return what notes, oldest first, amount to. Work assigned anew after it was put away is open again."""
        assigned_to, put_away = "", None
        for note in notes:
            match note.kind:
                case NoteKind.ASSIGNED:
                    assigned_to, put_away = note.assigned_to, None
                case NoteKind.PUT_AWAY:
                    put_away = note
                case NoteKind.COMMENTED:
                    pass
        return Handling(acknowledged_by, at_us, assigned_to, put_away)


NOT_HANDLED = Handling()
