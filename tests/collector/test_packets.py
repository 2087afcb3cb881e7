"""MQTT packets out of a stream: whole messages in order however the bytes come, and a clear end at what is not MQTT."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from collector.mqtt.packets import PACKET_BYTES_MAX, PacketReader, Published, acknowledgements
from collector.wire.format import BATCH_BYTES_MAX
from grid.errors import BrokerError

ANY = 1_000_000_000


@dataclass(frozen=True)
class Publish:
    """A PUBLISH packet, written out by the letter of the standard."""

    topic: bytes
    payload: bytes
    qos: int = 1
    mid: int = 7
    retained: bool = False
    again: bool = False
    properties: bytes | None = b""
    """None in MQTT 3.1.1."""

    @property
    def flags(self) -> int:
        return self.again << 3 | self.qos << 1 | self.retained

    @property
    def packet(self) -> bytes:
        body = struct.pack(">H", len(self.topic)) + self.topic
        body += struct.pack(">H", self.mid) if self.qos else b""
        body += b"" if self.properties is None else variable_length(len(self.properties)) + self.properties
        return packet(0x30 | self.flags, body + self.payload)


def variable_length(length: int) -> bytes:
    """Return a variable byte integer (MQTT 5, 1.5.5)."""
    digits = [length & 0x7F]
    while length := length >> 7:
        digits.append(length & 0x7F)
    return bytes(digit | 0x80 for digit in digits[:-1]) + bytes(digits[-1:])


def packet(first: int, body: bytes) -> bytes:
    """Return a packet of any kind."""
    return bytes([first]) + variable_length(len(body)) + body


def any_publish(rng: random.Random, has_properties: bool) -> Publish:
    """Return a message such as brokers send, often small, now and then large or empty."""
    length = rng.choice([0, 1, 20, 100, 126, 127, 128, 250, 3_000, 16_383, 16_384, 70_000])
    properties = rng.choice([b"", b"", b"\x02\x00\x00\x0e\x10", b"\x26\x00\x01k\x00\x01v" * 30])
    return Publish(
        topic=b"t" * rng.choice([0, 1, 33, 300]),
        payload=rng.randbytes(length),
        qos=rng.choice([0, 1, 1]),
        mid=rng.randrange(1, 65_536),
        retained=rng.random() < 0.1,
        properties=properties if has_properties else None,
    )


def pieces(data: bytes, rng: random.Random, bytes_max: int) -> Iterator[bytes]:
    """Yield the data in pieces of any size."""
    at = 0
    while at < len(data):
        size = rng.randint(1, bytes_max)
        yield data[at : at + size]
        at += size


def told(reads: list[Published]) -> list[tuple[bytes, bytes, int]]:
    """Return topic, payload and flags of each message."""
    return [row for read in reads for row in zip(read.topics, read.payloads, read.flags, strict=True)]


@pytest.mark.parametrize("has_properties", [True, False], ids=["5", "3.1.1"])
@pytest.mark.parametrize("seed", range(6))
def test_messages_come_out_whole_and_in_order_however_the_stream_is_cut(has_properties: bool, seed: int) -> None:
    rng = random.Random(seed)
    sent: list[Publish] = []
    control, stream = b"", b""
    for _ in range(300):
        if rng.random() < 0.1:
            other = packet(rng.choice([0xD0, 0x90, 0x20]), rng.randbytes(rng.randrange(200)))
            control, stream = control + other, stream + other
        else:
            sent.append(any_publish(rng, has_properties))
            stream += sent[-1].packet
    reader, reads = PacketReader(has_properties), []
    for piece in pieces(stream, rng, rng.choice([1_000, 10_000, 300_000])):
        reader.feed(piece)
        reads.append(reader.read(ANY, ANY))
    assert told(reads) == [(message.topic, message.payload, message.flags) for message in sent]
    assert [mid for read in reads for mid in read.mids] == [message.mid for message in sent if message.qos]
    assert bytes(reader.control) == control


def test_one_byte_at_a_time_is_enough() -> None:
    sent = [Publish(b"a/b", b"x" * length) for length in (0, 5, 130, 20_000)]
    reader, reads = PacketReader(True), []
    for byte in b"".join(message.packet for message in sent):
        reader.feed(bytes([byte]))
        reads.append(reader.read(ANY, ANY))
    assert [payload for _, payload, _ in told(reads)] == [message.payload for message in sent]


def test_what_has_no_room_waits_and_is_not_forgotten() -> None:
    sent = [Publish(b"t", b"%05d" % number * 20) for number in range(50)]
    reader = PacketReader(True)
    reader.feed(b"".join(message.packet for message in sent))
    reads = [reader.read(7, ANY)]
    assert len(reads[0].payloads) == 7
    assert reader.lacks_room
    size = len(sent[0].packet)
    reads.append(reader.read(ANY, 3 * size + 1))
    assert len(reads[1].payloads) == 3
    assert not reader.read(ANY, 10, first_fits=False).payloads
    reads.append(reader.read(ANY, 10, first_fits=True))
    assert len(reads[2].payloads) == 1, "a message that is larger than all room is taken when nothing else is there"
    reads.append(reader.read(ANY, ANY))
    assert [payload for _, payload, _ in told(reads)] == [message.payload for message in sent]
    assert not reader.lacks_room


def test_of_a_message_that_is_far_too_large_the_beginning_is_kept_and_the_rest_let_go() -> None:
    huge = Publish(b"redvest/v1/S/T/reading", b"z" * (40 * PACKET_BYTES_MAX), mid=3)
    after = Publish(b"t", b"after it", mid=4)
    reader, reads, held = PacketReader(True), [], 0
    for piece in pieces(huge.packet + after.packet, random.Random(1), 500_000):
        reader.feed(piece)
        reads.append(reader.read(ANY, ANY))
        held = max(held, len(reader._data))
    (topic, beginning, _), (_, payload, _) = told(reads)
    assert (topic, payload) == (huge.topic, after.payload)
    assert BATCH_BYTES_MAX < len(beginning) < 2 * BATCH_BYTES_MAX
    assert [mid for read in reads for mid in read.mids] == [3, 4]
    assert held < 2 * PACKET_BYTES_MAX


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"\x32\xff\xff\xff\xff\x7f" + b"x" * 20, "goes on for more than 4 bytes"),
        (packet(0x36, b"\x00\x01t\x00\x01\x00x"), "cannot be read"),  # QoS 3
        (packet(0x34, b"\x00\x01t\x00\x01\x00x"), "cannot be read"),  # QoS 2, which nobody subscribed to
        (packet(0x38, b"\x00\x01t\x00x"), "cannot be read"),  # sent again at QoS 0
        (packet(0x32, b"\x00\xfft\x00\x01\x00x"), "cannot be read"),  # topic longer than the packet
        (packet(0x32, b"\x00\x01t\x00"), "cannot be read"),  # no whole packet id
        (packet(0x32, b""), "cannot be read"),
        (packet(0x32, b"\x00\x01t\x00\x01\x50x"), "cannot be read"),  # properties longer than the packet
        (packet(0xD0, b"x" * 70_000), "a packet of kind 13 is 70000 bytes long"),
    ],
)
def test_what_no_broker_sends_ends_the_reading_after_what_came_before_it(bad: bytes, said: str) -> None:
    reader = PacketReader(True)
    good = Publish(b"t", b"before it")
    reader.feed(good.packet + bad + Publish(b"t", b"after it").packet)
    assert reader.read(ANY, ANY).payloads == [b"before it"]
    with pytest.raises(BrokerError, match=said):
        reader.read(ANY, ANY)


def test_acknowledgements_are_puback_packets_in_order() -> None:
    assert acknowledgements([1, 258, 65_535]) == b"\x40\x02\x00\x01\x40\x02\x01\x02\x40\x02\xff\xff"
    assert acknowledgements([]) == b""
