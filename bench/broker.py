"""A mosquitto of its own for a benchmark, on a free loopback port, that forgets everything when it ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS_MAX = 10.0


@dataclass(frozen=True)
class Broker:
    """A running broker."""

    port: int
    pid: int


@contextmanager
def running_broker(folder: Path, queued_messages_max: int = 0) -> Iterator[Broker]:
    """Give a running broker, by default without bounds on its queues. Raises FileNotFoundError without mosquitto."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("mosquitto is missing: apt-get install mosquitto")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\nlog_type none\n"
        + f"max_queued_messages {queued_messages_max}\nmax_inflight_messages 0\n"
        + ("user root\n" if os.geteuid() == 0 else "")
    )
    process = subprocess.Popen([program, "-c", config], stderr=subprocess.DEVNULL)
    try:
        _wait_until_it_listens(port, process)
        yield Broker(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def broker_version() -> str:
    """Return what mosquitto calls itself."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin") or "mosquitto"
    shown = subprocess.run([program, "-h"], capture_output=True, text=True, check=False).stdout
    return shown.splitlines()[0] if shown else "mosquitto?"


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    give_up_at = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < give_up_at and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
        except OSError:
            time.sleep(0.01)
        else:
            return
    raise RuntimeError("mosquitto did not start")
