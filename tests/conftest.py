"""Fixtures of the whole suite: a real broker, free ports, a browser, a time-series server.

mosquitto          a running broker without persistence
new_mosquitto      makes brokers with options: new_mosquitto(persistence=True); started unless started=False
free_port          a function: each call returns a loopback port that nothing uses
chromium           path of the browser, for playwright's `executable_path`
chromium_options   the switches it runs with in a container
victoria_metrics   URL of a running server that takes influxdb-client's writes
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.faults.figures import pytest_terminal_summary as pytest_terminal_summary
from tests.support.mosquitto import Mosquitto
from tests.support.ports import FreePorts
from tests.support.tools import tool
from tests.support.waiting import pause

# The same examples on every run: a change is judged by the change. REDVEST_DRAW=1 looks for new ones.
settings.register_profile("steady", derandomize=not os.environ.get("REDVEST_DRAW"))
settings.load_profile("steady")


@pytest.fixture(scope="session")
def free_port(worker_id: str) -> Callable[[], int]:
    """Return a function that returns a free loopback port."""
    return FreePorts(int(worker_id.removeprefix("gw")) + 1 if worker_id.startswith("gw") else 0)


@pytest.fixture
def new_mosquitto(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Callable[..., Mosquitto]]:
    """Return a function that makes a broker (options of `Mosquitto`) and ends it after the test."""
    brokers: list[Mosquitto] = []

    def make(*, started: bool = True, **options: Any) -> Mosquitto:
        broker = Mosquitto(tmp_path / f"mosquitto-{len(brokers)}", free_port, **options)
        brokers.append(broker)
        return broker.start() if started else broker

    yield make
    for broker in brokers:
        broker.stop()


@pytest.fixture
def mosquitto(new_mosquitto: Callable[..., Mosquitto]) -> Mosquitto:
    """Return a running broker without persistence."""
    return new_mosquitto()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of the browser: Debian's, or the one that playwright installed for itself."""
    own = Path.home() / ".cache" / "ms-playwright"
    installed = sorted(own.glob("chromium-*/chrome-linux*/chrome"))
    return str(installed[-1] if installed else tool("chromium", "google-chrome"))


@pytest.fixture(scope="session")
def chromium_options() -> list[str]:
    """Return the switches for a browser that runs as root, without a screen, and calls nobody."""
    return [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]


@pytest.fixture
def victoria_metrics(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[str]:
    """Return the URL of a running VictoriaMetrics with an empty store."""
    port = free_port()
    command = [
        tool("victoria-metrics", "victoria-metrics-prod"),
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={tmp_path / 'victoria-metrics'}",
        "-retentionPeriod=100y",
        "-memory.allowedBytes=64MB",
        "-search.latencyOffset=0s",
        "-search.disableCache",
    ]
    with (tmp_path / "victoria-metrics.log").open("wb") as log:
        server = subprocess.Popen([str(word) for word in command], stdout=log, stderr=log)
    try:
        _wait_for_port(port, server, tmp_path / "victoria-metrics.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    give_up_at = time.monotonic() + 90.0
    while time.monotonic() < give_up_at and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            pause(0.02)
        else:
            return
    raise RuntimeError(f"the server on port {port} did not start:\n{log.read_text(errors='replace')}")
