"""Meters of other makers: recorded payloads become readings like all others, bound by the ledger, or say why not."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.devices.decoders import Decoders
from collector.devices.device_format import DecoderKind, DeviceFormat, FieldSource, TimeUnit
from collector.devices.sparkplug_payload import read_payload
from collector.devices.topic_patterns import TopicPattern, fault_of_pattern
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic
from grid.assets import Device, Ledger, Station, Transformer
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US, format_utc, parse_timestamp_us
from service.cli import main

CASES = Path(__file__).parents[1] / "cases" / "devices"
EXPECTED: dict[str, dict[str, dict[str, Any]]] = tomllib.loads((CASES / "expected.toml").read_text(encoding="utf-8"))
RECEIVED_US = parse_timestamp_us("2021-07-24T11:01:00+08:00")
METER = "redvest-county/node1/meter1"
LEDGER = Ledger(
    stations=(Station("ST01", "模拟供电所", "Asia/Shanghai"),),
    transformers=(Transformer("YX05", "", "ST01", 630.0), Transformer("YX06", "", "ST01", 400.0)),
    devices=(
        Device("shellypro3em-0081f24ae0c4", "YX06"),
        Device("tasmota_7E4A10", "YX06", decoder="tasmota"),
        Device("m1", "YX06", multiplier=100.0),
        Device("m2", "YX05", phases="CAB", valid_from_us=RECEIVED_US - 10 * MINUTE_US),
        Device(METER, "YX06"),
    ),
)
FLEET = Fleet.of_ledger(LEDGER)


def field(path: str, multiplier: float = 1.0, unit: TimeUnit = TimeUnit.ISO) -> FieldSource:
    return FieldSource(path, multiplier, unit)


FORMATS = (
    DeviceFormat(
        "shelly",
        DecoderKind.SHELLY_3EM,
        (TopicPattern("{device_id}/events/rpc"), TopicPattern("{device_id}/status/em:0")),
    ),
    DeviceFormat(
        "tasmota",
        DecoderKind.TASMOTA_ENERGY,
        (TopicPattern("tele/{device_id}/SENSOR"), TopicPattern("stat/{device_id}/STATUS8")),
    ),
    DeviceFormat(
        "mapped",
        DecoderKind.MAPPED_JSON,
        (TopicPattern("meters/+/{device_id}"),),
        {
            "measured_at": field("data.t", unit=TimeUnit.SECONDS),
            **{f"voltage_{phase}_v": field(f"data.phases[{place}].u") for place, phase in enumerate("abc")},
            **{f"current_{phase}_amp": field(f"data.phases[{place}].i") for place, phase in enumerate("abc")},
            "active_power_kw": field("data.p_w", 0.001),
            "reactive_power_kvar": field("data.q_var", 0.001),
            "oil_temperature_c": field("data.oil"),
        },
    ),
    DeviceFormat(
        "gateway",
        DecoderKind.SPARKPLUG_B,
        (TopicPattern("spBv1.0/redvest-county/#"),),
        {
            **{f"voltage_{phase}_v": field(f"Voltage/L{place}") for place, phase in enumerate("abc", 1)},
            **{f"current_{phase}_amp": field(f"Current/L{place}") for place, phase in enumerate("abc", 1)},
            "active_power_kw": field("Power/Active", 0.001),
            "reactive_power_kvar": field("Power/Reactive", 0.001),
            "oil_temperature_c": field("Temperature/Oil"),
        },
    ),
)


def message(topic: str, payload: bytes, *, after_us: int = 0, retained: bool = False) -> Message:
    return Message(topic, payload, RECEIVED_US + after_us, mid=1, qos=1, epoch=1, retained=retained)


def payload_of(folder: str, name: str) -> bytes:
    return (CASES / folder / name).read_bytes()


def as_told(found: Decoded) -> list[str]:
    """Readings, deaths, missing values and rejects as the golden file has them, – for what is missing."""
    batch = found.readings

    def numbers(values: Any) -> str:
        return " ".join("–" if np.isnan(value) else f"{value:.10g}" for value in np.atleast_1d(values))

    told = [
        f"{FLEET.transformer_ids[batch.transformer[i]]} {format_utc(int(batch.measured_at_us[i]))} "
        f"U {numbers(batch.voltage_v[i])} I {numbers(batch.current_amp[i])} P {numbers(batch.active_power_kw[i])} "
        f"Q {numbers(batch.reactive_power_kvar[i])} S {numbers(batch.apparent_power_kva[i])} "
        f"N {numbers(batch.neutral_current_amp[i])} oil {numbers(batch.oil_temperature_c[i])}"
        for i in range(len(batch))
    ]
    told += [f"death of {FLEET.transformer_ids[number]}" for number in found.deaths]
    told += [f"missing {value.reason} {value.field}" for value in found.missing_examples]
    return told + [f"{reject.reason} {reject.field}".strip() for reject in found.rejects]


def in_order(messages: Sequence[Message], decoders: Decoders, cut: int = 1) -> list[str]:
    """What comes out when so many messages come at a time."""
    blocks = [messages[first : first + cut] for first in range(0, len(messages), cut)]
    return [line for block in blocks for line in as_told(decoders.decode(block, FLEET, Limits()))]


@pytest.mark.parametrize(
    ("folder", "name"), [(f, n) for f, cases in EXPECTED.items() if f != "sparkplug_b" for n in cases]
)
def test_a_recorded_payload_says_what_the_golden_file_says(folder: str, name: str) -> None:
    case = EXPECTED[folder][name]
    told = Decoders(None, FORMATS).decode([message(case["topic"], payload_of(folder, name))], FLEET, Limits())
    assert as_told(told) == case["told"]


def test_the_golden_file_and_the_payloads_are_the_same_set() -> None:
    files = {(path.parent.name, path.name) for path in CASES.glob("*/*") if path.suffix != ".py"}
    assert files == {(folder, name) for folder, cases in EXPECTED.items() for name in cases}


def sparkplug_session() -> list[Message]:
    cases = EXPECTED["sparkplug_b"]
    return [
        message(case["topic"], payload_of("sparkplug_b", name), after_us=place * MINUTE_US)
        for place, (name, case) in enumerate(cases.items())
    ]


def test_a_sparkplug_session_is_born_told_by_alias_and_dies() -> None:
    decoders = Decoders(None, FORMATS)
    for name, message_ in zip(EXPECTED["sparkplug_b"], sparkplug_session(), strict=True):
        assert as_told(decoders.decode([message_], FLEET, Limits())) == EXPECTED["sparkplug_b"][name]["told"], name


def test_reading_a_block_once_more_tells_the_same() -> None:
    decoders = Decoders(None, FORMATS)
    session = sparkplug_session()[:5]
    mark = decoders.mark()
    first = as_told(decoders.decode(session, FLEET, Limits()))
    decoders.go_back(mark)
    assert as_told(decoders.decode(session, FLEET, Limits())) == first
    assert len(first) > 4


def test_a_death_counts_only_where_nothing_came_later() -> None:
    session = sparkplug_session()
    names = list(EXPECTED["sparkplug_b"])
    death, birth = session[names.index("8_ndeath")], session[1]
    decoders = Decoders(None, FORMATS)
    node = session[0]
    assert decoders.decode([node, birth, death], FLEET, Limits()).deaths == {1: death.received_at_us}
    assert decoders.decode([death, node, birth], FLEET, Limits()).deaths == {}


def test_an_unknown_device_and_one_that_is_bound_to_another_decoder_are_named() -> None:
    shelly = payload_of("shelly_3em", "notify_status.json")
    told = Decoders(None, FORMATS).decode(
        [
            message("shellypro3em-ffffffffffff/events/rpc", shelly),
            message("tasmota_7E4A10/events/rpc", shelly),
            message("shellypro3em-0081f24ae0c4/events/rpc", shelly, retained=True),
        ],
        FLEET,
        Limits(),
    )
    assert [reject.reason for reject in told.rejects] == [
        Reason.UNKNOWN_DEVICE,
        Reason.UNKNOWN_DEVICE,
        Reason.RETAINED,
    ]
    assert "'shellypro3em-ffffffffffff'" in told.rejects[0].detail
    assert "bound with decoder 'tasmota'" in told.rejects[1].detail


def test_phases_multiplier_and_the_moment_of_binding_are_the_ledgers() -> None:
    payload = payload_of("mapped_json", "nested.json")
    told = Decoders(None, FORMATS).decode([message("meters/a/m2", payload)], FLEET, Limits())
    assert told.readings.transformer.tolist() == [0]
    assert told.readings.voltage_v.tolist() == [[227.9, 229.1, 228.4]]
    early = payload.replace(b"1627095600", b"1627090000")
    [reject] = Decoders(None, FORMATS).decode([message("meters/a/m2", early)], FLEET, Limits()).rejects
    assert (reject.reason, "later moment" in reject.detail) == (Reason.UNKNOWN_DEVICE, True)


def test_what_comes_on_a_topic_of_the_ledger_is_never_another_formats() -> None:
    wide = DeviceFormat("wide", DecoderKind.MAPPED_JSON, (TopicPattern("#"),), {"active_power_kw": field("p")})
    native = message(reading_topic("ST01", "YX05"), encode_reading(format_utc(RECEIVED_US), active_power_kw=400.0))
    told = Decoders(None, (wide,)).decode([native, message("any/topic", b'{"p": 1}')], FLEET, Limits())
    assert told.readings.active_power_kw.tolist() == [400.0]
    assert [reject.reason for reject in told.rejects] == [Reason.UNKNOWN_DEVICE]


def test_decode_says_in_json_what_comes_out_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "redvest.toml").write_text(
        "[[decoders]]\nname = 'shelly'\nkind = 'shelly_3em'\ntopics = ['{device_id}/events/rpc']\n"
    )
    sheets = tmp_path / "ledger"
    sheets.mkdir()
    (sheets / "stations.csv").write_text("station_id,name,timezone\nST01,S,Asia/Shanghai\n")
    (sheets / "transformers.csv").write_text("transformer_id,name,station_id,rated_power_kva\nYX06,north,ST01,400\n")
    (sheets / "devices.csv").write_text(
        "device_id,transformer_id,decoder,phases,multiplier\nshellypro3em-0081f24ae0c4,YX06,shelly,ABC,1\n"
    )
    file = str(CASES / "shelly_3em" / "phase_with_errors.json")
    words = ["decode", file, "--json", "--ledger", str(sheets), "--received-at", "2021-07-24T11:01:00+08:00"]
    assert main.main([*words, "--topic", "shellypro3em-0081f24ae0c4/events/rpc"]) == 0
    reading, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert (reading["kind"], reading["transformer_id"], reading["basis"]) == ("reading", "YX06", "s")
    assert (missing["kind"], missing["reason"], missing["decoder"]) == ("missing_value", "wrong_type", "shelly")
    assert main.main([*words, "--topic", "shellypro3em-ffffffffffff/events/rpc"]) == 1
    [reject] = map(json.loads, capsys.readouterr().out.splitlines())
    assert (reject["kind"], reject["reason"]) == ("reject", "unknown_device")
    assert "devices.csv" in reject["remedy"]


@given(st.binary(max_size=80))
def test_no_bytes_make_the_protobuf_reader_fail_otherwise_than_by_saying_so(data: bytes) -> None:
    with suppress(ValueError):
        assert read_payload(data).metrics is not None


@given(st.binary(max_size=60), st.sampled_from([c["topic"] for f in EXPECTED.values() for c in f.values()]))
def test_no_bytes_make_a_decoder_fail(data: bytes, topic: str) -> None:
    told = Decoders(None, FORMATS).decode([message(topic, data)], FLEET, Limits())
    assert len(told.readings) + len(told.rejects) + len(told.deaths) <= 1


@pytest.mark.parametrize(
    ("pattern", "needs_device", "is_good"),
    [
        ("tele/{device_id}/SENSOR", True, True),
        ("spBv1.0/county/#", False, True),
        ("tele/+/SENSOR", True, False),
        ("a/#/b", False, False),
        ("a/b#", False, False),
        ("a/+b/c", False, False),
        ("redvest/{device_id}", True, False),
        ("", False, False),
    ],
)
def test_patterns_of_the_settings_are_checked(pattern: str, needs_device: bool, is_good: bool) -> None:
    assert (fault_of_pattern(pattern, needs_device=needs_device) is None) == is_good
