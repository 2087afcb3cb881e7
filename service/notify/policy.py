"""What is said, to people, of all there is to say: remarks in, messages out, by the rules of alarm hygiene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alerts.notification.event import Notification, NotificationEvent
from alerts.notification.throttling import Throttling, ThrottlingSettings
from alerts.notification.throttling_state import ThrottlingState
from grid.timestamps import SECOND_US
from stores.records.changes import Changes, NewMessage, NotifiedEvent

STATE_NAME = "hygiene"
NOTIFY_EVERY_US = SECOND_US
"""All that waits is looked through once in so long: what is said has waited for half a minute, or for minutes."""


class NotificationPolicy:
    """Holds the rules of speech and what they remember. What it remembers is kept with the messages that came of it."""

    def __init__(
        self,
        channels: tuple[str, ...],
        settings: ThrottlingSettings,
        station_names: Mapping[str, str],
        kept_state: str,
    ) -> None:
        """Go on from a kept state, empty for a first start."""
        self._channels = channels
        self._throttling = Throttling(channels, settings, station_names)
        self._state = ThrottlingState.from_json(kept_state) if kept_state else ThrottlingState()
        self._spoke_us = -NOTIFY_EVERY_US

    def say(self, notification_events: Sequence[NotificationEvent], now_us: int) -> Changes:
        """Hear remarks and return what is to be sent now; call it about once a second, also with nothing new.

        More often is as well: what is heard is kept at once.
        """
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
            messages=tuple(self._message(notification) for notification in notifications),
            told=tuple(
                _told(heard[key], notification)
                for notification in notifications
                for key in notification.event_keys
                if key in heard
            ),
            states=((STATE_NAME, self._state.to_json()),),
        )

    def _message(self, notification: Notification) -> NewMessage:
        return NewMessage(
            key=notification.key,
            kind=notification.kind,
            station_id=notification.station_id,
            incident_id=notification.incident_id,
            text=notification.text,
            created_at_us=notification.created_at_us,
            channels=self._channels,
        )


def _told(event: NotificationEvent, notification: Notification) -> NotifiedEvent:
    return NotifiedEvent(
        key=event.key,
        kind=event.kind,
        station_id=event.station_id,
        level=event.level,
        transformer_id=event.transformer_id,
        incident_id=event.incident_id,
        created_at_us=event.created_at_us,
        told_at_us=notification.created_at_us,
        message_key=notification.key,
    )
