"""F16: files are damaged while the collector is down. It notices at its start, says so, and goes on where it can."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from grid.errors import DamagedError
from stores.journal.journal import Journal
from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site, a_fast_clock
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]
Damage = Callable[[Path, random.Random], None]

PAGE_BYTES = 8192
SEED = 16


def flip(file: Path, at: int, bit: int) -> None:
    """Turn one bit round."""
    with file.open("r+b") as opened:
        opened.seek(at)
        byte = opened.read(1)[0]
        opened.seek(at)
        opened.write(bytes([byte ^ (1 << bit)]))


def flip_in_page_head(data: Path, rng: random.Random) -> None:
    """Turn one bit round in the kind of a page of the journal."""
    file = data / "journal.sqlite"
    page = rng.randrange(1, file.stat().st_size // PAGE_BYTES)
    flip(file, page * PAGE_BYTES, rng.randrange(8))


def truncate(data: Path, rng: random.Random) -> None:
    """Cut the journal off somewhere."""
    file = data / "journal.sqlite"
    os.truncate(file, rng.randrange(file.stat().st_size // 4, file.stat().st_size))


def lose_the_log(data: Path, rng: random.Random) -> None:
    """Delete the journal's log."""
    (data / "journal.sqlite-wal").unlink()


def flip_in_the_log(data: Path, rng: random.Random) -> None:
    """Turn one bit round in the first frames of the journal's log."""
    flip(data / "journal.sqlite-wal", 32 + rng.randrange(24, 3 * PAGE_BYTES), rng.randrange(8))


QUARANTINED: dict[str, Damage] = {"bit flip": flip_in_page_head, "truncation": truncate}
GONE_ON: dict[str, Damage] = {"missing -wal": lose_the_log, "bit flip in -wal": flip_in_the_log}


def a_crashed_site(new_site: NewSite, broker: Mosquitto, devices: Devices) -> tuple[Site, Street]:
    """Return an installation with readings in the journal's file and others in its log, whose collector was killed."""
    street = Street(60, SEED)
    site = new_site(street, broker, data={"disk_reserve_mib": 0}, clock=a_fast_clock(60.0))
    for part in (0, 1):
        running = site.start_ready()
        devices.send(street.readings(minutes_ago(40 - 10 * part), 10))
        site.wait_until(lambda: site.holds(devices.acknowledged), running)
        running.stop() if part == 0 else running.kill()
    return site, street


def damage_a_file(new_site: NewSite, broker: Mosquitto, name: str, broken: str = "", seed: int = SEED) -> None:
    """Damage a file of a crashed installation and start the collector: it must notice, say so and store again."""
    damage = (QUARANTINED | GONE_ON)[name]
    with Devices(broker.port) as devices:
        site, street = a_crashed_site(new_site, broker, devices)
        data = site.settings.data.folder
        before = site.stored()
        damage(data, random.Random(seed))
        damaged = (data / "journal.sqlite").read_bytes()
        running = site.start_ready(broken)
        require("journal_damaged" in site.kinds_said(), f"{name}: nobody was told, the damage was not noticed")
        if name in QUARANTINED:
            (kept,) = (data / "damaged").glob("*/journal.sqlite")
            require(kept.read_bytes() == damaged, f"{name}: the damaged file was changed")
            reasons = " ".join(site.health()["reasons"])
            require("a damaged one lies in damaged/journal-" in reasons, f"{name}: health says {reasons!r}")
        if name == "bit flip":
            left = len(before & site.stored()) / len(before)
            require(left > 0.5, f"{name}: only {left:.0%} of the readings were read back")
        fresh = street.readings(minutes_ago(1), 1)
        devices.send(fresh)
        site.wait_until(lambda: site.holds({m.key for m in fresh if m.key}), running, what="to store again")
        if name in GONE_ON:
            lost = before - site.stored()
            require(bool(lost), f"{name}: nothing was lost, this test damaged nothing")
            site.wait_until(lambda: lost <= site.keys_in_gaps(lost), running, what="the lost readings to be listed")
        running.stop()
        site.require_whole_files()


@pytest.mark.parametrize("name", [*QUARANTINED, *GONE_ON])
def test_a_damaged_journal_is_noticed_said_and_survived(
    new_site: NewSite, mosquitto: Mosquitto, name: str, tell: Tell
) -> None:
    damage_a_file(new_site, mosquitto, name)
    done = "moved aside, red health" if name in QUARANTINED else "what was lost is listed"
    tell("F16", f"{name}: noticed at the start, people told, {done}, new readings stored; seed {SEED}")


@pytest.mark.parametrize("name", ["bit flip", "missing -wal"])
def test_a_start_that_looks_at_nothing_is_caught(
    new_site: NewSite, mosquitto: Mosquitto, name: str, tell: Tell
) -> None:
    with pytest.raises(PromiseBroken, match="the damage was not noticed") as failed:
        damage_a_file(new_site, mosquitto, name, broken="damage-ignored")
    tell("F16", f"damage-ignored: {failed.value}")


def test_damaged_records_and_a_read_only_folder_stop_the_start_in_one_line(
    new_site: NewSite, mosquitto: Mosquitto, tell: Tell
) -> None:
    with Devices(mosquitto.port) as devices:
        site, _ = a_crashed_site(new_site, mosquitto, devices)
    data = site.settings.data.folder
    whole = (data / "records.sqlite").read_bytes()
    for name, start in (("bit flip", 4096), ("truncation", 0)):
        if start:
            for at in range(start, len(whole), 4096):
                flip(data / "records.sqlite", at, 3)
        else:
            os.truncate(data / "records.sqlite", len(whole) // 2 + 100)
        refused_in_one_line(site, "records.sqlite: the file is damaged")
        require((data / "records.sqlite").exists(), f"{name}: the records were moved away")
        (data / "records.sqlite").write_bytes(whole)
    with read_only(data):
        refused_in_one_line(site, "cannot be written")
    site.start_ready().stop()
    nothing_lost(devices.acknowledged, site.stored())
    tell("F16", "damaged records, read-only folder: refused in one line with exit code 1, nothing moved or lost")


def refused_in_one_line(site: Site, words: str) -> None:
    """Require that the collector ends with 1 and one line that says why."""
    (site.folder / "collector.log").unlink(missing_ok=True)
    running = site.start(command=["--language", "en"])
    require(running.wait() == 1, f"ended with {running.exit_code}: {running.log_text}")
    require(running.log_text.count("\n") == 1 and words in running.log_text, f"it said {running.log_text!r}")


class read_only:  # noqa: N801
    """Make a folder read-only while a block lasts: by its mount for root, else by its rights."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            subprocess.run(["mount", "--bind", self._folder, self._folder], check=True)
            subprocess.run(["mount", "-o", "remount,ro,bind", self._folder], check=True)
        else:
            self._folder.chmod(0o500)

    def __exit__(self, *_: object) -> None:
        if os.geteuid() == 0:
            subprocess.run(["umount", "--lazy", self._folder], check=True)
        else:
            self._folder.chmod(0o700)


@pytest.mark.parametrize("flips", [30, pytest.param(2_000, marks=pytest.mark.soak)])
def test_random_bit_flips_in_the_structure_of_the_journal_are_found(
    tmp_path: Path, new_site: NewSite, mosquitto: Mosquitto, flips: int, tell: Tell
) -> None:
    """What is flipped in a reading is found by its bundle's checksum, in unused bytes of a page it changes nothing."""
    with Devices(mosquitto.port) as devices:
        site, _ = a_crashed_site(new_site, mosquitto, devices)
    site.start_ready().stop()
    whole = (site.settings.data.folder / "journal.sqlite").read_bytes()
    rng = random.Random(SEED)
    file = tmp_path / "flipped" / "journal.sqlite"
    file.parent.mkdir()
    heads = anywhere = 0
    # A page without a cell (SQLite file format, 1.6) holds nothing that could be lost.
    pages = [
        page
        for page in range(1, len(whole) // PAGE_BYTES)
        if int.from_bytes(whole[page * PAGE_BYTES + 3 : page * PAGE_BYTES + 5])
    ]
    for number in range(2 * flips):
        file.write_bytes(whole)
        page = rng.choice(pages)
        at = page * PAGE_BYTES + (0 if number < flips else rng.randrange(PAGE_BYTES))
        flip(file, at, rng.randrange(8))
        try:
            with Journal.open_writer(file) as journal:
                found = journal.damaged_readings(len(whole)) > 0
        except DamagedError:
            found = True
        heads += found and number < flips
        anywhere += found and number >= flips
        for rest in file.parent.iterdir():
            with suppress(FileNotFoundError):
                rest.unlink()
    shutil.rmtree(file.parent)
    require(heads == flips, f"{flips - heads} of {flips} flips in a page's kind were not found")
    require(anywhere > flips // 3, f"only {anywhere} of {flips} flips anywhere were found")
    found_at_start = f"{heads} of {flips} flips in the kind of a page and {anywhere} of {flips} anywhere"
    tell("F16", f"{found_at_start} were found at the start; seed {SEED}")
