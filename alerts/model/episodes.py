"""Episodes: a transformer's stays above one line of one rule set, as verdicts tell them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from alerts.rules.rule_set import IncidentPart


class Ending(Enum):
    """What ended an episode."""

    LEAVE = "leave"
    """The load rate stayed below the leave line for long enough."""
    GAP = "gap"
    """Readings stopped for longer than the gap limit."""
    MIDNIGHT = "midnight"
    """The day was over, for a rule set that judges each day by itself."""


@dataclass(frozen=True)
class Episode:
    """A transformer's stay above one line of one rule set.

    `started_at_us` and `ended_at_us` are the linear crossings of the enter and the leave line;
    `ended_at_us` is None while the episode is open.
    """

    transformer_id: str
    rule: str
    level: str
    first_reading_at_us: int
    started_at_us: int
    ended_at_us: int | None
    ended_by: Ending | None
    first_load_rate: float
    peak_load_rate: float
    peak_at_us: int
    readings: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Return what names this episode for good: transformer, rule, level, opening reading."""
        return (self.transformer_id, self.rule, self.level, self.first_reading_at_us)


@dataclass(frozen=True)
class EpisodeChange:
    """An episode as a block left it, and whether it was known before that block."""

    episode: Episode
    incident: IncidentPart
    """What its level does to incidents."""
    known_before: bool
