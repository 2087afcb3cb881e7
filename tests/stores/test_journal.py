"""The readings journal: once, in order, durable, and honest about what it could not do."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grid.errors import StoreError
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from stores.journal.journal import FIRST_PLACE, Appended, Journal, StoredReject
from tests.support.waiting import pause

NOON_US = 1_627_099_200_000_000  # 24 July 2021, 12:00 in Beijing


def readings(
    transformer: list[int], measured_at_us: list[int], active_power_kw: list[float] | None = None, late_us: int = 0
) -> ReadingBatch:
    rows = len(transformer)
    received = np.asarray(measured_at_us, np.int64) + SECOND_US + late_us
    power = np.full(rows, 361.0) if active_power_kw is None else active_power_kw
    return ReadingBatch.of(transformer, measured_at_us, received_at_us=received, active_power_kw=power)


def a_street(seed: int, rows: int, transformers: int, minutes: int) -> ReadingBatch:
    """Return readings with repetitions, contradictions, holes and missing values, in random order."""
    chance = np.random.default_rng(seed)
    voltage = np.round(chance.normal(228, 2, (rows, 3)), 1)
    voltage[chance.random((rows, 3)) < 0.1] = np.nan
    measured = NOON_US + chance.integers(0, minutes, rows) * MINUTE_US + chance.integers(0, 2, rows) * 30 * SECOND_US
    return ReadingBatch.of(
        chance.integers(0, transformers, rows),
        measured,
        received_at_us=measured + chance.integers(0, 600, rows) * SECOND_US,
        voltage_v=voltage,
        active_power_kw=chance.integers(1, 3, rows) * 100.0,
        sequence=chance.integers(-1, 2**62, rows),
    )


def pack_all(journal: Journal, before_us: int = 2**62) -> int:
    """Pack hours that end by a moment, but the newest reading of each transformer; return how many were moved."""
    place, moved = FIRST_PLACE, 0
    while True:
        step = journal.pack(place, before_us)
        moved += step.readings
        if step.goes_on_at is None:
            return moved
        place = step.goes_on_at


def same(one: ReadingBatch, other: ReadingBatch) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True)
        for name in ReadingBatch.__dataclass_fields__
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.sqlite"


@pytest.fixture(autouse=True, params=["rows", "packed"])
def kept_as(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run every test twice: on a journal that never packs, and on one that packs whatever it may after each block."""
    if request.param == "packed":
        append = Journal.append

        def append_and_pack(journal: Journal, *block: Any) -> Appended:
            appended = append(journal, *block)
            pack_all(journal)
            return appended

        monkeypatch.setattr(Journal, "append", append_and_pack)
    return str(request.param)


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open_writer(path) as journal:
        journal.numbers(["YX01", "YX02", "YX03", "YX04", "YX05", "YX06"])
        yield journal


def test_a_reading_comes_back_as_it_was_stored_with_missing_values_missing(journal: Journal, path: Path) -> None:
    batch = ReadingBatch.of(
        [5, 0],
        [NOON_US, NOON_US + 1],
        received_at_us=[NOON_US + 7, NOON_US + 8],
        voltage_v=[[228.4, np.nan, 229.1], [np.nan] * 3],
        current_amp=[[561.2, 548.7, 570.3], [0.0, -0.5, 1e-9]],
        active_power_kw=[361.0, np.nan],
        neutral_current_amp=[40.2, np.nan],
        oil_temperature_c=[np.nan, -12.5],
        apparent_power_kva=[378.1000001, np.nan],
        sequence=[2**62, -1],
    )
    journal.append(batch)
    with Journal.open_reader(path) as reader:
        assert same(reader.series(5, NOON_US, NOON_US), batch.take(np.array([0])))
        assert same(reader.series(0, NOON_US, NOON_US + 1), batch.take(np.array([1])))


def test_an_apparent_power_is_kept_to_the_bit_beside_readings_that_have_none(journal: Journal, path: Path) -> None:
    rng = np.random.default_rng(11)
    numbers, times = np.repeat(np.arange(6), 40), np.tile(NOON_US + np.arange(40) * 7_000_000, 6)
    apparent = np.where(rng.random(240) < 0.4, np.nan, rng.uniform(0.0, 1e3, 240))
    apparent[numbers == 2] = np.nan
    apparent[3:9] = [0.0, 1 / 3, 1e-300, 123456.789, 378.1, 5e-324]
    batch = ReadingBatch.of(numbers, times, active_power_kw=rng.uniform(0, 400, 240), apparent_power_kva=apparent)
    for first in range(0, 240, 48):
        journal.append(batch.take(np.arange(first, first + 48)))
    with Journal.open_reader(path) as reader:
        for number in range(6):
            assert same(reader.series(number, NOON_US, NOON_US + DAY_US), batch.where(numbers == number))
    corrected = ReadingBatch.of([0], [NOON_US], active_power_kw=[1.0], apparent_power_kva=[2.5], sequence=[9])
    assert journal.append(corrected).conflicts == 1
    assert journal.series(0, NOON_US, NOON_US).apparent_power_kva.tolist() == [2.5]
    assert journal.append(corrected).duplicates == 1


def test_a_repeated_reading_is_stored_once_and_the_first_stays(journal: Journal) -> None:
    journal.append(readings([5], [NOON_US], [361.0]))
    appended = journal.append(
        readings([5, 5, 5, 5], [NOON_US, NOON_US + 1, NOON_US + 1, NOON_US], [361.0, 1.0, 2.0, 9.0])
    )
    assert appended.new.tolist() == [False, True, False, False]
    assert (appended.duplicates, appended.conflicts, appended.block_no) == (1, 2, 2)
    assert journal.series(5, 0, NOON_US + DAY_US).active_power_kw.tolist() == [361.0, 1.0]


def test_a_correction_with_a_higher_sequence_takes_the_place_of_what_it_corrects(journal: Journal) -> None:
    def one(power_kw: float, sequence: int) -> ReadingBatch:
        return ReadingBatch.of([5], [NOON_US], active_power_kw=[power_kw], sequence=[sequence])

    journal.append(one(300.0, 7))
    assert not journal.append(one(310.0, 7)).new.any()
    assert not journal.append(one(400.0, 6)).new.any()
    appended = journal.append(one(100.0, 8))
    assert (appended.new.tolist(), appended.duplicates, appended.conflicts) == ([True], 0, 1)
    stands = journal.series(5, NOON_US, NOON_US)
    assert (stands.active_power_kw.tolist(), stands.sequence.tolist()) == ([100.0], [8])
    assert (journal.counts().readings, journal.counts().conflicts) == (1, 3)


def test_a_contradiction_is_kept_once_however_often_it_comes(journal: Journal, path: Path) -> None:
    journal.append(readings([5], [NOON_US], [361.0]))
    for _ in range(3):
        assert journal.append(readings([5], [NOON_US], [360.0])).conflicts == 1
    journal.append(readings([5], [NOON_US], [359.0]))
    with sqlite3.connect(path) as file:
        kept = file.execute("SELECT transformer, measured_at_us, active_power_kw FROM conflict ORDER BY 3").fetchall()
    assert kept == [(5, NOON_US, 359.0), (5, NOON_US, 360.0)]


def test_a_missing_value_that_is_missing_again_is_no_contradiction(journal: Journal) -> None:
    for expected in (True, False):
        appended = journal.append(readings([5], [NOON_US], [np.nan]))
        assert (appended.new.tolist(), appended.conflicts) == ([expected], 0)


@pytest.mark.parametrize("seed", range(6))
def test_any_blocks_in_any_order_leave_what_a_plain_dictionary_leaves(path: Path, seed: int) -> None:
    """The slow twin: one dictionary of readings; of two for one key the higher sequence stays, else the first."""
    street = a_street(seed, rows=900, transformers=4, minutes=60)
    kept: dict[tuple[int, int], int] = {}
    followed: list[ReadingBatch] = []
    heard_us: dict[int, int] = {}
    newest_us: dict[int, int] = {}
    with Journal.open_writer(path) as journal:
        journal.numbers(["A", "B", "C", "D"])
        cuts = sorted(np.random.default_rng(seed).integers(0, 900, 5).tolist())
        for start, stop in zip([0, *cuts], [*cuts, 900], strict=True):
            before = dict(kept)
            appended = journal.append(street.take(np.arange(start, stop)))
            for row in range(start, stop):
                key = (int(street.transformer[row]), int(street.measured_at_us[row]))
                if key not in kept or street.sequence[row] > street.sequence[kept[key]]:
                    kept[key] = row
            changed = {key for key, row in kept.items() if before.get(key) != row}
            assert int(appended.new.sum()) == len(changed)
            for number in {number for number, _ in changed}:
                rows = np.array([kept[key] for key in changed if key[0] == number], np.intp)
                last_us, newest = int(street.received_at_us[rows].max()), int(street.measured_at_us[rows].max())
                if newest_us.get(number) != newest:  # another value for the newest moment is no sign of life
                    heard_us[number] = max(heard_us.get(number, last_us), last_us)
                newest_us[number] = max(newest_us.get(number, newest), newest)
        for number in range(4):
            rows = np.array([kept[key] for key in sorted(kept) if key[0] == number], np.intp)
            assert same(journal.series(number, 0, NOON_US + DAY_US), street.take(rows))
            newest = max(rows, key=lambda row: street.measured_at_us[row])
            assert same(journal.latest().take(np.array([number])), street.take(np.array([newest])))
            assert journal.last_received().received_at_us[number] == heard_us[number]
        cursor = 0
        while journal.waiting(cursor).blocks:
            batch, cursor = journal.after(cursor, rows_max=100)
            followed.append(batch)
        assert journal.counts().readings == len(kept)
    arrived = ReadingBatch.concatenate(followed)
    assert sorted(zip(arrived.transformer.tolist(), arrived.measured_at_us.tolist(), strict=True)) == sorted(kept)


def test_a_late_reading_is_not_the_latest_but_shows_that_the_transformer_lives(journal: Journal) -> None:
    journal.append(readings([5], [NOON_US], [361.0]))
    journal.append(readings([5], [NOON_US - HOUR_US], [300.0], late_us=2 * HOUR_US))
    assert journal.latest().measured_at_us.tolist() == [NOON_US]
    assert journal.last_received().transformer.tolist() == [5]
    assert journal.last_received().received_at_us.tolist() == [NOON_US + HOUR_US + SECOND_US]


def test_a_repetition_does_not_show_that_a_transformer_lives(journal: Journal) -> None:
    journal.append(readings([5], [NOON_US]))
    journal.append(readings([5], [NOON_US], late_us=HOUR_US))
    assert journal.last_received().received_at_us.tolist() == [NOON_US + SECOND_US]


def test_a_curve_takes_both_its_ends_and_nothing_beyond(journal: Journal) -> None:
    timestamps = [NOON_US + i * 15 * MINUTE_US for i in range(5)]
    journal.append(readings([5] * 5 + [4], [*timestamps, NOON_US + 1]))
    assert journal.series(5, timestamps[1], timestamps[3]).measured_at_us.tolist() == timestamps[1:4]
    assert len(journal.series(5, timestamps[1] + 1, timestamps[2] - 1)) == 0
    assert len(journal.series(3, 0, 2 * NOON_US)) == 0
    assert len(journal.series(5, NOON_US, NOON_US - 1)) == 0


def test_curves_far_apart_in_time_are_found_without_visiting_the_years_between(journal: Journal) -> None:
    timestamps = [NOON_US + year * 365 * DAY_US for year in range(5)]
    journal.append(readings([5] * 5, timestamps))
    thousands_of_steps: list[int] = []
    journal._connection.set_progress_handler(lambda: thousands_of_steps.append(1) or 0, 1000)  # type: ignore[func-returns-value]
    assert journal.series(5, 0, 2**62).measured_at_us.tolist() == timestamps
    assert [len(batch) for batch in journal.since(0, [5])] == [1] * 5
    assert len(thousands_of_steps) < 200  # two million empty minutes take more than ten thousand


def test_rebuilding_reads_every_transformer_in_time_order_from_a_timestamp_on(journal: Journal) -> None:
    street = a_street(3, rows=500, transformers=6, minutes=90)
    journal.append(street)
    from_us = NOON_US + 31 * MINUTE_US + 1
    for wanted in (None, [1, 4], list(range(2, 40))):
        batches = list(journal.since(from_us, wanted, rows_max=37))
        assert max(len(batch) for batch in batches) <= 37
        everything = ReadingBatch.concatenate(batches)
        for number in range(6):
            mine = everything.take(everything.transformer == number)
            here = wanted is None or number in wanted
            assert same(mine, journal.series(number, from_us, 2**62) if here else ReadingBatch.empty())


def test_a_follower_gets_each_reading_once_in_whole_blocks(journal: Journal) -> None:
    for block in range(4):
        journal.append(readings([0, 1, 2], [NOON_US - block * HOUR_US] * 3))  # each later block is older data
    first, cursor = journal.after(0, rows_max=7)
    assert (len(first), cursor) == (6, 2)
    assert first.measured_at_us.tolist() == [NOON_US] * 3 + [NOON_US - HOUR_US] * 3
    one, cursor = journal.after(cursor, rows_max=1)
    assert (len(one), cursor) == (3, 3)
    assert journal.waiting(cursor).readings == 3
    assert journal.waiting(cursor).oldest_received_at_us == NOON_US - 3 * HOUR_US + SECOND_US
    rest, cursor = journal.after(cursor, rows_max=100)
    nothing, end = journal.after(cursor, rows_max=100)
    assert (len(rest), len(nothing), cursor, end) == (3, 0, 4, 4)


def test_a_block_of_repetitions_only_gets_no_number(journal: Journal) -> None:
    journal.append(readings([5], [NOON_US]))
    assert journal.append(readings([5], [NOON_US])).block_no == 1
    assert journal.append(ReadingBatch.empty()).block_no == 1
    assert journal.counts().blocks == 1


def test_numbers_stay_with_their_transformer_and_readers_give_none(path: Path) -> None:
    with Journal.open_writer(path) as journal:
        assert journal.numbers(["YX06", "YX07", "YX06"]) == {"YX06": 0, "YX07": 1}
        with Journal.open_reader(path) as reader:
            assert reader.numbers(["YX07", "YX08"]) == {"YX07": 1}
            assert journal.numbers(["YX08"]) == {"YX08": 2}
            assert reader.numbers(["YX07", "YX08"]) == {"YX07": 1, "YX08": 2}
    with Journal.open_writer(path) as journal:
        assert journal.numbers(["O'Neil; DROP TABLE reading", "YX07"]) == {"O'Neil; DROP TABLE reading": 3, "YX07": 1}
        assert journal.append(readings([3], [NOON_US])).new.all()
        with pytest.raises(StoreError, match="never given"):
            journal.append(readings([4], [NOON_US]))


def a_reject(number: int, payload: bytes = b"{", topic: str = "redvest/v1/S1/YX06/reading") -> StoredReject:
    return StoredReject(NOON_US + number, topic, "not_json", "", f"number {number}", payload, f"{number:064x}")


def test_rejects_come_back_newest_first_with_their_bytes(journal: Journal, path: Path) -> None:
    odd = StoredReject(NOON_US, "a/\ud800/b", "topic", "f", "tab\t NUL\x00 红马甲", bytes(range(256)), "0" * 64)
    journal.append(ReadingBatch.empty(), [odd, a_reject(1), a_reject(2)])
    with Journal.open_reader(path) as reader:
        newest, middle, oldest = reader.rejects(10)
        assert (newest, middle) == (a_reject(2), a_reject(1))
        assert (oldest.topic, oldest.payload, oldest.detail) == ("a/?/b", bytes(range(256)), "tab\t NUL 红马甲")
        assert reader.rejects(1) == (a_reject(2),)
        assert reader.rejects(10, since_us=NOON_US + 1) == (a_reject(2), a_reject(1))


def test_the_quarantine_has_a_cap_and_counts_what_it_pushed_out(path: Path) -> None:
    with Journal.open_writer(path, rejects_rows_max=10, rejects_bytes_max=1000) as journal:
        assert journal.append(ReadingBatch.empty(), [a_reject(i) for i in range(12)]).rejects_dropped == 2
        assert [r.received_at_us - NOON_US for r in journal.rejects(99)] == list(range(11, 1, -1))
        assert journal.append(ReadingBatch.empty(), [a_reject(12, b"x" * 996)]).rejects_dropped == 6
        assert journal.append(ReadingBatch.empty(), [a_reject(13, b"x" * 996)]).rejects_dropped == 5
        assert len(journal.rejects(99)) == 1
    with Journal.open_writer(path, rejects_rows_max=10, rejects_bytes_max=1000) as journal:
        assert journal.append(ReadingBatch.empty(), [a_reject(14)]).rejects_dropped == 0
        assert (journal.counts().rejects, journal.counts().rejects_dropped) == (15, 13)


def test_readings_and_rejects_of_a_block_are_stored_together_or_not_at_all(journal: Journal, path: Path) -> None:
    broken = StoredReject(NOON_US, "t", "r", "f", "d", None, "0")  # type: ignore[arg-type]
    with pytest.raises((StoreError, TypeError)):
        journal.append(readings([5], [NOON_US]), [a_reject(1), broken])
    assert (len(journal.latest()), len(journal.rejects(9)), journal.counts().readings) == (0, 0, 0)
    assert journal.append(readings([5], [NOON_US]), [a_reject(1)]).new.all()


def test_a_second_writer_is_refused_until_the_first_has_gone(journal: Journal, path: Path) -> None:
    with pytest.raises(StoreError, match=rf"another process \({os.getpid()}\) writes this journal"):
        Journal.open_writer(path)
    journal.close()
    Journal.open_writer(path).close()


def test_a_reader_cannot_write(journal: Journal, path: Path) -> None:
    with Journal.open_reader(path) as reader, pytest.raises(StoreError, match="reading only"):
        reader.append(readings([5], [NOON_US]))


def test_a_reader_says_that_there_is_no_journal_yet_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no journal yet; start the collector"):
        Journal.open_reader(tmp_path / "journal.sqlite")
    assert list(tmp_path.iterdir()) == []


def acknowledged_until_killed(script: str, path: Path, wait_seconds: float) -> int:
    """Run a writer that prints each block's number when it is stored, kill it after a while; return the last number."""
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert writer.stdout is not None
    acknowledged = int(writer.stdout.readline())
    pause(wait_seconds)
    writer.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *(int(line) for line in writer.stdout if line.endswith("\n"))])
    writer.stdout.close()
    writer.wait()
    return acknowledged


def test_a_reader_sees_what_a_killed_writer_acknowledged(path: Path) -> None:
    """Kill -9 at random moments: what `append` returned from is there, the rest is whole or absent."""
    script = f"""
import sys
from pathlib import Path
import numpy as np
from grid.readings import ReadingBatch
from stores.journal.journal import Journal
journal = Journal.open_writer(Path(sys.argv[1]))
journal.numbers(f"T{{i}}" for i in range(500))
start = journal.counts().blocks
for block in range(start, start + 100_000):
    rows = np.arange(500)
    journal.append(ReadingBatch.of(rows, {NOON_US} + rows + block * {MINUTE_US}, active_power_kw=rows * 1.0))
    print(block + 1, flush=True)
"""
    for wait_seconds in (0.05, 0.2, 0.11):
        acknowledged = acknowledged_until_killed(script, path, wait_seconds)
        with Journal.open_reader(path) as reader:
            counts = reader.counts()
            assert counts.blocks in (acknowledged, acknowledged + 1)
            assert counts.readings == 500 * counts.blocks
            assert len(reader.series(7, 0, 2**62)) == counts.blocks
    Journal.open_writer(path).close()


@contextmanager
def files_no_longer_than(limit_bytes: int) -> Iterator[None]:
    """A real limit of the operating system: a write beyond it fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_stores_nothing_says_so_and_is_over_when_there_is_room_again(journal: Journal, path: Path) -> None:
    journal.append(readings([5], [NOON_US]))
    log_bytes = path.with_name(path.name + "-wal").stat().st_size
    rows = 3000
    block = readings([5] * rows, [NOON_US + MINUTE_US + i for i in range(rows)])
    with files_no_longer_than(log_bytes + 20_000):
        for _ in range(2):
            with pytest.raises(StoreError, match="disk"):
                journal.append(block, [a_reject(1)])
        assert len(journal.series(5, 0, 2**62)) == 1
    appended = journal.append(block, [a_reject(1)])
    assert (int(appended.new.sum()), len(journal.rejects(9))) == (rows, 1)


def test_a_database_that_may_not_grow_stores_nothing(journal: Journal) -> None:
    pages = journal._connection.execute("PRAGMA page_count").fetchone()[0]
    journal._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="the disk is full"):
        journal.append(readings([5] * 5000, [NOON_US + i for i in range(5000)]))
    assert len(journal.latest()) == 0


def as_nobody(action: Callable[[], object]) -> str:
    """Run an action as an ordinary user without rights here; return the StoreError's text."""
    inlet, outlet = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            action()
        except StoreError as error:
            os.write(outlet, str(error).encode())
        finally:
            os._exit(0)
    os.close(outlet)
    with os.fdopen(inlet) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text


def test_a_folder_that_cannot_be_written_is_refused_with_the_remedy(path: Path) -> None:
    for folder in (path.parent, *path.parent.parents[:3]):
        if folder.exists():
            folder.chmod(0o755)
    with Journal.open_writer(path) as journal:
        journal.append(ReadingBatch.empty(), [a_reject(1)])
    path.parent.chmod(0o555)
    path.chmod(0o444)
    try:
        assert "make the folder and the file writable" in as_nobody(lambda: Journal.open_writer(path))
        new_folder = path.parent / "new" / "journal.sqlite"
        assert "make the folder and the file writable" in as_nobody(lambda: Journal.open_writer(new_folder))
    finally:
        path.parent.chmod(0o755)


def a_full_journal(path: Path) -> None:
    with Journal.open_writer(path) as journal:
        journal.numbers(["YX06"])
        journal.append(readings([0] * 5000, [NOON_US + i for i in range(5000)]))


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // 8192 * 8192)


def cut_in_a_page(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1000)


def header_lost(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\x00" * 100)


def page_overwritten(path: Path) -> None:
    with closing(sqlite3.connect(path)) as file:
        (page,) = file.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'bundle'").fetchone()
    with path.open("r+b") as opened:
        opened.seek((page - 1) * 8192)
        opened.write(os.urandom(8192))


@pytest.mark.parametrize("damage", [cut_in_half, cut_in_a_page, header_lost, page_overwritten])
def test_a_damaged_journal_is_refused_at_the_start_with_the_remedy(path: Path, damage: Callable[[Path], None]) -> None:
    a_full_journal(path)
    damage(path)
    with pytest.raises(StoreError, match="move the file") as refused:
        Journal.open_writer(path)
    assert str(path) in str(refused.value)


def test_an_undamaged_journal_is_not_refused(path: Path) -> None:
    a_full_journal(path)
    Journal.open_writer(path).close()


def test_a_foreign_or_a_newer_file_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE phone_book (name TEXT)")
    for open_it in (Journal.open_writer, Journal.open_reader):
        with pytest.raises(StoreError, match="no Redvest journal"):
            open_it(path)
    path.unlink()
    a_full_journal(path)
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    for open_it in (Journal.open_writer, Journal.open_reader):
        with pytest.raises(StoreError, match="newer Redvest"):
            open_it(path)


def test_readers_go_on_answering_while_the_writer_writes(path: Path) -> None:
    with Journal.open_writer(path) as journal:
        journal.numbers(f"T{i}" for i in range(50))
        journal.append(readings([7], [NOON_US]))
        done = threading.Event()
        seen: list[int] = []

        def look() -> None:
            with Journal.open_reader(path) as reader:
                while not done.is_set():
                    seen.append(len(reader.series(7, 0, 2**62)))
                    assert len(reader.latest()) in (1, 50)

        looking = threading.Thread(target=look)
        looking.start()
        for minute in range(1, 40):
            journal.append(readings(list(range(50)), [NOON_US + minute * MINUTE_US] * 50))
        done.set()
        looking.join()
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_a_backup_made_while_the_writer_writes_is_whole(path: Path, tmp_path: Path) -> None:
    with Journal.open_writer(path) as journal:
        journal.numbers(["YX06"])
        done = threading.Event()
        copies: list[Path] = []

        def back_up() -> None:
            while len(copies) < 3:
                copies.append(tmp_path / f"copy-{len(copies)}.sqlite")
                with closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as file:
                    file.execute("VACUUM INTO ?", (str(copies[-1]),))
            done.set()

        backing_up = threading.Thread(target=back_up)
        backing_up.start()
        minute = 0
        while not done.is_set():
            journal.append(readings([0] * 50, [NOON_US + minute * MINUTE_US + i for i in range(50)]))
            minute += 1
        backing_up.join()
    for copy in copies:
        with Journal.open_writer(copy) as restored:
            assert len(restored.series(0, 0, 2**62)) == restored.counts().readings == 50 * restored.counts().blocks
