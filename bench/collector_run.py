"""The collector end to end, as a site runs it: `redvest collect` in a process of its own, watched from outside."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.process import cpu_seconds, memory_mb
from bench.publisher import Publisher
from bench.traffic import Case, ledger_of, messages_of, readings_of
from collector.wire import encode_singly
from grid.errors import StoreError
from grid.fleet import Fleet
from grid.moments import MINUTE_US
from grid.readings import ReadingBatch
from stores.journal import Journal
from stores.records import Records

COLLECTOR_CLIENT_ID = "bench-collector"
_LOOK_SECONDS = 0.005
_START_SECONDS_MAX = 60.0
_STALL_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Drained:
    """What draining the broker's queue took, from the first block that was stored to the last."""

    readings: int
    seconds: float
    cpu_seconds: float
    memory_mb: float


@dataclass(frozen=True)
class Collector:
    """A running collector and where it stores."""

    process: subprocess.Popen[bytes]
    journal_file: Path

    def wait_for_journal(self) -> Journal:
        """Return a reader as soon as the collector has made its journal."""
        give_up_at = time.monotonic() + _START_SECONDS_MAX
        while time.monotonic() < give_up_at and self.process.poll() is None:
            if self.journal_file.exists():
                try:
                    return Journal.open_reader(self.journal_file)
                except StoreError:
                    pass  # it is being made just now
            time.sleep(0.02)
        raise RuntimeError(f"the collector did not start; its log: {self.log_text()}")

    def log_text(self) -> str:
        """Return the end of what it has logged."""
        return (self.journal_file.parent.parent / "collector.log").read_text(errors="replace")[-2000:]


@contextmanager
def running_collector(folder: Path, port: int, case: Case) -> Iterator[Collector]:
    """Give a collector with a new data folder and the case's ledger, and end it."""
    data = folder / "data"
    data.mkdir(parents=True)
    config = folder / "redvest.toml"
    config.write_text(
        f'[data]\nfolder = "{data}"\n[broker]\nport = {port}\n[notify]\nchannels = ["file"]\n'
        f'[collector]\nclient_id = "{COLLECTOR_CLIENT_ID}"\nmeasured_age_hours_max = 0\nhealth_port = 0\n'
    )
    with Records(f"sqlite:///{data / 'records.sqlite'}") as records:
        records.migrate()
        records.replace_ledger(ledger_of(case), "bench", time.time_ns() // 1000)
    command = [str(Path(sys.executable).with_name("redvest")), "collect", "--config", str(config)]
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Collector(process, data / "journal.sqlite")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def drain(folder: Path, port: int, case: Case) -> Drained:
    """Start a collector on what the broker holds for it and watch until all of it is stored."""
    with running_collector(folder, port, case) as collector, collector.wait_for_journal() as journal:
        first = _wait_for_more(journal, 0, collector)
        begun, begun_cpu, stored = time.monotonic(), cpu_seconds(collector.process.pid), first
        while stored < case.readings:
            stored = _wait_for_more(journal, stored, collector)
        seconds, used = time.monotonic() - begun, cpu_seconds(collector.process.pid) - begun_cpu
        return Drained(case.readings - first, seconds, used, memory_mb(collector.process.pid))


def delays(folder: Path, port: int, case: Case, readings_per_second: float) -> NDArray[np.float64]:
    """Publish live at a rate and return each reading's delay (n,) [s] until a reader of the journal sees it.

    Readings are stored in the order they were sent in, so counting the stored ones tells which they are.
    """
    fleet = Fleet.of(ledger_of(case).transformers)
    batch = readings_of(case, fleet)
    messages = messages_of(case, fleet, batch)
    before = ReadingBatch.of([0], batch.measured_at_us[:1] - MINUTE_US, active_power_kw=[1.0])
    with (
        running_collector(folder, port, case) as collector,
        collector.wait_for_journal() as journal,
        Publisher(port) as publisher,
    ):
        publisher.send(list(encode_singly(before, fleet)))
        _wait_for_more(journal, 0, collector)
        watch = _Watch(journal, case.readings + 1, collector)
        watch.start()
        sent_at = publisher.send(messages, readings_per_second / case.per_message)
        watch.join()
    stored, looked_at = np.array(watch.looks).T
    first_look = np.searchsorted(stored, np.arange(case.readings) + 2)
    seen_at: NDArray[np.float64] = looked_at[first_look]
    return seen_at - np.repeat(sent_at, case.per_message)


class _Watch(threading.Thread):
    """Notes how many readings are stored, and when, until all are."""

    def __init__(self, journal: Journal, wanted: int, collector: Collector) -> None:
        super().__init__(name="watch")
        self._journal, self._wanted, self._collector = journal, wanted, collector
        self.looks: list[tuple[float, float]] = []

    def run(self) -> None:
        stored = 1
        while stored < self._wanted:
            stored = _wait_for_more(self._journal, stored, self._collector)
            self.looks.append((stored, time.monotonic()))


def _wait_for_more(journal: Journal, stored: int, collector: Collector) -> int:
    give_up_at = time.monotonic() + _STALL_SECONDS_MAX
    while time.monotonic() < give_up_at and collector.process.poll() is None:
        now = journal.counts().readings
        if now > stored:
            return now
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"the collector stopped at {stored} readings; its log: {collector.log_text()}")
