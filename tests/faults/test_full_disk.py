"""F14: the disk is full, then somebody makes room. Nothing is acknowledged meanwhile, and it goes on by itself."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Running, Site
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

DISK_MIB = 24
RESERVE_MIB = 4
AGAIN_SECONDS_MAX = 120.0
HOW = "a full tmpfs" if os.geteuid() == 0 else "a bound on the size of files (a full tmpfs needs root)"


class FullDisk:
    """A data folder on a disk of its own: a small tmpfs for root, else a bound on how large the files may grow."""

    def __init__(self, folder: Path, collector: Callable[[], Running]) -> None:
        self.folder = folder
        self._collector = collector

    @contextmanager
    def mounted(self) -> Iterator[None]:
        """Have the disk while the block lasts."""
        self.folder.mkdir(parents=True)
        if os.geteuid() != 0:
            yield
            return
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m,mode=700", "redvest-test", str(self.folder)]
        subprocess.run(mount, check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)

    def fill(self) -> None:
        """Leave no room."""
        if os.geteuid() != 0:
            largest = max(file.stat().st_size for file in self.folder.iterdir())
            self._bound(largest + 64 * 1024)
            return
        with (self.folder / "filler").open("wb", buffering=0) as filler:
            for piece in (2**20, 4096, 1):
                try:
                    while True:
                        filler.write(b"\0" * piece)
                except OSError:
                    continue

    def make_room(self) -> None:
        """Make room again."""
        if os.geteuid() != 0:
            self._bound(resource.RLIM_INFINITY)
            return
        (self.folder / "filler").unlink()

    def _bound(self, size: int) -> None:
        resource.prlimit(self._collector().pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fill_the_disk(new_site: NewSite, broker: Mosquitto, folder: Path, minutes: int, seed: int, broken: str = "") -> str:
    """Let readings come to a full disk, kill the collector there, and make room."""
    street = Street(100, seed)
    sent = street.readings(minutes_ago(minutes), minutes)
    running: list[Running] = []
    disk = FullDisk(folder, lambda: running[-1])
    with disk.mounted():
        site = new_site(street, broker, data={"folder": str(folder), "disk_reserve_mib": RESERVE_MIB})
        running.append(site.start_ready(broken))
        with Devices(broker.port) as devices:
            devices.send(sent[: len(sent) // 2])
            site.wait_until(lambda: site.holds(devices.acknowledged), running[-1])
            before = site.stored()
            disk.fill()
            devices.send(sent[len(sent) // 2 :])
        deadline = time.monotonic() + 120.0
        while "store: " not in str(site.health().get("reasons")) and time.monotonic() < deadline and not broken:
            pause(0.05)
        require(
            bool(broken) or "store: " in str(site.health().get("reasons")), "health does not say that nothing is stored"
        )
        pause(1.5)
        while_full = site.stored() - before
        reserve_free = not (folder / "disk-reserve").exists()
        if os.geteuid() == 0 and not broken:
            require(reserve_free, "the reserve was not given free")
            site.wait_until(lambda: "disk_full" in site.kinds_said(), running[-1], what="to be told of the full disk")
            running[-1].kill()
            running.append(site.start_ready(broken))
        disk.make_room()
        began = time.monotonic()
        while not site.holds(devices.acknowledged) and time.monotonic() - began < (
            3.0 if broken else AGAIN_SECONDS_MAX
        ):
            require(running[-1].exit_code is None, "the collector died of it")
            pause(0.1)
        seconds = time.monotonic() - began
        running[-1].stop()
        site.require_whole_files()
        nothing_lost(devices.acknowledged, site.stored())
        require(
            (folder / "disk-reserve").stat().st_blocks * 512 >= RESERVE_MIB * 2**20, "the reserve was not taken again"
        )
    return (
        f"{HOW}: {len(sent):,} messages, {len(while_full):,} of them stored in what was left, then none and none "
        f"acknowledged; all stored {seconds:.1f} s after there was room; seed {seed}"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="a full tmpfs needs root")
def test_a_collector_that_starts_on_a_full_disk_waits_for_room(
    new_site: NewSite, mosquitto: Mosquitto, tmp_path: Path, tell: Tell
) -> None:
    """No reserve, not a byte free, and the stores were not closed in order: a start has to write before it can read."""
    street = Street(100, seed=15)
    sent = street.readings(minutes_ago(30), 30)
    running: list[Running] = []
    disk = FullDisk(tmp_path / "disk", lambda: running[-1])
    with disk.mounted():
        site = new_site(street, mosquitto, data={"folder": str(disk.folder), "disk_reserve_mib": 0})
        running.append(site.start_ready())
        with Devices(mosquitto.port) as devices:
            devices.send(sent)
            site.wait_until(lambda: site.holds(devices.acknowledged), running[-1])
            running[-1].kill()
            for file in disk.folder.glob("journal.sqlite-shm"):
                file.unlink()
            disk.fill()
            running.append(site.start())
            site.wait_until(lambda: "full disk" in running[-1].log_text, running[-1], what="to say that it waits")
            pause(1.0)
            require(running[-1].exit_code is None, f"it ended with {running[-1].exit_code}")
            require(not site.health().get("healthy"), "health is green on a full disk")
            disk.make_room()
            site.wait_until(lambda: bool(site.health().get("connected")), running[-1], what="to go on")
            running[-1].stop()
        nothing_lost(devices.acknowledged, site.stored())
    tell("F14", "a start on a full disk waits, health is red, and goes on by itself when there is room")


@pytest.mark.parametrize("minutes", [60, pytest.param(400, marks=[pytest.mark.soak, pytest.mark.timeout(900)])])
def test_a_full_disk_stops_the_flow_and_loses_nothing(
    new_site: NewSite, mosquitto: Mosquitto, tmp_path: Path, minutes: int, tell: Tell
) -> None:
    tell("F14", fill_the_disk(new_site, mosquitto, tmp_path / "disk", minutes, seed=14))


def test_a_store_error_treated_as_success_loses_readings(
    new_site: NewSite, mosquitto: Mosquitto, tmp_path: Path, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="acknowledged readings are lost") as failed:
        fill_the_disk(new_site, mosquitto, tmp_path / "disk", 60, seed=14, broken="error-treated-as-ok")
    tell("F14", f"error-treated-as-ok: {failed.value}")
