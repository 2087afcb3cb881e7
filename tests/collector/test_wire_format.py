"""The wire format, version 1, as devices outside are written against it: topics, and what our own senders send."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import Reason
from collector.message import Message
from collector.wire.format import (
    BATCH_ROWS_MAX,
    FIELDS,
    batch_topic,
    encode_batch,
    encode_columns,
    encode_reading,
    encode_singly,
    reading_topic,
    subscription_filters,
)
from grid.assets import Transformer
from grid.fleet import Fleet
from grid.readings import ReadingBatch

NOON_US = 1_627_095_600_000_000  # 24 July 2021, 11:00 in Beijing

FLEET = Fleet.of([Transformer("YX06", "north", "ST01", 400.0), Transformer("YX07", "south", "ST01", 400.0)])


def two_readings() -> ReadingBatch:
    """Return a reading with all fields and one with hardly any."""
    nan = np.nan
    return ReadingBatch.of(
        [0, 1],
        [NOON_US, NOON_US + 60_000_000],
        received_at_us=[NOON_US + 60_000_000] * 2,
        voltage_v=[[228.4, 227.9, 229.1], [nan, nan, nan]],
        current_amp=[[561.2, 548.7, 570.3], [nan, 40.0, nan]],
        active_power_kw=[361.0, 12.5],
        reactive_power_kvar=[112.4, nan],
        neutral_current_amp=[40.2, nan],
        oil_temperature_c=[71.5, nan],
        ambient_temperature_c=[36.0, nan],
        sequence=[18231, -1],
    )


def received(topic: str, payload: bytes) -> Message:
    """Return a message as the subscriber hands it over."""
    return Message(topic, payload, NOON_US + 60_000_000, mid=1, qos=1, epoch=1, retained=False)


def assert_same(got: ReadingBatch, wanted: ReadingBatch) -> None:
    """Check that two batches hold the same readings, missing numbers included."""
    for column in wanted.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(got, column), getattr(wanted, column), err_msg=column)


def test_the_topics_are_those_of_the_contract() -> None:
    assert reading_topic("ST01", "YX06") == "redvest/v1/ST01/YX06/reading"
    assert batch_topic("ST01") == "redvest/v1/ST01/readings"
    assert subscription_filters() == ("redvest/v1/+/+/reading", "redvest/v1/+/readings")


def test_a_collector_may_read_some_stations_only() -> None:
    assert subscription_filters(["ST01", "ST02"]) == (
        "redvest/v1/ST01/+/reading",
        "redvest/v1/ST01/readings",
        "redvest/v1/ST02/+/reading",
        "redvest/v1/ST02/readings",
    )


def test_a_reading_is_written_as_the_contract_shows_it() -> None:
    payload = encode_reading(
        "2021-07-24T11:00:00+08:00",
        voltage_v=(228.4, 227.9, 229.1),
        current_amp=(561.2, 548.7, 570.3),
        active_power_kw=361.0,
        reactive_power_kvar=112.4,
        neutral_current_amp=40.2,
        oil_temperature_c=71.5,
        ambient_temperature_c=36.0,
        seq=18231,
    )
    assert json.loads(payload) == {
        "measured_at": "2021-07-24T11:00:00+08:00",
        "voltage_v": [228.4, 227.9, 229.1],
        "current_amp": [561.2, 548.7, 570.3],
        "active_power_kw": 361.0,
        "reactive_power_kvar": 112.4,
        "neutral_current_amp": 40.2,
        "oil_temperature_c": 71.5,
        "ambient_temperature_c": 36.0,
        "seq": 18231,
    }


def test_what_was_not_measured_is_not_sent() -> None:
    assert encode_reading("2021-07-24T03:00:00Z", active_power_kw=361.0) == (
        b'{"measured_at":"2021-07-24T03:00:00Z","active_power_kw":361.0}'
    )
    [_, (_, payload)] = encode_singly(two_readings(), FLEET)
    assert json.loads(payload) == {
        "measured_at": "2021-07-24T03:01:00Z",
        "current_amp": [None, 40.0, None],
        "active_power_kw": 12.5,
    }


def test_what_is_sent_singly_arrives_as_it_was() -> None:
    sent = list(encode_singly(two_readings(), FLEET))
    assert [topic for topic, _ in sent] == ["redvest/v1/ST01/YX06/reading", "redvest/v1/ST01/YX07/reading"]
    decoded = decode_block([received(topic, payload) for topic, payload in sent], FLEET, Limits())
    assert not decoded.rejects
    assert_same(decoded.readings, two_readings())


@pytest.mark.parametrize("encode", [encode_batch, encode_columns])
def test_what_is_sent_as_a_batch_arrives_as_it_was(encode: object) -> None:
    assert callable(encode)
    decoded = decode_block([received(batch_topic("ST01"), encode(two_readings(), FLEET))], FLEET, Limits())
    assert not decoded.rejects
    assert_same(decoded.readings, two_readings())


def test_columns_hold_a_value_or_null_for_each_reading_and_no_column_that_is_empty() -> None:
    readings = two_readings().take(np.array([1, 1]))
    assert json.loads(encode_columns(readings, FLEET)) == {
        "columns": {
            "transformer_id": ["YX07", "YX07"],
            "measured_at": ["2021-07-24T03:01:00Z", "2021-07-24T03:01:00Z"],
            "current_amp": [[None, 40.0, None], [None, 40.0, None]],
            "active_power_kw": [12.5, 12.5],
        }
    }


def test_a_fraction_of_a_second_survives_the_wire() -> None:
    readings = ReadingBatch.of([0], [NOON_US + 230_000], received_at_us=[NOON_US + 60_000_000], active_power_kw=[1.0])
    [(topic, payload)] = encode_singly(readings, FLEET)
    assert_same(decode_block([received(topic, payload)], FLEET, Limits()).readings, readings)


@pytest.mark.parametrize("encode", [encode_batch, encode_columns])
def test_a_batch_has_a_thousand_readings_at_most(encode: object) -> None:
    assert callable(encode)
    many = two_readings().take(np.zeros(BATCH_ROWS_MAX, np.intp))
    decoded = decode_block([received(batch_topic("ST01"), encode(many, FLEET))], FLEET, Limits())
    assert len(decoded.readings) == 1000
    with pytest.raises(ValueError, match="up to 1000 readings, not 1001"):
        encode(two_readings().take(np.zeros(BATCH_ROWS_MAX + 1, np.intp)), FLEET)


# --- the document ------------------------------------------------------------------------------------------------

DOCUMENT = (Path(__file__).parents[2] / "docs" / "wire-format.md").read_text(encoding="utf-8")
NOW = datetime(2021, 7, 24, 11, 0, tzinfo=timezone(timedelta(hours=8)))


def documented_messages() -> list[Message]:
    """Return what the `mosquitto_pub` commands of the document publish, at 11:00 on 24 July."""
    commands = re.findall(
        r"^mosquitto_pub (.*?) (?:-s <<END\n(.*?)\nEND|-m (.*?))$", DOCUMENT, re.DOTALL | re.MULTILINE
    )
    messages = []
    for options, here_text, quoted in commands:
        payload = here_text or shlex.split(quoted.replace("$(date -Iseconds)", NOW.isoformat()))[0]
        payload = payload.replace("$(date -Iseconds)", NOW.isoformat())
        words = shlex.split(options)
        assert words[words.index("-q") + 1] == "1"
        messages.append(received(words[words.index("-t") + 1], payload.encode()))
    return messages


def test_the_examples_of_the_document_are_taken_and_refused_as_it_says() -> None:
    ledger = [Transformer("YX05", "", "ST01", 630.0), Transformer("YX06", "", "ST01", 400.0)]
    decoded = decode_block(documented_messages(), Fleet.of(ledger), Limits())
    assert decoded.readings.transformer.tolist() == [1, 1, 0, 1, 0, 1]
    assert [reject.reason for reject in decoded.rejects] == [Reason.LOAD_RATE_IMPOSSIBLE]
    assert decoded.unknown_fields == 0


def test_the_document_names_every_field_and_every_reason() -> None:
    tables = re.findall(r"^\| `(\w+)` \|", DOCUMENT, re.MULTILINE)
    in_files_only = {Reason.RAGGED_ROW, Reason.BAD_NUMBER}
    assert sorted(tables) == sorted([*FIELDS, *(set(Reason) - in_files_only)])
    assert all(f"`{reason}`" in DOCUMENT for reason in in_files_only)
