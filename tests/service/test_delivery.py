"""Delivery: each message of the outbox ends delivered or dead with a reason, and no channel waits for another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.incidents import Incident, IncidentState
from grid.text import Language, Text
from grid.timestamps import parse_timestamp_us
from service.clock import Clock, ScaledClock, SystemClock
from service.metrics.metrics import Metrics
from service.notify.channels.local import FileNotifier
from service.notify.channels.notice import NotDelivered, Notice, Notifier
from service.notify.channels.webhook import WebhookNotifier
from service.notify.delivery_thread import DeliveryThread
from service.notify.dispatcher import CHANNEL_GONE, Delivery, RetryPolicy
from service.notify.rates import SendRate
from service.settings.settings import Settings
from stores.records.changes import Changes, NewMessage
from stores.records.outbox import Delivery as Fate
from stores.records.outbox import DeliveryState
from stores.records.records import Records
from tests.support.waiting import pause, wait_until
from tests.support.webhook_receiver import Receiver

NOW_US = parse_timestamp_us("2021-07-24T03:00:00Z")
ONCE = RetryPolicy(attempts_max=1, seconds_first=0.05, seconds_max=0.05)
THRICE = RetryPolicy(attempts_max=3, seconds_first=0.05, seconds_max=0.05)


class Rehearsed:
    """A receiver that takes messages, or refuses the first few."""

    def __init__(self, refusals: int = 0) -> None:
        self.taken: list[Notice] = []
        self.attempts = 0
        self._refusals = refusals

    def send(self, notice: Notice) -> None:
        """Take it or refuse it."""
        self.attempts += 1
        if self.attempts <= self._refusals:
            raise NotDelivered(f"refused {self.attempts}")
        self.taken.append(notice)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    store = Records(f"sqlite:///{tmp_path / 'records.sqlite'}")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def clock() -> ScaledClock:
    """Return a clock of the 24 July day, ten times as fast as the real one."""
    return ScaledClock(SystemClock().now_us(), NOW_US, 10.0)


class Moved:
    """A clock ten times as fast as the real one, that passes only when it is moved."""

    speed = 10.0

    def __init__(self) -> None:
        self.timestamp_us = NOW_US

    def now_us(self) -> int:
        """Return the moment [µs]."""
        return self.timestamp_us


INCIDENT = Incident(
    incident_id="YX06-1",
    transformer_id="YX06",
    rule="early-warning@1",
    level="severe_heavy",
    state=IncidentState.OPEN,
    first_reading_at_us=NOW_US,
    opened_at_us=NOW_US,
    opened_load_rate=0.9,
    peak_load_rate=0.9,
    peak_at_us=NOW_US,
    last_load_rate=0.9,
    last_reading_at_us=NOW_US,
)


def put(records: Records, *keys: str, channels: tuple[str, ...] = ("desk",)) -> None:
    texts = {key: Text(f"消息 {key}", f"message {key}") for key in keys}
    messages = [NewMessage(k, "incident_opened", "ST01", "YX06-1", texts[k], NOW_US, channels) for k in keys]
    records.commit(Changes(incidents=(INCIDENT,), messages=tuple(messages)))


def fates(records: Records) -> dict[str, Fate]:
    return {f"{m.key}@{d.channel}": d for m in records.messages(100) for d in m.deliveries}


def deliver(
    records: Records, clock: Clock, policy: RetryPolicy, metrics: Metrics | None = None, **notifiers: Notifier
) -> Delivery:
    return Delivery(records, notifiers, clock, policy, "http://desk.example", metrics)


def test_a_message_is_delivered_once_with_its_number_and_link(records: Records, clock: ScaledClock) -> None:
    put(records, "a", "b")
    desk, metrics = Rehearsed(), Metrics()
    delivery = deliver(records, clock, ONCE, metrics, desk=desk)
    assert delivery.drain("desk").delivered == 2
    assert delivery.drain("desk").delivered == 0
    assert [notice.text.en for notice in desk.taken] == ["message a", "message b"]
    assert [notice.number for notice in desk.taken] == [m.message_no for m in reversed(records.messages(10))]
    assert desk.taken[0].link == "http://desk.example/?incident=YX06-1"
    assert {fate.state for fate in fates(records).values()} == {DeliveryState.DELIVERED}


def test_a_refused_message_is_tried_again_after_a_while_and_then_delivered(records: Records) -> None:
    clock = Moved()
    put(records, "a")
    desk = Rehearsed(refusals=2)
    delivery = deliver(records, clock, THRICE, desk=desk)
    assert delivery.drain("desk").failed == 1
    assert delivery.drain("desk").failed == 0, "it waits"
    waiting = fates(records)["a@desk"]
    assert (waiting.state, waiting.attempts, waiting.last_error) == (DeliveryState.PENDING, 1, "refused 1")
    assert waiting.next_attempt_at_us is not None
    wait_us = waiting.next_attempt_at_us - clock.now_us()
    assert 0 < wait_us <= 0.05 * 10 * 1e6, "real seconds, on a clock ten times as fast"
    clock.timestamp_us += wait_us - 1
    assert delivery.drain("desk").failed == 0, "it still waits"
    clock.timestamp_us += 1
    assert delivery.drain("desk").failed == 1
    clock.timestamp_us += round(0.05 * 10 * 1e6)
    assert delivery.drain("desk").delivered == 1
    assert (desk.attempts, len(desk.taken)) == (3, 1)


def test_a_message_that_nobody_takes_is_dead_with_its_reason(records: Records, clock: ScaledClock) -> None:
    put(records, "a")
    metrics = Metrics()
    delivery = deliver(records, clock, THRICE, metrics, desk=Rehearsed(refusals=99))
    wait_until(lambda: bool(delivery.drain("desk").dead))
    fate = fates(records)["a@desk"]
    assert (fate.state, fate.attempts, fate.last_error) == (DeliveryState.DEAD, 3, "refused 3")
    assert delivery.drain("desk").failed == 0
    assert metrics.report().outbox_dead == 1


def test_a_channel_that_hangs_holds_up_no_other(records: Records, clock: ScaledClock, tmp_path: Path) -> None:
    put(records, "a", "b", channels=("hook", "file"))
    receiver = Receiver()
    try:
        path = tmp_path / "said.jsonl"
        hook = WebhookNotifier(f"{receiver.url}/hang", Language.EN, timeout_seconds=100.0)
        delivery = deliver(records, clock, THRICE, hook=hook, file=FileNotifier(path, Language.EN))
        delivery.start()
        wait_until(lambda: path.exists() and len(path.read_text().splitlines()) == 2)
        assert fates(records)["a@hook"].state is DeliveryState.PENDING
    finally:
        receiver.stop()
        delivery.stop()


def test_a_channel_with_thousands_of_waiting_messages_delays_no_other(records: Records, clock: ScaledClock) -> None:
    put(records, *(f"old-{i}" for i in range(1200)), channels=("blocked",))
    put(records, "new", channels=("blocked", "desk"))
    desk = Rehearsed()
    delivery = deliver(records, clock, THRICE, blocked=Rehearsed(refusals=10**6), desk=desk)
    delivery.drain("blocked")
    assert delivery.drain("desk").delivered == 1
    assert [notice.text.en for notice in desk.taken] == ["message new"]


def test_a_receiver_that_is_away_is_not_asked_for_each_waiting_message(records: Records) -> None:
    put(records, *(f"m{i}" for i in range(50)))
    desk = Rehearsed(refusals=99)
    delivery = deliver(records, Moved(), THRICE, desk=desk)
    for _ in range(10):
        delivery.drain("desk")
    assert desk.attempts == 1, "the clock stands still: the channel waits as a whole"


def test_what_is_said_of_an_incident_waits_for_what_failed_before_it(records: Records) -> None:
    clock = Moved()
    put(records, "opened", "closed")
    desk = Rehearsed(refusals=1)
    delivery = deliver(records, clock, RetryPolicy(5, 10.0, 100.0), desk=desk)
    delivery.drain("desk")
    clock.timestamp_us += 9 * 10 * 1_000_000
    assert delivery.drain("desk").delivered == 0, "its turn has not come, and the other may not overtake it"
    clock.timestamp_us += 2 * 10 * 1_000_000
    assert delivery.drain("desk").delivered == 2
    assert [notice.text.en for notice in desk.taken] == ["message opened", "message closed"]


def test_a_message_that_is_refused_for_good_does_not_hold_up_the_next(records: Records, clock: ScaledClock) -> None:
    class Particular(Rehearsed):
        def send(self, notice: Notice) -> None:
            """Refuse one message for good."""
            if notice.text.en == "message a":
                raise NotDelivered("too long", is_final=True)
            self.taken.append(notice)

    put(records, "a", "b")
    desk = Particular()
    drained = deliver(records, clock, THRICE, desk=desk).drain("desk")
    assert (drained.dead, drained.delivered) == (1, 1)
    assert fates(records)["a@desk"].last_error == "too long"


def test_dead_messages_are_sent_again_on_request_in_their_old_order(records: Records, clock: ScaledClock) -> None:
    put(records, "a", "b", "c")
    desk, metrics = Rehearsed(refusals=3), Metrics()
    delivery = deliver(records, clock, ONCE, metrics, desk=desk)
    wait_until(lambda: delivery.drain("desk").dead + 1 and metrics.report().outbox_dead == 3)
    assert "redvest channels resend" in " ".join(metrics.report().reasons)
    assert [m.key for m in records.dead_messages("desk", 9)] == ["a", "b", "c"]
    assert records.resend(clock.now_us(), "duty", None, (2,)) == 1
    assert records.resend(clock.now_us(), "duty", "desk", None) == 2
    assert records.resend(clock.now_us(), "duty", None, None) == 0
    assert records.audit(1)[0].action == "messages_resent"
    pause(0.1)
    wait_until(lambda: delivery.drain("desk").delivered + 1 and len(desk.taken) == 3)
    assert [notice.text.en for notice in desk.taken] == ["message a", "message b", "message c"]
    assert {fate.state for fate in fates(records).values()} == {DeliveryState.DELIVERED}
    metrics.channels(records.channel_counts())
    assert not any("delivery" in reason for reason in metrics.report().reasons), "green again"


def test_an_incident_that_ended_meanwhile_is_not_announced_as_new(records: Records) -> None:
    put(records, "a")
    over = replace(INCIDENT, state=IncidentState.CLOSED, closed_at_us=NOW_US + 60_000_000)
    records.commit(Changes(incidents=(over,)))
    clock, desk = Moved(), Rehearsed()
    clock.timestamp_us += 2 * 3600 * 1_000_000
    deliver(records, clock, ONCE, desk=desk).drain("desk")
    assert desk.taken[0].text.zh == "【补发，事件已结束】以下通知迟到 120 分钟，仅供知悉，不必再出动。消息 a"
    assert desk.taken[0].text.en.startswith("[late, the incident is over] 120 min late")


def test_a_message_that_is_late_says_so(records: Records) -> None:
    put(records, "a")
    clock, desk = Moved(), Rehearsed()
    clock.timestamp_us += 3600 * 1_000_000
    deliver(records, clock, ONCE, desk=desk).drain("desk")
    assert desk.taken[0].text.en == "[late] this message is 60 min late. message a"


def test_new_messages_go_at_once_when_woken(records: Records, clock: ScaledClock) -> None:
    desk = Rehearsed()
    delivery = deliver(records, clock, RetryPolicy(1, 0.05, 0.05, look_seconds=3600.0), desk=desk)
    delivery.start()
    pause(0.05)
    put(records, "a")
    delivery.wake()
    wait_until(lambda: len(desk.taken) == 1)
    delivery.stop()


def test_messages_that_another_process_put_there_go_soon(records: Records, clock: ScaledClock) -> None:
    desk = Rehearsed()
    delivery = deliver(records, clock, RetryPolicy(1, 0.05, 0.05, look_seconds=0.05), desk=desk)
    delivery.start()
    pause(0.2)
    put(records, "a")
    wait_until(lambda: len(desk.taken) == 1)
    delivery.stop()


def test_a_message_for_a_channel_that_is_gone_is_closed_with_the_reason(records: Records, clock: ScaledClock) -> None:
    put(records, *(f"f{i}" for i in range(600)), channels=("fax",))
    put(records, "a", channels=("fax", "desk"))
    metrics = Metrics()
    delivery = deliver(records, clock, ONCE, metrics, desk=Rehearsed())
    delivery.start()
    wait_until(lambda: fates(records)["a@desk"].state is DeliveryState.DELIVERED)
    delivery.stop()
    assert records.channel_counts()["fax"].closed == 601
    assert fates(records)["a@fax"].last_error == CHANNEL_GONE
    assert metrics.report().outbox_dead == 0, "nobody has to mend what is no longer there"


def test_what_nobody_foresaw_counts_as_an_attempt_and_the_channel_goes_on(records: Records, clock: ScaledClock) -> None:
    class Surprising(Rehearsed):
        def send(self, notice: Notice) -> None:
            """Fail in a way that the protocol does not know, always for one message."""
            if notice.text.en == "message a":
                raise ZeroDivisionError
            self.taken.append(notice)

    put(records, "a", "b")
    desk, metrics = Surprising(), Metrics()
    delivery = deliver(records, clock, THRICE, metrics, desk=desk)
    delivery.start()
    wait_until(lambda: len(desk.taken) == 1)
    wait_until(lambda: fates(records)["a@desk"].state is DeliveryState.DEAD)
    delivery.stop()
    assert (fates(records)["a@desk"].attempts, fates(records)["a@desk"].last_error) == (
        3,
        "unforeseen: ZeroDivisionError",
    )
    assert metrics.registry.get_sample_value("redvest_delivery_failures_total", {"channel": "desk"}) == 3.0
    assert metrics.registry.get_sample_value("redvest_channel_dead", {"channel": "desk"}) == 1.0


def test_a_robot_s_rate_is_kept_over_a_backlog_and_over_a_restart(records: Records) -> None:
    put(records, *(f"m{i}" for i in range(9)))
    rate = {"desk": SendRate(limits=((4, 1.5),))}
    sent: list[float] = []

    class Timed(Rehearsed):
        def send(self, notice: Notice) -> None:
            """Note when."""
            sent.append(time.monotonic())

    clock = SystemClock()
    first = Delivery(records, {"desk": Timed()}, clock, ONCE, "", rates=rate)
    first.start()
    wait_until(lambda: len(sent) == 4)
    first.stop()
    second = Delivery(records, {"desk": Timed()}, clock, ONCE, "", rates=rate)
    second.start()
    wait_until(lambda: len(sent) == 9)
    second.stop()
    assert all(later - earlier > 1.4 for earlier, later in zip(sent, sent[4:], strict=False))


def test_the_collector_s_delivery_is_made_from_the_settings(tmp_path: Path, clock: ScaledClock) -> None:
    settings = Settings.model_validate({"data": {"folder": tmp_path}, "notify": {"channels": ["file"]}})
    store = Records(settings.records_url())
    store.migrate()
    put(store, "a", channels=("file",))
    thread = DeliveryThread(settings, clock, Metrics())
    thread.start()
    wait_until(settings.notifications_file.exists)
    wait_until(lambda: fates(store)["a@file"].state is DeliveryState.DELIVERED)
    thread.stop()
    store.close()
