"""A checkpoint spares a start the evaluation of the journal, and changes no verdict: whole, stale or damaged."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alerts.model.incidents import IncidentState
from grid.errors import DamagedError, StoreError
from grid.timestamps import MINUTE_US
from service.collecting.pipeline import EVALUATED_CURSOR
from service.verdicts.incremental import IncrementalVerdicts
from stores.maintenance.checkpoint_file import CheckpointFile, read_checkpoint, write_checkpoint
from stores.records.records import Records
from tests.service.test_pipeline import NOON, TRANSFORMERS, Station1, a_dirty_day, a_town, message, what_stands

END_US = NOON + 700 * MINUTE_US
CONTENT = CheckpointFile(
    {"block_no": 7, "mark": "某"},
    {"moments": np.arange(5), "rates": np.array([[0.5, np.nan], [np.inf, -0.0]]), "none": np.empty(0, np.int16)},
)


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """How judges began, the last one last: caught up from a checkpoint, or made anew from the journal."""
    told: list[str] = []
    for way in ("replay", "recover"):
        whole = getattr(IncrementalVerdicts, way)

        def noted(judge: Any, *given: Any, _way: Any = way, _whole: Any = whole) -> Any:
            told.append(_way)
            return _whole(judge, *given)

        monkeypatch.setattr(IncrementalVerdicts, way, noted)
    return told


def a_station(folder: Path) -> Station1:
    folder.mkdir()
    return Station1(folder)


def kept(station: Station1) -> Path:
    """Keep a checkpoint now and return where it lies."""
    station.pipeline.keep_checkpoint()
    station.pipeline._checkpoints.close()
    return station.folder / "journal.checkpoint"


def judged_orderly(folder: Path, readings: list[Any]) -> tuple[set[Any], set[Any]]:
    orderly = a_station(folder)
    orderly.tick(sorted(readings, key=lambda r: r[1]), END_US)
    stands = what_stands(orderly)
    orderly.close()
    return stands


@pytest.mark.parametrize("seed", range(2))
def test_crashes_and_starts_from_any_checkpoint_change_no_verdict(tmp_path: Path, seed: int, starts: Any) -> None:
    readings = a_dirty_day(seed)
    random = np.random.default_rng(seed)
    # Mostly in order, as a fleet sends, with late ones among them.
    keys = [minute + (random.integers(0, 60) if random.random() < 0.1 else 0) for _, minute, _ in readings]
    mixed = [readings[i] for i in np.argsort(keys, kind="stable")]  # type: ignore[arg-type]
    station, at, copies = a_station(tmp_path / "dirty"), 0, []
    while at < len(mixed):
        size = int(random.integers(1, 60))
        station.tick(mixed[at : at + size], END_US)
        at += size
        if random.random() < 0.3:
            copies.append(kept(station).read_bytes())
        if random.random() < 0.3:
            if copies and random.random() < 0.5:
                kept(station).write_bytes(copies[int(random.integers(0, len(copies)))])
            station.restart(END_US, cleanly=random.random() < 0.3)
    assert what_stands(station) == judged_orderly(tmp_path / "orderly", readings)
    assert starts.count("replay") > 2
    station.close()


def test_what_arrived_behind_a_checkpoint_and_was_never_judged_is_judged_by_the_next_start(
    station_with_a_checkpoint: Any,
) -> None:
    station = station_with_a_checkpoint
    decoded = station.pipeline._decoder.decode
    late_and_new = [("T1", 2, 0.5), ("T2", 21, 0.97), ("T3", 21, 0.5)]
    station.journal.append(decoded([message(END_US, *reading) for reading in late_and_new]).readings)
    station.restart(END_US)
    stands = what_stands(station)
    station.folder.joinpath("journal.checkpoint").unlink()
    station.restart(END_US)
    assert what_stands(station) == stands
    assert {i.transformer_id for i in stands[1]} == {"T1", "T2"}


@pytest.fixture
def station_with_a_checkpoint(tmp_path: Path) -> Any:
    """Twenty minutes of a hot day, and a checkpoint behind them."""
    made = a_station(tmp_path / "station")
    for minute in range(20):
        made.tick([(t, minute, 0.95 if t == "T1" else 0.7) for t in TRANSFORMERS])
    kept(made)
    yield made
    made.close()


def test_a_start_goes_on_from_a_checkpoint_and_an_open_incident_goes_on(
    station_with_a_checkpoint: Any, starts: Any
) -> None:
    station = station_with_a_checkpoint
    before = station.incident()
    station.restart(END_US)
    for minute in range(20, 40):
        station.tick([("T1", minute, 0.6)])
    assert starts == ["replay"]
    after = station.incident()
    assert (after.incident_id, after.state) == (before.incident_id, IncidentState.CLOSED)


def test_an_incident_that_went_blind_while_no_collector_ran_is_blind_before_anything_comes(
    station_with_a_checkpoint: Any, starts: Any
) -> None:
    station = station_with_a_checkpoint
    assert not station.incident().blind
    station.restart(NOON + 60 * MINUTE_US)
    assert (starts, station.incident().blind) == (["replay"], True)
    station.tick([("T1", 60, 0.95)])
    assert not station.incident().blind


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: b"",
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:-1],
        lambda raw: raw + b"x",
        lambda raw: raw[:-40] + bytes([raw[-40] ^ 1]) + raw[-39:],
        lambda raw: bytes(len(raw)),
    ],
)
def test_a_damaged_checkpoint_is_left_alone(station_with_a_checkpoint: Any, starts: Any, damage: Any) -> None:
    station = station_with_a_checkpoint
    stands = what_stands(station)
    file = station.folder / "journal.checkpoint"
    file.write_bytes(damage(file.read_bytes()))
    station.restart(END_US)
    assert starts == ["recover"]
    assert what_stands(station) == stands


def test_a_checkpoint_of_another_journal_is_left_alone(
    station_with_a_checkpoint: Any, tmp_path: Path, starts: Any
) -> None:
    station = station_with_a_checkpoint
    other = a_station(tmp_path / "other")
    for minute in range(20):
        other.tick([(t, minute, 0.95 if t == "T2" else 0.7) for t in TRANSFORMERS], NOON + minute * MINUTE_US + 5)
    stands = what_stands(other)
    shutil.copy(station.folder / "journal.checkpoint", kept(other))
    starts.clear()
    other.restart(END_US)
    assert starts == ["recover"]
    assert what_stands(other) == stands
    other.close()


def test_a_checkpoint_that_is_ahead_of_the_records_is_left_alone(station_with_a_checkpoint: Any, starts: Any) -> None:
    station = station_with_a_checkpoint
    station.records.set_cursor(EVALUATED_CURSOR, 3)
    station.restart(END_US)
    assert starts == ["recover"]


@pytest.mark.parametrize("what", ["ledger", "rules", "gap"])
def test_a_checkpoint_of_another_ledger_or_other_rules_is_left_alone(
    station_with_a_checkpoint: Any, starts: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    station = station_with_a_checkpoint
    if what == "ledger":
        larger = tuple(replace(t, rated_power_kva=1000.0) for t in a_town().transformers)
        # The records are made to believe that nothing changed: the checkpoint itself has to tell.
        monkeypatch.setattr("service.collecting.pipeline.Pipeline._evaluated_by", lambda pipeline, version: "the same")
        station.restart(END_US)
        kept(station)
        station.tick([("T1", 20, 0.95)])
        kept(station)
        starts.clear()
        station.records.replace_ledger(replace(a_town(), transformers=larger), "test", NOON)
    elif what == "rules":
        station.rules = ("early-warning",)
    else:
        monkeypatch.setattr("service.collecting.checkpoint.FORMAT", 0)
    station.restart(END_US)
    assert starts == ["recover"]


def test_a_checkpoint_of_a_journal_that_was_turned_back_is_left_alone(tmp_path: Path, starts: Any) -> None:
    station = a_station(tmp_path / "station")
    for minute in range(10):
        station.tick([("T1", minute, 0.7)])
    station.restart(END_US, cleanly=True)
    station.journal.close()
    shutil.copytree(station.folder, tmp_path / "copy")
    station._open(END_US)
    for minute in range(10, 20):
        station.tick([("T1", minute, 0.95)])
    file = kept(station)
    station.close()
    shutil.copy(file, tmp_path / "copy" / file.name)
    restored = Station1.__new__(Station1)
    restored.__dict__.update(station.__dict__)
    restored.folder = tmp_path / "copy"
    restored.records = Records(f"sqlite:///{tmp_path / 'copy' / 'records.sqlite'}")
    restored._open(END_US)
    assert starts[-1] == "recover"
    for minute in range(10, 25):
        restored.tick([("T1", minute, 0.6)])
    assert restored.records.incidents() == ()
    shutil.copy(file, kept(restored))
    restored.restart(END_US)
    assert starts[-1] == "recover"
    assert restored.records.incidents() == ()
    restored.close()


def test_where_no_checkpoint_can_be_written_judging_goes_on(
    tmp_path: Path, starts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    station = a_station(tmp_path / "station")
    (station.folder / ".journal.checkpoint.draft").mkdir()
    station.tick([("T1", 0, 0.95)])
    kept(station)
    assert "the next start takes longer" in caplog.text
    station.restart(END_US, cleanly=True)
    assert starts[-1] == "recover"
    assert station.incident().state is IncidentState.OPEN
    station.close()


def test_a_checkpoint_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", CONTENT)
    read = read_checkpoint(tmp_path / "c")
    assert read is not None and read.told == CONTENT.told
    assert {name: column.tobytes() for name, column in read.columns.items()} == {
        name: column.tobytes() for name, column in CONTENT.columns.items()
    }
    assert [column.shape for column in read.columns.values()] == [(5,), (2, 2), (0,)]
    assert read_checkpoint(tmp_path / "none") is None


def test_a_checkpoint_file_with_any_byte_changed_or_missing_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", CONTENT)
    raw = (tmp_path / "c").read_bytes()
    for at in range(len(raw)):
        for changed in (raw[:at], raw[:at] + bytes([raw[at] ^ 0x40]) + raw[at + 1 :]):
            (tmp_path / "c").write_bytes(changed)
            with pytest.raises(DamagedError):
                read_checkpoint(tmp_path / "c")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "c", CONTENT)
    (tmp_path / ".c.draft").mkdir()
    with pytest.raises(StoreError):
        write_checkpoint(tmp_path / "c", replace(CONTENT, told={}))
    read = read_checkpoint(tmp_path / "c")
    assert read is not None and read.told == CONTENT.told


def test_no_column_of_objects_is_ever_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="type"):
        write_checkpoint(tmp_path / "c", CheckpointFile({}, {"any": np.array([object()])}))
