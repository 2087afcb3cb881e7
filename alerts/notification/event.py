"""What is to be said to people, and what is said: many events become few notifications."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256

from alerts.model.kinds import LevelName, MessageKind, known_level
from grid.text import Text

OPENED = MessageKind.INCIDENT_OPENED
"""The kind of event that tells of a load rate that crossed the line: what flapping is counted by."""


class Urgency(IntEnum):
    """What is said first when not everything can be said at once."""

    ROUTINE = 0
    SEVERE_HEAVY = 1
    OVERLOAD = 2
    BLIND = 3
    """We cannot see: nothing is more urgent."""


@dataclass(frozen=True)
class Group:
    """Who is spoken to about what: one group says at most one thing in five minutes."""

    station_id: str
    level: str


@dataclass(frozen=True)
class NotificationEvent:
    """One thing to say. `text` and all else carry no personal data."""

    key: str
    """Names the event for good: it is said once."""
    kind: MessageKind
    station_id: str
    level: str
    urgency: int
    """`Urgency`, or a number of one's own: the greater is said first."""
    created_at_us: int
    text: Text
    transformer_id: str = ""
    """Empty for what concerns no single transformer."""
    load_rate: float = float("nan")
    incident_id: str | None = None

    @property
    def group(self) -> Group:
        """Return the group it belongs to."""
        return Group(self.station_id, self.level)

    @property
    def subject(self) -> str:
        """Return what it is about: its transformer, or itself."""
        is_of_its_own = not self.transformer_id or self.kind == MessageKind.COMMUNITY_NOTICE
        return f"remark {self.key}" if is_of_its_own else f"transformer {self.transformer_id}"


@dataclass(frozen=True)
class Notification:
    """One message to send on every channel, and the events that are said by it."""

    key: str
    """A function of the events in it: the same events spoken again are the same notification."""
    kind: MessageKind
    """Of its only event, or of the event that leads, or `group` or `digest`."""
    station_id: str
    """Empty for a digest over several stations."""
    level: str
    urgency: int
    text: Text
    created_at_us: int
    incident_id: str | None
    """Where all its events are about one incident."""
    event_keys: tuple[str, ...]


def notification_key(event_keys: tuple[str, ...]) -> str:
    """Return the key of a notification: that of its only event, or a digest of all."""
    if len(event_keys) == 1:
        return event_keys[0]
    return f"speech/{sha256(chr(10).join(sorted(event_keys)).encode()).hexdigest()[:24]}"


def urgency_of_level(level: str) -> Urgency:
    """Return how urgent it is that a transformer reached a level, of the total or of a phase."""
    known = known_level(level)
    match known.of_total if known else None:
        case LevelName.OVERLOAD:
            return Urgency.OVERLOAD
        case LevelName.SEVERE_HEAVY:
            return Urgency.SEVERE_HEAVY
        case _:
            return Urgency.ROUTINE
