"""Communities first: before a street is asked, its community is told, by the station's own choice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from alerts.model.kinds import MessageKind
from alerts.notification import call_words
from alerts.notification.event import NotificationEvent
from alerts.notification.on_duty import Roster
from grid.assets import Ledger, Role, ServiceGrid


class CommunitiesFirst:
    """Puts a word to the community before the first word to the street."""

    def __init__(self, ledger: Ledger, roster: Roster) -> None:
        """Know the grids and their community leads."""
        self._roster = roster
        self._grid: Mapping[str, ServiceGrid] = {grid.grid_id: grid for grid in ledger.grids}

    def before(self, events: Iterable[NotificationEvent]) -> list[NotificationEvent]:
        """Return the events, with one for the community before each incident that opens in a grid."""
        found: list[NotificationEvent] = []
        for event in events:
            if event.kind == MessageKind.INCIDENT_OPENED and event.incident_id:
                transformer = self._roster.transformer.get(event.transformer_id)
                grid = self._grid.get(transformer.grid_id) if transformer else None
                if transformer is not None and grid is not None:
                    found.append(
                        replace(
                            event,
                            key=f"{event.incident_id}/community",
                            kind=MessageKind.COMMUNITY_NOTICE,
                            level=MessageKind.COMMUNITY_NOTICE,
                            # Said before the street is asked: at least as urgent, and heard first.
                            urgency=event.urgency + 1,
                            text=call_words.community_first(transformer, grid.community),
                        )
                    )
            found.append(event)
        return found

    def leads(self, event: NotificationEvent) -> tuple[str, ...]:
        """Return the community leads whom an event calls."""
        transformer = self._roster.transformer.get(event.transformer_id)
        if event.kind != MessageKind.COMMUNITY_NOTICE or transformer is None:
            return ()
        on = self._roster.of_role(Role.COMMUNITY_LEAD, transformer.station_id, transformer.grid_id, event.created_at_us)
        return tuple(each.person.person_id for each in on)
