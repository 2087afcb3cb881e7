"""What the read side asks: the stores, the rule sets in force, the clock, and the settings that answers depend on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from alerts.outreach.planner import OutreachSettings
from alerts.rules.rule_set import IncidentPart, RuleSet
from alerts.silence.detection import SilenceSettings
from service.clock import Clock
from stores.journal.journal import Journal
from stores.records.records import Records


@dataclass(frozen=True)
class QueryOptions:
    """The settings that the read side depends on."""

    outreach: OutreachSettings
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    gap_minutes: float = 20.0
    """A hole in a curve longer than this is drawn as a hole."""
    trends_max: int = 60
    """Trends are computed for so many of the most urgent transformers."""


@dataclass(frozen=True)
class Sources:
    """Where answers come from."""

    journal: Callable[[], Journal | None]
    """Gives the reader, or None while no collector has ever written one."""
    records: Records
    rules: tuple[RuleSet, ...]
    clock: Clock
    options: QueryOptions

    @property
    def calling(self) -> RuleSet:
        """Return the rule set that calls people, or the first."""
        opening = (r for r in self.rules if any(level.incident is IncidentPart.OPENS for level in r.levels))
        return next(opening, self.rules[0])
