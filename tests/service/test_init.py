"""A site as `redvest init` writes it: started as it is, and judged by what is delivered."""

from __future__ import annotations

import csv
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.publishing import publish_once
from collector.wire.format import encode_reading, reading_topic
from grid.timestamps import format_utc
from service.cli.main import main
from service.settings.settings import load_settings
from stores.journal.journal import Journal
from stores.ledger_files import read_ledger
from tests.faults.street import minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import wait_until

LEDGER = Path(__file__).resolve().parents[2] / "simulator" / "ledgers" / "yx06"
SECRETS = ("secrets/broker-password", "secrets/devices.csv", "mosquitto/redvest.passwd", "certificates/broker.key")


def a_site(folder: Path, *more: str) -> Path:
    """Write a site and return its folder."""
    words = ["init", folder / "site", "--host", "localhost", "--data", folder / "data", "--ledger", LEDGER, *more]
    assert main([str(word) for word in words]) == 0
    return folder / "site"


def passwords(site: Path) -> dict[str, str]:
    with (site / "secrets" / "devices.csv").open(encoding="utf-8-sig") as file:
        return {row["name"]: row["password"] for row in csv.DictReader(file)}


def stored(folder: Path) -> set[str]:
    journal = folder / "data" / "journal.sqlite"
    if not journal.exists():
        return set()
    with Journal.open_reader(journal) as reader:
        names = {number: name for name, number in reader.all_numbers().items()}
        return {names[number] for batch in reader.since(0) for number in batch.transformer.tolist()}


def test_a_new_site_runs_as_it_was_written(
    tmp_path: Path, new_mosquitto: Callable[..., Mosquitto], free_port: Callable[[], int]
) -> None:
    device_port, collector_port = free_port(), free_port()
    site = a_site(tmp_path, "--device-port", str(device_port), "--collector-port", str(collector_port))
    debian = ["persistence true", f"persistence_location {tmp_path}/", f"include_dir {site}/mosquitto"]
    new_mosquitto(configuration=debian)
    config = str(site / "redvest.toml")
    assert main(["ledger", "import", str(LEDGER), "--config", config]) == 0
    ledger, _ = read_ledger(LEDGER)
    assert ledger is not None
    ids = [transformer.transformer_id for transformer in ledger.transformers]
    command = [sys.executable, "-m", "service.cli.main", "collect", "--config", config]
    with (tmp_path / "log").open("wb") as log:
        collector = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_until(lambda: "answered our subscription" in (tmp_path / "log").read_text(), 90.0, what="to subscribe")
        authority = site / "certificates" / "authority.crt"
        own = BrokerAddress("localhost", device_port, ids[0], passwords(site)[ids[0]], authority)
        payload = encode_reading(format_utc(minutes_ago(1)), active_power_kw=100.0)
        station = ledger.stations[0].station_id
        publish_once(own, "whatever", [(reading_topic(station, ids[0]), payload)])
        publish_once(own, "redvest-collector", [(reading_topic(station, "other"), payload)])
        wait_until(lambda: stored(tmp_path) == {ids[0]}, 60.0, what="the reading of the meter")
    finally:
        collector.terminate()
        collector.wait(60)


def test_secrets_are_their_owners_alone_and_differ_from_site_to_site(tmp_path: Path) -> None:
    sites = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        sites.append(a_site(tmp_path / name))
    for site in sites:
        for secret in (
            "secrets/broker-password",
            "secrets/devices.csv",
            "mosquitto/redvest.passwd",
            "certificates/broker.key",
        ):
            assert stat.S_IMODE((site / secret).stat().st_mode) == 0o600, secret
    settings = [load_settings(site / "redvest.toml") for site in sites]
    assert settings[0].collector.client_id != settings[1].collector.client_id
    assert len(settings[0].collector.client_id) > len("redvest-collector") + 20
    assert not set(passwords(sites[0]).values()) & set(passwords(sites[1]).values())


def test_a_folder_that_is_not_empty_and_a_missing_name_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a_site(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main(["init", str(tmp_path / "site"), "--host", "localhost", "--language", "en"]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert main(["init", str(tmp_path / "new"), "--json", "--language", "en"]) == 2
    assert "--host" in capsys.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_services_name_what_is_there(tmp_path: Path) -> None:
    site = a_site(tmp_path)
    for service in ("collect", "dashboard"):
        unit = (site / "systemd" / f"redvest-{service}.service").read_text()
        assert f"--config {site.resolve()}/redvest.toml" in unit
        assert f"ReadWritePaths={tmp_path}/data" in unit
        assert "/opt/redvest" not in unit
        assert "/var/lib/redvest" not in unit
