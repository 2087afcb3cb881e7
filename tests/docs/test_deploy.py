"""The files that a site installs: the broker starts with them and lets through exactly what they say."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.mosquitto import Mosquitto
from tests.support.tools import tool
from tests.support.waiting import pause

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PASSWORD = "only-for-this-test"
NAMES = ("redvest-collector", "YX06", "YX07", "ST01")


def site_configuration(folder: Path) -> list[str]:
    """Return the site's lines below the listener's own, with the site's folders moved into `folder`."""
    passwords = folder / "redvest.passwd"
    passwords.touch(mode=0o600)
    for name in NAMES:
        subprocess.run([tool("mosquitto_passwd"), "-b", passwords, name, PASSWORD], check=True)
    access = folder / "redvest.acl"
    access.write_text((DEPLOY / "redvest.acl").read_text())
    access.chmod(0o600)
    text = (DEPLOY / "mosquitto.conf").read_text()
    for place in ("/etc/mosquitto/certs/", "/etc/mosquitto/", "/var/lib/mosquitto/"):
        text = text.replace(place, f"{folder}/")
    return [line for line in text.splitlines() if not line.startswith("listener ")]


def client(broker: Mosquitto, name: str) -> mqtt.Client:
    """Return a connected client whose network thread runs."""
    made = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=f"test-{name}-{time.monotonic_ns()}")
    made.username_pw_set(name, PASSWORD)
    made.connect(broker.host, broker.port)
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
def site_broker(new_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> Mosquitto:
    """Return a broker with the rules of a site, but without its certificate."""
    lines = site_configuration(tmp_path)
    return new_mosquitto(configuration=[line for line in lines if not line.startswith(("certfile ", "keyfile "))])


def test_a_meter_writes_in_its_own_name_only(site_broker: Mosquitto) -> None:
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


def test_a_meter_reads_nothing(site_broker: Mosquitto) -> None:
    curious = client(site_broker, "YX06")
    heard = listen(curious, "#")
    meter = client(site_broker, "YX07")
    meter.publish("redvest/v1/ST01/YX07/reading", b"{}", qos=1).wait_for_publish(60)
    pause(0.2)
    for one in (curious, meter):
        one.disconnect()
        one.loop_stop()
    assert heard == []


def test_a_stranger_is_turned_away(site_broker: Mosquitto) -> None:
    answer: list[Any] = []
    stranger = mqtt.Client(CallbackAPIVersion.VERSION2)
    stranger.on_connect = lambda _c, _d, _f, reason, _p: answer.append(reason)
    stranger.connect(site_broker.host, site_broker.port)
    give_up_at = time.monotonic() + 60
    while not answer and time.monotonic() < give_up_at:
        stranger.loop(0.1)
    assert answer[0].is_failure


def test_the_broker_takes_every_line_of_the_site_file(new_mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    certificate = ["-keyout", tmp_path / "broker.key", "-out", tmp_path / "broker.crt", "-subj", "/CN=localhost"]
    command = [tool("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *certificate]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)
    broker = new_mosquitto(configuration=site_configuration(tmp_path))
    context = ssl.create_default_context(cafile=tmp_path / "broker.crt")
    with (
        socket.create_connection((broker.host, broker.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
