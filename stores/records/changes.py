"""What one pipeline tick wants recorded, as one value: it is committed whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, fields

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident, IncidentEvent
from alerts.outreach.ask import Ask
from alerts.outreach.planner import OutreachList
from alerts.outreach.release import Release
from grid.text import Text

EpisodeKey = tuple[str, str, str, int]
"""`Episode.key`: transformer, rule, level, opening reading [µs]."""


@dataclass(frozen=True)
class NewMessage:
    """Something to say to people, once per channel. `text` carries no personal data.

    `key` names the message for good: a message recorded again under the same key is the same message.
    """

    key: str
    kind: str
    """What the message is about, such as `incident_opened`; notifiers may choose by it."""
    station_id: str
    incident_id: str | None
    text: Text
    created_at_us: int
    channels: tuple[str, ...]
    """Names of the channels that must deliver it, each on its own."""
    mentions: tuple[str, ...] = ()
    """Ids of our own people whom it calls."""


@dataclass(frozen=True)
class NotifiedEvent:
    """One thing that had to be said, and the message that said it: what alarms are audited by."""

    key: str
    """Names the event for good."""
    kind: str
    station_id: str
    level: str
    transformer_id: str
    incident_id: str | None
    created_at_us: int
    told_at_us: int
    message_key: str


@dataclass(frozen=True)
class Call:
    """That some of our people were called to an incident. Step 0 is the first; each next one means nobody answered."""

    incident_id: str
    step: int
    role: str
    person_ids: tuple[str, ...]
    called_at_us: int


@dataclass(frozen=True)
class Changes:
    """Everything that one tick changed. Recording the same changes twice leaves the same records."""

    episodes: tuple[Episode, ...] = ()
    """Inserted or brought up to date, by `Episode.key`."""
    retracted_episodes: tuple[EpisodeKey, ...] = ()
    """Episodes that late readings proved wrong; they are kept, marked as retracted."""
    incidents: tuple[Incident, ...] = ()
    """Inserted or brought up to date, by `incident_id`."""
    events: tuple[IncidentEvent, ...] = ()
    """Added to their incident's record; the same event is recorded once."""
    lists: tuple[OutreachList, ...] = ()
    """Added by (incident_id, revision); a list that is recorded already stays as people have seen it."""
    messages: tuple[NewMessage, ...] = ()
    """Put into the outbox by `key`; a message that is there already stays as it is."""
    told: tuple[NotifiedEvent, ...] = ()
    """Added by `key`."""
    calls: tuple[Call, ...] = ()
    """Added by (incident_id, step)."""
    asks: tuple[Ask, ...] = ()
    """Inserted or brought up to date, by `incident_id`."""
    releases: tuple[Release, ...] = ()
    """Added by (incident_id, merchant_id)."""
    states: tuple[tuple[str, str], ...] = ()
    """(name, text) of what a part of the pipeline has to remember over a restart; the newest of a name counts."""

    def __bool__(self) -> bool:
        """Return whether there is anything to record."""
        return any(getattr(self, each.name) for each in fields(self))

    def plus(self, later: Changes) -> Changes:
        """Return these changes and later ones as one."""
        return Changes(**{each.name: getattr(self, each.name) + getattr(later, each.name) for each in fields(self)})
