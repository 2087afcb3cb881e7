"""Delivery: each message of the outbox ends delivered or dead with a reason, and no channel waits for another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model.incidents import Incident, IncidentState
from grid.text import Language, Text
from grid.timestamps import parse_timestamp_us
from service.clock import Clock, ScaledClock, SystemClock
from service.metrics.metrics import Metrics
from service.notify.dispatcher import Delivery, DeliveryThread, RetryPolicy
from service.notify.notifiers import FileNotifier, NotDelivered, Notice, Notifier, WebhookNotifier
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


def test_new_messages_go_at_once_when_woken(
    records: Records, clock: ScaledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.notify.dispatcher._LOOK_SECONDS", 3600.0)
    desk = Rehearsed()
    delivery = deliver(records, clock, ONCE, desk=desk)
    delivery.start()
    pause(0.05)
    put(records, "a")
    delivery.wake()
    wait_until(lambda: len(desk.taken) == 1)
    delivery.stop()


def test_a_message_for_a_channel_that_is_gone_is_dead_with_the_reason(records: Records, clock: ScaledClock) -> None:
    put(records, "a", channels=("fax", "desk"))
    delivery = deliver(records, clock, ONCE, desk=Rehearsed())
    delivery.start()
    wait_until(lambda: fates(records)["a@desk"].state is DeliveryState.DELIVERED)
    delivery.stop()
    fate = fates(records)["a@fax"]
    assert fate.state is DeliveryState.DEAD
    assert "notify.channels" in fate.last_error


def test_what_nobody_foresaw_is_counted_and_the_channel_goes_on(
    records: Records, clock: ScaledClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Surprising(Rehearsed):
        def send(self, notice: Notice) -> None:
            """Fail in a way that the protocol does not know, once."""
            self.attempts += 1
            if self.attempts == 1:
                raise ZeroDivisionError
            self.taken.append(notice)

    monkeypatch.setattr("service.notify.dispatcher._STORE_RETRY_SECONDS", 0.05)
    put(records, "a")
    desk = Surprising()
    delivery = deliver(records, clock, ONCE, Metrics(), desk=desk)
    delivery.start()
    wait_until(lambda: len(desk.taken) == 1)
    delivery.stop()
    assert threading.active_count() < 20


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
