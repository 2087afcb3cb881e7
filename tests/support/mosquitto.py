"""A real mosquitto on a free loopback port, which a test may stop, kill and start again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.tools import tool
from tests.support.waiting import pause

_START_SECONDS_MAX = 60.0
_STOP_SECONDS_MAX = 60.0
_PORT_TRIES = 5


class Mosquitto:
    """One broker with a minimal configuration; its port stays the same over stops and starts."""

    host = "127.0.0.1"

    def __init__(
        self,
        folder: Path,
        free_port: Callable[[], int],
        *,
        persistence: bool = False,
        autosave_on_changes: bool = False,
        queued_messages_max: int = 400_000,
        inflight_messages_max: int = 0,
        more_lines: Sequence[str] = (),
        configuration: Sequence[str] | None = None,
    ) -> None:
        """Prepare a broker that keeps its files in `folder`.

        `persistence` keeps sessions and queued messages over a clean stop, `autosave_on_changes` also over
        a kill. 0 as a maximum is no limit. `more_lines` go into the configuration as they are;
        `configuration` stands instead of all that, below the listener's line.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._free_port = free_port
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_started = False
        own = [
            "allow_anonymous true",
            f"max_queued_messages {queued_messages_max}",
            f"max_inflight_messages {inflight_messages_max}",
            "log_dest stderr",
            "log_type warning",
            "log_type error",
            f"persistence {'true' if persistence else 'false'}",
            *([f"persistence_location {folder}/"] if persistence else []),
            *(["autosave_on_changes true", "autosave_interval 1"] if autosave_on_changes else []),
            *more_lines,
        ]
        self._lines = own if configuration is None else list(configuration)
        if os.geteuid() == 0:
            self._lines += ["user root"]  # else it drops to a user who may not write into the test's folder

    @property
    def running(self) -> bool:
        """Return whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Return the process id; only while it runs."""
        if self._process is None:
            raise RuntimeError("this broker has not been started")
        return self._process.pid

    @property
    def log_text(self) -> str:
        """Return what the broker has logged so far."""
        path = self.folder / "mosquitto.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> Mosquitto:
        """Start the broker and return when it takes connections."""
        if self.running:
            return self
        for _ in range(_PORT_TRIES):
            if self._started_on_port():
                self._has_started = True
                return self
            if self._has_started:
                break  # its clients know this port
            self.port = self._free_port()
        raise RuntimeError(f"mosquitto did not start on port {self.port}:\n{self.log_text}")

    def stop(self) -> None:
        """End the broker as a service manager would: it saves what it persists."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as a power cut would."""
        self._end(signal.SIGKILL)

    def _started_on_port(self) -> bool:
        config = self.folder / "mosquitto.conf"
        config.write_text("\n".join([f"listener {self.port} {self.host}", *self._lines]) + "\n")
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen([tool("mosquitto"), "-c", config], stdout=log, stderr=log)
        give_up_at = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < give_up_at and self.running:
            try:
                socket.create_connection((self.host, self.port), timeout=1.0).close()
            except OSError:
                pause(0.005)
            else:
                return self.running
        self.kill()
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        give_up_at = time.monotonic() + _STOP_SECONDS_MAX
        while self._process.poll() is None:
            # Again and again: a broker that has only just begun to listen forgets a signal.
            self._process.send_signal(how if time.monotonic() < give_up_at else signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
