"""Devices that can are asked for the readings of a gap: they come back, and nobody is asked more than it can bear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.publishing import publish_once
from collector.wire.format import decode_replay_request, encode_replay_request, replay_topic
from grid.assets import Device, Ledger, Station, Transformer
from grid.errors import BrokerError
from grid.fleet import Fleet
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us
from service.monitors.replay_requests import ASKED_TIMES_MAX, REQUESTS_PER_MINUTE_MAX, ReplayPlan
from simulator.publish.resending import KEPT_HOURS, ReplayingDevices
from stores.journal.journal import Gap
from tests.faults.devices import Devices
from tests.faults.site import Site, a_fast_clock
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")


def a_fleet(transformers: int = 3, replaying: int = 2) -> Fleet:
    """T0, T1 … of one station; the first of them replay."""
    ids = [f"T{number}" for number in range(transformers)]
    return Fleet.of_ledger(
        Ledger(
            stations=(Station("S1", "模拟供电所", "Asia/Shanghai"),),
            transformers=tuple(Transformer(i, i, "S1", 400.0) for i in ids),
            devices=tuple(Device(f"D{n}", i, n < replaying) for n, i in enumerate(ids)),
        )
    )


def a_gap(number: int, minute: int, minutes: int = 3) -> Gap:
    """Minutes without readings, from a minute before noon on."""
    after_us = NOON - minute * MINUTE_US
    return Gap(number, after_us, after_us + minutes * MINUTE_US, minutes - 1, "reconnected", NOON)


def test_a_device_that_can_is_asked_once_for_all_of_its_gaps_and_one_that_cannot_never() -> None:
    plan = ReplayPlan(72.0)
    (asked,) = plan.due([a_gap(0, 20), a_gap(0, 50), a_gap(2, 50)], a_fleet(), NOON)
    assert asked.message() == (
        replay_topic("S1", "T0"),
        encode_replay_request("D0", NOON - 50 * MINUTE_US, NOON - 17 * MINUTE_US),
    )
    assert decode_replay_request(asked.message()[1]) == ("D0", NOON - 50 * MINUTE_US, NOON - 17 * MINUTE_US)


def test_the_same_device_is_left_in_peace_for_ten_minutes_and_a_gap_is_given_up_after_six_requests() -> None:
    plan, fleet, gaps = ReplayPlan(72.0), a_fleet(), [a_gap(0, 20)]
    asked_at = [minute for minute in range(120) if plan.due(gaps, fleet, NOON + minute * MINUTE_US)]
    assert asked_at == [10 * time for time in range(ASKED_TIMES_MAX)]


def test_a_new_gap_is_asked_for_when_an_old_one_was_given_up() -> None:
    plan, fleet = ReplayPlan(72.0), a_fleet()
    for minute in range(0, 120, 10):
        plan.due([a_gap(0, 60)], fleet, NOON + minute * MINUTE_US)
    (asked,) = plan.due([a_gap(0, 60), a_gap(0, 20)], fleet, NOON + 130 * MINUTE_US)
    assert (asked.from_us, asked.to_us) == (NOON - 20 * MINUTE_US, NOON - 17 * MINUTE_US)


def test_a_hundred_devices_are_not_asked_at_once() -> None:
    plan, fleet = ReplayPlan(72.0), a_fleet(100, 100)
    gaps = [a_gap(number, 20) for number in range(100)]
    asked = [len(plan.due(gaps, fleet, NOON + minute * MINUTE_US)) for minute in range(6)]
    assert asked == [REQUESTS_PER_MINUTE_MAX] * 5 + [0]


def test_nobody_is_asked_for_readings_that_would_be_refused_for_their_age() -> None:
    old, half = a_gap(0, 80 * 60), a_gap(1, 73 * 60, minutes=120)
    (asked,) = ReplayPlan(72.0).due([old, half], a_fleet(), NOON)
    assert (asked.device.device_id, asked.from_us) == ("D1", NOON - 72 * HOUR_US)
    assert len(ReplayPlan(None).due([old, half], a_fleet(), NOON)) == 2


def test_a_request_says_what_the_document_says() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "wire-format.md").read_text(encoding="utf-8")
    example = '{"device_id": "YX06", "from": "2021-07-24T03:01:00Z", "to": "2021-07-24T03:10:00Z"}'
    assert example in document
    timestamps = (parse_timestamp_us("2021-07-24T03:01:00Z"), parse_timestamp_us("2021-07-24T03:10:00Z"))
    assert encode_replay_request("YX06", *timestamps).decode() == example.replace(" ", "")
    assert decode_replay_request(example.encode()) == ("YX06", *timestamps)
    assert replay_topic("{station_id}", "{transformer_id}") in document


def test_a_broker_that_is_away_is_an_error_and_no_hanging(free_port: Callable[[], int]) -> None:
    with pytest.raises(BrokerError, match="could not be published"):
        publish_once(BrokerAddress("127.0.0.1", free_port()), "test", [("a", b"b")], seconds_max=2.0)


@pytest.fixture
def memory(mosquitto: Mosquitto) -> Iterator[Callable[..., ReplayingDevices]]:
    """Return a function that makes the memory of some devices, connected."""
    made: list[ReplayingDevices] = []

    def make(*transformer_ids: str) -> ReplayingDevices:
        made.append(ReplayingDevices(BrokerAddress(mosquitto.host, mosquitto.port), "memory", transformer_ids))
        made[-1].start()
        return made[-1]

    yield make
    for devices in made:
        devices.stop()


def test_a_device_forgets_what_is_older_than_its_memory(memory: Callable[..., ReplayingDevices]) -> None:
    devices = memory("T0")
    for hour in range(100):
        devices.remember("T0", NOON + hour * HOUR_US, "a/b/c/T0", b"")
    assert len(devices._kept["T0"]) == KEPT_HOURS + 1
    devices.remember("T9", NOON, "a", b"")  # of a device that cannot: nothing is kept


def lose_and_ask(site: Site, street: Street, broker: Mosquitto, devices_can: bool) -> tuple[int, int]:
    """Let the broker lose readings that it alone held; return how many, and how many are back after a while."""
    remembering = ReplayingDevices(BrokerAddress(broker.host, broker.port), "memory", street.transformer_ids)
    sent = street.readings(minutes_ago(15), 15)
    each = street.transformers
    for message in sent:
        assert message.key is not None
        if devices_can:
            remembering.remember(*message.key, message.topic, message.payload)
    collector = site.start_ready()
    with Devices(broker.port) as line:
        line.send(sent[: 8 * each])
        site.wait_until(lambda: site.holds(line.acknowledged), collector)
        collector.stop()
        lost = sent[8 * each : 10 * each]
        line.send(lost)
        broker.kill()
        broker.start()
        remembering.start()
        collector = site.start_ready()
        line.send(sent[10 * each :])
        # Not by the list: the devices may have closed every gap before anybody looks.
        site.wait_until(lambda: "20 readings are missing" in collector.log_text, collector, what="the gaps to be found")
        end = time.monotonic() + (120.0 if devices_can else 3.0)
        while site.gaps() and time.monotonic() < end:
            pause(0.1)
        collector.stop()
        remembering.stop()
    keys = {message.key for message in lost}
    assert keys <= line.acknowledged
    return len(keys), len(keys & site.stored())


@pytest.mark.parametrize("devices_can", [True, False])
def test_readings_that_the_broker_lost_come_back_when_devices_are_asked(
    tmp_path: Path, mosquitto: Mosquitto, devices_can: bool
) -> None:
    street = Street(10, seed=3)
    ledger = replace(street.ledger, devices=tuple(Device(i, i, devices_can) for i in street.transformer_ids))
    sections = {"clock": a_fast_clock(120.0), "silence": {"slot_minutes": 1.0}}
    site = Site(tmp_path / "site", mosquitto.port, ledger, sections)
    try:
        lost, back = lose_and_ask(site, street, mosquitto, devices_can)
        assert lost == 20
        assert back == (lost if devices_can else 0)
        assert bool(site.gaps()) is not devices_can
    finally:
        site.close()
