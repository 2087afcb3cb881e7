"""What a level says of one transformer's readings: runs above the line, and the episodes among them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """What ended an episode."""

    LEAVE = "leave"
    """The load rate stayed below the leave line for long enough."""
    GAP = "gap"
    """Readings stopped for longer than the gap limit."""


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
