"""A storm of incidents is not a storm of messages, and nothing that is to be said is lost."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model.kinds import MessageKind
from alerts.notification.event import Group
from alerts.notification.throttling import (
    OPENED,
    Notification,
    NotificationEvent,
    Throttling,
    ThrottlingSettings,
    ThrottlingState,
    TokenBucket,
    TokenRate,
    Urgency,
    urgency_of_level,
)
from alerts.notification.throttling_state import Waiting
from alerts.notification.words import _topic_name, group_text
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, parse_timestamp_us

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")
CLOSED = MessageKind.INCIDENT_CLOSED
CHANNELS = ("terminal", "webhook")


def event(
    key: str,
    transformer_id: str = "YX06",
    *,
    kind: MessageKind = OPENED,
    station: str = "S1",
    level: str = "severe_heavy",
    load_rate: float = 0.95,
    urgency: int | None = None,
) -> NotificationEvent:
    told = urgency_of_level(level) if kind == OPENED else Urgency.ROUTINE
    return NotificationEvent(
        key,
        kind,
        station,
        level,
        told if urgency is None else urgency,
        NOON,
        Text(f"{transformer_id} 的话 {key}。", f"Words about {transformer_id}, {key}."),
        transformer_id,
        load_rate,
        f"incident of {transformer_id}",
    )


class Desk:
    """Plays a timetable of events to a hygiene, looking every few seconds; keeps what was sent and when."""

    def __init__(self, throttling: Throttling | None = None, every_seconds: float = 1.0) -> None:
        self.throttling = throttling or Throttling(CHANNELS)
        self.state = ThrottlingState()
        self.sent: list[tuple[float, Notification]] = []
        self._every_us = round(every_seconds * SECOND_US)
        self._now_us = NOON

    def play(self, timetable: Iterable[tuple[float, NotificationEvent]] = (), until_minutes: float = 60.0) -> Desk:
        """Hear each event at its time [min after noon]; go on looking until the end."""
        coming = sorted(timetable, key=lambda item: item[0])
        place = 0
        while self._now_us <= NOON + until_minutes * MINUTE_US:
            new = []
            while place < len(coming) and NOON + coming[place][0] * MINUTE_US <= self._now_us:
                new.append(coming[place][1])
                place += 1
            notifications, self.state = self.throttling.step(self.state, new, self._now_us)
            self.sent += [((self._now_us - NOON) / MINUTE_US, notification) for notification in notifications]
            self._now_us += self._every_us
            if not self.state.waiting and place < len(coming):
                self._now_us = max(self._now_us, NOON + math.floor(coming[place][0] * MINUTE_US))
            elif not self.state.waiting and place == len(coming):
                break
        return self

    @property
    def times(self) -> list[float]:
        return [at for at, _ in self.sent]

    @property
    def keys(self) -> list[tuple[str, ...]]:
        return [notification.event_keys for _, notification in self.sent]

    @property
    def words(self) -> list[str]:
        return [notification.text.zh for _, notification in self.sent]


def test_a_single_incident_is_told_in_its_own_words_after_half_a_minute() -> None:
    visit_recorder = Desk().play([(0, event("a"))])
    assert visit_recorder.times == [0.5]
    ((_, notification),) = visit_recorder.sent
    assert (notification.key, notification.kind, notification.text) == ("a", OPENED, event("a").text)
    assert (notification.station_id, notification.level, notification.incident_id) == (
        "S1",
        "severe_heavy",
        "incident of YX06",
    )


def test_the_remarks_of_one_incident_are_told_together_with_the_link_to_it() -> None:
    visit_recorder = Desk().play([(0, event("a")), (0.01, event("b", kind=MessageKind.INCIDENT_LIST))])
    assert visit_recorder.keys == [("a", "b")]
    ((_, notification),) = visit_recorder.sent
    assert notification.text.zh == "YX06 的话 a。\nYX06 的话 b。"
    assert (notification.kind, notification.incident_id) == (OPENED, "incident of YX06")


def test_a_group_speaks_at_most_once_in_five_minutes_and_then_says_all() -> None:
    visit_recorder = Desk().play([(0, event("a", "T1")), (1, event("b", "T2")), (4, event("c", "T3"))])
    assert visit_recorder.times == [0.5, 5.5]
    assert visit_recorder.keys == [("a",), ("b", "c")]


def test_stations_and_levels_are_spoken_of_apart_and_the_most_urgent_first() -> None:
    visit_recorder = Desk().play(
        [
            (0, event("a", "T1")),
            (0, event("b", "T2", station="S2")),
            (0, event("c", "T3", level="overload")),
            (0, event("d", "", kind=MessageKind.COMMUNICATION_LOST, level="communication", urgency=Urgency.BLIND)),
        ]
    )
    assert [keys[0] for keys in visit_recorder.keys] == ["d", "c", "a", "b"]
    assert visit_recorder.times == [0.5] * 4


def test_all_that_is_said_of_one_transformer_goes_with_its_most_urgent_remark() -> None:
    visit_recorder = Desk().play(
        [(0, event("a", "T1")), (0.1, event("b", "T1", level="overload", kind=MessageKind.INCIDENT_RAISED))]
    )
    assert visit_recorder.keys == [("a", "b")]
    raised = event("b", "T1", level="overload", kind=MessageKind.INCIDENT_RAISED, urgency=Urgency.OVERLOAD)
    visit_recorder = Desk().play([(0, event("a", "T1")), (0.1, raised)])
    assert visit_recorder.sent[0][1].level == "overload"


def test_a_group_message_lists_the_counts_and_the_worst_three() -> None:
    rates = [0.91, 0.9533, 0.92, 0.97, 0.905]
    opened = [(0.0, event(f"k{i}", f"T{i}", load_rate=rate)) for i, rate in enumerate(rates)]
    over = (0.2, event("over", "T9", kind=CLOSED, load_rate=0.99))
    visit_recorder = Desk(Throttling(CHANNELS, station_names={"S1": "城南所"})).play([*opened, over])
    ((_, notification),) = visit_recorder.sent
    assert (
        notification.text.zh
        == "城南所 严重重载 6 个台区（新增 5，解除 1）：T3 97%、T1 95.33%、T2 92%；另有 T0、T4；解除 T9。"
    )
    assert notification.text.en == (
        "城南所: severe heavy load, 6 transformers (5 new, 1 over): T3 97 %, T1 95.33 %, T2 92 %; also T0, T4; over T9."
    )
    assert notification.kind == "group"
    assert notification.incident_id is None


def test_a_transformer_that_opened_and_closed_meanwhile_counts_as_it_stands() -> None:
    timetable = [(0, event("a", "T1")), (0.1, event("b", "T1", kind=CLOSED)), (0.2, event("c", "T2"))]
    assert "2 个台区（新增 1，解除 1）：T2 95%；解除 T1。" in Desk().play(timetable).words[0]


def test_two_thousand_incidents_at_forty_stations_give_at_most_41_messages_and_none_is_lost() -> None:
    timetable = []
    for i in range(2000):
        at, station = i / 2000 * 10 / 60, f"S{i % 40:02d}"
        level = "overload" if i % 3 == 0 else "severe_heavy"
        timetable.append((at, event(f"{i}/opened", f"T{i}", station=station, level=level, load_rate=0.9 + i / 1e5)))
        timetable.append(
            (at, event(f"{i}/list", f"T{i}", kind=MessageKind.INCIDENT_LIST, station=station, level=level))
        )
    visit_recorder = Desk(every_seconds=2).play(timetable, until_minutes=20)
    assert len(visit_recorder.sent) <= 41
    assert Counter(itertools.chain(*visit_recorder.keys)) == Counter(r.key for _, r in timetable)
    ((at, digest),) = visit_recorder.sent
    assert (round(at, 2), digest.kind, digest.station_id) == (0.5, "digest", "")
    assert digest.text.zh.startswith("【汇总】40 个供电所 过载、严重重载 2000 个台区（新增 2000）：T1999 92%、")
    assert "S00 50 个、" in digest.text.zh
    assert digest.text.zh.endswith("等，另 28 个站。")
    assert digest.text.en.endswith("and 28 more.")


def test_ten_groups_speak_for_themselves_and_an_eleventh_brings_the_digest() -> None:
    ten = [(0.0, event(f"k{i}", f"T{i}", station=f"S{i}")) for i in range(10)]
    assert Counter(s.kind for _, s in Desk().play(ten).sent) == {OPENED: 10}
    eleven = [*ten, (0.0, event("k10", "T10", station="S10"))]
    assert [s.kind for _, s in Desk().play(eleven).sent] == ["digest"]
    later = [*ten, (7.0, event("k10", "T10", station="S10"))]
    assert [s.kind for _, s in Desk().play(later).sent] == [OPENED] * 10 + [OPENED]
    assert [s.key for _, s in Desk().play(later).sent][-1] == "k10"


def test_a_digest_speaks_at_most_once_in_five_minutes() -> None:
    storm = [(i * 0.1, event(f"k{i}", f"T{i}", station=f"S{i % 30}")) for i in range(600)]
    visit_recorder = Desk().play(storm, until_minutes=90)
    digests = [at for at, notification in visit_recorder.sent if notification.key.startswith("speech/")]
    assert all(b - a >= 5 for a, b in itertools.pairwise(digests))
    assert len(visit_recorder.sent) <= 10 + 60 / 5 + 2
    assert Counter(itertools.chain(*visit_recorder.keys)) == Counter(r.key for _, r in storm)


def test_a_digest_leaves_out_a_group_that_spoke_a_minute_ago() -> None:
    ten = [(0.0, event(f"k{i}", f"T{i}", station=f"S{i}")) for i in range(10)]
    more = [(2.0, event("of S0", "T90", station="S0")), (2.0, event("of S10", "T91", station="S10"))]
    visit_recorder = Desk().play([*ten, *more])
    assert visit_recorder.keys[10:] == [("of S10",), ("of S0",)]
    assert visit_recorder.times[10:] == [2.5, 7.5]


def crossings(number: int, minutes: float, **how: Any) -> list[tuple[float, NotificationEvent]]:
    """Return so many openings and closings of one transformer, evenly spread."""
    step = minutes / number
    return [
        item
        for i in range(number)
        for item in (
            (i * step, event(f"{i}/opened", **how)),
            (i * step, event(f"{i}/list", kind=MessageKind.INCIDENT_LIST, **how)),
            ((i + 0.5) * step, event(f"{i}/closed", kind=CLOSED, **how)),
        )
    ]


@pytest.mark.parametrize("every_seconds", [1, 7])
def test_two_hundred_crossings_in_an_hour_are_told_twice_and_once_more_when_it_is_calm(every_seconds: int) -> None:
    timetable = crossings(200, 60)
    visit_recorder = Desk(every_seconds=every_seconds).play(timetable, until_minutes=120)
    within = [notification for at, notification in visit_recorder.sent if at < 89]
    assert len(within) == 2
    assert "反复越限" not in within[0].text.zh
    assert within[1].text.zh.startswith("【反复越限】YX06：越限 19 次，平稳 30 分钟后再报。")
    ((at, last),) = [(at, notification) for at, notification in visit_recorder.sent if at >= 89]
    assert 89.7 <= at <= 90
    assert last.text.zh == "【恢复平稳】YX06：先后越限 200 次，已有 30 分钟未再越限。最近一次：YX06 的话 199/closed。"
    assert Counter(itertools.chain(*visit_recorder.keys)) == Counter(r.key for _, r in timetable)
    assert not visit_recorder.state.waiting


def test_a_transformer_that_swings_across_two_lines_is_told_twice_too() -> None:
    both = [(at, r) for at, r in crossings(200, 60)]
    both += [
        (at, event(f"{r.key}/raised", kind=MessageKind.INCIDENT_RAISED, level="overload", urgency=Urgency.OVERLOAD))
        for at, r in crossings(200, 60)
        if r.kind == OPENED
    ]
    visit_recorder = Desk(every_seconds=3).play(both, until_minutes=80)
    assert len(visit_recorder.sent) == 2


def test_what_is_more_urgent_than_all_that_was_told_breaks_the_quiet_of_a_flapping_transformer() -> None:
    raised = event("raised", kind=MessageKind.INCIDENT_RAISED, level="overload", urgency=Urgency.OVERLOAD)
    visit_recorder = Desk().play([*crossings(60, 60), (30, raised)], until_minutes=59)
    assert [round(at, 1) for at in visit_recorder.times] == [0.5, 5.5, 30.5]
    assert "raised" in visit_recorder.keys[2]


def test_that_a_transformer_is_calm_is_said_though_something_more_urgent_is_said_first() -> None:
    other = (88.5, event("other", "T2", station="S2", level="overload"))
    visit_recorder = Desk().play([*crossings(60, 60), other], until_minutes=95)
    assert visit_recorder.keys[2] == ("other",)
    assert visit_recorder.words[3].startswith("【恢复平稳】YX06：先后越限 60 次")
    assert visit_recorder.times[3] - visit_recorder.times[2] < 1


def test_crossings_of_an_hour_ago_are_not_counted() -> None:
    openings = [(at, event(f"{at}")) for at in (0, 100, 100.1, 100.2)]
    assert "【反复越限】YX06：越限 3 次" in " ".join(Desk().play(openings, until_minutes=120).words)


def test_what_was_told_as_overload_before_it_flapped_stays_told() -> None:
    first = (-0.9, event("first", kind=MessageKind.INCIDENT_RAISED, level="overload", urgency=Urgency.OVERLOAD))
    raised = (30, event("raised", kind=MessageKind.INCIDENT_RAISED, level="overload", urgency=Urgency.OVERLOAD))
    start = (-1.0, event("start"))
    visit_recorder = Desk()
    visit_recorder._now_us -= 2 * MINUTE_US
    visit_recorder.play([start, first, *crossings(60, 60), raised], until_minutes=59)
    assert ["raised" in keys for keys in visit_recorder.keys] == [False, False, False]


def test_openings_that_are_far_apart_are_no_flapping_however_many() -> None:
    openings = [(at, event(f"{at}")) for at in range(0, 400, 45)]
    assert not any("反复" in said for said in Desk(every_seconds=5).play(openings, until_minutes=450).words)


def test_a_flapping_transformer_becomes_calm_on_a_clock_that_was_set_back_too() -> None:
    visit_recorder = Desk().play(crossings(20, 10), until_minutes=10)
    visit_recorder._now_us -= 3 * HOUR_US
    set_back = len(visit_recorder.sent)
    visit_recorder.play(until_minutes=-125)
    assert [at for at, _ in visit_recorder.sent[set_back:]] == pytest.approx([-140.5], abs=0.5)
    assert visit_recorder.words[-1].startswith("【恢复平稳】")


def test_a_flapping_transformer_in_a_group_is_named_and_then_quiet() -> None:
    others = [(at, event(f"other {at}", "T1")) for at in (1.0, 8.0, 15.0)]
    visit_recorder = Desk().play([*crossings(60, 60), *others], until_minutes=59)
    assert [keys for keys in visit_recorder.keys if any(k.startswith("other") for k in keys)] == visit_recorder.keys[1:]
    assert "YX06 反复越限 6 次，平稳 30 分钟后再报。" in visit_recorder.words[1]
    assert visit_recorder.keys[2:] == [("other 8.0",), ("other 15.0",)]


def test_two_openings_in_an_hour_are_no_flapping_and_three_are() -> None:
    two = Desk().play([*crossings(2, 40)], until_minutes=100)
    assert not any("反复" in said for said in two.words)
    assert len(two.sent) == 4
    three = Desk().play(crossings(3, 60), until_minutes=130)
    assert [("反复" in said or "平稳" in said) for said in three.words] == [False, False, False, False, True, True]


def test_a_calm_transformer_begins_anew() -> None:
    again = [(at + 95, replace(r, key=f"again {r.key}")) for at, r in crossings(1, 10)]
    visit_recorder = Desk(every_seconds=5).play([*crossings(60, 60), *again], until_minutes=160)
    assert visit_recorder.words[-2:] == ["YX06 的话 0/opened。\nYX06 的话 0/list。", "YX06 的话 0/closed。"]


def test_no_channel_gets_more_than_fifteen_messages_in_any_minute() -> None:
    free = ThrottlingSettings(storm_groups=1000, gather_seconds=0)
    crowd = [(i / 120, event(f"k{i}", f"T{i}", station=f"S{i}")) for i in range(200)]
    visit_recorder = Desk(Throttling(CHANNELS, free)).play(crowd, until_minutes=30)
    assert len(visit_recorder.sent) == 200
    assert most_in(visit_recorder.times, 1) == 15


def most_in(times: list[float], minutes: float) -> int:
    """Return the most messages in any window of so many minutes, both ends in it."""
    return max((sum(a <= t <= a + minutes + 1e-9 for t in times) for a in times), default=0)


def test_a_remark_that_comes_again_is_not_said_again() -> None:
    visit_recorder = Desk().play([(at, event("a")) for at in (0, 0.1, 2, 50)])
    assert visit_recorder.keys == [("a",)]


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    throttling = Throttling(CHANNELS)
    _, state = throttling.step(ThrottlingState(), [event("a")], NOON + 2 * HOUR_US)
    notifications, state = throttling.step(state, [event("b", "T2")], NOON + 2 * HOUR_US + 30 * SECOND_US)
    assert [s.event_keys for s in notifications] == [("a", "b")]
    notifications, state = throttling.step(state, [event("c")], NOON)
    assert notifications == ()
    notifications, state = throttling.step(state, [], NOON + 5 * MINUTE_US)
    assert [s.event_keys for s in notifications] == [("c",)]


def test_nothing_to_say_changes_nothing() -> None:
    state = ThrottlingState()
    assert Throttling(CHANNELS).step(state, [], NOON) == ((), state)
    assert Throttling(CHANNELS).hear(state, [], NOON) is state


def test_a_bucket_gives_its_burst_and_then_one_at_a_time() -> None:
    rate, bucket = TokenRate(15, 5), TokenBucket()
    taken = []
    for second in range(0, 61):
        while bucket.can_take(rate, NOON + second * SECOND_US):
            bucket = bucket.taken(rate, NOON + second * SECOND_US)
            taken.append(second)
    assert taken == [0] * 5 + list(range(6, 61, 6))
    assert bucket.ready_at_us(rate, NOON + 61 * SECOND_US) == NOON + 66 * SECOND_US


def test_a_bucket_is_not_closed_by_a_clock_that_was_an_hour_ahead() -> None:
    rate = TokenRate(15, 5)
    bucket = TokenBucket()
    for _ in range(7):
        bucket = bucket.taken(rate, NOON + HOUR_US)
    assert bucket.can_take(rate, NOON)
    assert bucket.taken(rate, NOON).ready_at_us(rate, NOON) == NOON + 12 * SECOND_US


@pytest.mark.parametrize("wrong", [(15, 15), (15, 0), (1, 1)])
def test_a_rate_without_refill_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="burst"):
        TokenRate(*wrong)


KINDS = [OPENED, OPENED, CLOSED, MessageKind.INCIDENT_LIST, MessageKind.INCIDENT_RAISED, MessageKind.CHECK_THE_METER]


@st.composite
def arrivals(draw: st.DrawFn) -> list[tuple[float, NotificationEvent]]:
    """Return events in any order of stations, levels, transformers and times, some of them twice."""
    stations = draw(st.sampled_from([1, 3, 14]))
    per_station = draw(st.sampled_from([1, 2, 8]))
    steps = st.sampled_from([0, 0, 0, 0, 0, 0.01, 0.2, 0.2, 1, 4, 11, 31])
    found, at = [], 0.0
    for i in range(draw(st.integers(0, 40))):
        at += draw(steps)
        station = draw(st.integers(0, stations - 1))
        transformer = f"T{station}-{draw(st.integers(0, per_station - 1))}" if draw(st.integers(0, 9)) else ""
        level = draw(st.sampled_from(["severe_heavy", "overload"]))
        one = event(
            f"k{i}",
            transformer,
            kind=draw(st.sampled_from(KINDS)),
            station=f"S{station}",
            level=level,
            urgency=draw(st.sampled_from(list(Urgency))),
            load_rate=draw(st.sampled_from([0.9, 1.1, math.nan])),
        )
        found.append((at, one))
        if not draw(st.integers(0, 9)):
            found.append((at + draw(steps), one))
    return found


@settings(max_examples=60, deadline=None)
@given(timetable=arrivals())
def test_for_any_arrivals_nothing_is_lost_nothing_is_said_twice_and_the_bounds_are_kept(timetable: Any) -> None:
    end = max((at for at, _ in timetable), default=0.0) + 50
    visit_recorder = Desk(every_seconds=6).play(timetable, until_minutes=end)
    assert Counter(itertools.chain(*visit_recorder.keys)) == Counter({r.key: 1 for _, r in timetable})
    assert not visit_recorder.state.waiting
    assert most_in(visit_recorder.times, 1) <= 15
    heard: dict[Any, Any] = {}
    for at, one in timetable:
        heard.setdefault(one.key, at)
    for at, notification in visit_recorder.sent:
        assert at - min(heard[key] for key in notification.event_keys) >= 0.5 - 1e-9
    groups: dict[tuple[str, str], list[float]] = {}
    for at, notification in visit_recorder.sent:
        if notification.level:
            groups.setdefault((notification.station_id, notification.level), []).append(at)
    for times in groups.values():
        assert all(b - a >= 5 - 1e-9 for a, b in itertools.pairwise(times))
    digests = [at for at, notification in visit_recorder.sent if not notification.level]
    assert all(b - a >= 5 - 1e-9 for a, b in itertools.pairwise(digests))
    for start in visit_recorder.times:
        lately = [s for at, s in visit_recorder.sent if start <= at < start + 10 and s.level]
        # Ten speak for themselves; in a storm one speaks in five minutes, be it a digest or the only group that may.
        assert len({(s.station_id, s.level) for s in lately}) <= 10 + 2


@settings(max_examples=60, deadline=None)
@given(timetable=arrivals(), every_seconds=st.sampled_from([30, 90]))
def test_a_state_that_went_through_json_says_the_same(timetable: Any, every_seconds: Any) -> Any:
    """The machine is restarted at every look: nothing but the text of its state goes on."""
    end = max((at for at, _ in timetable), default=0.0) + 40
    plain = Desk(every_seconds=every_seconds).play(timetable, until_minutes=end)

    class Restarted(Throttling):
        def step(self, state: Any, events: Any, now_us: Any) -> Any:
            state = ThrottlingState.from_json(state.to_json())
            return Throttling(CHANNELS).step(state, events, now_us)

    restarted = Desk(Restarted(CHANNELS), every_seconds).play(timetable, until_minutes=end)
    assert [(at, s.key, s.text) for at, s in restarted.sent] == [(at, s.key, s.text) for at, s in plain.sent]


@settings(max_examples=60, deadline=None)
@given(timetable=arrivals(), data=st.data())
def test_after_a_crash_only_the_speech_that_was_on_its_way_can_be_sent_twice(timetable: Any, data: Any) -> None:
    """Speeches are sent, then the state is kept; a crash falls between the two, and all events come again."""
    throttling, kept, sent = Throttling(CHANNELS), ThrottlingState().to_json(), []
    arrives = [(NOON + round(at * MINUTE_US), one) for at, one in timetable]
    in_flight: list[str] = []
    now_us, end_us = NOON, max((at for at, _ in arrives), default=NOON) + 50 * MINUTE_US
    while now_us <= end_us:
        state = ThrottlingState.from_json(kept)
        state = throttling.hear(state, [one for at, one in arrives if at <= now_us], now_us)
        kept = state.to_json()
        while True:
            notification, state = throttling.speak(state, now_us)
            if notification is None:
                break
            sent.append(notification)
            if len(in_flight) < 3 and not data.draw(st.integers(0, 3)):
                in_flight.append(notification.key)
                break
            kept = state.to_json()
        later = [at for at, _ in arrives if at > now_us]
        now_us += 30 * SECOND_US
        if not ThrottlingState.from_json(kept).waiting:
            now_us = max(now_us, min(later, default=end_us + 1))
    said = Counter(itertools.chain(*(notification.event_keys for notification in sent)))
    assert set(said) == {r.key for _, r in timetable}
    in_doubt = set(itertools.chain(*(s.event_keys for s in sent if s.key in in_flight)))
    assert {key for key, number in said.items() if number > 1} <= in_doubt
    assert all(number <= 1 + len(in_flight) for number in said.values())


def test_the_state_is_plain_json_and_comes_back_as_it_was() -> None:
    throttling = Throttling(CHANNELS)
    _, state = throttling.step(ThrottlingState(), [event("a", load_rate=math.nan), event("b", "T2")], NOON)
    notifications, state = throttling.step(state, [event("c", "T3", station="S2")], NOON + MINUTE_US)
    assert len(notifications) == 1
    text = state.to_json()
    assert json.loads(text)["version"] == 1
    again = ThrottlingState.from_json(text)
    assert again == state
    assert isinstance(again.waiting[0], Waiting)


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"version": 2}', '{"version": 1, "waiting": 3}', "null"])
def test_a_state_that_is_none_is_refused(broken: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ThrottlingState.from_json(broken)


def test_speech_about_no_transformer_is_said_in_its_own_words() -> None:
    blind = event("blind", "", kind=MessageKind.COMMUNICATION_LOST, station="", level="stream", urgency=Urgency.BLIND)
    lost = [event(f"lost {i}", "", kind=MessageKind.COMMUNICATION_LOST, level="communication") for i in range(5)]
    visit_recorder = Desk().play([(0, blind), *[(0, one) for one in lost]])
    assert visit_recorder.words[0] == blind.text.zh
    assert visit_recorder.words[1].endswith("\n另有 2 条，请看值班台。")
    with_storm = [(0, event(f"k{i}", f"T{i}", station=f"S{i}")) for i in range(11)]
    visit_recorder = Desk().play([(0, blind), *with_storm])
    assert visit_recorder.words[0].startswith(blind.text.zh + "\n【汇总】11 个供电所 ")
    only_lost = [(0, event(f"k{i}", "", kind=MessageKind.COMMUNICATION_LOST, station=f"S{i}")) for i in range(11)]
    assert Desk().play(only_lost).words[0].endswith("\n另有 8 条，请看值班台。")


def test_levels_have_their_urgency() -> None:
    assert urgency_of_level("overload") > urgency_of_level("severe_heavy") > urgency_of_level("heavy")
    assert urgency_of_level("phase_overload") == Urgency.OVERLOAD


def test_no_identifier_stands_in_what_is_said_of_several_meters_in_either_language() -> None:
    kind = MessageKind.CHECK_THE_METER
    several = [
        replace(event(f"{name}/STUCK/1", name, kind=kind, urgency=Urgency.ROUTINE), level=kind) for name in ("T1", "T2")
    ]
    said = group_text(Group("S1", kind), several, {}, {"S1": "一所"})
    assert said.zh.startswith("一所 核查表计 2 个台区（核查表计 2）")
    assert "_" not in said.zh + said.en
    assert "2 with a meter to check" in said.en


def test_every_kind_that_a_group_is_named_by_has_words() -> None:
    for kind in MessageKind:
        single = kind.value.startswith("incident_") or kind in (
            MessageKind.GROUP,
            MessageKind.DIGEST,
            MessageKind.OTHER,
        )
        assert single or "_" not in _topic_name(kind).zh, kind
    assert MessageKind.of("of_a_later_version") is MessageKind.OTHER


def test_each_of_thirty_two_transformers_of_a_storm_is_named_in_a_message() -> None:
    opened = [(i / 20, event(f"k{i}", f"T{i:02}", load_rate=0.9 + i / 1000)) for i in range(32)]
    said = "\n".join(Desk().play(opened).words)
    assert [f"T{i:02}" for i in range(32) if f"T{i:02}" not in said] == []


def test_more_transformers_than_a_message_holds_are_counted_and_it_stays_short() -> None:
    opened = [(0.0, event(f"k{i}", f"T{i:04}", load_rate=0.95)) for i in range(2_000)]
    ((_, notification),) = Desk().play(opened).sent
    assert "还有 1940 个见值班台" in notification.text.zh
    assert len(notification.text.zh.encode()) < 4_096
