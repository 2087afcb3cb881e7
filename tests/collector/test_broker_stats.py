"""What the broker says of itself is followed; what it does not say is unknown, never 0; it disturbs nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from collector.mqtt import broker_stats
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.broker_stats import UNKNOWN, BrokerStats, BrokerStatsThread
from collector.mqtt.subscriber import Subscriber
from collector.wire.format import subscription_filters
from grid.backoff import Backoff
from tests.faults.devices import Devices
from tests.faults.street import Street, minutes_ago
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause

NewMosquitto = Callable[..., Mosquitto]


@pytest.fixture
def follow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[BrokerStats]]]:
    """Return a function that follows a broker's figures and returns the list that they are told to."""
    monkeypatch.setattr(broker_stats, "RETRY", Backoff(0.05, 0.2))
    started: list[BrokerStatsThread] = []

    def start(broker: Mosquitto, protocol: str = "5") -> list[BrokerStats]:
        told: list[BrokerStats] = []
        address = BrokerAddress(broker.host, broker.port, protocol=protocol)  # type: ignore[arg-type]
        started.append(BrokerStatsThread(address, "collector", told.append))
        started[-1].start()
        return told

    yield start
    for each in started:
        each.stop()


def until(is_so: Callable[[], bool], what: str) -> None:
    give_up_at = time.monotonic() + 60.0
    while not is_so():
        assert time.monotonic() < give_up_at, what
        pause(0.01)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_whose_queue_is_full_says_how_much_it_threw_away(
    new_mosquitto: NewMosquitto, follow: Callable[..., list[BrokerStats]], protocol: str
) -> None:
    broker = new_mosquitto(more_lines=["sys_interval 1"], queued_messages_max=100)
    address = BrokerAddress(broker.host, broker.port)
    subscriber = Subscriber(address, "collector", subscription_filters(), lambda: 0)
    subscriber.start()
    until(lambda: subscriber.state().subscribed, "not subscribed")
    subscriber.stop()
    told = follow(broker, protocol)
    with Devices(broker.port) as devices:
        devices.send(Street(30, seed=1).readings(minutes_ago(20), 10))
        until(lambda: bool(told) and (told[-1].dropped or 0) > 0, f"nothing thrown away: {told}")
        until(lambda: told[-1].dropped == 200, f"300 sent, 100 kept: {told[-1]}")
        until(lambda: (told[-1].held or 0) >= 100, f"100 are kept: {told[-1]}")
        assert told[-1].clients is not None
        assert "mosquitto" in (told[-1].version or "")


def test_figures_that_are_forbidden_are_unknown(
    new_mosquitto: NewMosquitto, follow: Callable[..., list[BrokerStats]], tmp_path: Path
) -> None:
    access = tmp_path / "access"
    access.write_text("topic read redvest/#\n")
    access.chmod(0o600)
    told = follow(new_mosquitto(more_lines=["sys_interval 1", f"acl_file {access}"]))
    pause(2.0)
    assert told == []


def test_a_broker_that_publishes_no_figures_leaves_them_unknown(
    new_mosquitto: NewMosquitto, follow: Callable[..., list[BrokerStats]]
) -> None:
    told = follow(new_mosquitto(more_lines=["sys_interval 0"]))
    pause(1.0)
    assert all(figures.dropped is None and figures.held is None for figures in told)


def test_figures_of_a_broker_that_is_gone_are_unknown_until_it_is_back(
    new_mosquitto: NewMosquitto, follow: Callable[..., list[BrokerStats]]
) -> None:
    broker = new_mosquitto(more_lines=["sys_interval 1"])
    told = follow(broker)
    until(lambda: bool(told) and told[-1].dropped is not None, "no figures")
    assert told[-1].dropped == 0
    broker.stop()
    until(lambda: told[-1] == UNKNOWN, "still known")
    broker.start()
    until(lambda: told[-1].dropped is not None, "not back")


@pytest.mark.parametrize("payload", [b"", b"many", b"-1", b"1.5", b"9" * 30, b"\xff", "１２".encode()])
def test_what_is_no_count_is_unknown(mosquitto: Mosquitto, payload: bytes) -> None:
    assert broker_stats._count(payload) is None
    assert broker_stats._count(b"17") == 17
