"""How soon a collector with a full journal judges again: from its start to the first incident of a fresh reading.

    python -m bench.startup [--transformers N] [--rounds N] [--killed]

The journal is filled through its own append, one reading of each transformer a minute up to now. Then a collector runs
once and ends, as at a site that is restarted; `--killed` ends it with kill -9. Every second severe readings of other
transformers are sent, from before the second start on, until an incident of one of them is stored.
"""

from __future__ import annotations

import argparse
import json
import signal
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.broker import running_broker
from bench.ingest import surroundings
from bench.packets import Stream
from bench.process import cpu_seconds, memory_mb
from bench.publisher import Publisher
from bench.receivers import Kind, Place, Receiver, make_ledger, running
from bench.traffic import RATED_POWER_KVA, Case, Form, ledger_of
from collector.wire import encode_singly
from grid.fleet import Fleet
from grid.moments import MINUTE_US, SECOND_US
from grid.readings import ReadingBatch
from stores.journal import Journal

SEED = 1
_BLOCK = 50_000
_START_SECONDS_MAX = 900.0
_QUIET, _SEVERE = 0.5, 0.95
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Started:
    """What a start took."""

    seconds: float
    """From the start of the process to the first stored incident of a fresh reading."""
    cpu_seconds: float
    memory_mb: float


def fill(journal_file: Path, fleet: Fleet, rounds: int, before_us: int) -> int:
    """Store readings of all transformers, minute by minute up to a moment, and return how many."""
    journal_file.parent.mkdir(parents=True, exist_ok=True)
    dice = np.random.default_rng(SEED)
    with Journal.open_writer(journal_file) as journal:
        journal.numbers(fleet.transformer_ids)
        for turn in range(rounds):
            at_us = before_us - (rounds - turn) * MINUTE_US
            for first in range(0, len(fleet), _BLOCK):
                rows = np.arange(first, min(first + _BLOCK, len(fleet)))
                load_rate = _QUIET + dice.normal(0.0, 0.01, len(rows))
                journal.append(readings(rows, at_us, load_rate))
    return rounds * len(fleet)


def readings(rows: np.ndarray[tuple[int], np.dtype[np.int64]], at_us: int, load_rate: object) -> ReadingBatch:
    """Return readings of some transformers at one moment."""
    apparent_kva = RATED_POWER_KVA * np.broadcast_to(np.asarray(load_rate, np.float64), len(rows))
    return ReadingBatch.of(
        rows.astype(np.int32),
        np.full(len(rows), at_us),
        received_at_us=np.full(len(rows), at_us + SECOND_US),
        voltage_v=np.full((len(rows), 3), 228.0),
        current_amp=np.round(np.repeat(apparent_kva[:, None] / 3.0 * 1000.0 / 228.0, 3, axis=1), 1),
        active_power_kw=np.round(apparent_kva * 0.95, 1),
        reactive_power_kvar=np.round(apparent_kva * 0.31, 1),
    )


def start(place: Place, fleet: Fleet, first: int, end_with: signal.Signals) -> Started:
    """Start a collector, send severe readings of transformers from `first` on, and end it when it has told of one."""
    began = time.monotonic()
    with running(Kind.COLLECTOR, place) as receiver:
        done = threading.Event()
        sender = threading.Thread(target=_send_severe, args=(place.port, fleet, first, done))
        sender.start()
        try:
            _wait_for_incident(receiver, {fleet.transformer_ids[n] for n in range(first, len(fleet))}, began)
        finally:
            done.set()
            sender.join()
        pid = receiver.process.pid
        started = Started(time.monotonic() - began, cpu_seconds(pid), memory_mb(pid))
        receiver.process.send_signal(end_with)
        receiver.process.wait(120)
    return started


def _send_severe(port: int, fleet: Fleet, first: int, done: threading.Event) -> None:
    with Publisher(port, "bench-severe") as publisher:
        for number in range(first, len(fleet)):
            at_us = time.time_ns() // 1000 // SECOND_US * SECOND_US
            messages = encode_singly(readings(np.array([number]), at_us, _SEVERE), fleet)
            publisher.send(Stream.of(messages, 1), lambda _: 1, 5.0)
            if done.wait(1.0):
                return


def _wait_for_incident(receiver: Receiver, wanted: set[str], began: float) -> None:
    last = 0
    while time.monotonic() < began + _START_SECONDS_MAX:
        receiver.check()
        for number, transformer_id in receiver.incidents_after(last):
            last = number
            if transformer_id in wanted:
                return
        time.sleep(_LOOK_SECONDS)
    raise RuntimeError(f"no incident within {_START_SECONDS_MAX:.0f} s: {receiver.log_text()}")


def main() -> None:
    """Run it and print what it took."""
    words = argparse.ArgumentParser(prog="make bench-start", description=__doc__.splitlines()[0])
    words.add_argument("--transformers", type=int, default=500_000, metavar="N")
    words.add_argument("--rounds", type=int, default=30, help="readings of each transformer in the journal")
    words.add_argument("--killed", action="store_true", help="the collector before was ended with kill -9")
    given = words.parse_args()
    console = Console(width=124, highlight=False)
    about = surroundings(SEED, 1)
    console.print(" · ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    fleet = Fleet.of(ledger_of(given.transformers).transformers)
    with tempfile.TemporaryDirectory(prefix="redvest-start-") as name, running_broker(Path(name) / "broker") as broker:
        folder = Path(name)
        make_ledger(folder / "site" / "data", given.transformers)
        began = time.monotonic()
        now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
        filled = fill(folder / "site" / "data" / "journal.sqlite", fleet, given.rounds, now_us)
        console.print(f"{filled:,} readings of {len(fleet):,} transformers stored in {time.monotonic() - began:.0f} s")
        case = Case(given.transformers, Form.SINGLE, 1, 0, SEED)
        place = Place(folder / "site", broker.port, case, 1)
        half = len(fleet) // 2
        first = start(place, fleet, 0, signal.SIGKILL if given.killed else signal.SIGTERM)
        again = start(place, fleet, half, signal.SIGTERM)
    for what, started in (("first start, all of it unjudged", first), ("started again", again)):
        row = {name: round(value, 1) for name, value in asdict(started).items()}
        console.print(f"{what}: {started.seconds:.1f} s to the first fresh verdict · {json.dumps(row)}")


if __name__ == "__main__":
    main()
