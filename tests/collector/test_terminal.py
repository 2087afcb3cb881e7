"""Smart terminals: pushes of points become readings like all others, or rejects that say which point is at fault."""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.devices.terminal import decode_formats
from collector.message import Message, MessageBlock
from collector.mqtt.broker_address import BrokerAddress
from collector.wire.format import encode_reading, reading_topic
from collector.wire.terminal_format import TerminalFormat
from grid.assets import Device, Ledger, Station, Transformer
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, format_utc, parse_timestamp_us
from service.container import Container
from service.settings.settings import load_settings
from simulator.publish.publisher import Publisher
from simulator.publish.terminal import encode_by_device, encode_pushes
from tests.faults.site import Site
from tests.support.mosquitto import Mosquitto

CASES = Path(__file__).parents[1] / "cases" / "terminal"
FLEET = Fleet.of_ledger(
    Ledger(
        stations=(Station("ST01", "模拟供电所", "Asia/Shanghai"),),
        transformers=(Transformer("YX05", "", "ST01", 630.0), Transformer("YX06", "", "ST01", 400.0)),
        devices=(Device("ADC_0001", "YX06"),),
    )
)
TERMINALS = TerminalFormat(("+/notify/event/database/+/{device_id}",))
TOPIC = "ttu/notify/event/database/ADC/ADC_0001"
ELEVEN = parse_timestamp_us("2021-07-24T11:00:00+08:00")


def message(payload: bytes, topic: str = TOPIC, *, retained: bool = False) -> Message:
    return Message(topic, payload, ELEVEN + MINUTE_US, mid=1, qos=1, epoch=1, retained=retained)


def decoded(*messages: Message, terminals: TerminalFormat = TERMINALS) -> Decoded:
    return decode_formats(messages, FLEET, Limits(), terminals)


def as_told(found: Decoded) -> list[str]:
    """Readings and rejects as the golden file has them, – for what is missing."""
    batch = found.readings

    def numbers(values: Any) -> str:
        return " ".join("–" if np.isnan(value) else f"{value:g}" for value in np.atleast_1d(values))

    readings = [
        f"{FLEET.transformer_ids[batch.transformer[i]]} {format_utc(int(batch.measured_at_us[i]))} "
        f"U {numbers(batch.voltage_v[i])} I {numbers(batch.current_amp[i])} "
        f"P {numbers(batch.active_power_kw[i])} Q {numbers(batch.reactive_power_kvar[i])}"
        for i in range(len(batch))
    ]
    unknown = [f"unknown fields {found.unknown_fields}"] if found.unknown_fields else []
    missing = [f"missing {value.reason} {value.field}" for value in found.missing_examples]
    return readings + missing + [f"{reject.reason} {reject.field}".strip() for reject in found.rejects] + unknown


GOLDEN: dict[str, list[str]] = tomllib.loads((CASES / "expected.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.json")))
def test_a_push_says_what_the_golden_file_says(case: str) -> None:
    assert as_told(decoded(message((CASES / f"{case}.json").read_bytes()))) == GOLDEN[case]


def test_the_golden_file_has_no_line_without_a_push() -> None:
    assert set(GOLDEN) == {path.stem for path in CASES.glob("*.json")}


@pytest.mark.parametrize("unit", ["kW", "W"])
def test_what_a_simulated_terminal_sends_comes_back_as_it_was(unit: Any) -> None:
    rng = np.random.default_rng(5)
    readings = ReadingBatch.of(
        np.ones(40, np.int32),
        ELEVEN - np.arange(40, 0, -1) * MINUTE_US + 230_000,
        voltage_v=np.round(rng.uniform(215, 235, (40, 3)), 3),
        current_amp=np.round(rng.uniform(250, 500, (40, 3)), 3),
        active_power_kw=np.where(np.arange(40) % 5 == 0, np.nan, 150.0 + np.arange(40)),
        reactive_power_kvar=np.where(np.arange(40) % 7 == 0, np.nan, 30.25),
    )
    pushes = [message(payload) for payload in encode_pushes(readings, power_unit=unit)]
    found = decoded(*pushes, terminals=replace(TERMINALS, power_unit=unit))
    assert found.rejects == ()
    for column in ("transformer", "measured_at_us", "voltage_v", "current_amp", "active_power_kw"):
        np.testing.assert_allclose(getattr(found.readings, column), getattr(readings, column), rtol=1e-12)
    np.testing.assert_allclose(found.readings.reactive_power_kvar, readings.reactive_power_kvar)


def test_a_point_of_bad_quality_is_missing_and_never_put_in_its_place() -> None:
    reading = ReadingBatch.of([1], [ELEVEN], active_power_kw=[361.0], reactive_power_kvar=[112.4])
    (payload,) = encode_pushes(reading, bad_points=("TotVar",))
    found = decoded(message(payload))
    assert found.readings.active_power_kw.tolist() == [361.0]
    assert np.isnan(found.readings.reactive_power_kvar).all()


def test_native_messages_and_pushes_of_one_block_are_read_each_by_its_topic() -> None:
    native = message(encode_reading(format_utc(ELEVEN), active_power_kw=400.0), reading_topic("ST01", "YX05"))
    push = message((CASES / "all-points.json").read_bytes())
    foreign = message(b"{}", "some/other/topic")
    found = decoded(push, native, foreign)
    assert sorted(found.readings.transformer.tolist()) == [0, 1]
    assert [reject.reason for reject in found.rejects] == [Reason.UNKNOWN_TOPIC]


def test_each_message_of_a_mixed_block_keeps_its_packet_id_its_quality_of_service_and_its_flags() -> None:
    push, native = (CASES / "all-points.json").read_bytes(), encode_reading(format_utc(ELEVEN), active_power_kw=400.0)
    own = reading_topic("ST01", "YX05").encode()
    sent = [(own, native, 0), (TOPIC.encode(), push, 2), (own, b"{}", 2), (b"\xff/x", b"1", 0), (own, native, 3)]
    topics, payloads, flags = (list(column) for column in zip(*sent, strict=True))
    at_us = np.full(len(sent), ELEVEN + MINUTE_US)
    block = MessageBlock(topics, payloads, bytes(flags), [11, 12, 13], at_us, epoch=1)
    assert [message.mid for message in block.among([0, 2, 3, 4])] == [0, 12, 0, 13]
    found = decode_formats(block, FLEET, Limits(), TERMINALS)
    assert sorted(found.readings.transformer.tolist()) == [0, 1]
    refused = [(reject.topic, reject.reason) for reject in found.rejects]
    assert refused == [
        ("redvest/v1/ST01/YX05/reading", Reason.MISSING_FIELD),
        ("", Reason.UNKNOWN_TOPIC),
        ("redvest/v1/ST01/YX05/reading", Reason.RETAINED),
    ]
    assert found.retained == 1


def test_a_wide_pattern_takes_no_reading_of_the_ledgers_own_topics_away() -> None:
    wide = TerminalFormat(("+/+/+/{device_id}/reading",))
    native = message(encode_reading(format_utc(ELEVEN), active_power_kw=400.0), reading_topic("ST01", "YX05"))
    push = message((CASES / "all-points.json").read_bytes(), "a/b/c/ADC_0001/reading")
    assert sorted(decoded(native, push, terminals=wide).readings.transformer.tolist()) == [0, 1]


@pytest.mark.parametrize(
    ("wrong", "reason", "field"),
    [
        (message(b"{}", TOPIC.replace("0001", "9999")), Reason.UNKNOWN_DEVICE, "topic"),
        (message((CASES / "all-points.json").read_bytes(), retained=True), Reason.RETAINED, ""),
        (message(b" " * (1024 * 1024 + 1)), Reason.TOO_LARGE, ""),
        (message(b""), Reason.EMPTY, ""),
        (message('{"token":"台区"}'.encode("gbk")), Reason.NOT_UTF8, ""),
        (message(b"[" * 100_000), Reason.NESTED_TOO_DEEP, ""),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else None,
)
def test_what_cannot_be_taken_is_refused_with_its_reason(wrong: Message, reason: Reason, field: str) -> None:
    found = decoded(wrong, message((CASES / "all-points.json").read_bytes()))
    assert [(reject.reason, reject.field, reject.topic) for reject in found.rejects] == [(reason, field, wrong.topic)]
    assert len(found.readings) == 1


def test_every_byte_that_is_cut_off_or_turned_gives_a_reject_or_a_reading_and_no_error() -> None:
    whole = json.dumps(json.loads((CASES / "all-points.json").read_text())).encode()
    pushes = [message(whole[:length]) for length in range(0, len(whole), 3)]
    rng = np.random.default_rng(7)
    for _ in range(300):
        turned = bytearray(whole)
        turned[int(rng.integers(len(whole)))] = int(rng.integers(256))
        pushes.append(message(bytes(turned)))
    for push in pushes:
        found = decoded(push)
        assert len(found.readings) + len(found.rejects) >= 1


def test_a_topic_pattern_fits_level_by_level() -> None:
    terminals = TerminalFormat(("+/notify/event/database/+/{device_id}", "dev/{device_id}/up"))
    assert terminals.filters() == ("+/notify/event/database/+/+", "dev/+/up")
    assert terminals.device_id(TOPIC) == "ADC_0001"
    assert terminals.device_id("dev/7/up") == "7"
    assert terminals.device_id("dev/7/up/x") is None
    assert terminals.device_id("redvest/v1/ST01/YX06/reading") is None


@pytest.mark.parametrize(
    "topic",
    ["ttu/database", "ttu/{device_id}/{device_id}", "#/{device_id}", "a+/{device_id}", "redvest/v1/{device_id}"],
)
def test_a_topic_that_cannot_be_is_refused_with_the_key(tmp_path: Path, topic: str) -> None:
    file = tmp_path / "redvest.toml"
    file.write_text(f'[terminal]\ntopics = ["{topic}"]\n')
    with pytest.raises(SettingsError, match=r"terminal\.topics"):
        load_settings(file)


def test_terminals_are_read_as_the_settings_say_and_not_at_all_as_shipped(tmp_path: Path) -> None:
    file = tmp_path / "redvest.toml"
    file.write_text('[terminal]\ntopics = ["x/{device_id}"]\npower_unit = "W"\ngood_quality = ["0", "2"]\n')
    assert Container(load_settings(file)).terminal_format() == TerminalFormat(("x/{device_id}",), ("0", "2"), "W")
    file.write_text("")
    assert Container(load_settings(file)).terminal_format() is None


def test_pushes_pass_through_broker_and_collector_into_the_journal(tmp_path: Path, mosquitto: Mosquitto) -> None:
    now_us = time.time_ns() // 60_000_000_000 * MINUTE_US
    ledger = Ledger(
        stations=(Station("ST01", "模拟供电所", "Asia/Shanghai"),),
        transformers=(Transformer("YX06", "模拟台区", "ST01", 400.0),),
        devices=(Device("ADC_0001", "YX06"),),
    )
    site = Site(tmp_path / "site", mosquitto.port, ledger, {"terminal": {"topics": list(TERMINALS.topics)}})
    try:
        collector = site.start_ready()
        minutes = now_us - np.arange(30, 0, -1) * MINUTE_US
        load_kw = np.linspace(100.0, 380.0, 30)
        readings = ReadingBatch.of(np.zeros(30), minutes, active_power_kw=load_kw, reactive_power_kvar=np.zeros(30))
        publisher = Publisher(BrokerAddress(mosquitto.host, mosquitto.port), "terminals")
        publisher.start()
        publisher.publish_all((TOPIC, payload) for payload in encode_pushes(readings))
        publisher.publish(TOPIC.replace("0001", "9999"), next(encode_pushes(readings)))
        publisher.publish(TOPIC, b"cut o")
        publisher.finish()
        site.wait_until(lambda: site.health()["rejected"] == 2, collector)
        collector.stop()
        assert site.stored() == {("YX06", timestamp) for timestamp in minutes.tolist()}
        assert sorted(reason for reason, _ in site.rejected()) == ["not_json", "unknown_device"]
        (incident,) = site.incidents()
        assert incident.peak_load_rate == pytest.approx(0.95)
    finally:
        site.close()


def test_a_simulated_transformer_with_a_device_sends_pushes_and_one_without_the_wire_format() -> None:
    street = ReadingBatch.of([0, 1], [ELEVEN, ELEVEN], active_power_kw=[100.0, 100.0], reactive_power_kvar=[30.0, 30.0])
    sent = list(encode_by_device(street, FLEET, TERMINALS, {"YX06": "ADC_0001"}))
    assert [topic for topic, _ in sent] == [
        reading_topic("ST01", "YX05"),
        "simulated/notify/event/database/simulated/ADC_0001",
    ]
    found = decoded(*(message(payload, topic) for topic, payload in sent))
    assert not found.rejects
    assert sorted(found.readings.transformer.tolist()) == [0, 1]
    assert np.allclose(found.readings.active_power_kw, 100.0)
