"""The rules behind answers, in words: why an incident is one, and what levels there are."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from alerts.notification.messages import incident_reason, level_line
from alerts.rules.rule_set import IncidentPart
from grid.text import Text
from service.queries.answers import IncidentRow, RuleLine
from service.queries.sources import Sources


def reason_of(sources: Sources, row: IncidentRow) -> Text:
    """Return the incident's reason by the rule set that it cites; without that file no line is named."""
    cited = next((r for r in sources.rules if r.cited == row.incident.rule), None)
    opening = cited.opening_level_of(row.incident.level) if cited else None
    return incident_reason(row.incident, opening, ZoneInfo(row.zone))


def rule_lines(sources: Sources) -> tuple[RuleLine, ...]:
    """Return the levels of all rule sets in force."""
    return tuple(
        RuleLine(
            cited=rule_set.cited,
            title=rule_set.title,
            level=level.name,
            words=level_line(level),
            calls_people=level.incident is not IncidentPart.NONE,
        )
        for rule_set in sources.rules
        for level in rule_set.levels
    )
