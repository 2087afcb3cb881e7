"""Bad inputs, each of the corpus, before the decoder: refused for its reason, and nothing else is."""

from __future__ import annotations

import dataclasses
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest

from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.decoding.rejects import KEPT_BYTES_MAX, Reason, Reject
from collector.message import Message
from collector.wire.format import batch_topic, reading_topic
from grid.electrical import Basis, LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import parse_timestamp_us
from stores.journal.journal import Journal, StoredReject
from tests.support.bad_inputs import (
    GOOD,
    MISSING,
    OWN_TOPIC,
    RECEIVED_US,
    TRANSFORMERS,
    Case,
    Publication,
    built_cases,
    file_cases,
    good,
    payload_of,
)
from tests.support.process_memory import resident_mb

FLEET = Fleet.of(TRANSFORMERS)
CASES = (*file_cases(), *built_cases())


def named(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def received(publication: Publication, received_at_us: int, retained: bool = False) -> Message:
    """Return a publication as the subscriber hands it over."""
    return Message(publication.topic, publication.payload, received_at_us, mid=1, qos=1, epoch=1, retained=retained)


@named(CASES)
def test_each_bad_input_is_refused_for_its_reason_and_its_neighbours_are_not(case: Case) -> None:
    neighbour = good(OWN_TOPIC, payload_of("good/p_and_q"))
    if case.received_at_us != RECEIVED_US:
        neighbour = next(each for other in CASES for each in other.publications if other.name.endswith("a_leap_year"))
    messages = [received(each, case.received_at_us) for each in (neighbour, *case.publications, neighbour)]
    decoded = decode_block(messages, FLEET, Limits())
    bad = [each for each in case.publications if each.reason != GOOD]
    assert len(decoded.readings) == len(messages) - len(bad)
    assert [(r.reason, r.field, r.topic, r.sha256, r.payload) for r in decoded.rejects] == [
        (b.reason, b.field, b.topic[:300], sha256(b.refused).hexdigest(), b.refused[:KEPT_BYTES_MAX]) for b in bad
    ]
    expected = [missing for each in case.publications for missing in each.missing]
    assert [(r.reason, r.field) for r in decoded.missing_examples] == expected
    assert all(r.taken and "YX06" in r.detail for r in decoded.missing_examples)
    assert (LoadRates(decoded.readings, FLEET).basis != Basis.NONE).all()


RIGHT_IN_A_BATCH = ("topic_mismatch/other_transformer", "not_json/two_documents_with_comma")


REFUSED = tuple(case for case in file_cases() if not case.name.startswith((GOOD, MISSING)))


@named(tuple(case for case in REFUSED if case.name not in RIGHT_IN_A_BATCH))
def test_what_is_bad_alone_is_bad_as_a_row_of_a_batch(case: Case) -> None:
    [publication] = case.publications
    named_row = publication.payload.strip()
    if b"transformer_id" not in named_row:
        named_row = named_row.replace(b"{", b'{"transformer_id":"YX06",', 1)
    batch = good(batch_topic("ST01"), b'{"readings":[' + named_row + b"]}")
    decoded = decode_block([received(batch, case.received_at_us)], FLEET, Limits())
    assert (len(decoded.readings), len(decoded.rejects)) == (0, 1)


@named(tuple(case for case in file_cases() if case.name.startswith(MISSING)))
def test_a_bad_value_is_missing_in_a_row_of_a_batch_and_in_columns_as_it_is_alone(case: Case) -> None:
    [publication] = case.publications
    members = msgspec.json.decode(publication.payload, type=dict[str, msgspec.Raw])
    row = msgspec.json.encode({"transformer_id": "YX06", **members})
    columns = msgspec.json.encode({"transformer_id": ["YX06"], **{name: [value] for name, value in members.items()}})
    alone = decode_block([received(publication, RECEIVED_US)], FLEET, Limits())
    for payload in (b'{"readings":[%s]}' % row, b'{"columns":%s}' % columns):
        decoded = decode_block([received(good(batch_topic("ST01"), payload), RECEIVED_US)], FLEET, Limits())
        assert decoded.rejects == ()
        assert decoded.missing == alone.missing
        for column in dataclasses.fields(ReadingBatch):
            np.testing.assert_array_equal(
                getattr(decoded.readings, column.name), getattr(alone.readings, column.name), column.name
            )
        assert [(r.reason.value, r.field) for r in decoded.missing_examples] == list(publication.missing)


def test_the_corpus_covers_every_reason_of_the_wire() -> None:
    elsewhere = {Reason.RETAINED, Reason.UNKNOWN_DEVICE, Reason.UNEXPECTED, Reason.RAGGED_ROW, Reason.BAD_NUMBER}
    elsewhere |= {Reason.NO_BIRTH, Reason.NOT_PROTOBUF}  # tests/cases/devices
    reasons = {publication.reason for case in CASES for publication in case.publications}
    assert reasons - {GOOD} == set(Reason) - elsewhere


def test_one_instant_written_with_an_offset_and_with_z_is_one_key() -> None:
    written = ("good/p_and_q", "good/utc", "good/time_with_z_and_with_offset_is_one_key", "good/offset_without_colon")
    messages = [received(good(OWN_TOPIC, payload_of(name)), RECEIVED_US) for name in written]
    readings = decode_block(messages, FLEET, Limits()).readings
    assert len(readings) == len(written)
    assert set(readings.measured_at_us.tolist()) == {parse_timestamp_us("2021-07-24T11:00:00+08:00")}


def test_a_hundred_thousand_unknown_ids_leave_no_trace_but_a_bounded_quarantine(tmp_path: Path) -> None:
    held_max, block = 2_000, 5_000
    payload = payload_of("good/all_fields")
    file = tmp_path / "journal.sqlite"
    with Journal.open_writer(file, rejects_rows_max=held_max) as journal:
        for first in range(0, 100_000, block):
            topics = (reading_topic("ST01", f"X{number}") for number in range(first, first + block))
            decoded = decode_block([received(good(topic, payload), RECEIVED_US) for topic in topics], FLEET, Limits())
            journal.append(decoded.readings, [_stored(reject) for reject in decoded.rejects])
            if first == block:
                memory_mb = resident_mb()
        grown_mb = resident_mb() - memory_mb
        counts = journal.counts()
        assert (counts.readings, counts.rejects) == (0, 100_000)
        assert len(journal.rejects(1_000_000)) == held_max
        assert counts.rejects_dropped == 100_000 - held_max
        assert not journal.all_numbers()
    assert grown_mb < 32.0
    assert file.stat().st_size < held_max * 4_096


def _stored(reject: Reject) -> StoredReject:
    return StoredReject(**{field.name: getattr(reject, field.name) for field in dataclasses.fields(StoredReject)})
