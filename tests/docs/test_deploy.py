"""The files that a site installs: the broker starts with them and lets through exactly what they say."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from stores.journal.journal import Journal
from stores.records.records import Records
from tests.support.mosquitto import Mosquitto
from tests.support.tools import tool
from tests.support.waiting import pause, wait_until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PASSWORD = "only-for-this-test"
NAMES = ("redvest-collector", "YX06", "YX07", "ST01")


DEBIAN = """
persistence true
persistence_location {folder}/
include_dir {folder}/conf.d
"""
"""What Debian's /etc/mosquitto/mosquitto.conf says beside its log."""


class SiteBroker(NamedTuple):
    """A broker with Debian's configuration and the site's beside it."""

    broker: Mosquitto
    device_port: int
    collector_port: int


def start_site(
    new_mosquitto: Callable[..., Mosquitto], free_port: Callable[[], int], folder: Path, *, by_tls: bool
) -> SiteBroker:
    """Start a broker with the site's files as they are, but for folders, ports and, if asked, the certificate."""
    passwords = folder / "redvest.passwd"
    passwords.touch(mode=0o600)
    for name in NAMES:
        subprocess.run([tool("mosquitto_passwd"), "-b", passwords, name, PASSWORD], check=True)
    access = folder / "redvest.acl"
    access.write_text((DEPLOY / "redvest.acl").read_text())
    access.chmod(0o600)
    device_port, collector_port = free_port(), free_port()
    text = (DEPLOY / "mosquitto.conf").read_text().replace("listener 8883", f"listener {device_port} 127.0.0.1")
    text = text.replace("listener 1883 127.0.0.1", f"listener {collector_port} 127.0.0.1")
    for place in ("/etc/mosquitto/certs/", "/etc/mosquitto/"):
        text = text.replace(f" {place}", f" {folder}/")
    lines = [line for line in text.splitlines() if by_tls or not line.startswith(("certfile ", "keyfile "))]
    (folder / "conf.d").mkdir()
    (folder / "conf.d" / "redvest.conf").write_text("\n".join(lines) + "\n")
    broker = new_mosquitto(configuration=DEBIAN.format(folder=folder).splitlines())
    return SiteBroker(broker, device_port, collector_port)


def client(site: SiteBroker, name: str) -> mqtt.Client:
    """Return a connected client whose network thread runs; the collector comes in by its own listener."""
    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}-{time.monotonic_ns()}")
    made.username_pw_set(name, PASSWORD)
    made.connect(site.broker.host, site.collector_port if name == "redvest-collector" else site.device_port)
    made.loop_start()
    return made


def listen(listener: mqtt.Client, topic_filter: str) -> list[str]:
    """Subscribe, wait until the broker has answered, and return the list that the topics of messages go to."""
    answered = threading.Event()
    topics: list[str] = []
    listener.on_subscribe = lambda *_: answered.set()
    listener.on_message = lambda _client, _data, message: topics.append(message.topic)
    listener.subscribe(topic_filter, qos=1)
    assert answered.wait(60)
    return topics


@pytest.fixture
def site_broker(new_mosquitto: Callable[..., Mosquitto], free_port: Callable[[], int], tmp_path: Path) -> SiteBroker:
    """Return a broker with the rules of a site, but without its certificate."""
    return start_site(new_mosquitto, free_port, tmp_path, by_tls=False)


def test_a_meter_writes_in_its_own_name_only(site_broker: SiteBroker) -> None:
    """MQTT 3.1.1 answers a forbidden publish with success, so what counts is what arrives."""
    collector = client(site_broker, "redvest-collector")
    arrived = listen(collector, "redvest/v1/#")
    publications = [
        ("YX06", "redvest/v1/ST01/YX06/reading"),
        ("YX06", "redvest/v1/ST01/YX07/reading"),
        ("YX06", "redvest/v1/ST01/readings"),
        ("YX06", "other/topic"),
        ("ST01", "redvest/v1/ST01/readings"),
        ("ST01", "redvest/v1/ST02/readings"),
        ("redvest-collector", "redvest/v1/ST01/YX06/reading"),
        ("YX07", "redvest/v1/ST01/YX07/reading"),
    ]
    for name, topic in publications:
        meter = client(site_broker, name)
        meter.publish(topic, b"{}", qos=1).wait_for_publish(60)
        meter.disconnect()
        meter.loop_stop()
    give_up_at = time.monotonic() + 60
    while len(arrived) < 3 and time.monotonic() < give_up_at:
        pause(0.01)
    collector.disconnect()
    collector.loop_stop()
    assert arrived == ["redvest/v1/ST01/YX06/reading", "redvest/v1/ST01/readings", "redvest/v1/ST01/YX07/reading"]


def test_a_meter_reads_nothing(site_broker: SiteBroker) -> None:
    curious = client(site_broker, "YX06")
    heard = listen(curious, "#")
    meter = client(site_broker, "YX07")
    meter.publish("redvest/v1/ST01/YX07/reading", b"{}", qos=1).wait_for_publish(60)
    pause(0.2)
    for one in (curious, meter):
        one.disconnect()
        one.loop_stop()
    assert heard == []


def test_a_stranger_is_turned_away(site_broker: SiteBroker) -> None:
    answer: list[Any] = []
    stranger = mqtt.Client(CallbackAPIVersion.VERSION2)
    stranger.on_connect = lambda _c, _d, _f, reason, _p: answer.append(reason)
    stranger.connect(site_broker.broker.host, site_broker.device_port)
    give_up_at = time.monotonic() + 60
    while not answer and time.monotonic() < give_up_at:
        stranger.loop(0.1)
    assert answer[0].is_failure


def test_no_device_can_take_the_collectors_place(site_broker: SiteBroker) -> None:
    """Whoever logs in with the collector's client id would be given, and could throw away, what waits there for it."""
    kept = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="redvest-collector", clean_session=False)
    kept.username_pw_set("redvest-collector", PASSWORD)
    kept.connect(site_broker.broker.host, site_broker.collector_port)
    kept.loop_start()
    listen(kept, "redvest/v1/#")
    kept.disconnect()
    kept.loop_stop()
    meter = client(site_broker, "YX06")
    for _ in range(200):
        meter.publish("redvest/v1/ST01/YX06/reading", b"{}", qos=1).wait_for_publish(60)
    thief = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="redvest-collector", clean_session=True)
    thief.username_pw_set("YX07", PASSWORD)
    thief.connect(site_broker.broker.host, site_broker.device_port)
    thief.loop_start()
    assert listen(thief, "redvest/v1/ST01/YX07/replay") == []
    arrived: list[str] = []
    again = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="redvest-collector", clean_session=False)
    again.username_pw_set("redvest-collector", PASSWORD)
    again.on_message = lambda _client, _data, message: arrived.append(message.topic)
    again.connect(site_broker.broker.host, site_broker.collector_port)
    again.loop_start()
    wait_until(lambda: len(arrived) == 200)
    for one in (meter, thief, again):
        one.disconnect()
        one.loop_stop()


def test_a_device_hears_what_the_collector_asks_of_it_and_nothing_else(site_broker: SiteBroker) -> None:
    asked = client(site_broker, "YX06")
    other = client(site_broker, "YX07")
    topics = listen(asked, "redvest/v1/+/YX06/replay")
    others = listen(other, "redvest/v1/#")
    collector = client(site_broker, "redvest-collector")
    collector.publish("redvest/v1/ST01/YX06/replay", b"{}", qos=1).wait_for_publish(60)
    wait_until(lambda: topics == ["redvest/v1/ST01/YX06/replay"])
    for one in (asked, other, collector):
        one.disconnect()
        one.loop_stop()
    assert others == []


def test_the_broker_takes_every_line_of_the_site_file(
    new_mosquitto: Callable[..., Mosquitto], free_port: Callable[[], int], tmp_path: Path
) -> None:
    certificate = ["-keyout", tmp_path / "broker.key", "-out", tmp_path / "broker.crt", "-subj", "/CN=localhost"]
    command = [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *certificate]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    site = start_site(new_mosquitto, free_port, tmp_path, by_tls=True)
    context = ssl.create_default_context(cafile=tmp_path / "broker.crt")
    with (
        socket.create_connection((site.broker.host, site.device_port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.version() in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("service", ["collect", "dashboard"])
def test_the_services_are_exposed_to_little(service: str) -> None:
    unit = DEPLOY / f"redvest-{service}.service"
    judged = subprocess.run(
        [tool("systemd-analyze"), "security", "--offline=true", "--threshold=20", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-300:]


def test_neither_service_has_the_others_user_or_secrets() -> None:
    units = [(DEPLOY / f"redvest-{service}.service").read_text() for service in ("collect", "dashboard")]
    for key in ("User=", "EnvironmentFile="):
        said = [next(line for line in unit.splitlines() if line.startswith(key)) for unit in units]
        assert said[0] != said[1]


def test_a_folder_that_a_group_shares_has_files_for_the_group(tmp_path: Path) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(0o2770)
    own.mkdir()
    mask = os.umask(0o007)
    try:
        for folder, mode in ((shared, 0o660), (own, 0o600)):
            with Journal.open_writer(folder / "journal.sqlite", rejects_rows_max=10):
                written = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.glob("journal.sqlite*")}
            written.pop("journal.sqlite.lock")
            assert set(written.values()) == {mode}, written
            with Records(f"sqlite:///{folder}/records.sqlite") as records:
                records.migrate()
            assert stat.S_IMODE((folder / "records.sqlite").stat().st_mode) == mode
    finally:
        os.umask(mask)
