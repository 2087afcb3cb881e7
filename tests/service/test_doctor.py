"""The doctor: each thing that an installation stands on is ok, or not ok with what is wrong and the remedy."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.text import Text
from service.doctor import checks as doctor_looks
from service.doctor.broker_probe import probe
from service.doctor.doctor import Check, examine
from service.metrics.health import ADDRESS_FILE, HealthServer
from service.metrics.metrics import Metrics
from service.settings.settings import load_settings
from stores.ledger_files import read_ledger
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records
from tests.support.mosquitto import Mosquitto
from tests.support.tools import tool

ROOT = Path(__file__).resolve().parents[2]
LEDGER = ROOT / "simulator" / "ledgers" / "yx06"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test where there is no settings file and no variable of ours."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def config(mosquitto: Mosquitto) -> Path:
    """Return the settings of an installation with a broker and a ledger."""
    file = Path("redvest.toml")
    file.write_text(
        f"language = 'en'\n[broker]\nport = {mosquitto.port}\n"
        "[collector]\nhealth_port = 0\n[notify]\nchannels = ['file']\n"
    )
    with installation() as records:
        ledger, faults = read_ledger(LEDGER)
        assert ledger is not None, faults
        records.replace_ledger(ledger, "test", 0)
    return file


@contextmanager
def installation() -> Iterator[Records]:
    """Open the records of the settings in this folder."""
    settings = load_settings()
    settings.data.folder.mkdir(exist_ok=True)
    with Records(settings.records_url()) as records:
        records.migrate()
        yield records


def checks(config: Path | None = None) -> dict[str, Check]:
    return {check.name: check for check in examine(config)}


def not_ok(config: Path | None = None) -> dict[str, Check]:
    return {name: check for name, check in checks(config).items() if not check.ok}


def test_a_sound_installation_is_ok_throughout(config: Path) -> None:
    found = checks(config)
    assert [name for name, check in found.items() if not check.ok] == []
    assert {"settings", "versions", "clock", "data folder", "journal", "records", "ledger", "rules"} <= set(found)
    assert {"broker", "collector", "outbox", "channel file", "mosquitto", "font"} <= set(found)
    assert all(check.detail.zh and check.detail.en and not check.remedy.en for check in found.values())
    assert found["ledger"].detail.en == "3 transformers, 53 merchants, 9 people"


def test_a_fault_of_the_settings_is_a_finding() -> None:
    Path("redvest.toml").write_text("[brokr]\n")
    assert list(checks()) == ["settings"]
    assert "brokr" in checks()["settings"].detail.en
    assert checks()["settings"].remedy.en == "did you mean broker?"


def test_a_new_installation_lacks_a_ledger_and_a_broker(free_port: Callable[[], int]) -> None:
    Path("redvest.toml").write_text(f"[broker]\nport = {free_port()}\n")
    found = not_ok()
    assert set(found) == {"ledger", "broker"}
    assert "redvest ledger import" in found["ledger"].remedy.en
    assert "start the broker" in found["broker"].remedy.en


def test_an_unknown_rule_set_is_found(config: Path) -> None:
    config.write_text(config.read_text() + "[verdicts]\nrules = ['early-warming']\n")
    found = not_ok(config)
    assert list(found) == ["rules"]
    assert "early-warning@1" in found["rules"].remedy.en


def test_a_folder_that_cannot_be_written_is_found(config: Path) -> None:
    Path("file").write_text("")
    config.write_text(config.read_text() + "[data]\nfolder = 'file/data'\n")
    found = not_ok(config)
    assert {"data folder", "records"} <= set(found)
    assert "data.folder" in found["data folder"].remedy.en


def test_a_full_disk_is_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_looks, "FREE_BYTES_MIN", 10**18)
    assert "free some space" in not_ok(config)["data folder"].remedy.en


def test_a_journal_that_is_none_is_found(config: Path) -> None:
    settings = load_settings(config)
    settings.journal_file.write_bytes(b"this is no journal" * 100)
    assert "journal" in not_ok(config)


def test_a_changed_audit_record_is_found(config: Path) -> None:
    url = load_settings(config).records_url()
    engine = create_engine(url)
    with engine.begin() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for trigger in triggers:
            connection.execute(text(f'DROP TRIGGER "{trigger}"'))
        connection.execute(text("UPDATE audit SET \"by\" = 'somebody else'"))
    engine.dispose()
    assert "audit record was changed" in not_ok(config)["records"].detail.en


def test_messages_that_were_given_up_are_found(config: Path) -> None:
    with installation() as records:
        records.commit(Changes(messages=(NewMessage("k", "test", "ST01", None, Text("话", "words"), 0, ("file",)),)))
        (due,) = records.due_messages(1, 10)
        records.mark_failed(due.delivery_no, "HTTP 404", None)
    found = not_ok(config)["outbox"]
    assert "1 messages were given up (file: HTTP 404)" in found.detail.en
    assert "HTTP 404" in found.detail.en


def test_a_collector_that_is_not_well_is_found(config: Path) -> None:
    metrics = Metrics()
    health = HealthServer(metrics, "127.0.0.1", 0, Path("data") / ADDRESS_FILE)
    health.start()
    try:
        metrics.beat(connected=True, queued=0)
        assert checks(config)["collector"].detail.en.startswith("running")
        metrics.commit_failed("database or disk is full")
        assert not_ok(config)["collector"].detail.en == "store: database or disk is full"
    finally:
        health.stop()


def test_a_webhook_that_cannot_be_reached_is_found_without_showing_its_key(
    config: Path, free_port: Callable[[], int]
) -> None:
    hook = f"[notify.webhook]\nurl = 'http://127.0.0.1:{free_port()}/send?key=hunter2'\n"
    config.write_text(config.read_text().replace("['file']", "['webhook']") + hook)
    found = not_ok(config)["channel webhook"]
    assert "cannot be reached" in found.detail.en
    assert "hunter2" not in found.detail.en


def test_a_clock_that_was_set_back_is_found(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_looks, "_TRUSTED_FROM_US", doctor_looks._TRUSTED_TO_US - 1)
    assert "NTP" in not_ok(config)["clock"].remedy.en


# Knocking at a broker


def address(port: int, **more: Any) -> BrokerAddress:
    return BrokerAddress(host="127.0.0.1", port=port, **more)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_takes_us(protocol: Any, mosquitto: Mosquitto) -> None:
    probe(address(mosquitto.port, protocol=protocol))
    assert "redvest-doctor" not in mosquitto.log_text


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_wants_another_password(
    protocol: Any, new_mosquitto: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    passwords = tmp_path / "passwords"
    command = [str(tool("mosquitto_passwd")), "-b", "-c", str(passwords), "collector", "right"]
    subprocess.run(command, check=True, capture_output=True)
    passwords.chmod(0o644)
    broker = new_mosquitto(more_lines=["allow_anonymous false", f"password_file {passwords}"])
    probe(address(broker.port, protocol=protocol, username="collector", password="right"))
    for login in ({"username": "collector", "password": "wrong"}, {}):
        with pytest.raises(BrokerError) as raised:
            probe(address(broker.port, protocol=protocol, **login))
        assert "broker.username" in raised.value.remedy.en


@pytest.mark.parametrize(
    ("answer", "what", "remedy"),
    [
        (b"", "hung up", "TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no MQTT broker", "broker.port"),
        (b"\x20\x02\x00\x01", "does not speak this MQTT version", "broker.protocol"),
        (b"\x20\x03\x00\x84\x00", "does not speak this MQTT version", "broker.protocol"),
        (b"\x20\x02\x00\x03", "not available", "log"),
        (b"\x20\x03\x00\x99\x00", "refused with code 153", "log"),
        (None, "no answer", "firewalls"),
    ],
)
def test_a_broker_that_does_not_take_us(answer: bytes | None, what: str, remedy: str) -> None:
    with _listener(answer) as port, pytest.raises(BrokerError, match=what) as raised:
        probe(address(port), timeout_seconds=0.3)
    assert remedy in raised.value.remedy.en
    assert str(port) in str(raised.value)


def test_a_certificate_of_nobody_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("none")
    with _listener(b"x") as port, pytest.raises(BrokerError, match="holds no certificate") as raised:
        probe(address(port, tls_ca_file=tmp_path / "ca.pem"), timeout_seconds=0.3)
    assert "tls_ca_file" in raised.value.what.en


@contextmanager
def _listener(answer: bytes | None) -> Iterator[int]:
    """Listen on a free port and give every caller the same answer; None: none at all."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1024)
                if answer is None:
                    ended.wait(60)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        ended.set()
        thread.join(5)
