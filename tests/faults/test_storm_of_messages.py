"""F23 and F24: a storm is few messages on every channel, and a transformer that flaps is told of twice at most."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.flapping import Unrest
from alerts.notification.throttling import Throttling, ThrottlingSettings
from alerts.notification.token_bucket import TokenRate
from grid.text import same
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, parse_timestamp_us
from service.notify.audiences import Audience
from service.notify.policy import NotificationPolicy
from stores.records.changes import Changes, NewMessage
from tests.faults.promises import PromiseBroken, require

NOON_US = parse_timestamp_us("2021-07-24T11:00:00+08:00")
STATIONS = 40
INCIDENTS = 2000
STORM_MESSAGES_MAX = 41
MINUTE_MESSAGES_MAX = 15
FLAPPING_MESSAGES_MAX = 2
SEED = 20210724
PROMISED = ThrottlingSettings()
ROBOTS = (
    Audience(("desk", "wecom")),
    *(Audience((f"robot-{i}",), (f"ST{i:02}",)) for i in range(3)),
    Audience(("street",), (), ("G-ST07",)),
)


def opened(number: int, at_us: int, station: int, name: str = "") -> NotificationEvent:
    name = name or f"T{number:04}"
    return NotificationEvent(
        key=f"{name}-{number}/opened",
        kind=MessageKind.INCIDENT_OPENED,
        station_id=f"ST{station:02}",
        level="severe_heavy",
        urgency=Urgency.SEVERE_HEAVY,
        created_at_us=at_us,
        text=same(f"{name} opened"),
        transformer_id=name,
        load_rate=0.9 + number / 1e5,
        incident_id=f"{name}-{number}",
    )


def spoken(events: Sequence[NotificationEvent], minutes: int, settings: ThrottlingSettings) -> Changes:
    """Return all that comes of events, second by second, over some minutes; the policy is restarted half way."""
    grid_of = {event.transformer_id: f"G-{event.station_id}" for event in events}
    kept: dict[str, str] = {}
    waiting = sorted(events, key=lambda event: event.created_at_us)

    def new_policy() -> NotificationPolicy:
        return NotificationPolicy(ROBOTS, settings, {}, lambda name: kept.get(name, ""), grid_of)

    policy, said = new_policy(), Changes()
    for second in range(minutes * 60):
        now_us = NOON_US + second * SECOND_US
        heard = [event for event in waiting if event.created_at_us <= now_us]
        waiting = waiting[len(heard) :]
        if second == minutes * 30:
            policy = new_policy()
        changes = policy.say(heard, now_us)
        kept.update(dict(changes.states))
        said = said.plus(replace(changes, states=()))
    return said


def of_each_channel(messages: Iterable[NewMessage]) -> dict[str, list[NewMessage]]:
    found: dict[str, list[NewMessage]] = {}
    for message in messages:
        for channel in message.channels:
            found.setdefault(channel, []).append(message)
    return found


def storm_is_calm(settings: ThrottlingSettings = PROMISED) -> int:
    """Let a storm break out and check what each channel is sent; return the most that any channel was sent."""
    chance = random.Random(SEED)
    events = [opened(i, NOON_US + chance.randrange(10 * SECOND_US), i % STATIONS) for i in range(INCIDENTS)]
    said = spoken(events, 30, settings)
    sent = of_each_channel(said.messages)
    require({"desk", "wecom", "robot-0", "robot-1", "robot-2", "street"} == set(sent), f"only {sorted(sent)} were told")
    for channel, own in sent.items():
        require(len(own) <= STORM_MESSAGES_MAX, f"{len(own)} messages on {channel}")
        minutes = Counter((message.created_at_us - NOON_US) // MINUTE_US for message in own)
        require(max(minutes.values()) <= MINUTE_MESSAGES_MAX, f"{max(minutes.values())} messages a minute on {channel}")
    require(len({message.key for message in said.messages}) == len(said.messages), "two messages under one key")
    for robot in ROBOTS:
        end = f"@{robot.name}" if robot.name else ""
        told = [one.key for one in said.told if ("@" + one.message_key.partition("@")[2]).rstrip("@") == end]
        wanted = [event.key for event in events if robot.hears(event, {event.transformer_id: f"G-{event.station_id}"})]
        require(sorted(told) == sorted(wanted), f"{len(wanted)} things for {robot.channels}, {len(told)} told")
    return max(len(own) for own in sent.values())


def flapping_is_calm(settings: ThrottlingSettings = PROMISED) -> int:
    """Let one transformer cross its line two hundred times in an hour, and count what is said."""
    every_us = HOUR_US // 200
    said = spoken([opened(i, NOON_US + i * every_us, 9, "T1") for i in range(200)], 60, settings)
    number = len(of_each_channel(said.messages)["desk"])
    require(1 <= number <= FLAPPING_MESSAGES_MAX, f"{number} messages for one flapping transformer")
    return number


def test_two_thousand_incidents_at_forty_stations_are_at_most_41_messages_on_each_channel(
    tell: Callable[[str, str], None],
) -> None:
    most = storm_is_calm()
    tell("F23", f"{INCIDENTS} incidents in 10 s at {STATIONS} stations: at most {most} messages a channel, none lost")


def test_two_hundred_crossings_in_an_hour_are_at_most_two_messages(tell: Callable[[str, str], None]) -> None:
    tell("F24", f"200 crossings in an hour: {flapping_is_calm()} messages")


def test_a_build_that_gathers_nothing_is_found() -> None:
    at_once = ThrottlingSettings(0.0, 0.0, 10**9, rate=TokenRate(10**6, 10**5))
    with pytest.raises(PromiseBroken, match="messages on"):
        storm_is_calm(at_once)


def test_a_build_without_digest_is_found() -> None:
    with pytest.raises(PromiseBroken, match="messages on"):
        storm_is_calm(ThrottlingSettings(storm_groups=10**9, gather_seconds=1.0, group_minutes=0.5))


def test_a_build_that_loses_one_in_a_hundred_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    hear = Throttling.hear
    monkeypatch.setattr(
        Throttling,
        "hear",
        lambda self, state, events, now_us: hear(self, state, [e for e in events if "T0100" not in e.key], now_us),
    )
    with pytest.raises(PromiseBroken, match="told"):
        storm_is_calm()


def test_a_build_that_tells_only_the_first_audience_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Audience, "hears", lambda self, event, grid_of: self.is_everybody)
    with pytest.raises(PromiseBroken, match="were told"):
        storm_is_calm()


def test_a_build_without_hysteresis_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unrest, "holds_back", lambda self, urgency, now_us: False)
    with pytest.raises(PromiseBroken, match="flapping"):
        flapping_is_calm()
