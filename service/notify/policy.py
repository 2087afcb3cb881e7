"""What is said, to whom: events in, messages out, by the rules of throttling, for each audience by itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from alerts.notification.event import Notification, NotificationEvent
from alerts.notification.throttling import Throttling, ThrottlingSettings
from alerts.notification.throttling_state import ThrottlingState
from grid.timestamps import SECOND_US
from service.notify.audiences import Audience, hearers
from stores.records.changes import Changes, NewMessage, NotifiedEvent

STATE_NAME = "hygiene"
NOTIFY_EVERY_US = SECOND_US
"""All that waits is looked through once in so long: what is said has waited for half a minute, or for minutes."""

KeptState = Callable[[str], str]
"""Of a name: what was kept under it, empty for nothing."""
CalledBy = Callable[[Notification, Sequence[NotificationEvent]], tuple[str, ...]]
"""Ids of the people whom a message calls."""

Prepared = Callable[[Sequence[NotificationEvent]], Sequence[NotificationEvent]]
"""What a station makes of events before they are said: its own words, what it says beside."""

log = logging.getLogger("redvest.notify")


class NotificationPolicy:
    """Holds the rules of notification and their state, which is committed in one transaction with the messages."""

    def __init__(
        self,
        audiences: Sequence[Audience],
        settings: ThrottlingSettings,
        station_names: Mapping[str, str],
        kept_state: KeptState,
        grid_of: Mapping[str, str] | None = None,
        called_by: CalledBy = lambda notification, events: (),
        prepared: Prepared = lambda events: events,
    ) -> None:
        """Go on from what was kept. `grid_of` by transformer."""
        self._prepared = prepared
        self._grid_of = grid_of or {}
        self._audiences = tuple(audiences)
        self._of = {
            audience: _AudiencePolicy(audience, settings, station_names, kept_state(_state_name(audience)), called_by)
            for audience in audiences
        }

    def say(self, notification_events: Sequence[NotificationEvent], now_us: int) -> Changes:
        """Hear events and return what is to be sent now; call it about once a second, also with nothing new.

        More often is as well: what is heard is kept at once.
        """
        heard: dict[Audience, list[NotificationEvent]] = {audience: [] for audience in self._audiences}
        for event in self._prepared(notification_events):
            for audience in hearers(self._audiences, event, self._grid_of):
                heard[audience].append(event)
        changes = Changes()
        for audience, policy in self._of.items():
            changes = changes.plus(policy.say(heard[audience], now_us))
        return changes


def _state_of(kept_state: str) -> ThrottlingState:
    """Return what was kept; of what cannot be read, nothing: people are told too much rather than nothing."""
    if not kept_state:
        return ThrottlingState()
    try:
        return ThrottlingState.from_json(kept_state)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        log.error(
            "what was kept of alarm management in the records cannot be read (%s): it begins anew, what was told may "
            "be told again, and what waited to be told is in the incidents alone (redvest incidents --open)",
            str(error)[:200],
        )
        return ThrottlingState()


def _state_name(audience: Audience) -> str:
    return f"{STATE_NAME}/{audience.name}" if audience.name else STATE_NAME


class _AudiencePolicy:
    """The throttling of one audience."""

    def __init__(
        self,
        audience: Audience,
        settings: ThrottlingSettings,
        station_names: Mapping[str, str],
        kept_state: str,
        called_by: CalledBy,
    ) -> None:
        self._audience = audience
        self._throttling = Throttling(audience.channels, settings, station_names)
        self._state = _state_of(kept_state)
        self._spoke_us = -NOTIFY_EVERY_US
        self._called_by = called_by

    def say(self, notification_events: Sequence[NotificationEvent], now_us: int) -> Changes:
        """Hear events and return what is to be sent now."""
        before = self._state
        notifications: tuple[Notification, ...] = ()
        if 0 <= now_us - self._spoke_us < NOTIFY_EVERY_US:
            self._state = self._throttling.hear(before, notification_events, now_us) if notification_events else before
        else:
            self._spoke_us = now_us
            notifications, self._state = self._throttling.step(before, notification_events, now_us)
        if not (notifications or notification_events) or self._state == before:
            return Changes()
        heard = (
            {w.event.key: w.event for w in before.waiting} | {r.key: r for r in notification_events}
            if notifications
            else {}
        )
        return Changes(
            messages=tuple(self._message(notification, heard) for notification in notifications),
            told=tuple(
                _told(heard[key], self._key(notification), notification.created_at_us)
                for notification in notifications
                for key in notification.event_keys
                if key in heard
            ),
            states=((_state_name(self._audience), self._state.to_json()),),
        )

    def _key(self, notification: Notification) -> str:
        """Return a message's key: audiences that hear the same are still told by a message each."""
        return f"{notification.key}@{self._audience.name}" if self._audience.name else notification.key

    def _message(self, notification: Notification, heard: Mapping[str, NotificationEvent]) -> NewMessage:
        events = [heard[key] for key in notification.event_keys if key in heard]
        return NewMessage(
            key=self._key(notification),
            kind=notification.kind,
            station_id=notification.station_id,
            incident_id=notification.incident_id,
            text=notification.text,
            created_at_us=notification.created_at_us,
            channels=self._audience.channels,
            mentions=self._called_by(notification, events),
        )


def _told(event: NotificationEvent, message_key: str, told_at_us: int) -> NotifiedEvent:
    return NotifiedEvent(
        key=event.key,
        kind=event.kind,
        station_id=event.station_id,
        level=event.level,
        transformer_id=event.transformer_id,
        incident_id=event.incident_id,
        created_at_us=event.created_at_us,
        told_at_us=told_at_us,
        message_key=message_key,
    )
