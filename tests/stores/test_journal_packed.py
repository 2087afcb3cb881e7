"""Packed readings: the same answers to the bit, in any order of events, through crashes and damage, in fewer bytes."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from grid.errors import StoreError
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from service.collecting import packing
from service.collecting.packing import Packing
from service.collecting.startup import Opened
from service.monitors.disk import DiskWatch
from stores.journal import blocks as journal_blocks
from stores.journal import newest, row_groups, schema
from stores.journal import packing as journal_packing
from stores.journal.journal import FIRST_PLACE, Journal
from stores.journal.newest import Newest
from stores.journal.packed_columns import inflated, integers_in, pack_integers, pack_values, unpack_values
from stores.journal.packing import pack_step
from stores.journal.previous import StoredBefore
from stores.journal.stored_readings import slot_minute, value_columns
from stores.maintenance.disk_reserve import DiskReserve
from tests.stores.test_journal import acknowledged_until_killed, files_no_longer_than, pack_all

MIDNIGHT_US = 1_627_056_000_000_000 // DAY_US * DAY_US
IDS = [f"YX{i:02d}" for i in range(41)]
NUMBERS = (0, 1, 15, 16, 40)
"""Transformers on both sides of the borders between neighbours."""


def bits(batch: ReadingBatch) -> list[bytes]:
    return [np.ascontiguousarray(getattr(batch, column.name)).tobytes() for column in fields(ReadingBatch)]


# What is packed comes back to the bit -----------------------------------------------------------------------------

ODD_VALUES = [0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, np.inf, -np.inf, 228.4, 0.1]
A_VALUE = st.one_of(st.sampled_from(ODD_VALUES), st.floats(), st.decimals(-9999, 9999, places=2).map(float))


@given(
    whole=arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(0, 40))),
    columns=st.integers(0, 3),
    data=st.data(),
)
@settings(max_examples=150, deadline=None)
def test_columns_come_back_to_the_bit_whatever_they_hold(
    whole: NDArray[np.int64], columns: int, data: st.DataObject
) -> None:
    rows = whole.shape[1]
    a_column = st.lists(st.one_of(A_VALUE, st.just(np.nan)), min_size=rows, max_size=rows)
    values = [np.array(data.draw(a_column), np.float64) for _ in range(columns)]
    for value in values:
        value[np.isnan(value)] = np.nan  # a missing value has one set of bits, that of NULL
    cuts = sorted(data.draw(st.sets(st.integers(1, rows - 1), max_size=5))) if rows > 1 else []
    lengths = np.diff([0, *cuts, rows])
    packed, with_values = pack_integers(whole, lengths), pack_values(whole, values, lengths)
    assert np.array_equal(integers_in(inflated(packed), 0, lengths), whole)
    integers, back = unpack_values(with_values, columns, lengths)
    assert np.array_equal(integers, whole)
    assert [one.tobytes() for one in back] == [one.tobytes() for one in values]
    for run, (first, last) in enumerate(zip([0, *cuts], [*cuts, rows], strict=True)):
        assert np.array_equal(integers_in(inflated(packed), 0, lengths, run), whole[:, first:last])
        integers, back = unpack_values(with_values, columns, lengths, run)
        assert np.array_equal(integers, whole[:, first:last])
        assert [one.tobytes() for one in back] == [one[first:last].tobytes() for one in values]


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_bytes_that_were_never_packed_are_refused_with_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="what was packed"):
        integers_in(inflated(data), 0, np.array([1]))


def test_a_flipped_bit_is_always_noticed() -> None:
    lengths = np.array([100])
    packed = pack_integers(np.arange(200, dtype=np.int64).reshape(2, 100) ** 2, lengths)
    for bit in range(0, 8 * len(packed)):
        flipped = bytearray(packed)
        flipped[bit // 8] ^= 1 << bit % 8
        try:
            found = inflated(bytes(flipped))
        except ValueError:
            continue
        assert found == inflated(packed), f"bit {bit} changed what was packed"


# A journal that packs answers like one that never does ----------------------------------------------------------

A_READING = st.tuples(
    st.sampled_from(NUMBERS),
    st.integers(0, 11).map(lambda quarter: quarter * 15 * MINUTE_US),
    st.sampled_from([100.0, 200.0, -0.0, 5e-324, 1e308, np.nan]),
    st.sampled_from([-1, 1, 2]),
)
A_BLOCK = st.lists(A_READING, max_size=12)
A_DEED = st.one_of(
    A_BLOCK,
    st.tuples(st.just("pack"), st.sampled_from([0, 1, 2, 100])),
    st.tuples(st.just("step"), st.sampled_from([1, 2, 100])),
    st.just("crash"),
)
Reading = tuple[int, int, float, int]


def block_of(readings: Sequence[Reading], received_us: int) -> ReadingBatch:
    number, after_us, power_kw, sequence = zip(*readings, strict=True) if readings else ((), (), (), ())
    measured = MIDNIGHT_US + np.array(after_us, np.int64)
    return ReadingBatch.of(
        number,
        measured,
        received_at_us=np.full(len(readings), received_us),
        active_power_kw=power_kw,
        sequence=sequence,
    )


def since(journal: Journal, from_us: int, numbers: Sequence[int] | None) -> list[bytes]:
    """Return what `since` gives, by transformer; each one's readings must come in time order."""
    batches = list(journal.since(from_us, numbers, rows_max=7))
    assert all(0 < len(batch) <= 7 for batch in batches)
    together = ReadingBatch.concatenate(batches)
    by_number = np.argsort(together.transformer, kind="stable")
    for number in set(together.transformer.tolist()):
        assert np.all(np.diff(together.measured_at_us[together.transformer == number]) > 0)
    return bits(together.take(by_number))


def followed(journal: Journal, cursor: int) -> ReadingBatch:
    """Return all that a follower gets who stands at a block; how much at a time is not the same for all journals."""
    batches = []
    while journal.waiting(cursor).blocks:
        batch, cursor = journal.after(cursor, rows_max=9)
        batches.append(batch)
    return ReadingBatch.concatenate(batches)


def everything(journal: Journal) -> dict[str, object]:
    """Return all that a journal answers, but its size."""
    said: dict[str, object] = {}
    for number in NUMBERS:
        for from_us, to_us in ((0, 2**62), (MIDNIGHT_US + 20 * MINUTE_US, MIDNIGHT_US + HOUR_US)):
            said[f"series {number} {from_us}"] = bits(journal.series(number, from_us, to_us))
    for from_us in (0, MIDNIGHT_US + HOUR_US + MINUTE_US):
        for numbers in (None, [1, 16], [*range(30)]):
            said[f"since {from_us} {numbers}"] = since(journal, from_us, numbers)
        timestamps = journal.timestamps(from_us, range(1, 17))
        said[f"moments {from_us}"] = sorted(zip(*(column.tolist() for column in timestamps), strict=True))
    for start in range(journal.counts().blocks + 1):
        said[f"after {start}"] = bits(followed(journal, start))
    said["latest"] = bits(journal.latest())
    said["last received"] = journal.last_received().received_at_us.tolist()
    totals = journal.counts()
    said["counts"] = (totals.readings, totals.duplicates, totals.conflicts, totals.blocks)
    with closing(sqlite3.connect(journal.path)) as file:
        said["conflicts"] = file.execute("SELECT * FROM conflict").fetchall()
    return said


@contextmanager
def journal_in(folder: Path) -> Iterator[Journal]:
    with Journal.open_writer(folder / "journal.sqlite") as journal:
        journal.numbers(IDS)
        yield journal


def live(deeds: Sequence[object], folder: Path, packs: bool) -> list[object]:
    """Do one deed after another with a journal in a folder; return all that it said."""
    said: list[object] = []
    journal = Journal.open_writer(folder / "journal.sqlite")
    journal.numbers(IDS)
    place = FIRST_PLACE
    for turn, deed in enumerate(deeds):
        match deed:
            case list(readings):
                appended = journal.append(block_of(readings, MIDNIGHT_US + DAY_US + turn * SECOND_US))
                told = (appended.new.tolist(), appended.duplicates, appended.conflicts, appended.block_no)
                said.append(told)
            case ("pack", int(hours)) if packs:
                pack_all(journal, MIDNIGHT_US + hours * HOUR_US)
            case ("step", int(hours)) if packs:
                place = journal.pack(place, MIDNIGHT_US + hours * HOUR_US).goes_on_at or FIRST_PLACE
            case "crash":
                # What a killed process leaves: the file is not closed, the place of the writer is free.
                journal._connection.interrupt()
                journal._connection.close()
                journal._writer.free()  # type: ignore[union-attr]
                journal = Journal.open_writer(folder / "journal.sqlite")
    said.append(everything(journal))
    with Journal.open_reader(journal.path) as reader:
        said.append(everything(reader))
    journal.close()
    return said


def lives_alike(deeds: Sequence[object]) -> bool:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        return live(deeds, Path(one), packs=True) == live(deeds, Path(other), packs=False)


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few readings fill a step, a segment and a joined block; what is newest is written after a few blocks."""
    monkeypatch.setattr(journal_packing, "STEP_READINGS_MAX", 4)
    monkeypatch.setattr(journal_packing, "SEGMENT_READINGS_MAX", 6)
    monkeypatch.setattr(journal_blocks, "JOINED_READINGS", 5)
    monkeypatch.setattr(newest, "UNWRITTEN_BLOCKS_MAX", 3)


ANY_DEEDS = given(st.lists(A_DEED, max_size=12))
SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


@pytest.mark.usefixtures("small_steps")
@ANY_DEEDS
@settings(max_examples=20, deadline=None, suppress_health_check=SLOW_IS_FINE)
def test_any_deeds_leave_a_journal_that_answers_like_one_that_never_packs(deeds: list[object]) -> None:
    assert lives_alike(deeds)


@pytest.mark.soak
@pytest.mark.usefixtures("small_steps")
@ANY_DEEDS
@settings(max_examples=1_000, deadline=None, suppress_health_check=SLOW_IS_FINE)
def test_a_thousand_lives_are_alike(deeds: list[object]) -> None:
    assert lives_alike(deeds)


A_DAY: list[Reading] = [(number, quarter * 15 * MINUTE_US, 100.0, 1) for quarter in range(12) for number in NUMBERS]
DEEDS: list[object] = [
    A_DAY,
    ("pack", 2),
    A_DAY,  # repeated
    [(15, 30 * MINUTE_US, 150.0, 2), (15, 30 * MINUTE_US, 160.0, 1), (16, 0, 170.0, 0)],  # corrected, contradicted
    [(0, 5 * MINUTE_US, 100.0, 1)],  # late
    "crash",
    ("pack", 100),
    [(0, 5 * MINUTE_US, 101.0, 3)],
]


def test_repetitions_corrections_and_late_readings_of_packed_hours_are_told_apart(tmp_path: Path) -> None:
    assert lives_alike(DEEDS)
    said = live(DEEDS, tmp_path, packs=True)
    told = [one[1:3] for one in said if isinstance(one, tuple)]
    assert told == [(0, 0), (len(A_DAY), 0), (0, 3), (0, 0), (0, 1)]


@pytest.mark.parametrize("broken", ["repetitions are not looked for", "rows stay", "what is replaced stays", "hearsay"])
def test_a_journal_that_packs_wrongly_is_found_out(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    match broken:
        case "repetitions are not looked for":
            monkeypatch.setattr(StoredBefore, "met_by", staticmethod(lambda _, batch, maybe: StoredBefore(batch)))
        case "rows stay":
            monkeypatch.setattr(row_groups, "take_out", lambda connection, slot, group, gone: len(gone))
        case "hearsay":  # packing goes by what was newest some blocks ago
            monkeypatch.setattr(Newest, "write", lambda *_: None)
        case _:
            monkeypatch.setattr(StoredBefore, "take_out_replaced", lambda *_: None)
    with pytest.raises((StoreError, AssertionError)):
        assert lives_alike(DEEDS)


# Crashes, damage, age -------------------------------------------------------------------------------------------


def a_grid(minutes: int, transformers: int = 40, first_minute: int = 0) -> ReadingBatch:
    """Return one reading a minute of each transformer; each tells its own power."""
    row = np.arange(first_minute * transformers, (first_minute + minutes) * transformers)
    at_us = MIDNIGHT_US + row // transformers * MINUTE_US
    return ReadingBatch.of(row % transformers, at_us, active_power_kw=row / 10.0, sequence=row)


def keys_of(journal: Journal) -> list[tuple[int, int]]:
    together = ReadingBatch.concatenate(list(journal.since(0)))
    return sorted(zip(together.transformer.tolist(), together.measured_at_us.tolist(), strict=True))


def test_a_kill_while_packing_loses_nothing_and_stores_nothing_twice(tmp_path: Path) -> None:
    """Kill -9 at random moments of a process that does nothing but append and pack."""
    script = """
import sys
from pathlib import Path
from grid.timestamps import HOUR_US, MINUTE_US
from stores.maintenance.disk_reserve import DiskReserve
from stores.journal.journal import FIRST_PLACE, Journal
from tests.stores.test_journal_packed import IDS, MIDNIGHT_US, a_grid
journal = Journal.open_writer(Path(sys.argv[1]))
journal.numbers(IDS)
place = FIRST_PLACE
first = journal.counts().blocks
for minute in range(first, 100_000):
    journal.append(a_grid(20, first_minute=20 * minute))
    print(minute + 1, flush=True)
    for _ in range(3):
        place = journal.pack(place, MIDNIGHT_US + 20 * minute * MINUTE_US).goes_on_at or FIRST_PLACE
"""
    path, packed_hours = tmp_path / "journal.sqlite", 0
    for wait_seconds in (0.15, 0.31, 0.23):
        acknowledged = acknowledged_until_killed(script, path, wait_seconds)
        with Journal.open_reader(path) as reader:
            blocks = reader.counts().blocks
            assert blocks in (acknowledged, acknowledged + 1)
            sent = a_grid(20 * blocks)
            assert keys_of(reader) == sorted(zip(sent.transformer.tolist(), sent.measured_at_us.tolist(), strict=True))
            assert bits(reader.series(7, 0, 2**62)) == bits(sent.take(sent.transformer == 7))
        with closing(sqlite3.connect(path)) as file:
            (packed_hours,) = file.execute("SELECT count(DISTINCT hour) FROM segment").fetchone()
    assert packed_hours > 1


def killed_at(statement: int, folder: Path) -> bool:
    """Pack in a process of its own that is killed before its n-th statement; return whether it came so far."""
    child = os.fork()
    if child == 0:
        told = 0

        def count(_: str) -> None:
            nonlocal told
            told += 1
            if told == statement:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            journal = Journal.open_writer(folder / "journal.sqlite")
            journal._connection.set_trace_callback(count)
            journal.pack(FIRST_PLACE, 2**62)
        finally:
            os._exit(0)
    return os.waitpid(child, 0)[1] != 0


def answers_after_kills(folder: Path) -> list[bool]:
    """Return for a kill before each statement of a packing step whether the journal answers as before."""
    with journal_in(folder) as journal:
        journal.append(block_of(A_DAY, MIDNIGHT_US))
        before = everything(journal)
    whole = (folder / "journal.sqlite").read_bytes()
    alike: list[bool] = []
    while killed_at(len(alike) + 1, folder):
        with journal_in(folder) as journal:
            alike.append(everything(journal) == before)
        (folder / "journal.sqlite").write_bytes(whole)
    return alike


@pytest.mark.usefixtures("small_steps")
def test_a_kill_before_any_statement_of_a_packing_step_changes_no_answer(tmp_path: Path) -> None:
    alike = answers_after_kills(tmp_path)
    assert len(alike) > 8
    assert all(alike)


@pytest.mark.usefixtures("small_steps")
def test_packing_without_a_transaction_is_found_out_by_the_kills(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Journal, "pack", lambda journal, *step: pack_step(journal._connection, *step))
    with pytest.raises(AssertionError):
        assert all(answers_after_kills(tmp_path))


INSERT_ROW = f"INSERT INTO reading VALUES ({', '.join('?' * 17)})"  # noqa: S608


def an_older_journal(path: Path, version: int, sent: ReadingBatch, block_no: NDArray[np.int64]) -> None:
    """Write a journal as versions before 4 did: a row for each reading, a row for the newest of each transformer."""
    slots = slot_minute(sent.measured_at_us)
    keys = (slots, sent.transformer, sent.measured_at_us, sent.received_at_us, block_no)
    heard = {n: (at_us, received_us) for n, at_us, received_us in sorted(
        zip(sent.transformer.tolist(), sent.measured_at_us.tolist(), sent.received_at_us.tolist(), strict=True)
    )}  # fmt: skip
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        with pytest.MonkeyPatch.context() as older:
            older.setattr(schema, "_STEPS", schema._STEPS[:version])
            older.setattr(schema, "SCHEMA_VERSION", version)
            schema.migrate(file)
        file.execute("BEGIN")
        file.executemany("INSERT INTO transformer VALUES (?, ?)", list(enumerate(IDS)))
        file.executemany(
            INSERT_ROW,
            zip(*(np.asarray(c).tolist() for c in (*keys, *value_columns(sent)[:11], sent.sequence)), strict=True),
        )
        file.executemany("INSERT INTO latest VALUES (?, ?, ?)", [(n, *timestamps) for n, timestamps in heard.items()])
        file.executemany("INSERT INTO slot VALUES (?)", [(slot,) for slot in np.unique(slots).tolist()])
        for number in np.unique(block_no).tolist():
            of_block = block_no == number
            received_us = int(sent.received_at_us[of_block].min())
            file.execute("INSERT INTO block VALUES (?, ?, ?)", (number, received_us, int(of_block.sum())))
            in_slots = [(number, slot) for slot in np.unique(slots[of_block]).tolist()]
            file.executemany("INSERT INTO block_slot VALUES (?, ?)", in_slots)
        file.execute("INSERT INTO counter VALUES ('readings', ?)", (len(sent),))
        file.execute("COMMIT")


@pytest.mark.parametrize("version", [2, 3])
def test_an_older_journal_is_taken_over_and_answers_like_one_that_was_written_now(tmp_path: Path, version: int) -> None:
    path, sent = tmp_path / "journal.sqlite", a_grid(70)
    sent = replace(sent, voltage_v=np.where(np.arange(3) == 1, np.nan, 228.4) * np.ones((len(sent), 3)))
    block_no = np.arange(len(sent)) // 700 + 1
    an_older_journal(path, version, sent, block_no)
    with pytest.raises(StoreError, match="older version"):
        Journal.open_reader(path)
    with journal_in(tmp_path) as journal, journal_in(tmp_path / "new") as anew:
        for number in np.unique(block_no).tolist():
            anew.append(sent.take(block_no == number))
        assert everything(journal) == everything(anew)
        assert not journal.append(sent).new.any()
        pack_all(journal)
        assert keys_of(journal) == keys_of(anew)


def test_a_migration_that_does_not_come_to_its_end_leaves_the_older_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, sent = tmp_path / "journal.sqlite", a_grid(70)
    an_older_journal(path, 2, sent, np.ones(len(sent), np.int64))
    *steps, last = schema._STEPS
    monkeypatch.setattr(schema, "_STEPS", (*steps, (*last, "and then the power fails")))
    with pytest.raises(StoreError, match="syntax error"):
        Journal.open_writer(path)
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as file:
        assert schema.schema_version(file) == 2
        assert file.execute("SELECT count(*) FROM reading").fetchone() == (len(sent),)
        assert not file.execute("SELECT name FROM sqlite_schema WHERE name IN ('segment', 'bundle')").fetchall()
    with Journal.open_writer(path) as journal:
        assert pack_all(journal) == len(sent) - 40  # the newest of each transformer stay where they are
        assert bits(journal.series(7, 0, 2**62)) == bits(sent.take(sent.transformer == 7))


def test_a_damaged_segment_is_said_its_readings_are_missing_and_taken_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = a_grid(150)
    with journal_in(tmp_path) as journal:
        journal.append(sent)
        pack_all(journal)
        assert journal.damaged_readings(2**30) == 0
    with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as file, file:
        (told,) = file.execute("SELECT told FROM segment WHERE neighbours = 1 ORDER BY hour LIMIT 1").fetchone()
        broken = told[:40] + bytes([told[40] ^ 1]) + told[41:]
        file.execute("UPDATE segment SET told = ? WHERE told = ?", (broken, told))
    with journal_in(tmp_path) as journal:
        assert journal.damaged_readings(2**30) == 16 * 60
        (reason,) = Opened(journal, (), journal.damaged_readings(2**30)).degraded
        assert "960 readings are damaged" in reason
        assert len(journal.series(16, 0, 2**62)) == 150 - 60
        assert len(journal.series(15, 0, 2**62)) == 150
        assert "readings of transformers 16 to 31 in hour" in caplog.text
        assert int(journal.append(sent).new.sum()) == 16 * 60
        pack_all(journal)
        assert bits(journal.series(16, 0, 2**62)) == bits(sent.take(sent.transformer == 16))


def test_a_flipped_bit_in_a_bundle_is_said_its_readings_are_missing_and_taken_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent = a_grid(10)
    with journal_in(tmp_path) as journal:
        journal.append(sent)
    for place in (0, 500, -1):
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as file, file:
            told, slot = file.execute("SELECT told, min(slot_minute) FROM bundle WHERE neighbours = 1").fetchone()
            flipped = bytearray(told)
            flipped[place] ^= 1
            file.execute("UPDATE bundle SET told = ? WHERE neighbours = 1 AND slot_minute = ?", (bytes(flipped), slot))
        with journal_in(tmp_path) as journal:
            assert journal.damaged_readings(2**30) == 16
            assert len(journal.series(16, 0, 2**62)) == 9
            assert len(journal.series(15, 0, 2**62)) == 10
            assert f"16 readings of sixteen transformers (number // 16 is 1) in minute {slot}" in caplog.text
            assert int(journal.append(sent).new.sum()) == 16
            assert bits(journal.series(16, 0, 2**62)) == bits(sent.take(sent.transformer == 16))
        with closing(sqlite3.connect(tmp_path / "journal.sqlite")) as file, file:
            file.execute("DELETE FROM bundle WHERE told = ?", (bytes(flipped),))


@pytest.mark.parametrize(
    "told", ["slot_minute = slot_minute - 1", "neighbours = 3", "told = NULL", "told = 'text'", "slot_minute = 'x'"]
)
def test_a_bundle_under_another_key_or_of_another_kind_is_damaged(tmp_path: Path, told: str) -> None:
    sent = a_grid(10)
    with journal_in(tmp_path) as journal:
        journal.append(sent)
    with closing(sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)) as file:
        file.execute("PRAGMA ignore_check_constraints = ON")
        file.execute("PRAGMA writable_schema = ON")
        file.execute("UPDATE sqlite_schema SET sql = replace(sql, 'BLOB NOT NULL', 'BLOB') WHERE name = 'bundle'")
    with closing(sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)) as file:
        (slot,) = file.execute("SELECT min(slot_minute) FROM bundle").fetchone()
        file.execute(f"UPDATE bundle SET {told} WHERE neighbours = 1 AND slot_minute = ?", (slot,))  # noqa: S608
    with journal_in(tmp_path) as journal:
        assert journal.damaged_readings(2**30) in (1, 16)
        assert len(journal.series(16, 0, 2**62)) == 9
        assert int(journal.append(sent).new.sum()) == 16
        assert bits(journal.series(16, 0, 2**62)) == bits(sent.take(sent.transformer == 16))


def test_a_reader_sees_all_readings_at_every_timestamp_of_packing(tmp_path: Path) -> None:
    sent = a_grid(150)
    with journal_in(tmp_path) as journal:
        journal.append(sent)
        with Journal.open_reader(journal.path) as reader:
            place, steps, begun = FIRST_PLACE, 0, reader.since(0, rows_max=500)
            batches = [next(begun)]
            while place is not None:
                place, steps = journal.pack(place, 2**62).goes_on_at, steps + 1  # type: ignore[assignment]
                assert bits(reader.series(39, 0, 2**62)) == bits(sent.take(sent.transformer == 39))
            assert steps > 2
            batches += list(begun)
    assert sum(len(batch) for batch in batches) == len(sent)


def test_packing_takes_a_fifth_of_the_bytes_and_a_file_that_packs_stops_growing(tmp_path: Path) -> None:
    pages = []
    with journal_in(tmp_path) as journal:
        for day in range(6):
            journal.append(a_grid(300, 32, first_minute=300 * day))
            pages.append(journal._connection.execute("PRAGMA page_count").fetchone()[0])
            pack_all(journal)
    grown_pages_each_day = (pages[-1] - pages[1]) / 4
    assert grown_pages_each_day < pages[0] / 5


# The collector packs --------------------------------------------------------------------------------------------


def steps_until_nothing_moves(packs: Packing, journal: Journal, now_us: int) -> int:
    """Take steps as the collector's loop does; return how many readings are packed in the end."""
    for _ in range(40):
        packs.step(now_us)
    with closing(sqlite3.connect(journal.path)) as file:
        return int(file.execute("SELECT coalesce(sum(readings), 0) FROM segment").fetchone()[0])


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SHARE", 1.0)


@pytest.mark.usefixtures("no_pauses")
def test_the_collector_packs_what_is_older_than_its_age_once_an_hour(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        watch = DiskWatch(DiskReserve(tmp_path / "disk-reserve", 0), str(tmp_path))
        journal.append(a_grid(600, 16))  # ten hours
        newest_us = MIDNIGHT_US + 599 * MINUTE_US
        never, after_four = Packing(journal, watch, 0), Packing(journal, watch, 4)
        assert steps_until_nothing_moves(never, journal, newest_us) == 0
        assert steps_until_nothing_moves(after_four, journal, newest_us) == 5 * 60 * 16
        journal.append(a_grid(61, 16, first_minute=600))
        assert steps_until_nothing_moves(after_four, journal, newest_us + HOUR_US - 1) == 5 * 60 * 16
        assert steps_until_nothing_moves(after_four, journal, newest_us + HOUR_US) == 6 * 60 * 16


@pytest.mark.usefixtures("no_pauses")
def test_history_is_not_packed_while_it_is_still_coming(tmp_path: Path) -> None:
    with journal_in(tmp_path) as journal:
        watch = DiskWatch(DiskReserve(tmp_path / "disk-reserve", 0), str(tmp_path))
        journal.append(a_grid(60, 16))
        assert steps_until_nothing_moves(Packing(journal, watch, 1), journal, MIDNIGHT_US + 4000 * DAY_US) == 0


@pytest.mark.usefixtures("no_pauses")
def test_what_hinders_packing_hinders_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with journal_in(tmp_path) as journal:
        journal.append(a_grid(600, 16))
        watch = DiskWatch(DiskReserve(tmp_path / "disk-reserve", 0), str(tmp_path))
        with files_no_longer_than(20_000):  # as on a full disk
            assert steps_until_nothing_moves(Packing(journal, watch, 1), journal, MIDNIGHT_US + DAY_US) == 0
        assert "readings are not packed now, they stay as they are" in caplog.text
        assert len(keys_of(journal)) == 600 * 16
