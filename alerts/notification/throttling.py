"""Throttling: what is said to people and when, so that a storm of incidents is not a storm of messages.

Every incident has its row; this is about notification. Events are gathered for 30 s and said by group (station,
level), a group at most once in five minutes. When more than ten groups want to speak within ten minutes, one
digest speaks for all. A flapping transformer is told of once, then again when it is calm. Nothing is dropped:
every event is said in exactly one notification, or still waits.

The machine is pure: what it remembers is a `ThrottlingState` that the caller keeps, in the same transaction as the
notifications that came of it. The limits are promises of the product; EEMUA 191 gives their sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from alerts.model.kinds import MessageKind
from alerts.notification.event import (
    OPENED,
    Group,
    Notification,
    NotificationEvent,
    Urgency,
    notification_key,
    urgency_of_level,
)
from alerts.notification.flapping import Unrest
from alerts.notification.throttling_state import ThrottlingState, Waiting
from alerts.notification.token_bucket import TokenBucket, TokenRate
from alerts.notification.words import Flapping, digest_text, group_text, leading
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US

__all__ = [
    "OPENED",
    "Group",
    "Notification",
    "NotificationEvent",
    "Throttling",
    "ThrottlingSettings",
    "ThrottlingState",
    "TokenBucket",
    "TokenRate",
    "Urgency",
    "urgency_of_level",
]


@dataclass(frozen=True)
class ThrottlingSettings:
    """How much is said. The defaults are what is promised."""

    gather_seconds: float = 30.0
    """How long a group's first event waits for others."""
    group_minutes: float = 5.0
    """A group, and the digest, speaks at most once in so long."""
    storm_groups: int = 10
    """When more groups want to speak within `storm_minutes`, a digest speaks for them."""
    storm_minutes: float = 10.0
    rate: TokenRate = field(default_factory=TokenRate)
    """Of each channel."""
    remembered_hours: float = 24.0
    """How long an event that was said is known again, should it be heard again."""


@dataclass(frozen=True)
class _Topic:
    """What one group would say now."""

    group: Group
    waiting: tuple[Waiting, ...]
    urgency: int
    due_at_us: int


class Throttling:
    """The rules of notification for some channels, all of which get every notification; they hold no state."""

    def __init__(
        self,
        channels: Sequence[str],
        settings: ThrottlingSettings | None = None,
        station_names: Mapping[str, str] | None = None,
    ) -> None:
        """Speak on `channels`; `station_names` by station id, else the id is said."""
        by = settings or ThrottlingSettings()
        self._channels = tuple(channels)
        self._rate = by.rate
        self._station_names = station_names or {}
        self._gather_us = round(by.gather_seconds * SECOND_US)
        self._group_us = round(by.group_minutes * MINUTE_US)
        self._storm_us = round(by.storm_minutes * MINUTE_US)
        self._storm_groups = by.storm_groups
        self._remembered_us = round(by.remembered_hours * HOUR_US)

    def step(
        self, state: ThrottlingState, events: Iterable[NotificationEvent], now_us: int
    ) -> tuple[tuple[Notification, ...], ThrottlingState]:
        """Hear new events; return what to send now, the most urgent first, and the state after that."""
        state = self.hear(state, events, now_us)
        notifications: list[Notification] = []
        while True:
            notification, state = self.speak(state, now_us)
            if notification is None:
                return tuple(notifications), state
            notifications.append(notification)

    def hear(self, state: ThrottlingState, events: Iterable[NotificationEvent], now_us: int) -> ThrottlingState:
        """Return the state with new events in it; one that waits already, or was said lately, is not new."""
        state = state.not_after(now_us)
        known = {w.event.key for w in state.waiting}
        unrest = dict(state.unrest)
        waiting = list(state.waiting)
        for event in events:
            if event.key in known or event.key in state.told_at_us:
                continue
            known.add(event.key)
            if event.kind == OPENED and event.transformer_id:
                before = unrest.get(event.transformer_id)
                if before is None or before.is_past(now_us):
                    before = Unrest()
                unrest[event.transformer_id] = before.opened_again(now_us)
            waiting.append(Waiting(event, now_us))
        if len(waiting) == len(state.waiting):
            return state
        return replace(state, at_us=now_us, waiting=tuple(waiting), unrest=unrest)

    def speak(self, state: ThrottlingState, now_us: int) -> tuple[Notification | None, ThrottlingState]:
        """Return the one thing to send now, None for nothing, and the state after it was sent.

        Call it again until it returns None, and about once a second. Whoever keeps the state after each notification
        sends at most one twice when it falls down: the one it was about to send.
        """
        state = state.not_after(now_us)
        if not state.waiting or not all(self._bucket(state, c).can_take(self._rate, now_us) for c in self._channels):
            return None, state
        topics = list(self._topics(state, now_us))
        due = [topic for topic in topics if topic.due_at_us <= now_us]
        if not due:
            return None, state
        lately = {group for group, at_us in state.said_at_us.items() if now_us - at_us < self._storm_us}
        if len(lately | {topic.group for topic in topics}) <= self._storm_groups:
            topic = min(due, key=lambda t: (-t.urgency, t.due_at_us))
            return self._say([topic], state, now_us, in_storm=False)
        if state.digest_at_us is not None and now_us - state.digest_at_us < self._group_us:
            return None, state
        may_speak = [topic for topic in topics if self._may_speak_at_us(state, topic.group) <= now_us]
        return self._say(may_speak, state, now_us, in_storm=True)

    def _topics(self, state: ThrottlingState, now_us: int) -> Iterator[_Topic]:
        """Yield what each group would say now. All events about one transformer go with its most urgent one."""
        by_subject: dict[str, list[Waiting]] = {}
        for waiting in state.waiting:
            unrest = state.unrest.get(waiting.event.transformer_id)
            if unrest is None or not unrest.holds_back(waiting.event.urgency, now_us):
                by_subject.setdefault(waiting.event.subject, []).append(waiting)
        by_group: dict[Group, list[Waiting]] = {}
        for of_subject in by_subject.values():
            group = max((w.event for w in of_subject), key=lambda event: event.urgency).group
            by_group.setdefault(group, []).extend(of_subject)
        for group, of_group in by_group.items():
            gathered_at_us = min(w.heard_at_us for w in of_group) + self._gather_us
            yield _Topic(
                group,
                tuple(of_group),
                max(w.event.urgency for w in of_group),
                max(gathered_at_us, self._may_speak_at_us(state, group)),
            )

    def _may_speak_at_us(self, state: ThrottlingState, group: Group) -> int:
        said_at_us = state.said_at_us.get(group)
        return 0 if said_at_us is None else said_at_us + self._group_us

    def _bucket(self, state: ThrottlingState, channel: str) -> TokenBucket:
        return state.buckets.get(channel, TokenBucket())

    def _say(
        self, topics: Sequence[_Topic], state: ThrottlingState, now_us: int, *, in_storm: bool
    ) -> tuple[Notification, ThrottlingState]:
        names = {w.event.transformer_id for topic in topics for w in topic.waiting}
        said = sorted((w for topic in topics for w in topic.waiting), key=lambda w: w.heard_at_us)
        events = [w.event for w in said]
        flapping = {
            name: Flapping(unrest.crossings, unrest.is_calm(now_us))
            for name, unrest in state.unrest.items()
            if unrest.flaps and name in names
        }
        notification = self._notification([topic.group for topic in topics], events, flapping, now_us)
        keys = set(notification.event_keys)
        waiting = tuple(w for w in state.waiting if w.event.key not in keys)
        return notification, ThrottlingState(
            at_us=now_us,
            waiting=waiting,
            said_at_us={
                **{
                    g: at_us
                    for g, at_us in state.said_at_us.items()
                    if now_us - at_us < max(self._storm_us, self._group_us)
                },
                **{topic.group: now_us for topic in topics},
            },
            digest_at_us=now_us if in_storm else state.digest_at_us,
            unrest=_after(state.unrest, events, waiting, now_us),
            told_at_us={
                **{key: at for key, at in state.told_at_us.items() if now_us - at < self._remembered_us},
                **dict.fromkeys(notification.event_keys, now_us),
            },
            buckets={c: self._bucket(state, c).taken(self._rate, now_us) for c in self._channels},
        )

    def _notification(
        self,
        groups: Sequence[Group],
        events: Sequence[NotificationEvent],
        flapping: Mapping[str, Flapping],
        now_us: int,
    ) -> Notification:
        keys = tuple(event.key for event in events)
        stations = {event.station_id for event in events}
        incidents = {event.incident_id for event in events}
        is_about_one = len({event.subject for event in events}) == 1
        if len(groups) == 1:
            text = group_text(groups[0], events, flapping, self._station_names)
        else:
            text = digest_text(events, flapping, self._station_names)
        several = MessageKind.GROUP if len(groups) == 1 else MessageKind.DIGEST
        return Notification(
            key=notification_key(keys),
            kind=leading(events).kind if is_about_one else several,
            station_id=stations.pop() if len(stations) == 1 else "",
            level=groups[0].level if len(groups) == 1 else "",
            urgency=max(event.urgency for event in events),
            text=text,
            created_at_us=now_us,
            incident_id=incidents.pop() if len(incidents) == 1 else None,
            event_keys=keys,
        )


def _after(
    unrest: Mapping[str, Unrest], said: Sequence[NotificationEvent], waiting: Sequence[Waiting], now_us: int
) -> dict[str, Unrest]:
    """Return the unrest of all transformers after some events were said.

    What is past is forgotten, unless events still wait: it will be said that the transformer is calm.
    """
    urgency: dict[str, int] = {}
    for event in said:
        urgency[event.transformer_id] = max(urgency.get(event.transformer_id, -1), event.urgency)
    told = {name: of.told(urgency[name]) if name in urgency else of for name, of in unrest.items()}
    waits = {w.event.transformer_id for w in waiting}
    return {name: of for name, of in told.items() if name in waits or not of.is_past(now_us)}
