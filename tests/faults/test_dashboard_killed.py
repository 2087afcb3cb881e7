"""F25: browsers reload the dashboard, then it is killed; the reading goes on as if nothing were."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from service.access.sessions import SESSION_COOKIE
from tests.faults.devices import Devices
from tests.faults.promises import nothing_lost, require
from tests.faults.site import START_SECONDS_MAX, Site
from tests.faults.street import Street, minutes_ago
from tests.support.dashboard import token_of
from tests.support.mosquitto import Mosquitto
from tests.support.waiting import pause


def reload_page(port: int, token: str, until: threading.Event, drawn_once: threading.Event) -> int:
    """Open the wall as a browser does, again and again; return how often it was drawn to its end."""
    drawn = 0
    ask = BackMsg()
    ask.rerun_script.query_string = ""
    with suppress(OSError, WebSocketException, TimeoutError):
        while not until.is_set():
            with connect(
                f"ws://127.0.0.1:{port}/_stcore/stream",
                subprotocols=["streamlit"],  # type: ignore[list-item]
                additional_headers={"Cookie": f"{SESSION_COOKIE}={token}"},
                max_size=None,
            ) as session:
                session.send(ask.SerializeToString())
                told = ForwardMsg()
                while told.WhichOneof("type") != "script_finished":
                    told.ParseFromString(session.recv(timeout=60.0))
            drawn += 1
            drawn_once.set()
    return drawn


def reload_and_kill_the_dashboard(
    new_site: Callable[..., Site], broker: Mosquitto, port: int, browsers: int, seconds: float, live_seconds_max: float
) -> str:
    """Let browsers reload while devices send, kill the dashboard in the middle, and see what the reading says to it."""
    street = Street(100, seed=25)
    minutes = round(4 * seconds)
    sent = street.readings(minutes_ago(minutes), minutes)
    site = new_site(street, broker, dashboard={"port": port})
    collector = site.start_ready()
    command = [sys.executable, "-m", "service.cli.main", "dashboard", "--config", str(site.config)]
    with (site.folder / "dashboard.log").open("wb") as log:
        dashboard = subprocess.Popen(command, stdout=log, stderr=log)
    token = token_of(site.config, "duty")
    stop, drawn_once = threading.Event(), threading.Event()
    try:
        wait_for_port(port, dashboard)
        with ThreadPoolExecutor(browsers) as pool, Devices(broker.port) as devices:
            drawn = [pool.submit(reload_page, port, token, stop, drawn_once) for _ in range(browsers)]
            drawn_once.wait(120.0)
            devices.start_sending(sent, per_second=len(sent) / seconds)
            pause(0.7 * seconds)
            stop.set()
            dashboard.kill()
            devices.wait()
            began = time.monotonic()
            site.wait_until(lambda: site.health()["stored"] >= len(sent), collector, live_seconds_max, "all stored")
            behind_seconds = time.monotonic() - began
            pages = sum(one.result() for one in drawn)
    finally:
        dashboard.kill()
        dashboard.wait()
    collector.stop()
    require(pages > 0, "no page was drawn, this test loads nothing")
    require(collector.log_text.count("connected to") == 1, "the collector lost its connection")
    nothing_lost(devices.acknowledged, site.stored())
    return (
        f"{browsers} browsers drew {pages} pages, dashboard killed: {len(devices.acknowledged):,} readings at "
        f"{len(sent) / seconds:.0f}/s, 0 lost, the last stored {behind_seconds:.2f} s behind"
    )


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the dashboard answers."""
    deadline = time.monotonic() + 120.0
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        pause(0.1)
    raise RuntimeError(f"the dashboard does not answer ({process.poll()})")


@pytest.mark.parametrize(
    ("browsers", "seconds", "live_seconds_max"),
    [(20, 6.0, START_SECONDS_MAX), pytest.param(50, 120.0, 5.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])],
)
def test_the_reading_does_not_notice_what_the_dashboard_suffers(
    new_site: Callable[..., Site],
    mosquitto: Mosquitto,
    free_port: Callable[[], int],
    browsers: int,
    seconds: float,
    live_seconds_max: float,
    tell: Callable[[str, str], None],
) -> None:
    tell("F25", reload_and_kill_the_dashboard(new_site, mosquitto, free_port(), browsers, seconds, live_seconds_max))
