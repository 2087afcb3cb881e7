"""The one reader of the broker: nothing is acknowledged before it is safe, and nothing ends the reading."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from collector.message import Message
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.subscriber import Subscriber, SubscriberState
from collector.wire.format import reading_topic, subscription_filters
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

Protocol = Literal["5", "3.1.1"]
TOPIC = reading_topic("ST01", "YX06")
NOW_US = 1_627_095_600_000_000

MakeSubscriber = Callable[..., Subscriber]
NewMosquitto = Callable[..., Mosquitto]


@pytest.fixture(params=["5", "3.1.1"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """Return each MQTT version in turn."""
    version: Protocol = request.param
    return version


@pytest.fixture
def subscribe() -> Iterator[MakeSubscriber]:
    """Return a function that starts a subscriber at a broker; all are stopped after the test."""
    started: list[Subscriber] = []

    def start(broker: Mosquitto, protocol: Protocol = "5", client_id: str = "collector", **options: Any) -> Subscriber:
        usual: dict[str, Any] = {
            "clock_us": lambda: NOW_US,
            "reconnect_seconds_min": 0.05,
            "reconnect_seconds_max": 0.2,
        }
        options = usual | options
        keep_alive_seconds = options.pop("keep_alive_seconds", 30)
        address = BrokerAddress(broker.host, broker.port, protocol=protocol, keep_alive_seconds=keep_alive_seconds)
        subscriber = Subscriber(address, client_id, subscription_filters(), **options)
        started.append(subscriber)
        subscriber.start()
        return subscriber

    yield start
    for subscriber in started:
        subscriber.stop()


def until(subscriber: Subscriber, is_so: Callable[[SubscriberState], bool]) -> SubscriberState:
    """Wait for a state and return it."""
    give_up_at = time.monotonic() + 60.0
    while not is_so(state := subscriber.state()):
        assert time.monotonic() < give_up_at, f"still {state}"
        pause(0.005)
    return state


def until_connected(subscriber: Subscriber) -> None:
    """Wait until the subscriber is connected, and the broker has answered its subscription."""
    until(subscriber, lambda state: state.subscribed)


def publish(broker: Mosquitto, payloads: Sequence[bytes], topic: str = TOPIC, retain: bool = False) -> None:
    """Publish at QoS 1 and return when the broker has acknowledged all."""
    client: Any = BrokerAddress(broker.host, broker.port).client("device")
    client.connect(broker.host, broker.port)
    client.loop_start()
    for sent in [client.publish(topic, payload, qos=1, retain=retain) for payload in payloads]:
        sent.wait_for_publish(60.0)
    client.disconnect()
    client.loop_stop()


def until_the_broker_has_read_everything(broker: Mosquitto) -> None:
    """Keep the broker busy for a few rounds; it reads one packet of each connection in a round.

    Without it, a new connection with the same client id can overtake acknowledgements that the old one has sent.
    That costs a second delivery, never a message.
    """
    publish(broker, [b"a round"] * 20, topic="elsewhere")


def take(subscriber: Subscriber, count: int, wait_seconds: float = 60.0) -> list[Message]:
    """Take until `count` messages are there or nothing comes any more."""
    taken: list[Message] = []
    give_up_at = time.monotonic() + wait_seconds
    while len(taken) < count and time.monotonic() < give_up_at:
        taken += subscriber.take(count - len(taken), 0.1)
    return taken


def payloads_of(messages: Sequence[Message]) -> list[bytes]:
    """Return what the messages say."""
    return [message.payload for message in messages]


def open_files() -> int:
    """Return how many files and sockets this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_messages_come_in_order_with_their_topic_and_the_time_of_receipt(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    subscriber = subscribe(mosquitto, protocol)
    until_connected(subscriber)
    sent = [b"%d" % number for number in range(500)]
    publish(mosquitto, sent)
    messages = take(subscriber, 500)
    assert payloads_of(messages) == sent
    assert {(m.topic, m.received_at_us, m.qos, m.epoch, m.retained) for m in messages} == {
        (TOPIC, NOW_US, 1, subscriber.state().epoch, False)
    }


def test_what_was_not_acknowledged_comes_again_after_a_stop(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    first = subscribe(mosquitto, protocol)
    until_connected(first)
    publish(mosquitto, [b"%d" % number for number in range(10)])
    messages = take(first, 10)
    first.acknowledge(messages[:4])
    first.stop()
    assert first.state().acknowledged == 4
    until_the_broker_has_read_everything(mosquitto)

    second = subscribe(mosquitto, protocol)
    assert payloads_of(take(second, 6)) == [b"4", b"5", b"6", b"7", b"8", b"9"]
    assert take(second, 1, wait_seconds=0.3) == []


def test_what_comes_while_the_collector_is_away_waits_at_the_broker(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    first = subscribe(mosquitto, protocol)
    until_connected(first)
    first.stop()
    publish(mosquitto, [b"meanwhile"])
    assert payloads_of(take(subscribe(mosquitto, protocol), 1)) == [b"meanwhile"]


def test_a_block_taken_and_not_acknowledged_is_not_acknowledged_behind_our_back(
    mosquitto: Mosquitto, subscribe: MakeSubscriber
) -> None:
    subscriber = subscribe(mosquitto, receive_maximum=5)
    until_connected(subscriber)
    publish(mosquitto, [b"%d" % number for number in range(200)])
    held = take(subscriber, 5)
    held += take(subscriber, 200, wait_seconds=0.6)
    assert 5 <= len(held) < 200, "the broker sends no more than it may leave unacknowledged (it overshoots a little)"
    taken = list(held)
    while len(taken) < 200:
        subscriber.acknowledge(held)
        held = take(subscriber, 1)
        assert held, f"{len(taken)} of 200"
        taken += held
    assert payloads_of(taken) == [b"%d" % number for number in range(200)]


def test_late_acknowledgements_do_not_destroy_the_messages_of_a_new_session(
    new_mosquitto: NewMosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    """The broker forgets us; packet ids begin anew, and old ones now mean messages that nobody has stored."""
    broker = new_mosquitto(persistence=False)
    subscriber = subscribe(broker, protocol)
    until_connected(subscriber)
    publish(broker, [b"old %d" % number for number in range(10)])
    old = take(subscriber, 10)
    broker.kill()
    broker.start()
    until(subscriber, lambda state: state.sessions_lost == 1)
    until_connected(subscriber)
    publish(broker, [b"new %d" % number for number in range(10)])
    new = take(subscriber, 10)
    assert {message.mid for message in old} == {message.mid for message in new}

    subscriber.acknowledge(old)
    assert subscriber.state().dropped_acks == 10
    subscriber.stop()
    again = subscribe(broker, protocol)
    assert payloads_of(take(again, 10)) == payloads_of(new)


def test_a_broker_that_starts_later_is_waited_for_and_said_to_be_away(
    new_mosquitto: NewMosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    broker = new_mosquitto(started=False)
    subscriber = subscribe(broker, protocol)
    away = until(subscriber, lambda state: state.epoch >= 3)
    assert not away.connected
    assert f"{broker.host}:{broker.port}" in away.last_error
    assert "start the broker" in away.last_error
    broker.start()
    back = until(subscriber, lambda state: state.subscribed)
    assert (back.last_error, back.sessions_lost, back.unexpected_errors) == ("", 0, 0)
    publish(broker, [b"at last"])
    assert payloads_of(take(subscriber, 1)) == [b"at last"]


def test_a_broker_that_restarts_is_found_again_and_sends_what_is_owed(
    new_mosquitto: NewMosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    broker = new_mosquitto(persistence=True)
    subscriber = subscribe(broker, protocol)
    until_connected(subscriber)
    publish(broker, [b"before"])
    before = take(subscriber, 1)
    broker.stop()
    gone = until(subscriber, lambda state: not state.connected)
    assert gone.last_error
    broker.start()
    again = take(subscriber, 1)
    assert payloads_of(again) == [b"before"]
    assert again[0].epoch > before[0].epoch
    assert subscriber.state().sessions_lost == 0


def test_readings_wait_at_the_broker_while_the_queue_is_full(mosquitto: Mosquitto, subscribe: MakeSubscriber) -> None:
    subscriber = subscribe(mosquitto, queue_messages_max=10)
    until_connected(subscriber)
    sent = [b"%d" % number for number in range(300)]
    publish(mosquitto, sent)
    taken: list[Message] = []
    while len(taken) < 300:
        until(subscriber, lambda state: state.queued > 0)
        assert subscriber.state().queued <= 10
        taken += subscriber.take(7, 0.1)
    assert payloads_of(taken) == sent


def test_large_messages_fill_the_queue_by_their_bytes(mosquitto: Mosquitto, subscribe: MakeSubscriber) -> None:
    subscriber = subscribe(mosquitto, queue_bytes_max=100_000)
    until_connected(subscriber)
    sent = [bytes([65 + number]) * 40_000 for number in range(10)]
    publish(mosquitto, sent)
    until(subscriber, lambda state: state.queued == 2)
    pause(0.1)
    assert subscriber.state().queued == 2
    assert payloads_of(take(subscriber, 10)) == sent


def test_a_store_that_takes_nothing_for_long_does_not_cost_the_connection(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    subscriber = subscribe(mosquitto, protocol, queue_messages_max=1, keep_alive_seconds=1)
    until_connected(subscriber)
    sent = [b"%d" % number for number in range(300)]
    publish(mosquitto, sent)
    until(subscriber, lambda state: state.queued == 1)
    pause(4.0)  # the broker hangs up after 1.5 times the keep-alive, paho after twice
    assert (subscriber.state().connected, subscriber.state().epoch) == (True, 1)
    taken: list[Message] = []
    while len(taken) < len(sent):
        block = subscriber.take(1, 60.0)
        assert block
        subscriber.acknowledge(block)
        taken += block
    assert payloads_of(taken) == sent
    assert subscriber.state().epoch == 1


def test_a_steady_stream_does_not_hide_a_dead_line_nor_fake_one(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    subscriber = subscribe(mosquitto, protocol, keep_alive_seconds=1)
    until_connected(subscriber)
    give_up_at = time.monotonic() + 4.0
    while time.monotonic() < give_up_at:
        publish(mosquitto, [b"now"])
        subscriber.acknowledge(take(subscriber, 1))
    assert (subscriber.state().connected, subscriber.state().epoch) == (True, 1)


def test_a_subscriber_stops_at_once_though_its_queue_is_full(mosquitto: Mosquitto, subscribe: MakeSubscriber) -> None:
    subscriber = subscribe(mosquitto, queue_messages_max=1)
    until_connected(subscriber)
    publish(mosquitto, [b"1", b"2", b"3"])
    until(subscriber, lambda state: state.queued == 1)
    subscriber.stop()  # waits for its thread; one that waits for room in the queue never ends
    assert payloads_of(take(subscribe(mosquitto), 3)) == [b"1", b"2", b"3"]


def test_an_unexpected_error_is_counted_and_the_reading_goes_on(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, caplog: pytest.LogCaptureFixture
) -> None:
    timestamps: Iterator[Any] = iter([ZeroDivisionError("a broken clock"), NOW_US, NOW_US])

    def clock_us() -> int:
        timestamp = next(timestamps)
        if isinstance(timestamp, Exception):
            raise timestamp
        return int(timestamp)

    subscriber = subscribe(mosquitto, clock_us=clock_us)
    until_connected(subscriber)
    publish(mosquitto, [b"1", b"2"])
    assert payloads_of(take(subscriber, 2)) == [b"1", b"2"]
    state = subscriber.state()
    assert (state.connected, state.unexpected_errors, state.epoch) == (True, 1, 2)
    assert "a broken clock" in caplog.text


def test_retained_messages_are_marked_or_not_sent_at_all(
    mosquitto: Mosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    publish(mosquitto, [b"of some earlier day"], retain=True)
    subscriber = subscribe(mosquitto, protocol)
    until_connected(subscriber)
    messages = take(subscriber, 1, wait_seconds=0.5 if protocol == "5" else 60.0)
    assert [message.retained for message in messages] == ([] if protocol == "5" else [True])


def test_a_broker_that_refuses_the_login_is_told_with_the_remedy(
    new_mosquitto: NewMosquitto, subscribe: MakeSubscriber, protocol: Protocol
) -> None:
    broker = new_mosquitto(configuration=["allow_anonymous false"])
    subscriber = subscribe(broker, protocol)
    refused = until(subscriber, lambda state: bool(state.last_error))
    assert not refused.connected
    assert "refuses us: Not authorized" in refused.last_error
    assert "mend broker.username" in refused.last_error


def test_a_broker_that_hangs_up_on_mqtt_5_is_told_with_the_setting(subscribe: MakeSubscriber) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        stop = threading.Event()

        def hang_up() -> None:
            server.settimeout(0.05)
            while not stop.is_set():
                try:
                    caller, _ = server.accept()
                except TimeoutError:
                    continue
                caller.recv(100)
                caller.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        try:
            address = Mosquitto.__new__(Mosquitto)  # only its address is asked for
            address.port = server.getsockname()[1]
            state = until(subscribe(address), lambda state: bool(state.last_error))
            assert 'set broker.protocol = "3.1.1"' in state.last_error
        finally:
            stop.set()
            thread.join()


def test_two_collectors_of_one_name_are_told_to_look_at_it(mosquitto: Mosquitto, subscribe: MakeSubscriber) -> None:
    subscriber = subscribe(mosquitto, reconnect_seconds_min=1.0)
    until_connected(subscriber)
    other: Any = BrokerAddress(mosquitto.host, mosquitto.port).client("collector")
    other.connect(mosquitto.host, mosquitto.port)
    other.loop_start()
    try:
        ended = until(subscriber, lambda state: bool(state.last_error))
        assert "whether another client uses the name 'collector' too" in ended.last_error
    finally:
        other.disconnect()
        other.loop_stop()


def test_many_vain_attempts_leave_no_open_files(new_mosquitto: NewMosquitto, subscribe: MakeSubscriber) -> None:
    broker = new_mosquitto(started=False)
    gc.collect()
    gc.disable()
    try:
        subscriber = subscribe(broker, reconnect_seconds_min=0.001, reconnect_seconds_max=0.001)
        until(subscriber, lambda state: state.epoch > 5)
        before = open_files()
        until(subscriber, lambda state: state.epoch > 100)
        assert open_files() <= before + 3
    finally:
        gc.enable()


def test_messages_without_a_promise_need_no_acknowledgement(mosquitto: Mosquitto, subscribe: MakeSubscriber) -> None:
    subscriber = subscribe(mosquitto)
    until_connected(subscriber)
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect(mosquitto.host, mosquitto.port)
    client.loop_start()
    client.publish(TOPIC, b"at QoS 0", qos=0).wait_for_publish(60.0)
    messages = take(subscriber, 1)
    client.disconnect()
    client.loop_stop()
    assert [message.qos for message in messages] == [0]
    subscriber.acknowledge(messages)
    assert (subscriber.state().acknowledged, subscriber.state().dropped_acks) == (0, 0)


def test_a_password_does_not_show_when_an_address_is_printed() -> None:
    assert "s3cret" not in repr(BrokerAddress("broker.example", 8883, "collector", "s3cret"))
