"""F16: files are missing, empty, of another site or changed while the collector is down: it does not start."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.faults.devices import Devices
from tests.faults.promises import PromiseBroken, nothing_lost, require
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.faults.test_damaged_files import refused_in_one_line
from tests.support.mosquitto import Mosquitto

NewSite = Callable[..., Site]
Tell = Callable[[str, str], None]

JOURNAL, RECORDS = "journal.sqlite", "records.sqlite"


def shuffle_the_numbers(data: Path) -> None:
    """Exchange the numbers of two transformers in the journal."""
    with closing(sqlite3.connect(data / JOURNAL)) as connection, connection:
        connection.execute("UPDATE transformer SET number = -1 WHERE number = 0")
        connection.execute("UPDATE transformer SET number = 0 WHERE number = 1")
        connection.execute("UPDATE transformer SET number = 1 WHERE number = -1")


def empty_the_ledger(data: Path) -> None:
    """Retire every transformer behind the product's back."""
    with closing(sqlite3.connect(data / RECORDS)) as connection, connection:
        connection.execute("UPDATE transformer SET retired_at_us = 1")


def two_sites(new_site: NewSite, broker: Mosquitto) -> tuple[Site, Path, set[object]]:
    """Return a site that has readings, and the data folder of another one that has some too."""
    sites = []
    with Devices(broker.port) as devices:
        for number in (0, 1):
            street = Street(12, 16 + number)
            site = new_site(street, broker, data={"disk_reserve_mib": 0})
            running = site.start_ready()
            sent = street.readings(minutes_ago(6), 5)
            devices.send(sent)
            site.wait_until(lambda site=site, sent=sent: site.holds({m.key for m in sent if m.key}), running)  # type: ignore[misc]
            running.stop()
            sites.append(site)
    return sites[0], sites[1].settings.data.folder, set(sites[0].stored())


def try_all(new_site: NewSite, broker: Mosquitto, broken: str = "") -> str:
    """Take files away, exchange and change them, one after another: each start is refused in one line."""
    site, other, before = two_sites(new_site, broker)
    data = site.settings.data.folder
    kept = shutil.copytree(data, data.with_name("kept"))
    changes: dict[str, tuple[Callable[[], object], str]] = {
        "records gone": (lambda: (data / RECORDS).unlink(), "the records are new or of elsewhere"),
        "journal gone": (lambda: (data / JOURNAL).unlink(), "this one is new or of elsewhere"),
        "records empty": (lambda: (data / RECORDS).write_bytes(b""), "the records are new or of elsewhere"),
        "journal empty": (lambda: (data / JOURNAL).write_bytes(b""), "this one is new or of elsewhere"),
        "records of another site": (lambda: shutil.copy(other / RECORDS, data), "of different installations"),
        "journal of another site": (lambda: shutil.copy(other / JOURNAL, data), "of different installations"),
        "ledger empty": (lambda: empty_the_ledger(data), "the ledger is empty"),
        "numbers shuffled": (lambda: shuffle_the_numbers(data), "the numbers of transformers in the journal"),
    }
    for name, (change, words) in changes.items():
        change()
        if broken:
            running = site.start_ready(broken)
            running.stop()
            raise PromiseBroken(f"{name}: it started")
        refused_in_one_line(site, words)
        for file in data.iterdir():
            with suppress(IsADirectoryError, PermissionError):
                file.unlink()
        shutil.copytree(kept, data, dirs_exist_ok=True)
    site.start_ready().stop()
    nothing_lost(before, site.stored())  # type: ignore[arg-type]
    require(len(changes) == 8, "a change was left out")
    return f"{len(changes)} ways in which files do not belong together: each refused in one line, nothing changed"


def test_files_that_do_not_belong_together_do_not_start(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    tell("F16", try_all(new_site, mosquitto))


def test_a_start_with_any_files_is_caught(new_site: NewSite, mosquitto: Mosquitto, tell: Tell) -> None:
    with pytest.raises(PromiseBroken, match="it started") as failed:
        try_all(new_site, mosquitto, broken="foreign-files-taken")
    tell("F16", f"foreign-files-taken: {failed.value}")


def test_somebody_may_say_that_they_belong_together(new_site: NewSite, mosquitto: Mosquitto) -> None:
    site, _, _ = two_sites(new_site, mosquitto)
    (site.settings.data.folder / JOURNAL).unlink()
    refused_in_one_line(site, "this one is new or of elsewhere")
    site.start_ready(command=["--adopt"]).stop()
    site.start_ready().stop()


def test_broken_kept_state_is_said_in_one_line_and_begun_anew(new_site: NewSite, mosquitto: Mosquitto) -> None:
    site, _, _ = two_sites(new_site, mosquitto)
    with closing(sqlite3.connect(site.settings.data.folder / RECORDS)) as connection, connection:
        connection.execute(
            "UPDATE kept_state SET text = '{\"version\": [' WHERE name LIKE '%throttl%' OR text LIKE '{%'"
        )
        changed = connection.execute("SELECT count(*) FROM kept_state WHERE text = '{\"version\": ['").fetchone()[0]
        connection.execute("INSERT OR REPLACE INTO kept_state VALUES ('rejects_to_take', 'no request')")
    running = site.start_ready()
    site.wait_until(lambda: "ask again: redvest rejects --take" in running.log_text, running, what="to say it")
    require("Traceback" not in running.log_text, running.log_text)
    require(not changed or "it begins anew" in running.log_text, running.log_text)
    running.stop()
