"""Who hears what: channels that serve the same stations and grids are one audience, spoken to by rules of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alerts.notification.event import NotificationEvent
from service.notify.channels.make import Channel


@dataclass(frozen=True)
class Audience:
    """Some channels, and whom they serve."""

    channels: tuple[str, ...]
    stations: tuple[str, ...] = ()
    grids: tuple[str, ...] = ()
    """Both empty: everything is heard."""

    @property
    def is_everybody(self) -> bool:
        """Return whether it hears everything."""
        return not self.stations and not self.grids

    @property
    def name(self) -> str:
        """Return what its state and its messages are told apart by; empty for everybody."""
        if self.is_everybody:
            return ""
        return f"{','.join(sorted(self.stations))}/{','.join(sorted(self.grids))}"

    def hears(self, event: NotificationEvent, grid_of: Mapping[str, str]) -> bool:
        """Return whether an event is for it; `grid_of` by transformer."""
        if self.is_everybody or event.station_id in self.stations:
            return True
        return bool(self.grids) and grid_of.get(event.transformer_id, "") in self.grids


def audiences_of(channels: Sequence[Channel]) -> tuple[Audience, ...]:
    """Return the audiences of some channels, those that hear everything first."""
    by_scope: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for channel in channels:
        scope = tuple(sorted(set(channel.stations))), tuple(sorted(set(channel.grids)))
        by_scope.setdefault(scope, []).append(channel.name)
    found = [Audience(tuple(names), stations, grids) for (stations, grids), names in by_scope.items()]
    return tuple(sorted(found, key=lambda audience: not audience.is_everybody))


def hearers(
    audiences: Sequence[Audience], event: NotificationEvent, grid_of: Mapping[str, str]
) -> tuple[Audience, ...]:
    """Return who hears an event. What nobody is there to hear, everybody hears: nothing is lost for a gap in a list."""
    return tuple(audience for audience in audiences if audience.hears(event, grid_of)) or tuple(audiences)
