"""Decoding a block of messages: every good reading comes out, everything else is a reject with its reason."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.decoding.decode import Decoded, decode_block
from collector.decoding.measured_at import parse_measured_at
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import KEPT_BYTES_MAX, Reason, Reject
from collector.decoding.remedies import REMEDIES
from collector.message import Message
from collector.wire.format import batch_topic, reading_topic
from grid.electrical import Basis, LoadRates
from grid.fleet import Fleet
from grid.readings import NO_SEQUENCE, ReadingBatch
from grid.timestamps import parse_timestamp_us, timestamp_us
from tests.support.bad_inputs import (
    GOOD,
    OWN_TOPIC,
    POWERS,
    READING,
    RECEIVED_US,
    TIME,
    TRANSFORMERS,
    file_cases,
    having,
    payload_of,
)

MEASURED_US = 1_627_095_600_000_000  # 24 July 2021, 11:00 in Beijing
FLEET = Fleet.of(TRANSFORMERS)
BATCH_TOPIC = batch_topic("ST01")


def good(name: str) -> str:
    """Return a payload of the corpus that must be taken."""
    return payload_of(f"{GOOD}/{name}").decode()


def message(
    payload: str | bytes, topic: str = OWN_TOPIC, received_at_us: int = RECEIVED_US, retained: bool = False
) -> Message:
    """Return a message as the subscriber hands it over."""
    text = payload.encode() if isinstance(payload, str) else payload
    return Message(topic, text, received_at_us, mid=1, qos=1, epoch=1, retained=retained)


def decode(*messages: Message, limits: Limits | None = None, fleet: Fleet = FLEET) -> Decoded:
    """Decode messages as one block."""
    return decode_block(messages, fleet, limits or Limits())


def decode_one(payload: str | bytes, topic: str = OWN_TOPIC) -> Decoded:
    """Decode a block of one message."""
    return decode(message(payload, topic))


def reject_of(payload: str | bytes, topic: str = OWN_TOPIC) -> Reject:
    """Return the only outcome of a message, a reject."""
    decoded = decode_one(payload, topic)
    assert len(decoded.readings) == 0
    [reject] = decoded.rejects
    return reject


def row(**members: object) -> dict[str, object]:
    """Return one row of a batch."""
    reading = {"transformer_id": "YX06", "measured_at": "2021-07-24T11:00:00+08:00", "active_power_kw": 361.0}
    return {**reading, **members}


def batch_of(*rows: object) -> str:
    """Return a batch of rows as its payload."""
    return json.dumps({"readings": rows})


def columns_of(**columns: object) -> str:
    """Return a batch as columns: YX06 and YX07 at the same moment, and what is given."""
    named = {"transformer_id": ["YX06", "YX07"], "measured_at": ["2021-07-24T11:00:00+08:00"] * 2}
    return json.dumps({"columns": {**named, "active_power_kw": [361.0, 180.0], **columns}})


def assert_same(got: ReadingBatch, wanted: ReadingBatch) -> None:
    """Check that two batches hold the same readings, missing numbers included."""
    for column in wanted.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(got, column), getattr(wanted, column), err_msg=column)


# --- one reading -------------------------------------------------------------------------------------------------


def test_every_field_of_a_reading_arrives() -> None:
    readings = decode_one(good("all_fields")).readings
    wanted = ReadingBatch.of(
        [0],
        [MEASURED_US],
        received_at_us=[RECEIVED_US],
        voltage_v=[[228.4, 227.9, 229.1]],
        current_amp=[[561.2, 548.7, 570.3]],
        active_power_kw=[361.0],
        reactive_power_kvar=[112.4],
        neutral_current_amp=[40.2],
        oil_temperature_c=[71.5],
        ambient_temperature_c=[36.0],
        sequence=[18231],
    )
    assert_same(readings, wanted)


def test_what_a_reading_lacks_is_missing_and_not_invented() -> None:
    readings = decode_one(f"{{{TIME},{POWERS}}}").readings
    for column in ("voltage_v", "current_amp", "neutral_current_amp", "oil_temperature_c", "ambient_temperature_c"):
        assert np.isnan(getattr(readings, column)).all(), column
    assert readings.sequence.tolist() == [NO_SEQUENCE]


def test_powers_of_three_phases_are_added_up() -> None:
    readings = decode_one(good("powers_of_three_phases")).readings
    assert readings.active_power_kw.tolist() == [121.0 + 119.5 + 120.5]
    assert readings.reactive_power_kvar.tolist() == [37 + 38 + 37.4]


def test_totals_and_phases_may_come_mixed_in_one_block() -> None:
    phases = f'{{{TIME},"active_power_kw":[1,2,3]}}'
    total = f'{{{TIME},"active_power_kw":7.5}}'
    none = f'{{{TIME},"voltage_v":[230,230,230],"current_amp":[1,1,1]}}'
    readings = decode(message(phases), message(total), message(none)).readings
    np.testing.assert_array_equal(readings.active_power_kw, [6.0, 7.5, np.nan])


def test_active_power_alone_is_taken_and_marked_by_its_basis() -> None:
    assert LoadRates(decode_one(good("p_alone")).readings, FLEET).basis.tolist() == [Basis.ACTIVE_ONLY]


def test_unknown_fields_are_accepted_and_counted() -> None:
    decoded = decode(message(having('"firmware":"2.1","x":{"y":1}')), message(READING), message(having('"z":null')))
    assert (len(decoded.readings), decoded.unknown_fields) == (3, 3)


@pytest.mark.parametrize("name", ["null_is_missing", "escaped_key"])
def test_what_only_looks_like_a_further_field_is_not_counted(name: str) -> None:
    assert decode_one(good(name)).unknown_fields == 0


# --- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "reason", "field", "detail"),
    [
        (f'{{{TIME},"voltage_v":[228,"227",229],"current_amp":[1,2,3]}}', Reason.WRONG_TYPE, "voltage_v[1]", "got str"),
        (having('"transformer_id":"YX07"'), Reason.TOPIC_MISMATCH, "transformer_id", "'YX07'"),
        (having('"active_power_kw":1'), Reason.DUPLICATE_KEY, "active_power_kw", "more than once"),
        (having('"oil_temperature_c":NaN'), Reason.NOT_FINITE, "oil_temperature_c", "no JSON numbers"),
        (having('"current_amp":[1,Infinity,1]'), Reason.NOT_FINITE, "current_amp[1]", "no JSON numbers"),
        (having('"seq":1e999'), Reason.NUMBER_TOO_LARGE, "seq", "out of range"),
        (f'{{"measured_at":"noon",{POWERS}}}', Reason.TIME_MALFORMED, "measured_at", "'noon'"),
        (f'{{{TIME},"active_power_kw":-9999}}', Reason.SENTINEL, "active_power_kw", "it is -9999.0"),
        (
            f'{{{TIME},"voltage_v":[2284,228,228],"current_amp":[1,1,1]}}',
            Reason.OUT_OF_RANGE,
            "voltage_v[0]",
            "2284.0, outside 0 to 760",
        ),
        (f'{{{TIME},"active_power_kw":361000}}', Reason.LOAD_RATE_IMPOSSIBLE, "active_power_kw", "902.5 times"),
        ("{}", Reason.MISSING_FIELD, "measured_at", ""),
        (b"\xff", Reason.NOT_UTF8, "", "byte 0 is 0xff"),
        (READING[:-1], Reason.NOT_JSON, "", "truncated"),
    ],
)
def test_a_reject_names_the_field_and_the_number(payload: str | bytes, reason: Reason, field: str, detail: str) -> None:
    reject = reject_of(payload)
    assert (reject.reason, reject.field) == (reason, field)
    assert detail in reject.detail


def test_every_reason_says_what_to_mend_in_both_languages() -> None:
    assert set(REMEDIES) == set(Reason)
    for text in REMEDIES.values():
        assert text.en.endswith(".")
        assert text.zh.endswith("。")


@pytest.mark.parametrize("opening", ["[", '{"x":', '{"measured_at":['])
@pytest.mark.parametrize("closed", [True, False])
def test_a_nesting_bomb_is_refused(opening: str, closed: bool) -> None:
    depth = 60_000 // len(opening)
    closing = {"[": "]", '{"x":': "}", '{"measured_at":[': "]}"}[opening] * depth if closed else ""
    bomb = (opening * depth + "1" + closing).encode()[: 64 * 1024]
    assert reject_of(bomb).reason in (Reason.NESTED_TOO_DEEP, Reason.NOT_JSON, Reason.WRONG_TYPE)
    nested = having(f'"x":{"[" * 20_000}{"]" * 20_000}')
    assert reject_of(nested).reason == Reason.NESTED_TOO_DEEP


def test_two_halves_of_a_payload_do_not_make_a_reading_together() -> None:
    """Messages are read in a block; whatever they hold, none may reach into the next one."""
    halves = [f'{READING},{{"x":[{{}}', "{}]}", f'{{{TIME},"x":"', f'",{POWERS}}}', f"{READING},", READING]
    decoded = decode(*map(message, halves))
    assert len(decoded.readings) == 1
    assert len(decoded.rejects) == 5


def test_a_payload_above_64_kib_is_refused_and_its_beginning_is_kept() -> None:
    exact = READING[:-1] + " " * (64 * 1024 - len(READING)) + "}"
    assert len(decode_one(exact).readings) == 1
    reject = reject_of(" " + exact)
    assert (reject.reason, len(reject.payload)) == (Reason.TOO_LARGE, KEPT_BYTES_MAX)
    assert reject.sha256 == sha256((" " + exact).encode()).hexdigest()


# --- topics and identity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "redvest",
        "redvest/v1/ST01/YX06",
        "redvest/v2/ST01/YX06/reading",
        "Redvest/v1/ST01/YX06/reading",
        "redvest/v1/ST01/YX06/reading/",
        "redvest/v1/ST01/YX06/readings",
        "redvest/v1/ST01/readings/x",
        "redvest/v1/../ST01/YX06/reading",
        "$SYS/broker/version",
        "redvest/v1/ST01/YX06/reading\0",
    ],
)
def test_a_topic_that_is_none_of_ours_is_refused(topic: str) -> None:
    assert reject_of(READING, topic).reason == Reason.UNKNOWN_TOPIC


@pytest.mark.parametrize(
    "transformer_id",
    [
        "YX99",
        "yx06",
        "УХ06",
        "",
        "..",
        "+",
        "#",
        '"',
        "' OR 1=1 --",
        "a,b=c d",
        "YX06 ",
        "ＹＸ06",
        "x" * 300,
        "\x1b[2J",
    ],
)
def test_an_unknown_transformer_is_refused(transformer_id: str) -> None:
    reject = reject_of(READING, reading_topic("ST01", transformer_id))
    assert (reject.reason, reject.field) == (Reason.UNKNOWN_TRANSFORMER, "topic")
    assert reject.topic.isprintable()
    assert reject.detail.isprintable()
    assert len(reject.topic) <= 300
    assert len(reject.detail) <= 80


def test_a_topic_of_another_station_is_refused() -> None:
    reject = reject_of(READING, reading_topic("ST02", "YX06"))
    assert reject.reason == Reason.WRONG_STATION
    assert "'ST01'" in reject.detail


def test_many_thousand_unknown_transformers_leave_nothing_behind() -> None:
    before = dict(FLEET.number)
    decoded = decode(*(message(READING, reading_topic("ST01", f"X{number}")) for number in range(20_000)))
    assert len(decoded.rejects) == 20_000
    assert FLEET.number == before


def test_an_empty_ledger_refuses_everything() -> None:
    decoded = decode(message(READING), message(batch_of(row()), BATCH_TOPIC), fleet=Fleet.of([]))
    assert [reject.reason for reject in decoded.rejects] == [Reason.UNKNOWN_TRANSFORMER] * 2


def test_a_retained_message_cannot_pass_for_news() -> None:
    decoded = decode(message(READING, retained=True), message(READING))
    assert (len(decoded.readings), decoded.retained) == (1, 1)
    assert [reject.reason for reject in decoded.rejects] == [Reason.RETAINED]


# --- batches -----------------------------------------------------------------------------------------------------


def test_one_bad_row_does_not_spoil_a_batch() -> None:
    rows = [
        row(),
        row(transformer_id="YX99"),
        row(active_power_kw="361"),
        row(transformer_id="YX07"),
        row(transformer_id="BX01"),
        "no reading",
        row(measured_at="2021-07-24T11:00:00"),
        {"measured_at": "2021-07-24T11:00:00Z", "active_power_kw": 1.0},
        row(active_power_kw=65535),
        row(seq=9),
    ]
    decoded = decode_one(batch_of(*rows), BATCH_TOPIC)
    assert decoded.readings.transformer.tolist() == [0, 1, 0]
    assert decoded.readings.sequence.tolist() == [-1, -1, 9]
    assert [reject.reason for reject in decoded.rejects] == [
        Reason.UNKNOWN_TRANSFORMER,
        Reason.WRONG_TYPE,
        Reason.WRONG_STATION,
        Reason.WRONG_TYPE,
        Reason.TIME_WITHOUT_OFFSET,
        Reason.MISSING_FIELD,
        Reason.SENTINEL,
    ]
    assert [json.loads(reject.payload) for reject in decoded.rejects] == [
        rows[place] for place in (1, 2, 4, 5, 6, 7, 8)
    ]


def test_one_bad_cell_does_not_spoil_the_columns() -> None:
    decoded = decode_one(columns_of(active_power_kw=[True, 180.0]), BATCH_TOPIC)
    assert decoded.readings.transformer.tolist() == [1]
    [reject] = decoded.rejects
    assert (reject.reason, reject.field) == (Reason.WRONG_TYPE, "active_power_kw")
    assert json.loads(reject.payload) == row(active_power_kw=True)


def test_columns_carry_every_field() -> None:
    columns = columns_of(
        voltage_v=[[228.4, 227.9, 229.1], None],
        current_amp=[[561.2, 548.7, 570.3], [1.0, None, 1.0]],
        active_power_kw=[[121.0, 119.5, 120.5], 180.0],
        reactive_power_kvar=None,
        oil_temperature_c=[None, 60],
        seq=[7, None],
    )
    nan = np.nan
    wanted = ReadingBatch.of(
        [0, 1],
        [MEASURED_US] * 2,
        received_at_us=[RECEIVED_US] * 2,
        voltage_v=[[228.4, 227.9, 229.1], [nan, nan, nan]],
        current_amp=[[561.2, 548.7, 570.3], [1.0, nan, 1.0]],
        active_power_kw=[361.0, 180.0],
        oil_temperature_c=[nan, 60.0],
        sequence=[7, NO_SEQUENCE],
    )
    assert_same(decode_one(columns, BATCH_TOPIC).readings, wanted)


@pytest.mark.parametrize(
    ("payload", "reason", "field"),
    [
        ("{}", Reason.MISSING_FIELD, "readings"),
        ('{"readings":null}', Reason.MISSING_FIELD, "readings"),
        ('{"readings":[]}', Reason.EMPTY, "readings"),
        ('{"readings":{}}', Reason.WRONG_TYPE, "readings"),
        ('{"readings":5}', Reason.WRONG_TYPE, "readings"),
        (READING, Reason.MISSING_FIELD, "readings"),
        ("[]", Reason.WRONG_TYPE, ""),
        ("", Reason.EMPTY, ""),
        (batch_of(row())[:-1], Reason.NOT_JSON, ""),
        (batch_of(row()) + "x", Reason.NOT_JSON, ""),
        (f'{{"readings":[{READING}],"readings":[]}}', Reason.DUPLICATE_KEY, "readings"),
        (f'{{"readings":[{READING}],"columns":{{}}}}', Reason.WRONG_TYPE, "columns"),
        (batch_of(*[row()] * 1001), Reason.TOO_MANY_ROWS, "readings"),
        ('{"columns":{}}', Reason.MISSING_FIELD, "columns.measured_at"),
        ('{"columns":[]}', Reason.WRONG_TYPE, "columns"),
        ('{"columns":{"transformer_id":[],"measured_at":[]}}', Reason.EMPTY, "columns"),
        ('{"columns":{"measured_at":["2021-07-24T11:00:00Z"]}}', Reason.MISSING_FIELD, "columns.transformer_id"),
        (columns_of(active_power_kw=[1.0]), Reason.COLUMNS_UNEQUAL, "columns.active_power_kw"),
        (columns_of(transformer_id=["YX06"] * 3), Reason.COLUMNS_UNEQUAL, "columns.transformer_id"),
        (columns_of(voltage_v=5), Reason.WRONG_TYPE, "columns.voltage_v"),
        (columns_of()[:-2] + ',"active_power_kw":[1,2]}}', Reason.DUPLICATE_KEY, "columns.active_power_kw"),
    ],
)
def test_a_batch_that_cannot_be_split_into_rows_is_refused_as_a_whole(payload: str, reason: Reason, field: str) -> None:
    reject = reject_of(payload, BATCH_TOPIC)
    assert (reject.reason, reject.field) == (reason, field)
    assert reject.payload == payload.encode()[:KEPT_BYTES_MAX]


def test_a_missing_name_in_a_batch_is_a_missing_field() -> None:
    for payload in (batch_of(row(transformer_id=None), row()), columns_of(transformer_id=[None, "YX06"])):
        decoded = decode_one(payload, BATCH_TOPIC)
        assert len(decoded.readings) == 1
        assert [(reject.reason, reject.field) for reject in decoded.rejects] == [
            (Reason.MISSING_FIELD, "transformer_id")
        ]


def test_unknown_members_around_and_within_a_batch_are_counted() -> None:
    batch = {"gateway": "G1", "readings": [row(), row(firmware="2.1")]}
    assert decode_one(json.dumps(batch), BATCH_TOPIC).unknown_fields == 2
    columns = columns_of(firmware=["2.1", "2.2"])
    decoded = decode_one(columns, BATCH_TOPIC)
    assert (len(decoded.readings), decoded.unknown_fields) == (2, 1)


def test_a_batch_may_have_a_mebibyte_and_no_more() -> None:
    batch = batch_of(row())
    assert len(decode_one(batch + " " * (1024 * 1024 - len(batch)), BATCH_TOPIC).readings) == 1
    reject = reject_of(batch + " " * (1024 * 1024 - len(batch) + 1), BATCH_TOPIC)
    assert (reject.reason, len(reject.payload)) == (Reason.TOO_LARGE, KEPT_BYTES_MAX)


def test_readings_leave_in_the_order_in_which_they_came() -> None:
    """Of two that differ for one moment the first is kept, so order must survive single, row and column forms."""
    decoded = decode(
        message(batch_of(row(seq=1), row(seq=2)), BATCH_TOPIC, received_at_us=RECEIVED_US + 1),
        message(having('"seq":3'), received_at_us=RECEIVED_US + 2),
        message("bad", received_at_us=RECEIVED_US + 3),
        message(columns_of(seq=[5, 6]), BATCH_TOPIC, received_at_us=RECEIVED_US + 4),
        message(having('"seq":7'), received_at_us=RECEIVED_US + 5),
        message(batch_of("bad", row(seq=9)), BATCH_TOPIC, received_at_us=RECEIVED_US + 6),
    )
    assert decoded.readings.sequence.tolist() == [1, 2, 3, 5, 6, 7, 9]
    assert (decoded.readings.received_at_us - RECEIVED_US).tolist() == [1, 1, 2, 4, 4, 5, 6]
    assert [reject.received_at_us - RECEIVED_US for reject in decoded.rejects] == [3, 6]


# --- time --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2021-07-24T11:00:00+08:00",
        "2021-07-24T11:00:00+0800",
        "2021-07-24T03:00:00Z",
        "2021-07-24T03:00:00.000Z",
        "2021-07-24T03:00:00+00:00",
        "2021-07-23T22:30:00-04:30",
        "20210724T030000Z",
    ],
)
def test_one_instant_has_one_key_however_it_is_written(text: str) -> None:
    assert decode_one(f'{{"measured_at":"{text}",{POWERS}}}').readings.measured_at_us.tolist() == [MEASURED_US]


@pytest.mark.parametrize(("age_hours", "taken"), [(72.0, True), (72.001, False), (-0.083, True), (-0.084, False)])
def test_a_reading_may_be_72_hours_late_and_5_minutes_early(age_hours: float, taken: bool) -> None:
    received_at_us = MEASURED_US + int(age_hours * 3_600_000_000)
    decoded = decode(message(READING, received_at_us=received_at_us))
    assert len(decoded.readings) == taken


def test_recordings_may_be_of_any_day_but_not_from_a_clock_that_was_reset() -> None:
    times = ["2001-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2100-01-01T00:00:00Z"]
    messages = [message(f'{{"measured_at":"{time}",{POWERS}}}') for time in times]
    decoded = decode(*messages, limits=Limits.of_recordings())
    assert len(decoded.readings) == 2
    assert [reject.reason for reject in decoded.rejects] == [Reason.TIME_TOO_OLD, Reason.TIME_IN_FUTURE]


ZONES = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMESTAMPS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)


def written(when: datetime, form: int) -> str:
    """Write a time in one of the forms that devices use."""
    text = when.isoformat(timespec=("auto", "seconds", "milliseconds", "microseconds")[form % 4])
    if form // 4 == 1:
        text = text[:-3] + text[-2:]  # +0800
    if form // 4 == 2 and when.utcoffset() == timedelta(0):
        text = text[:-6] + "Z"
    return text


TIME_TEXTS = st.builds(written, st.one_of(TIMESTAMPS, TIMESTAMPS.map(lambda m: m.astimezone(UTC))), st.integers(0, 11))
NEAR_TIME_TEXTS = st.builds(
    lambda text, place, character: text[: place % len(text)] + character + text[place % len(text) + 1 :],
    TIME_TEXTS,
    st.integers(0, 40),
    st.sampled_from("0123456789:+-,.TZ 年"),
)


def assert_read_as_each_would_be(texts: list[str]) -> None:
    """Check a column of times against reading its texts one by one."""
    timestamps, faults = parse_measured_at(texts)
    for place, text in enumerate(texts):
        try:
            wanted = parse_timestamp_us(text)
        except ValueError:
            assert place in faults, text
        else:
            assert place not in faults, text
            assert timestamps[place] == wanted, text


@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(TIME_TEXTS, NEAR_TIME_TEXTS), min_size=1, max_size=12))
def test_a_column_of_times_is_read_as_each_of_them_would_be(texts: list[str]) -> None:
    assert_read_as_each_would_be(texts)


@pytest.mark.parametrize("text", ["2021-07-24T11:00:00+08:00", "2021-07-24T11:00:00.25-0330", "2021-07-24T03:00:00Z"])
def test_a_time_with_one_wrong_character_is_not_mistaken_among_good_ones(text: str) -> None:
    wrong = [text[:place] + other + text[place + 1 :] for place in range(len(text)) for other in "0159+-,.:;TZ /"]
    assert_read_as_each_would_be([text, *wrong])


def test_the_leap_day_exists_in_leap_years_only() -> None:
    timestamps, faults = parse_measured_at([f"{year}-02-29T00:00:00Z" for year in (2000, 2020, 2021, 2100)])
    assert sorted(faults) == [2, 3]
    assert timestamps[1] == timestamp_us(datetime(2020, 2, 29, tzinfo=UTC))


# --- plausibility ------------------------------------------------------------------------------------------------


def test_the_load_is_held_against_the_rating_with_the_ct_ratio() -> None:
    """BX01 sends secondary values: 5 kW are 400 kW of 630, and 100 kW would be 8,000."""
    topic = reading_topic("ST02", "BX01")
    assert len(decode_one(f'{{{TIME},"active_power_kw":5.0}}', topic).readings) == 1
    assert reject_of(f'{{{TIME},"active_power_kw":100.0}}', topic).reason == Reason.LOAD_RATE_IMPOSSIBLE


def test_ten_times_the_rating_is_still_believed() -> None:
    assert len(decode_one(f'{{{TIME},"active_power_kw":4000.0}}').readings) == 1
    assert reject_of(f'{{{TIME},"active_power_kw":4000.1}}').reason == Reason.LOAD_RATE_IMPOSSIBLE


def test_small_currents_may_disagree_with_the_powers() -> None:
    almost_idle = (
        f'{{{TIME},"active_power_kw":6.0,"reactive_power_kvar":1.0,"voltage_v":[230,230,230],"current_amp":[1,1,1]}}'
    )
    assert len(decode_one(almost_idle).readings) == 1


# --- blocks ------------------------------------------------------------------------------------------------------

EVERY_PAYLOAD = [publication.payload for case in file_cases() for publication in case.publications]


def outcome(decoded: Decoded) -> tuple[list[tuple[int, int, int]], list[Reject], int, int]:
    """Return what came out of a block in a form that compares."""
    readings = decoded.readings
    keys = zip(
        readings.transformer.tolist(), readings.measured_at_us.tolist(), readings.received_at_us.tolist(), strict=True
    )
    return list(keys), list(decoded.rejects), decoded.unknown_fields, decoded.retained


def decoded_one_by_one(messages: Sequence[Message]) -> Decoded:
    """Return what the messages give when each is a block of its own."""
    parts = [decode(each) for each in messages]
    return Decoded(
        ReadingBatch.concatenate([part.readings for part in parts]),
        tuple(reject for part in parts for reject in part.rejects),
        sum(part.unknown_fields for part in parts),
        sum(part.retained for part in parts),
    )


def test_a_block_gives_what_its_messages_give_one_by_one() -> None:
    rng = random.Random(20210724)
    for _ in range(30):
        messages = []
        for number in range(rng.randrange(1, 40)):
            payload = rng.choice(EVERY_PAYLOAD)
            if rng.random() < 0.3:
                rows: list[object] = [row(seq=seq) for seq in range(rng.randrange(3))]
                rows += rng.choice([[], [row(x=1)], [5]])
                batch = batch_of(*rows) if rng.random() < 0.7 else columns_of()
                payload, topic = batch.encode(), BATCH_TOPIC
            else:
                topic = rng.choice([OWN_TOPIC, OWN_TOPIC, reading_topic("ST01", "YX07"), "other"])
            messages.append(message(payload, topic, RECEIVED_US + number, retained=rng.random() < 0.05))
        block, singly = decode(*messages), decoded_one_by_one(messages)
        assert outcome(block) == outcome(singly)
        assert_same(block.readings, singly.readings)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_damaged_bytes_never_raise_and_never_vanish(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from(EVERY_PAYLOAD))
    damaged = bytearray(whole)[:600]
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(damaged)))
        damaged[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    for topic in (OWN_TOPIC, BATCH_TOPIC):
        decoded = decode_one(bytes(damaged), topic)
        assert len(decoded.readings) + len(decoded.rejects) == 1


@settings(deadline=None, max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(["measured_at", "active_power_kw", "voltage_v", "current_amp", "seq", "transformer_id", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("YX06"),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
            max_leaves=6,
        ),
    )
)
def test_any_json_is_a_reading_or_a_reject(value: dict[str, object]) -> None:
    text = json.dumps(value)
    for payload, topic in ((text, OWN_TOPIC), (f'{{"readings":[{text}]}}', BATCH_TOPIC)):
        decoded = decode_one(payload, topic)
        assert len(decoded.readings) + len(decoded.rejects) == 1


def test_a_block_of_nothing_gives_nothing() -> None:
    assert outcome(decode()) == ([], [], 0, 0)
