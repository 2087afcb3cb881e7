"""Whatever a broker sends, the subscriber lives, hands over whole messages only, in order, and connects anew."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import Literal

import pytest

from collector.mqtt import packets
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.packets import PACKET_BYTES_MAX
from collector.mqtt.subscriber import Subscriber
from tests.support.false_broker import (
    FalseBroker,
    Handed,
    Sending,
    one_byte_at_a_time,
    publish,
    read_slowly,
)
from tests.support.mqtt_bytes import LENGTH_MAX, length_of
from tests.support.process_memory import resident_mb

Protocol = Literal["5", "3.1.1"]
Mutation = Callable[[random.Random, bool], bytes]
TOPIC = b"redvest/v1/ST01/YX06/reading"
MEMORY_GROWTH_MB_MAX = 64.0
_EVALUATED_AT_ONCE = 500


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Keep no line of the log: pytest would hold those of all connections in memory."""
    caplog.set_level(logging.CRITICAL, logger="redvest.subscriber")


def good(rng: random.Random, has_properties: bool) -> bytes:
    """Return a well-formed PUBLISH packet."""
    properties = rng.choice([b"", b"", b"\x01\x01", b"\x02\x00\x00\x00\x3c", b"\x26\x00\x01a\x00\x01b" * 40])
    return publish(
        rng.choice([TOPIC, TOPIC, b"redvest/v1/ST01/readings", "redvest/v1/北所/YX06/reading".encode()]),
        rng.randbytes(rng.choice([0, 1, 20, 100, 117, 300, 20_000])),
        mid=rng.choice([0, *range(1, 65_536, 4_097)]),
        retain=rng.random() < 0.1,
        again=rng.random() < 0.1,
        properties=properties if has_properties else None,
    )


def several(rng: random.Random, has_properties: bool, most: int = 12) -> bytes:
    return b"".join(good(rng, has_properties) for _ in range(rng.randrange(most)))


def wrong_length(rng: random.Random, has_properties: bool) -> bytes:
    packet = publish(TOPIC, rng.randbytes(50), mid=7, properties=b"" if has_properties else None)
    return packet[:1] + bytes([max(0, packet[1] + rng.choice([-80, -50, -3, -2, -1, 1, 2, 3, 20]))]) + packet[2:]


def endless_length(rng: random.Random, has_properties: bool) -> bytes:
    head = rng.choice([0x30, 0x32, 0x40, 0x90, 0xD0])
    return bytes([head]) + b"\xff" * rng.randrange(4, 7) + rng.randbytes(rng.randrange(20))


def strange_topic(rng: random.Random, has_properties: bool) -> bytes:
    topic = rng.choice(
        [b"", b"\xff\xfe", b"\xed\xa0\x80", b"redvest/v1/+/YX06/reading", b"#", b"$SYS/x", b"a\0b", b"x" * 65_535]
    )
    return publish(topic, b"{}", mid=rng.choice([0, 9]), properties=b"" if has_properties else None)


def topic_beyond_the_packet(rng: random.Random, has_properties: bool) -> bytes:
    body = rng.randrange(200, 65_536).to_bytes(2) + TOPIC + b"\x00\x01\x00{}"
    return bytes([rng.choice([0x30, 0x31, 0x32, 0x3B])]) + length_of(len(body)) + body


def other_packet(rng: random.Random, has_properties: bool) -> bytes:
    body = rng.randbytes(rng.choice([0, 1, 2, 3, 4, 30, 127, 200]))
    return bytes([rng.choice([kind << 4 | flags for kind in (0, *range(4, 16)) for flags in (0, 2, 15)])]) + (
        length_of(len(body)) + body
    )


def other_quality(rng: random.Random, has_properties: bool) -> bytes:
    packet = publish(TOPIC, rng.randbytes(40), mid=5, properties=b"" if has_properties else None)
    return bytes([rng.choice([0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3C, 0x3E, 0x3F])]) + packet[1:]


def bad_properties(rng: random.Random, has_properties: bool) -> bytes:
    properties = rng.choice(
        [b"\x7f", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x01", b"\x80", b"\x05\x01", b"\x03\xee\x00\x00"]
    )
    body = len(TOPIC).to_bytes(2) + TOPIC + b"\x00\x03" + properties + b"{}"
    return b"\x32" + length_of(len(body)) + body


def same_packet_id(rng: random.Random, has_properties: bool) -> bytes:
    mid = rng.choice([1, 65_535])
    return b"".join(
        publish(TOPIC, b"%d" % number, mid=mid, properties=b"" if has_properties else None) for number in range(5)
    )


def packet_id_0(rng: random.Random, has_properties: bool) -> bytes:
    body = len(TOPIC).to_bytes(2) + TOPIC + b"\x00\x00" + (b"\x00" if has_properties else b"") + b"{}"
    return b"\x32" + length_of(len(body)) + body


def giant_length(rng: random.Random, has_properties: bool) -> bytes:
    head = rng.choice([b"\x32", b"\x30", b"\xd0", b"\x90", b"\x20"])
    return head + length_of(rng.choice([LENGTH_MAX, 70_000, PACKET_BYTES_MAX + 1])) + rng.randbytes(60_000)


def noise(rng: random.Random, has_properties: bool) -> bytes:
    return rng.randbytes(rng.randrange(1, 300))


def cut_off(rng: random.Random, has_properties: bool) -> bytes:
    packet = good(rng, has_properties)
    return packet[: rng.randrange(len(packet))]


def overlapping(rng: random.Random, has_properties: bool) -> bytes:
    return cut_off(rng, has_properties) + good(rng, has_properties)


def flipped_bits(rng: random.Random, has_properties: bool) -> bytes:
    stream = bytearray(several(rng, has_properties, 6) or b"\x30")
    for _ in range(rng.randrange(1, 6)):
        stream[rng.randrange(len(stream))] ^= 1 << rng.randrange(8)
    return bytes(stream)


def lost_and_doubled_bytes(rng: random.Random, has_properties: bool) -> bytes:
    stream = several(rng, has_properties, 6) or b"\x30\x00"
    start, stop = sorted((rng.randrange(len(stream) + 1), rng.randrange(len(stream) + 1)))
    return stream[:start] + rng.choice([b"", stream[start:stop] * 2]) + stream[stop:]


def tiny(rng: random.Random, has_properties: bool) -> bytes:
    return bytes([rng.choice([0x30, 0x31, 0x32, 0x33, 0x3A])]) + rng.choice(
        [
            b"\x00",
            b"\x01\x00",
            b"\x02\x00\x00",
            b"\x03\x00\x00\x00",
            b"\x04\x00\x00\x00\x01",
            b"\x80\x00",
            b"\x82\x00\x00\x00",
        ]
    )


def other_protocol(rng: random.Random, has_properties: bool) -> bytes:
    return rng.choice(
        [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x15\x03\x03\x00\x02\x02\x46", b"SSH-2.0-OpenSSH\r\n", b"\x00" * 500]
    )


MUTATIONS: tuple[Mutation, ...] = (
    wrong_length,
    endless_length,
    strange_topic,
    topic_beyond_the_packet,
    other_packet,
    other_quality,
    bad_properties,
    same_packet_id,
    packet_id_0,
    giant_length,
    noise,
    cut_off,
    overlapping,
    flipped_bits,
    lost_and_doubled_bytes,
    tiny,
    other_protocol,
)


def chunks_of(stream: bytes, rng: random.Random) -> tuple[bytes, ...]:
    """Split a stream: not at all, at every byte, or at random places."""
    how = rng.randrange(4)
    if how == 0 and len(stream) < 1_500:
        return tuple(one_byte_at_a_time(stream))
    if how == 1:
        return (stream,)
    places = sorted(rng.randrange(len(stream) + 1) for _ in range(rng.randrange(1, 30)))
    return tuple(stream[start:stop] for start, stop in zip([0, *places], [*places, len(stream)], strict=True))


def stream_of(number: int, has_properties: bool, seed: int) -> tuple[bytes, str]:
    """Return what the n-th connection is sent, and what is wrong with it."""
    rng = random.Random(seed * 1_000_003 + number)
    mutation = MUTATIONS[number % len(MUTATIONS)]
    before, bad, behind = (
        several(rng, has_properties),
        mutation(rng, has_properties),
        several(rng, has_properties, 4),
    )
    return before + bad + behind, mutation.__name__


def subscriber_at(broker: FalseBroker, protocol: Protocol, keep_alive_seconds: int = 30) -> Subscriber:
    address = BrokerAddress("127.0.0.1", broker.port, protocol=protocol, keep_alive_seconds=keep_alive_seconds)
    return Subscriber(
        address,
        "fuzzed",
        ("redvest/v1/+/+/reading", "redvest/v1/+/readings"),
        lambda: 1,
        reconnect_seconds_min=0.001,
        reconnect_seconds_max=0.005,
    )


def take_all(
    subscriber: Subscriber, broker: FalseBroker, connections: int, seconds_max: float
) -> dict[int, list[Handed]]:
    """Take and acknowledge until so many connections have ended; return the messages by connection."""
    taken: dict[int, list[Handed]] = {}
    served, since = 0, time.monotonic()
    give_up_at = time.monotonic() + seconds_max
    while True:
        is_over = broker.served >= connections
        messages = subscriber.take(10_000, 0.01)
        for message in messages:
            handed = Handed(message.topic, message.payload, message.qos, message.mid, message.retained)
            taken.setdefault(message.epoch, []).append(handed)
        subscriber.acknowledge(messages)
        if is_over and not messages:
            return taken
        if broker.served != served:
            served, since = broker.served, time.monotonic()
        assert time.monotonic() - since < 90.0, f"hangs in connection {served + 1}: {subscriber.state()}"
        assert time.monotonic() < give_up_at, f"only {broker.served} connections in time"


def fuzz(protocol: Protocol, connections: int, seed: int) -> None:
    """Send spoilt streams, one a connection, and hold what is handed over against a slow reading of the same bytes."""
    has_properties = protocol == "5"

    def plan(number: int) -> Sending:
        stream, _ = stream_of(number, has_properties, seed)
        return Sending(chunks_of(stream, random.Random(number)))

    with FalseBroker(plan) as broker:
        subscriber = subscriber_at(broker, protocol)
        before_mb = resident_mb()
        subscriber.start()
        taken: dict[int, list[Handed]] = {}
        judged = 0
        try:
            while judged < connections:
                until = min(connections, judged + _EVALUATED_AT_ONCE)
                for number, messages in take_all(subscriber, broker, until, 300.0).items():
                    taken.setdefault(number, []).extend(messages)
                for number in range(judged + 1, until + 1):
                    judge(tuple(taken.pop(number, ())), number, has_properties, seed)
                judged = until
            assert subscriber.state().unexpected_errors == 0, subscriber.state()
            assert resident_mb() - before_mb < MEMORY_GROWTH_MB_MAX
        finally:
            subscriber.stop()


def judge(handed: tuple[Handed, ...], number: int, has_properties: bool, seed: int) -> None:
    """Require that what one connection handed over is what stood in its bytes, and all that it must hand over."""
    stream, what = stream_of(number, has_properties, seed)
    readable = read_slowly(stream, has_properties, PACKET_BYTES_MAX)
    assert handed == readable.messages[: len(handed)], f"{what}, connection {number}, seed {seed}"
    assert len(handed) >= readable.certain, f"{what}, connection {number}, seed {seed}"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize(
    ("connections", "seed"), [(170, 5), pytest.param(20_000, 6, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_what_a_mad_broker_sends_is_handed_over_whole_in_order_or_not_at_all(
    protocol: Protocol, connections: int, seed: int
) -> None:
    fuzz(protocol, connections, seed)


def test_a_reader_that_takes_another_quality_of_service_for_ours_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packets, "_MID_BYTES", packets._MID_BYTES | {0x34: 2, 0x35: 2})
    with pytest.raises(AssertionError, match="other_quality"):
        fuzz("5", 170, seed=5)


def test_a_reader_that_loses_a_byte_now_and_then_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = packets.PacketReader.feed
    monkeypatch.setattr(
        packets.PacketReader, "feed", lambda self, data: feed(self, data[:-1] if len(data) > 999 else data)
    )
    with pytest.raises(AssertionError, match="connection"):
        fuzz("5", 170, seed=5)


HANDSHAKES = (
    b"",
    b"\x20",
    b"\x20\x00",
    b"\x20\x02\x00",
    b"\x20\x02\xff\xff",
    b"\x20\x03\x00\x87\x00",
    b"\x20\x02\x00\x05",
    b"\x20\x06\x00\x00\x03\x21\x00\x00",
    b"\x20\x07\x00\x00\x7f\x21\x00\x00\x00",
    b"\x20\xff\xff\xff\x7f" + b"\x00" * 10_000,
    b"\x20\xff\xff\xff\xff\x01",
    b"\x20\x03\x00\x00\x00" * 3,
    b"\x90\x03\x00\x01\x01",
    b"\x90\x04\x00\x01\x00\x01",
    b"\x30\x05\x00\x01a\x00x",
    b"\xd0\x00" * 100,
    b"\xe0\x00",
    b"\xe0\x02\x8b\x00",
    b"\xf0\x02\x18\x00",
    b"\x10\x00",
    b"\x00\x00",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"\x15\x03\x03\x00\x02\x02\x46",
    b"220 mail.example ESMTP\r\n",
    b"\xff" * 1_000,
)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_server_that_is_no_broker_is_told_and_asked_again(protocol: Protocol) -> None:
    """Each third connection is a right one, and what comes over it is stored: nothing of the others sticks."""
    has_properties = protocol == "5"
    right = publish(TOPIC, b"right", mid=1, properties=b"" if has_properties else None)
    connections = 3 * len(HANDSHAKES) + 3

    def plan(number: int) -> Sending:
        if number % 3 == 0:
            return Sending((right,))
        rng = random.Random(number)
        answer = HANDSHAKES[number // 3 % len(HANDSHAKES)]
        chunks = chunks_of(answer + rng.randbytes(rng.randrange(5)) if number % 3 == 2 else answer, rng)
        return Sending(chunks, handshake=b"")

    with FalseBroker(plan) as broker:
        subscriber = subscriber_at(broker, protocol)
        subscriber.start()
        try:
            taken = take_all(subscriber, broker, connections, 60.0)
            state = subscriber.state()
        finally:
            subscriber.stop()
    handed = {number: messages for number, messages in taken.items() if number % 3 == 0 and number <= connections}
    assert len(handed) == connections // 3
    assert {message.payload for messages in handed.values() for message in messages} == {b"right"}
    assert state.unexpected_errors == 0, state


@pytest.mark.parametrize(
    ("protocol", "held_back"),
    [("5", b""), ("3.1.1", b"\x32\xff\xff\x7f\x00\x1c"), ("5", b"\x90\x7f\x00")],
)
def test_a_broker_that_falls_silent_is_left_when_its_time_is_over(protocol: Protocol, held_back: bytes) -> None:
    """In the middle of a packet too; what came whole before it is handed over."""
    packet = publish(TOPIC, b"whole", mid=1, properties=b"" if protocol == "5" else None)
    with FalseBroker(lambda number: Sending((packet + held_back,), hangs=True)) as broker:
        subscriber = subscriber_at(broker, protocol, keep_alive_seconds=1)
        subscriber.start()
        try:
            taken = take_all(subscriber, broker, 1, 60.0)
        finally:
            subscriber.stop()
    assert [message.payload for message in taken[1]] == [b"whole"]


@pytest.mark.parametrize(("protocol", "answer"), [("5", b""), ("3.1.1", b"\x20\x02")])
def test_a_server_that_takes_the_call_and_says_nothing_is_left_too(protocol: Protocol, answer: bytes) -> None:
    with FalseBroker(lambda number: Sending((answer,), handshake=b"", hangs=True)) as broker:
        subscriber = subscriber_at(broker, protocol, keep_alive_seconds=1)
        subscriber.start()
        try:
            take_all(subscriber, broker, 2, 60.0)
        finally:
            subscriber.stop()
    assert "no answer" in subscriber.state().last_error or "hung up" in subscriber.state().last_error


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_packet_of_256_megabytes_fills_no_memory_and_those_behind_it_arrive(protocol: Protocol) -> None:
    properties = b"" if protocol == "5" else None
    one, two = (publish(TOPIC, payload, mid=mid, properties=properties) for mid, payload in ((1, b"one"), (2, b"two")))
    body = len(TOPIC).to_bytes(2) + TOPIC + b"\x00\x09" + (b"" if properties is None else b"\x00")
    left = LENGTH_MAX - len(body)
    mebibyte = b"x" * 1024 * 1024
    giant = (
        b"\x32" + length_of(LENGTH_MAX) + body,
        *[mebibyte] * (left // len(mebibyte)),
        mebibyte[: left % len(mebibyte)],
    )
    before_mb = resident_mb()
    most_mb = 0.0
    with FalseBroker(lambda number: Sending((one, *giant, two))) as broker:
        subscriber = subscriber_at(broker, protocol)
        subscriber.start()
        try:
            taken: list[Handed] = []
            give_up_at = time.monotonic() + 60.0
            while len(taken) < 3 and time.monotonic() < give_up_at:
                messages = subscriber.take(100, 0.01)
                taken += [Handed(m.topic, m.payload, m.qos, m.mid, m.retained) for m in messages]
                most_mb = max(most_mb, resident_mb())
        finally:
            subscriber.stop()
    assert [(message.mid, message.payload[:3]) for message in taken] == [(1, b"one"), (9, b"xxx"), (2, b"two")]
    assert 1024 * 1024 < len(taken[1].payload) <= PACKET_BYTES_MAX, "enough of it to be refused as too large"
    assert most_mb - before_mb < MEMORY_GROWTH_MB_MAX


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_acknowledgements_go_back_in_order_and_for_this_connection_only(protocol: Protocol) -> None:
    properties = b"" if protocol == "5" else None
    mids = [3, 1, 65_535, 2, 700]
    sent = b"".join(publish(TOPIC, b"%d" % mid, mid=mid, properties=properties) for mid in mids)
    with FalseBroker(lambda number: Sending((sent,))) as broker:
        subscriber = subscriber_at(broker, protocol)
        subscriber.start()
        try:
            taken = subscriber.take(100, 5.0)
            subscriber.acknowledge(taken)
            take_all(subscriber, broker, 4, 10.0)
        finally:
            subscriber.stop()
    for number in {number for number, _ in broker.acknowledged}:
        assert [mid for at, mid in broker.acknowledged if at == number] == mids[: len(mids)]
