"""TLS to a real broker: the right certificate lets readings through, every wrong one is told with what to mend."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import paho.mqtt.client as mqtt
import pytest

from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import encode_reading, reading_topic, subscription_filters
from grid.errors import BrokerError
from grid.timestamps import format_utc
from service.doctor.broker_probe import probe
from service.doctor.doctor import examine
from tests.docs.test_deploy import NAMES, PASSWORD, start_site
from tests.faults.site import Site
from tests.faults.street import Street, minutes_ago
from tests.support.certificates import Authority
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

Protocol = Literal["5", "3.1.1"]
NewMosquitto = Callable[..., Mosquitto]
TOPIC = reading_topic("ST01", "YX06")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return the authority that signs the brokers' certificates."""
    return Authority(tmp_path_factory.mktemp("authority"), "authority")


@pytest.fixture
def subscribe() -> Iterator[Callable[..., Subscriber]]:
    """Return a function that starts a subscriber at an address; all are stopped after the test."""
    started: list[Subscriber] = []

    def start(address: BrokerAddress) -> Subscriber:
        made = Subscriber(
            address,
            "collector",
            subscription_filters(),
            lambda: time.time_ns() // 1000,
            reconnect_seconds_min=0.05,
            reconnect_seconds_max=0.2,
        )
        started.append(made)
        made.start()
        return made

    yield start
    for each in started:
        each.stop()


def address_of(broker: Mosquitto, ca_file: Path | None, **more: Any) -> BrokerAddress:
    return BrokerAddress(broker.host, broker.port, tls_ca_file=ca_file, **more)


def until_told(subscriber: Subscriber) -> str:
    """Wait until there is no connection and why is known."""
    give_up_at = time.monotonic() + 60.0
    while not (told := subscriber.state().last_error):
        assert time.monotonic() < give_up_at, "nothing is told"
        pause(0.005)
    return told


def publish(address: BrokerAddress, topics: list[str], client_id: str = "device", payload: bytes = b"{}") -> None:
    """Publish at QoS 1 and return when the broker has acknowledged all, or has dropped them as if it had."""
    client: mqtt.Client = address.client(client_id)
    address.connect(client)
    client.loop_start()
    for sent in [client.publish(topic, payload, qos=1) for topic in topics]:
        sent.wait_for_publish(60.0)
    client.disconnect()
    client.loop_stop()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_readings_arrive_by_tls_and_are_acknowledged(
    new_mosquitto: NewMosquitto, authority: Authority, subscribe: Callable[..., Subscriber], protocol: Protocol
) -> None:
    broker = new_mosquitto(more_lines=authority.signs("right").configuration)
    address = address_of(broker, authority.certificate, protocol=protocol)
    probe(address)
    subscriber = subscribe(address)
    while not subscriber.state().subscribed:
        pause(0.005)
    publish(address, [TOPIC] * 2_000, payload=b"x" * 300)
    taken = 0
    give_up_at = time.monotonic() + 60.0
    while taken < 2_000 and time.monotonic() < give_up_at:
        messages = subscriber.take(500, 0.1)
        assert {message.payload for message in messages} <= {b"x" * 300}
        taken += len(messages)
        subscriber.acknowledge(messages)
    assert (taken, subscriber.state().acknowledged, subscriber.state().last_error) == (2_000, 2_000, "")


WRONG = {
    "another authority": ("not signed by the authority in broker.tls_ca_file", "put the certificate of the authority"),
    "another host": ("for another name than 127.0.0.1", "set broker.host to a name in the certificate"),
    "expired": ("has expired", "renew it on the broker"),
    "no TLS on the port": ("does not speak TLS on this port", "set broker.port to its TLS port"),
    "TLS not asked for": ("hung up", "set broker.tls_ca_file"),
    "no certificate in the file": ("broker.tls_ca_file holds no certificate", "BEGIN CERTIFICATE"),
}


@pytest.fixture(params=WRONG)
def wrong(
    request: pytest.FixtureRequest, new_mosquitto: NewMosquitto, authority: Authority, tmp_path: Path
) -> tuple[BrokerAddress, str, str]:
    """Return an address that cannot be connected to, and what must be told of it."""
    name: str = request.param
    signed = {"another host": {"subject": "DNS:broker.example"}, "expired": {"days": -1}}.get(name, {})
    shown = authority.signs(name.replace(" ", "-"), **signed).configuration  # type: ignore[arg-type]
    broker = new_mosquitto(more_lines=[] if name == "no TLS on the port" else shown)
    empty = tmp_path / "empty.crt"
    empty.write_text("none")
    trusted = {
        "another authority": Authority(tmp_path, "other").certificate,
        "TLS not asked for": None,
        "no certificate in the file": empty,
    }.get(name, authority.certificate)
    return address_of(broker, trusted), *WRONG[name]


def test_what_is_wrong_with_tls_is_told_with_what_to_mend(
    wrong: tuple[BrokerAddress, str, str], subscribe: Callable[..., Subscriber]
) -> None:
    address, what, remedy = wrong
    subscriber = subscribe(address)
    told = until_told(subscriber)
    assert what in told
    assert remedy in told
    assert str(address) in told
    assert "\n" not in told
    pause(0.3)
    assert not subscriber.state().connected
    assert subscriber.state().unexpected_errors == 0


def test_the_doctor_says_the_same(wrong: tuple[BrokerAddress, str, str], tmp_path: Path) -> None:
    address, what, remedy = wrong
    with pytest.raises(BrokerError) as raised:
        probe(address)
    assert what in raised.value.what.en
    assert remedy in raised.value.remedy.en
    config = tmp_path / "redvest.toml"
    config.write_text(
        f'[broker]\nhost = "{address.host}"\nport = {address.port}\ntls_ca_file = "{address.tls_ca_file or ""}"\n'
    )
    found = next(check for check in examine(config) if check.name == "broker")
    assert not found.ok
    assert what in found.detail.en
    assert remedy in found.remedy.en


def test_a_server_that_never_answers_the_tls_greeting_is_left_in_time(
    authority: Authority, subscribe: Callable[..., Subscriber]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = BrokerAddress(
            "127.0.0.1", mute.getsockname()[1], tls_ca_file=authority.certificate, keep_alive_seconds=1
        )
        assert "no answer" in until_told(subscribe(address))


def test_a_certificate_file_that_is_not_there_is_named(
    subscribe: Callable[..., Subscriber], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    missing = tmp_path / "no-such-authority.pem"
    address = BrokerAddress(mosquitto.host, mosquitto.port, tls_ca_file=missing)
    assert str(missing) in until_told(subscribe(address))
    with pytest.raises(BrokerError, match=r"tls_ca_file \(.*no-such-authority.pem\) cannot be read"):
        probe(address)


def test_a_password_that_anybody_can_read_is_warned_of(tmp_path: Path) -> None:
    def shows(host: str, password: str = PASSWORD, authority: Path | None = None) -> bool:
        return BrokerAddress(host, 1883, "x", password, tls_ca_file=authority).shows_its_password

    assert shows("broker.example")
    assert shows("10.0.0.7")
    assert not shows("127.0.0.1")
    assert not shows("localhost")
    assert not shows("::1")
    assert not shows("broker.example", password="")
    assert not shows("broker.example", authority=tmp_path / "authority.pem")


def test_a_site_with_tls_passwords_and_access_list_stores_what_each_meter_may_say(
    new_mosquitto: NewMosquitto, free_port: Callable[[], int], authority: Authority, tmp_path: Path
) -> None:
    """A forbidden publication is answered with success (MQTT 3.1.1), so what is stored decides."""
    signed = authority.signs("site")
    (tmp_path / "broker.crt").write_bytes(signed.certificate.read_bytes())
    (tmp_path / "broker.key").write_bytes(signed.key.read_bytes())
    broker, device_port, collector_port = start_site(new_mosquitto, free_port, tmp_path, by_tls=True)
    street = Street(2, seed=1)
    login = {"username": NAMES[0], "password_file": str(tmp_path / "secret")}
    (tmp_path / "secret").write_text(PASSWORD)
    (tmp_path / "secret").chmod(0o600)
    site = Site(tmp_path / "site", collector_port, street.ledger, {"broker": login})
    try:
        collector = site.start_ready()
        own, others = reading_topic("S1", "T0000"), reading_topic("S1", "T0001")
        subprocess.run(["mosquitto_passwd", "-b", tmp_path / "redvest.passwd", "T0000", PASSWORD], check=True)
        broker.stop()
        broker.start()
        meter = address_of(broker, authority.certificate, protocol="3.1.1", username="T0000", password=PASSWORD)
        meter = replace(meter, port=device_port)
        payload = encode_reading(format_utc(minutes_ago(1)), active_power_kw=100.0)
        publish(meter, [others, reading_topic("S2", "T0001"), own], payload=payload)
        site.wait_until(lambda: site.health().get("stored", 0) >= 1, collector)
        pause(0.2)
        collector.stop()
        assert {name for name, _ in site.stored()} == {"T0000"}
        assert site.rejected() == []
        assert PASSWORD not in collector.log_text
    finally:
        site.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_wrong_password_is_refused_by_tls_too_and_told(
    new_mosquitto: NewMosquitto,
    free_port: Callable[[], int],
    authority: Authority,
    tmp_path: Path,
    subscribe: Callable[..., Subscriber],
    protocol: Protocol,
) -> None:
    signed = authority.signs("login")
    (tmp_path / "broker.crt").write_bytes(signed.certificate.read_bytes())
    (tmp_path / "broker.key").write_bytes(signed.key.read_bytes())
    broker, device_port, _ = start_site(new_mosquitto, free_port, tmp_path, by_tls=True)
    address = address_of(
        broker, authority.certificate, protocol=protocol, username=NAMES[0], password="not-" + PASSWORD
    )
    address = replace(address, port=device_port)
    told = until_told(subscribe(address))
    assert "refuses us" in told
    assert "mend broker.username, the password" in told
    assert PASSWORD not in told
    with pytest.raises(BrokerError) as raised:
        probe(address)
    assert "broker.username" in raised.value.remedy.en
