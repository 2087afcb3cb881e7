"""The reserve of disk space: taken where there is room, given free when there is none, and taken again."""

from __future__ import annotations

from pathlib import Path

import pytest

from grid.errors import StoreError
from service.monitors.disk import DiskWatch
from stores.maintenance.disk_reserve import DiskReserve

MIB = 2**20


class Disk(DiskReserve):
    """A reserve on a disk whose free space the test says."""

    free_bytes = 100 * MIB


def test_the_reserve_takes_its_space_on_disk_and_gives_it_free(tmp_path: Path) -> None:
    reserve = DiskReserve(tmp_path / "disk-reserve", 2 * MIB)
    assert not reserve.held
    assert reserve.tend() and reserve.held
    assert (tmp_path / "disk-reserve").stat().st_blocks * 512 >= 2 * MIB
    assert not reserve.release(), "a disk with room needs no sacrifice"
    assert reserve.held


def test_a_full_disk_gets_the_reserve_and_readings_wait_until_there_is_twice_as_much(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk-reserve", 2 * MIB)
    disk.tend()
    disk.free_bytes = 0
    assert disk.release()
    assert not (tmp_path / "disk-reserve").exists()
    disk.free_bytes = 3 * MIB
    with pytest.raises(StoreError, match=r"the disk is full \(3 MiB are left, 4 are needed\)"):
        disk.require()
    disk.free_bytes = 5 * MIB
    disk.require()
    assert disk.held


def test_without_a_reserve_nothing_is_kept_and_nothing_stopped(tmp_path: Path) -> None:
    none = Disk(tmp_path / "disk-reserve", 0)
    none.free_bytes = 0
    none.require()
    assert none.tend() and not none.release()
    assert not (tmp_path / "disk-reserve").exists()


def test_a_reserve_under_its_former_name_is_given_free(tmp_path: Path) -> None:
    (tmp_path / "ballast").write_bytes(bytes(MIB))
    assert DiskReserve(tmp_path / "disk-reserve", 2 * MIB).tend()
    assert {file.name for file in tmp_path.iterdir()} == {"disk-reserve"}


@pytest.mark.parametrize("name", ["disk-reserve", "ballast"])
def test_a_folder_in_its_place_is_refused_in_one_line_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name / "something").mkdir(parents=True)
    reserve = DiskReserve(tmp_path / "disk-reserve", 2 * MIB)
    with pytest.raises(StoreError, match=rf"{name}: is a folder where a file should be; move it away"):
        DiskWatch(reserve, str(tmp_path))
    reserve.tend()
    assert (tmp_path / name / "something").is_dir()
