"""What is read back of a damaged journal: everything whose checksum holds, and nothing else."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from grid.errors import DamagedError
from grid.timestamps import HOUR_US
from stores.journal.journal import Journal
from stores.maintenance.salvage import salvage
from tests.stores.test_journal import pack_all
from tests.stores.test_journal_packed import a_grid

PAGE_BYTES = 8192
TRANSFORMERS, MINUTES = 40, 240
IDS = [f"T{number:04}" for number in range(TRANSFORMERS)]

Stored = dict[tuple[str, int], bytes]


def stored(journal: Journal) -> Stored:
    """Return what each (transformer, moment) says, to the bit."""
    names = {number: name for name, number in journal.all_numbers().items()}
    found: Stored = {}
    for batch in journal.since(0):
        values = np.column_stack([batch.voltage_v, batch.current_amp, batch.active_power_kw, batch.received_at_us])
        for row, (number, at_us) in enumerate(
            zip(batch.transformer.tolist(), batch.measured_at_us.tolist(), strict=True)
        ):
            found[names[number], at_us] = values[row].tobytes()
    return found


@pytest.fixture(scope="module", params=["bundles", "packed"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Stored]:
    path = tmp_path_factory.mktemp("whole") / "journal.sqlite"
    with Journal.open_writer(path) as journal:
        journal.numbers(IDS)
        for first in range(0, MINUTES, 10):
            journal.append(a_grid(10, TRANSFORMERS, first))
        if request.param == "packed":
            pack_all(journal, a_grid(1).measured_at_us[0] + 2 * HOUR_US)
        return path, stored(journal)


def read_back(damaged: Path, folder: Path) -> tuple[Stored, dict[str, int]]:
    with Journal.open_writer(folder / "new.sqlite") as journal:
        salvage(damaged, journal, frozenset(IDS))
        return stored(journal), journal.all_numbers()


def test_of_a_sound_journal_everything_is_read_back(whole: tuple[Path, Stored], tmp_path: Path) -> None:
    path, before = whole
    after, numbers = read_back(path, tmp_path)
    assert after == before
    assert numbers == {name: number for number, name in enumerate(IDS)}


def test_one_flipped_bit_in_the_structure_costs_one_page_at_most(whole: tuple[Path, Stored], tmp_path: Path) -> None:
    path, before = whole
    rng = random.Random(16)
    content = path.read_bytes()
    noticed = 0
    for attempt in range(12):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        page = rng.randrange(1, len(content) // PAGE_BYTES)
        at = page * PAGE_BYTES + rng.randrange(12)
        flipped = bytearray(content)
        flipped[at] ^= 1 << rng.randrange(8)
        damaged = folder / "journal.sqlite"
        damaged.write_bytes(flipped)
        try:
            Journal.open_writer(damaged).close()
        except DamagedError:
            noticed += 1
        damaged.write_bytes(flipped)
        after, numbers = read_back(damaged, folder)
        assert {key: value for key, value in after.items() if before.get(key) != value} == {}
        assert len(after) >= 0.8 * len(before), f"page {page}, byte {at % PAGE_BYTES}"
        assert all(IDS[number] == name for name, number in numbers.items())
        assert damaged.read_bytes() == flipped
        shutil.rmtree(folder)
    assert noticed > 0


def test_a_damaged_reading_is_not_read_back(whole: tuple[Path, Stored], tmp_path: Path) -> None:
    path, before = whole
    rng = random.Random(17)
    damaged = bytearray(path.read_bytes())
    for _ in range(300):
        damaged[rng.randrange(PAGE_BYTES, len(damaged))] ^= 1 << rng.randrange(8)
    (tmp_path / "journal.sqlite").write_bytes(damaged)
    after, _ = read_back(tmp_path / "journal.sqlite", tmp_path)
    assert 0 < len(after) < len(before)
    assert all(before.get(key) == value for key, value in after.items())


def test_half_a_file_gives_what_it_has(whole: tuple[Path, Stored], tmp_path: Path) -> None:
    path, before = whole
    content = path.read_bytes()
    (tmp_path / "journal.sqlite").write_bytes(content[: len(content) // 2 + 100])
    after, _ = read_back(tmp_path / "journal.sqlite", tmp_path)
    assert len(after) > 0.3 * len(before)
    assert all(before.get(key) == value for key, value in after.items())


def test_a_file_of_noise_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(random.Random(18).randbytes(64 * PAGE_BYTES))
    assert read_back(tmp_path / "journal.sqlite", tmp_path)[0] == {}
