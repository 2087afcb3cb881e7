"""The tools of the suite themselves: a broker that cannot be trusted would make every other test lie."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable

import pytest

from tests.support.mosquitto import Mosquitto
from tests.support.tools import tool


def test_the_broker_runs_stops_and_comes_back_on_the_same_port(mosquitto: Mosquitto) -> None:
    port = mosquitto.port
    socket.create_connection((mosquitto.host, port), timeout=2).close()
    mosquitto.stop()
    assert not mosquitto.running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((mosquitto.host, port), timeout=2)
    mosquitto.start()
    assert mosquitto.port == port
    socket.create_connection((mosquitto.host, port), timeout=2).close()


def test_a_killed_broker_can_be_started_again(new_mosquitto: Callable[..., Mosquitto]) -> None:
    broker = new_mosquitto(persistence=True, autosave_on_changes=True)
    broker.kill()
    assert not broker.running
    assert broker.start().running


def test_a_missing_program_fails_the_test_with_the_line_that_installs_it() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"no-such-program.*apt-get install"):
        tool("no-such-program")


def test_ports_are_handed_out_once(free_port: Callable[[], int]) -> None:
    ports = [free_port() for _ in range(50)]
    assert len(set(ports)) == 50


def test_the_time_series_server_answers(victoria_metrics: str) -> None:
    with urllib.request.urlopen(f"{victoria_metrics}/ping", timeout=60) as answer:
        assert answer.status == 204
