"""Incidents: the people's object above the episodes of early warning, from opened to closed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from enum import Enum
from functools import lru_cache
from hashlib import sha256

from grid.timestamps import as_datetime

IDS_KEPT = 100_000
"""Ids of open incidents are asked for with each reading; so many are remembered, 25 MB at most (practice)."""


class IncidentState(Enum):
    """Where an incident stands. Blindness is told beside it: an open incident can be blind."""

    OPEN = "open"
    CLOSED = "closed"
    UNKNOWN = "unknown"
    """Over without anybody knowing how: nothing that counts was measured for too long. `closed_at_us` is since when."""
    RETRACTED = "retracted"


class IncidentEventKind(Enum):
    """What happened to an incident, as its record tells it."""

    OPENED = "opened"
    RAISED = "raised"
    WENT_BLIND = "went_blind"
    SAW_AGAIN = "saw_again"
    REVISED = "revised"
    RETRACTED = "retracted"
    CLOSED = "closed"
    LOST_SUPPLY = "lost_supply"
    GOT_SUPPLY = "got_supply"
    ENDED_UNKNOWN = "ended_unknown"
    LIST_MADE = "list_made"
    VISITED = "visited"
    ASK = "ask"
    """The ask went on to another state; it has one of its own."""
    RELEASED = "released"
    """Merchants were told that they may switch back."""
    CALLED = "called"
    UNANSWERED = "unanswered"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    PUT_AWAY = "put_away"


@dataclass(frozen=True)
class Incident:
    """One transformer's stay above the line that calls people. Load rates are fractions."""

    incident_id: str
    transformer_id: str
    rule: str
    level: str
    """The highest level reached so far: `severe_heavy` or `overload`."""
    state: IncidentState
    first_reading_at_us: int
    opened_at_us: int
    opened_load_rate: float
    peak_load_rate: float
    peak_at_us: int
    last_load_rate: float
    last_reading_at_us: int
    closed_at_us: int | None = None
    blind: bool = False
    no_voltage_since_us: int | None = None
    """Since when its readings have shown no voltage; None while they show some, or once it is over."""

    @property
    def is_of_phase(self) -> bool:
        """Return whether it is about the heaviest phase alone: then its load rates are those of the phase."""
        return self.level.startswith("phase_")


@dataclass(frozen=True)
class IncidentEvent:
    """One line of an incident's record. `detail` holds the numbers, no personal data."""

    incident_id: str
    at_us: int
    kind: IncidentEventKind
    detail_zh: str
    detail_en: str


@lru_cache(maxsize=IDS_KEPT)
def incident_id(transformer_id: str, rule: str, first_reading_at_us: int) -> str:
    """Return the id, a function of transformer, rule and opening reading and of nothing else.

    The opening reading's minute (UTC) is for people; six hexadecimal digits of a digest of all three tell
    apart what the minute cannot.

    >>> incident_id("YX06", "early-warning@1", 1627094520000000)
    'YX06-20210724T0242Z-80d10d'
    """
    when = as_datetime(first_reading_at_us, UTC)
    digest = sha256(f"{transformer_id}\n{rule}\n{first_reading_at_us}".encode()).hexdigest()
    return f"{transformer_id}-{when:%Y%m%dT%H%M}Z-{digest[:6]}"
