"""`redvest demo`: broker, simulator, collector and dashboard as one command, and the story told as it happens.

Every part is the real one, in a process of its own; only the street is simulated. The story is not played
back: each stage is read from the stores, and is told when it is there.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from alerts.silence.detection import FEEDER_SLOTS
from grid.errors import StoreError, UsageError
from grid.text import Language, Text
from grid.timestamps import SECOND_US, format_utc
from service.clock import SystemClock
from service.container import Container
from service.demo.accounts import throw_away_accounts
from service.demo.narrator import Narrator
from service.free_port import free_port, is_free
from service.ledger_sheets import ledger_of
from service.settings.settings import load_settings
from simulator.publish.broker import BrokerProcess
from simulator.scenario.scenario import Scenario, load_scenario

START_SECONDS = 6.0
"""Until every process is up, before the scaled clock starts to run."""
STORES_MADE_SECONDS_MAX = 20.0
STOP_SECONDS_MAX = 10.0
DASHBOARD_PORT = 8501
STALL_SECONDS_MAX = 5.0
"""So long the machine may stall without anybody being called silent: hours pass in a minute here, and what is late by a
second would be late by minutes of the day (practice)."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo was asked for."""

    headless: bool = False
    speed: float = 180.0
    """How many seconds of the day pass in one real second."""
    folder: Path | None = None
    """Where its data go; a temporary folder that is thrown away without one."""
    minutes_max: float | None = None
    """Stop by itself after so many real minutes."""
    scenario: str = "yx06-24-july"
    language: Language = Language.ZH


def run_demo(options: DemoOptions, say: Callable[[str], None]) -> int:
    """Run the demo until the story is told (headless), the time is up or Ctrl-C. Returns the exit code.

    Raises UsageError when the folder holds another installation's data. Ends every process it started.
    """
    scenario = load_scenario(options.scenario)
    with _folder(options.folder) as folder, _Processes(folder) as processes:
        port = free_port()
        broker = BrokerProcess.start(port, folder / "broker")
        processes.also_stop(broker.stop)
        dashboard_port = DASHBOARD_PORT if is_free(DASHBOARD_PORT) else free_port()
        config = _write_settings(folder, options, scenario, port, dashboard_port, broker.protocol)
        container = Container(load_settings(config))
        try:
            _import_ledger(container, scenario)
            processes.start("collect", "--config", str(config))
            processes.start("simulate", "--config", str(config))
            addresses: tuple[str, str] | None = None
            if not options.headless:
                addresses = throw_away_accounts(container, dashboard_port)
                processes.start("dashboard", "--config", str(config))
            return _tell(options, container, processes, say, broker.kind, addresses, scenario.ends_at_us)
        finally:
            container.close()


def _tell(
    options: DemoOptions,
    container: Container,
    processes: _Processes,
    say: Callable[[str], None],
    broker_kind: str,
    addresses: tuple[str, str] | None,
    ends_at_us: int,
) -> int:
    zh = options.language is Language.ZH
    say(f"消息代理：{broker_kind}；街道为模拟" if zh else f"broker: {broker_kind}; the street is simulated")
    if addresses is not None:
        desk, phone = addresses
        say(
            f"看板（自动以值班员登录）：{desk} （Ctrl-C 结束）"
            if zh
            else f"dashboard, signed in as duty: {desk} (Ctrl-C ends)"
        )
        say(f"手机页（自动以队员登录）：{phone}" if zh else f"phone page, signed in as a team member: {phone}")
    began = time.monotonic()
    narrator = Narrator(container, ends_at_us)
    while True:
        fallen = processes.fallen()
        if fallen:
            say(fallen)
            return 1
        try:
            for line in narrator.news():
                say(line.to(options.language))
        except StoreError as error:
            # While the collector makes its files, a reader may find them half made.
            if time.monotonic() - began > STORES_MADE_SECONDS_MAX:
                say(error.line.to(options.language))
        if options.headless and narrator.is_told:
            return 0
        if options.minutes_max is not None and time.monotonic() - began > options.minutes_max * 60.0:
            if options.headless:
                say(narrator.missing().to(options.language))
            return 1 if options.headless else 0
        if options.headless and narrator.is_over:
            say(narrator.missing().to(options.language))
            return 1
        if processes.stopping.wait(0.25):
            return 130 if options.headless else 0


def slot_minutes_at(speed: float) -> float:
    """Return the slot [min] of the demo's day at a speed: a stall of the machine stays within two slots.

    The simulated meters send once a minute; at the speed of a real day that is the slot.

    >>> slot_minutes_at(1.0), slot_minutes_at(180.0)
    (1.0, 7.5)
    """
    return max(1.0, STALL_SECONDS_MAX * speed / 60.0 / FEEDER_SLOTS)


def _write_settings(
    folder: Path, options: DemoOptions, scenario: Scenario, port: int, dashboard_port: int, protocol: str
) -> Path:
    """Write the settings that all processes of the demo share, its clock included."""
    real_start_us = SystemClock().now_us() + round(START_SECONDS * SECOND_US)
    config = folder / "redvest.toml"
    config.write_text(
        "\n".join(
            [
                "# Written by `redvest demo`.",
                f'language = "{options.language.value}"',
                "[data]",
                'folder = "data"',
                "[broker]",
                f"port = {port}",
                f'protocol = "{protocol}"',
                "[collector]",
                "health_port = 0",
                "[silence]",
                f"slot_minutes = {slot_minutes_at(options.speed):g}",
                "[notify]",
                'channels = ["file"]',
                "[dashboard]",
                f"port = {dashboard_port}",
                "[clock]",
                'kind = "scaled"',
                f'real_start = "{format_utc(real_start_us)}"',
                f'start = "{format_utc(scenario.starts_at_us)}"',
                f"speed = {options.speed}",
                "[simulator]",
                f'scenario = "{options.scenario}"',
                "",
            ]
        ),
        encoding="utf-8",
    )
    return config


def _import_ledger(container: Container, scenario: Scenario) -> None:
    ledger = ledger_of(scenario.ledger_folder)
    container.records.replace_ledger(ledger, "demo", container.clock.now_us())


@contextmanager
def _folder(asked: Path | None) -> Iterator[Path]:
    if asked is None:
        with tempfile.TemporaryDirectory(prefix="redvest-demo-") as name:
            yield Path(name)
        return
    if (asked / "data").exists():
        raise UsageError(
            Text("这里已经有数据", "there are data already"),
            where=str(asked),
            remedy=Text(
                "请用 --data 指定新的文件夹，或移走原来的", "name a new folder with --data, or take that one away"
            ),
        )
    asked.mkdir(parents=True, exist_ok=True)
    yield asked.resolve()


class _Processes:
    """The processes of a demo: started here, watched, and ended here, whatever happens."""

    def __init__(self, folder: Path) -> None:
        self.stopping = threading.Event()
        self._folder = folder
        self._started: list[tuple[str, subprocess.Popen[bytes], Path]] = []
        self._also: list[Callable[[], None]] = []

    def __enter__(self) -> _Processes:
        self._handlers = {s: signal.signal(s, lambda *_: self.stopping.set()) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for _, process, _ in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS_MAX
        for _, process, _ in self._started:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for stop in self._also:
            stop()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def also_stop(self, stop: Callable[[], None]) -> None:
        """Call this at the end, after all processes have ended."""
        self._also.append(stop)

    def start(self, *command: str) -> None:
        """Start a `redvest` command; what it says goes to a log beside the data."""
        log_file = self._folder / f"{command[0]}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "service.cli.main", *command],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self._started.append((command[0], process, log_file))

    def fallen(self) -> str | None:
        """Return what happened when one of them has ended by itself with an error, None while all is well."""
        for name, process, log_file in self._started:
            if process.poll() not in (None, 0) and not self.stopping.is_set():
                tail = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                return f"redvest {name} ended with {process.returncode}: " + " | ".join(tail)
        return None
