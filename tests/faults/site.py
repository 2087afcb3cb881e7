"""One installation below a folder: its settings, its collector as a child process, and what its stores hold."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from alerts.model.incidents import Incident
from alerts.notification.event import NotificationEvent
from alerts.notification.throttling_state import ThrottlingState
from grid.assets import Ledger
from grid.timestamps import format_utc, parse_timestamp_us
from service.container import Container
from service.metrics.health import ADDRESS_FILE
from service.notify.policy import STATE_NAME
from service.settings.settings import Settings, load_settings
from stores.journal.journal import Journal
from stores.records.changes import NotifiedEvent
from stores.records.outbox import Message
from tests.faults.collector import FORKING, run_forked
from tests.faults.promises import file_is_whole, require
from tests.faults.street import Key
from tests.support.waiting import pause

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 120.0
SUBSCRIBED = b"has answered our subscription"
"""What the collector logs when whatever is published comes to it."""


class Running:
    """A collector that runs, as a process forked from a prepared one or started as its own program."""

    def __init__(self, arguments: list[str], log: Path, *, as_program: list[str] | None = None) -> None:
        """Start it. `as_program` are words before `python -m …`, such as a tracer's; None forks instead."""
        self._log = log
        self._program: subprocess.Popen[bytes] | None = None
        if as_program is None:
            self._forked = FORKING.Process(target=run_forked, args=(arguments, log), daemon=True)
            self._forked.start()
        else:
            command = [*as_program, sys.executable, "-m", "tests.faults.collector", *arguments]
            with log.open("ab") as output:
                self._program = subprocess.Popen(command, stdout=output, stderr=output)
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        """Return the process id."""
        pid = self._forked.pid if self._program is None else self._program.pid
        assert pid is not None
        return pid

    @property
    def exit_code(self) -> int | None:
        """Return how it ended, minus the signal that killed it; None while it runs."""
        return self._forked.exitcode if self._program is None else self._program.poll()

    @property
    def log_text(self) -> str:
        """Return everything that this installation's collectors have logged."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def memory_mb(self) -> float:
        """Return its resident memory [MB]."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8").splitlines()
        return float(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.exit_code is None:
            self._forked.kill() if self._program is None else self._program.kill()
        self.wait()

    def stop(self) -> int:
        """End it as a service manager would, and return the exit code."""
        if self.exit_code is None:
            self._forked.terminate() if self._program is None else self._program.terminate()
        return self.wait()

    def wait(self, seconds_max: float = STOP_SECONDS_MAX) -> int:
        """Wait for its end and return the exit code. Raises TimeoutError, after killing it."""
        give_up_at = time.monotonic() + seconds_max
        while self.exit_code is None:
            if time.monotonic() > give_up_at:
                self._forked.kill() if self._program is None else self._program.kill()
                raise TimeoutError(f"the collector did not end in {seconds_max:g} s:\n{self.log_text[-2000:]}")
            pause(0.005)
        assert self.exit_code is not None
        return self.exit_code


class Site:
    """An installation whose collector can be started, killed and started again."""

    def __init__(self, folder: Path, broker_port: int, ledger: Ledger, sections: dict[str, dict[str, Any]]) -> None:
        """Write the settings and import the ledger. `sections` are keys of the settings file beside the defaults."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "redvest.toml"
        values: dict[str, dict[str, Any]] = {
            "broker": {"host": "127.0.0.1", "port": broker_port},
            "collector": {"health_port": 0},
            "notify": {"channels": ["file"]},
        }
        for section, keys in sections.items():
            values.setdefault(section, {}).update(keys)
        self.config.write_text('language = "en"\n\n' + _toml(values), encoding="utf-8")
        self.settings: Settings = load_settings(self.config)
        self.runs: list[Running] = []
        with self.container() as container:
            container.records.replace_ledger(ledger, "test", container.clock.now_us())

    def container(self) -> _Opened:
        """Give the installation's parts, for a `with` block."""
        return _Opened(self.settings)

    def start(
        self,
        broken: str = "",
        *,
        injected: list[str] | None = None,
        command: list[str] | None = None,
        as_program: list[str] | None = None,
    ) -> Running:
        """Start the collector, whole or broken, with faults injected; does not wait until it is ready."""
        breaking = ["--broken", broken] if broken else []
        words = ["collect", *(command or []), "--config", str(self.config)]
        running = Running([*breaking, *(injected or []), *words], self.folder / "collector.log", as_program=as_program)
        self.runs.append(running)
        return running

    def start_ready(self, broken: str = "", **options: Any) -> Running:
        """Start the collector and wait until it is connected and the broker has answered its subscription.

        What is published between the two, before there is a session, comes to nobody.
        """
        log = self.folder / "collector.log"
        log.touch()
        logged = log.stat().st_size
        running = self.start(broken, **options)
        self.wait_until(lambda: SUBSCRIBED in log.read_bytes()[logged:], running, what="to subscribe")
        self.wait_until(lambda: bool(self.health().get("connected")), running, what="to be healthy")
        return running

    def drain(self, done: Callable[[], bool], broken: str = "") -> None:
        """Run a collector until everything is `done`, or nothing comes any more, and stop it in order.

        A sound build is given long: on a machine under load it may look idle and is not.
        """
        idle_seconds_max = 1.5 if broken else 60.0
        running = self.start_ready(broken)
        taken, since = -1, time.monotonic()
        while time.monotonic() - since < idle_seconds_max:
            now_taken = self.health().get("messages", 0)
            if now_taken != taken:
                taken, since = now_taken, time.monotonic()
            elif done():
                break
            pause(0.1)
        code = running.stop()
        require(code == 0, f"the collector ended with {code} while it drained:\n{running.log_text[-2000:]}")

    def holds(self, keys: Set[Key]) -> bool:
        """Return whether all of these readings are stored."""
        return keys <= self.stored()

    def health(self) -> dict[str, Any]:
        """Return what /healthz says, empty while nobody answers."""
        try:
            port = int((self.settings.data.folder / ADDRESS_FILE).read_text(encoding="ascii"))
        except (OSError, ValueError):
            return {}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
        try:
            connection.request("GET", "/healthz")
            return dict(json.loads(connection.getresponse().read()))
        except (OSError, http.client.HTTPException, ValueError):
            return {}
        finally:
            connection.close()

    def wait_until(
        self, is_so: Callable[[], bool], running: Running, seconds_max: float = START_SECONDS_MAX, what: str = ""
    ) -> None:
        """Wait for something while the collector lives. Raises TimeoutError, or RuntimeError when it ended."""
        give_up_at = time.monotonic() + seconds_max
        while not is_so():
            if running.exit_code is not None:
                raise RuntimeError(f"the collector ended with {running.exit_code}:\n{running.log_text[-2000:]}")
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"not in {seconds_max:g} s: {what}\n{running.log_text[-2000:]}")
            pause(0.02)

    def stored(self) -> set[Key]:
        """Return the keys of all stored readings. Raises PromiseBroken when one is there twice."""
        if not self.settings.journal_file.exists():
            return set()
        keys: list[Key] = []
        with Journal.open_reader(self.settings.journal_file) as journal:
            name_of = {number: name for name, number in journal.all_numbers().items()}
            for batch in journal.since(0):
                names = (name_of[number] for number in batch.transformer.tolist())
                keys += zip(names, batch.measured_at_us.tolist(), strict=True)
        found = set(keys)
        require(len(found) == len(keys), f"{len(keys) - len(found)} readings are stored twice")
        return found

    def rejected(self) -> list[tuple[str, bytes]]:
        """Return (reason, payload) of everything in quarantine."""
        with Journal.open_reader(self.settings.journal_file) as journal:
            return [(reject.reason, reject.payload) for reject in journal.rejects(1_000_000)]

    def incidents(self) -> tuple[Incident, ...]:
        """Return all incidents, the newest first."""
        with self.container() as container:
            return container.records.incidents()

    def messages(self) -> tuple[Message, ...]:
        """Return all messages to people, the newest first."""
        with self.container() as container:
            return container.records.messages(1_000_000)

    def notification_events(self) -> tuple[tuple[NotifiedEvent, ...], tuple[NotificationEvent, ...]]:
        """Return what was told to people, remark by remark, and what waits to be told."""
        with self.container() as container:
            kept = container.records.state(STATE_NAME)
            waiting = ThrottlingState.from_json(kept).waiting if kept else ()
            return container.records.told_since(0), tuple(w.event for w in waiting)

    def kinds_said(self) -> set[str]:
        """Return the kinds of remarks that were told or wait to be."""
        return {event.kind for notification_events in self.notification_events() for event in notification_events}

    def gaps(self) -> dict[str, list[tuple[int, int]]]:
        """Return the open gaps as `redvest gaps --json` lists them: bounds [µs] by transformer."""
        listed = self.redvest("gaps", "--limit", "100000")
        found: dict[str, list[tuple[int, int]]] = {}
        for gap in listed:
            bounds = parse_timestamp_us(gap["after"]), parse_timestamp_us(gap["before"])
            found.setdefault(gap["transformer_id"], []).append(bounds)
        return found

    def keys_in_gaps(self, keys: Set[Key]) -> set[Key]:
        """Return which of these readings lie in a gap that is listed as open."""
        listed = self.gaps()
        return {(name, at_us) for name, at_us in keys if any(a < at_us < b for a, b in listed.get(name, ()))}

    def redvest(self, *words: str) -> list[dict[str, Any]]:
        """Return the JSON lines that a command prints."""
        output = self.folder / "output.txt"
        output.unlink(missing_ok=True)
        code = Running([*words, "--config", str(self.config), "--json"], output).wait()
        text = output.read_text(encoding="utf-8")
        require(code == 0, f"redvest {words[0]} ended with {code}: {text}")
        return [json.loads(line) for line in text.splitlines()]

    def delivered(self) -> list[dict[str, Any]]:
        """Return what the file channel delivered, in order."""
        file = self.settings.notifications_file
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line) for line in lines]

    def require_whole_files(self) -> None:
        """Raise PromiseBroken when a store is damaged."""
        file_is_whole(self.settings.journal_file)
        file_is_whole(self.settings.data.folder / "records.sqlite")

    def close(self) -> None:
        """End whatever still runs."""
        for running in self.runs:
            running.kill()


class _Opened:
    """A House that is closed when its block is left."""

    def __init__(self, settings: Settings) -> None:
        self._container = Container(settings)

    def __enter__(self) -> Container:
        return self._container

    def __exit__(self, *_: object) -> None:
        self._container.close()


def a_fast_clock(speed: float) -> dict[str, Any]:
    """Return the [clock] of an installation whose time began just now and runs so many times as fast."""
    now = format_utc(time.time_ns() // 1000)
    return {"kind": "scaled", "real_start": now, "start": now, "speed": speed}


def _toml(values: dict[str, dict[str, Any]]) -> str:
    lines = []
    for section, keys in values.items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"
