"""Bad inputs, each of the corpus, through a real broker and the real collector.

Each is put aside for its reason and acknowledged, the process lives, the next good reading is stored, none is invented.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import topic_matches_sub

from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic, subscription_filters
from grid.assets import Ledger, Station
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, format_utc
from stores.journal.journal import Journal
from tests.faults.devices import Devices
from tests.faults.site import Running, Site
from tests.faults.street import Sent
from tests.support.bad_inputs import (
    GOOD,
    OWN_TOPIC,
    RECEIVED_US,
    TRANSFORMERS,
    Publication,
    built_cases,
    file_cases,
    good,
    payload_of,
)
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_bytes import LENGTH_MAX, length_of
from tests.support.waiting import pause

NewMosquitto = Callable[..., Mosquitto]
NewSite = Callable[..., Site]

LEDGER = Ledger(
    stations=(Station("ST01", "北所", "Asia/Shanghai"), Station("ST02", "南所", "Asia/Shanghai")),
    transformers=TRANSFORMERS,
)
FLEET = Fleet.of(TRANSFORMERS)
NEXT_TOPIC = reading_topic("ST01", "YX07")
WINDOW = 20
"""So few messages may be unacknowledged: bad ones left so would stop the flow at once."""
MEMORY_GROWTH_MB_MAX = 64.0

Row = tuple[str, int, float, int]
"""What is looked at of a stored reading: transformer id, measured_at [µs], active power [kW], seq."""


@pytest.fixture
def new_site(tmp_path: Path) -> Iterator[NewSite]:
    """Return a function that makes an installation at a broker whose time begins at a moment."""
    sites: list[Site] = []

    def make(broker: Mosquitto, start_us: int = RECEIVED_US, **broker_keys: Any) -> Site:
        real_start = format_utc(time.time_ns() // 1000)
        sections: dict[str, dict[str, Any]] = {
            "clock": {"kind": "scaled", "real_start": real_start, "start": format_utc(start_us), "speed": 1.0},
            "broker": {"receive_maximum": WINDOW, **broker_keys},
        }
        sites.append(Site(tmp_path / f"site-{len(sites)}", broker.port, LEDGER, sections))
        return sites[-1]

    yield make
    for site in sites:
        site.close()


def good_reading(number: int, before_us: int) -> Sent:
    """Return the next good reading, with a power of its own."""
    at_us = (before_us // MINUTE_US - number) * MINUTE_US
    payload = encode_reading(format_utc(at_us), active_power_kw=100.0 + number / 100.0, seq=number)
    return Sent(("YX07", at_us), NEXT_TOPIC, payload)


def rows_of(batch: ReadingBatch, names: dict[int, str]) -> list[Row]:
    """Return what is looked at of readings."""
    columns = (batch.transformer, batch.measured_at_us, batch.active_power_kw, batch.sequence)
    return [
        (names[number], at, kw, seq)
        for number, at, kw, seq in zip(*(column.tolist() for column in columns), strict=True)
    ]


def decoded_rows(publications: Sequence[Publication], received_at_us: int) -> list[Row]:
    """Return what good publications hold."""
    messages = [Message(p.topic, p.payload, received_at_us, 1, 1, 1, False) for p in publications]
    return rows_of(decode_block(messages, FLEET, Limits()).readings, dict(enumerate(FLEET.transformer_ids)))


def stored_rows(site: Site) -> list[Row]:
    """Return every stored reading."""
    with Journal.open_reader(site.settings.journal_file) as journal:
        names = {number: name for name, number in journal.all_numbers().items()}
        return [row for batch in journal.since(0) for row in rows_of(batch, names)]


def quarantined(site: Site) -> list[tuple[str, str, str]]:
    """Return (reason, field, digest) of everything in quarantine, in order of arrival."""
    with Journal.open_reader(site.settings.journal_file) as journal:
        return [(reject.reason, reject.field, reject.sha256) for reject in reversed(journal.rejects(1_000_000))]


def until_taken(site: Site, collector: Running, messages: int) -> None:
    """Wait until so many messages were decoded, stored and acknowledged."""
    site.wait_until(lambda: site.health().get("messages", 0) >= messages, collector, 60.0, f"{messages} messages")


def require_nothing_owed(site: Site, broker: Mosquitto, number: int, start_us: int) -> None:
    """Start the collector anew: the broker has nothing left for it, only what is sent now comes."""
    collector = site.start_ready()
    with Devices(broker.port, "later") as devices:
        devices.send([good_reading(number, start_us)])
    until_taken(site, collector, 1)
    pause(0.2)
    assert site.health()["messages"] == 1, "the broker sent again what was not acknowledged"
    assert collector.stop() == 0


def is_delivered(publication: Publication) -> bool:
    """Return whether the collector subscribes to it."""
    return any(topic_matches_sub(name, publication.topic) for name in subscription_filters())


def corpus_at(received_at_us: int) -> list[Publication]:
    """Return all publications of the corpus that a broker takes, received at one moment."""
    cases = [case for case in (*file_cases(), *built_cases()) if case.received_at_us == received_at_us]
    return [each for case in cases for each in case.publications if not set(each.topic) & set("+#")]


@pytest.mark.parametrize("received_at_us", sorted({case.received_at_us for case in (*file_cases(), *built_cases())}))
def test_every_bad_input_is_put_aside_and_acknowledged_and_the_next_reading_is_stored(
    new_site: NewSite, mosquitto: Mosquitto, received_at_us: int
) -> None:
    publications = corpus_at(received_at_us)
    next_ones = [good_reading(number, received_at_us) for number in range(1, len(publications) + 1)]
    site = new_site(mosquitto, received_at_us)
    collector = site.start_ready()
    with Devices(mosquitto.port) as devices:
        devices.send(
            [
                message
                for each, next_one in zip(publications, next_ones, strict=True)
                for message in (Sent(None, each.topic, each.payload), next_one)
            ]
        )
    delivered = [each for each in publications if is_delivered(each)]
    until_taken(site, collector, len(delivered) + len(next_ones))
    assert collector.stop() == 0

    bad = [each for each in delivered if each.reason != GOOD]
    assert quarantined(site) == [(each.reason, each.field, sha256(each.refused).hexdigest()) for each in bad]
    next_sent = [good(one.topic, one.payload) for one in next_ones]
    stored = stored_rows(site)
    assert sorted(row for row in stored if row[0] == "YX07") == sorted(decoded_rows(next_sent, received_at_us))
    taken = decoded_rows([each for each in delivered if each.reason == GOOD], received_at_us)
    own = [row for row in stored if row[0] == "YX06"]
    assert {row[:2] for row in own} == {row[:2] for row in taken}, "one key for each instant, and none invented"
    assert all(str(row) in map(str, taken) for row in own), "a value that nobody sent"
    assert len(own) + len(next_ones) == len(stored)
    require_nothing_owed(site, mosquitto, len(next_ones) + 1, received_at_us)


def test_garbage_that_the_broker_retained_is_no_life_and_no_harm(new_site: NewSite, mosquitto: Mosquitto) -> None:
    topics = [OWN_TOPIC, NEXT_TOPIC, reading_topic("ST02", "BX01"), reading_topic("ST01", "YX99")]
    payloads = [payload_of(name) for name in ("good/p_and_q", "not_json/zip", "not_utf8/gzip", "empty/white_space")]
    with Devices(mosquitto.port) as devices:
        devices.send([Sent(None, *pair) for pair in zip(topics, payloads, strict=True)], retain=True)
        site = new_site(mosquitto, protocol="3.1.1")  # MQTT 5 does not send us what is retained
        collector = site.start_ready()
        until_taken(site, collector, len(topics))
        devices.send([good_reading(1, RECEIVED_US)])
        until_taken(site, collector, len(topics) + 1)
    collector.stop()
    assert sorted(reason for reason, _, _ in quarantined(site)) == ["retained"] * len(topics)
    assert [row[0] for row in stored_rows(site)] == ["YX07"]


def connected(broker: Mosquitto) -> socket.socket:
    """Return a plain connection that has said CONNECT (MQTT 3.1.1) and was welcomed."""
    plain = socket.create_connection((broker.host, broker.port), timeout=10.0)
    plain.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04rude")
    assert plain.recv(4) == b"\x20\x02\x00\x00"
    return plain


def hangs_up(plain: socket.socket) -> bool:
    """Return whether the other side ends the connection."""
    try:
        return plain.recv(16) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize(
    "topic", [each.topic for case in built_cases() for each in case.publications if set(each.topic) & set("+#")]
)
def test_a_publication_on_a_wildcard_dies_at_the_broker(new_site: NewSite, mosquitto: Mosquitto, topic: str) -> None:
    site = new_site(mosquitto)
    collector = site.start_ready()
    with connected(mosquitto) as rude:
        body = struct.pack(">H", len(topic)) + topic.encode() + b"\x00\x01" + b"{}"
        rude.sendall(b"\x32" + bytes([len(body)]) + body)
        assert hangs_up(rude)
    with Devices(mosquitto.port) as devices:
        devices.send([good_reading(1, RECEIVED_US)])
    until_taken(site, collector, 1)
    collector.stop()
    assert (quarantined(site), len(stored_rows(site))) == ([], 1)


def publish_large(broker: Mosquitto, payload_bytes: int) -> bool:
    """Publish so many bytes on YX06's topic at QoS 1; return whether the broker acknowledged it."""
    topic = struct.pack(">H", len(OWN_TOPIC)) + OWN_TOPIC.encode()
    head = b"\x32" + length_of(len(topic) + 2 + payload_bytes) + topic + b"\x00\x01"
    mebibyte = b" " * 1024 * 1024
    with connected(broker) as large:
        try:
            large.sendall(head)
            for start in range(0, payload_bytes, len(mebibyte)):
                large.sendall(mebibyte[: payload_bytes - start])
            return large.recv(4)[:1] == b"\x40"
        except (ConnectionResetError, BrokenPipeError):
            return False


GREATEST_BYTES = LENGTH_MAX - 2 - len(OWN_TOPIC) - 2
"""The most that MQTT can carry (2.2.3): 256 MB."""


def test_256_megabytes_die_at_a_broker_with_our_settings(new_site: NewSite, new_mosquitto: NewMosquitto) -> None:
    broker = new_mosquitto(more_lines=["max_packet_size 1048576"])  # as in deploy/mosquitto.conf
    site = new_site(broker)
    collector = site.start_ready()
    assert not publish_large(broker, GREATEST_BYTES)
    with Devices(broker.port) as devices:
        devices.send([good_reading(1, RECEIVED_US)])
    until_taken(site, collector, 1)
    assert collector.stop() == 0
    assert (quarantined(site), len(stored_rows(site))) == ([], 1)


@pytest.mark.parametrize(
    ("protocol", "payload_bytes", "wanted"),
    [
        ("5", 3 * 1024 * 1024, []),
        ("3.1.1", 3 * 1024 * 1024, ["too_large"]),
        pytest.param("5", GREATEST_BYTES, [], marks=pytest.mark.soak),
        pytest.param("3.1.1", GREATEST_BYTES, ["too_large"], marks=pytest.mark.soak),
    ],
)
def test_what_a_lavish_broker_lets_through_is_held_back_by_mqtt_5_or_refused_by_us(
    new_site: NewSite, mosquitto: Mosquitto, protocol: str, payload_bytes: int, wanted: list[str]
) -> None:
    site = new_site(mosquitto, protocol=protocol)
    collector = site.start_ready()
    memory_mb = collector.memory_mb
    assert publish_large(mosquitto, payload_bytes)
    with Devices(mosquitto.port) as devices:
        devices.send([good_reading(1, RECEIVED_US)])
    until_taken(site, collector, 1 + len(wanted))
    assert collector.memory_mb - memory_mb < MEMORY_GROWTH_MB_MAX
    assert collector.stop() == 0
    assert [reason for reason, _, _ in quarantined(site)] == wanted
    assert [row[0] for row in stored_rows(site)] == ["YX07"]


@pytest.mark.parametrize("ids", [10_000, pytest.param(300_000, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a_flood_of_unknown_ids_fills_neither_memory_nor_the_quarantine(
    new_site: NewSite, mosquitto: Mosquitto, ids: int
) -> None:
    """The first half makes room for the greatest block and the store's cache; the second half needs no more."""
    site = new_site(mosquitto)
    collector = site.start_ready()
    payload = payload_of("good/all_fields")
    with Devices(mosquitto.port) as devices:
        for part in (range(ids // 2), range(ids // 2, ids)):
            memory_mb = collector.memory_mb
            devices.send([Sent(None, reading_topic("ST01", f"X{number}"), payload) for number in part])
            until_taken(site, collector, part.stop)
        devices.send([good_reading(1, RECEIVED_US)])
    until_taken(site, collector, ids + 1)
    assert collector.memory_mb - memory_mb < MEMORY_GROWTH_MB_MAX
    assert collector.stop() == 0
    assert [row[0] for row in stored_rows(site)] == ["YX07"]
    with Journal.open_reader(site.settings.journal_file) as journal:
        assert journal.counts().rejects == ids
        assert len(journal.rejects(1_000_000)) <= 100_000
        assert len(journal.all_numbers()) == len(TRANSFORMERS)
