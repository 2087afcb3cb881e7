"""Backups while everything runs, and their way back: whole, of one age, and refused when they are not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from grid.timestamps import parse_timestamp_us
from tests.faults.devices import Devices
from tests.faults.promises import nothing_lost
from tests.faults.site import Running, Site
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]


def told(site: Site, *words: str) -> tuple[int, str]:
    """Run a command and return its exit code and what it printed."""
    log = site.folder / "told.txt"
    log.unlink(missing_ok=True)
    code = Running([*words, "--config", str(site.config)], log).wait()
    return code, log.read_text(encoding="utf-8")


def test_a_backup_of_a_running_collector_brings_back_readings_verdicts_and_what_belongs_to_them(
    new_site: NewSite, mosquitto: Mosquitto, tmp_path: Path, tell: Callable[[str, str], None]
) -> None:
    street = Street(100, seed=1)
    sent = street.readings(minutes_ago(60), 60)
    site = new_site(street, mosquitto, data={"disk_reserve_mib": 0})
    collector = site.start_ready()
    with Devices(mosquitto.port) as devices:
        devices.send(sent[:2000])
        site.wait_until(lambda: site.holds(devices.acknowledged), collector)
        before = set(devices.acknowledged)
        devices.start_sending(sent[2000:], per_second=3000)
        backup = tmp_path / "backup"
        copied = site.redvest("backup", str(backup))
        devices.wait()
    assert [one["file"] for one in copied] == ["records.sqlite", "journal.sqlite"]
    code, words = told(site, "restore", str(backup))
    assert (code, "writes this journal already" in words) == (1, True), words
    site.wait_until(lambda: site.holds(devices.acknowledged), collector)
    collector.stop()
    all_stored, all_incidents = site.stored(), {i.incident_id for i in site.incidents()}

    shutil.rmtree(site.settings.data.folder)
    code, words = told(site, "restore", str(backup))
    assert code == 0, words
    restored = site.stored()
    nothing_lost(before, restored)
    assert restored <= all_stored
    site.require_whole_files()
    for incident in site.incidents():
        assert (incident.transformer_id, incident.first_reading_at_us) in restored

    with Devices(mosquitto.port) as devices:
        devices.send(sent)
    site.start_ready()
    site.wait_until(lambda: site.stored() == all_stored, site.runs[-1])
    site.runs[-1].stop()
    assert {i.incident_id for i in site.incidents()} == all_incidents
    tell("backup", f"made while 3,000 readings a second came: {len(restored):,} readings, whole; devices sent the rest")


def test_what_was_there_before_is_kept_and_a_spoilt_backup_is_refused(
    new_site: NewSite, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    street = Street(10, seed=1)
    site = new_site(street, mosquitto, data={"disk_reserve_mib": 0})
    collector = site.start_ready()
    with Devices(mosquitto.port) as devices:
        devices.send(street.readings(minutes_ago(10), 10))
        site.wait_until(lambda: site.holds(devices.acknowledged), collector)
    collector.stop()
    backup = tmp_path / "backup"
    (made,) = {one["made_at"] for one in site.redvest("backup", str(backup))}
    assert parse_timestamp_us(made)
    assert told(site, "backup", str(backup))[0] == 1, "a backup is not written over another"

    site.redvest("restore", str(backup))
    (replaced,) = (site.settings.data.folder / "replaced").iterdir()
    assert {file.name for file in replaced.iterdir()} >= {"journal.sqlite", "records.sqlite"}

    journal = backup / "journal.sqlite"
    journal.write_bytes(journal.read_bytes()[:-1] + b"x")
    code, words = told(site, "restore", str(backup))
    assert code == 1 and "journal.sqlite is not what was backed up" in words
    assert told(site, "restore", str(tmp_path))[0] == 1
    assert site.stored() == devices.acknowledged


def test_a_restore_that_was_cut_off_is_not_started_upon(new_site: NewSite, mosquitto: Mosquitto) -> None:
    site = new_site(Street(10, seed=1), mosquitto, data={"disk_reserve_mib": 0})
    (site.settings.data.folder / ".journal.sqlite.restored").write_bytes(b"half")
    running = site.start()
    assert running.wait() == 1
    assert "a restore was cut off" in running.log_text
