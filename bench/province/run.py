"""A whole province on one machine: every transformer one reading a minute, single messages, for some minutes.

    python -m bench.province.run [--minutes N] [--transformers N] [--qos 0|1]

Broker, collector and publisher share the machine. The publisher keeps its own ledger of what the broker has taken, and
at the end sets of keys are compared: what was acknowledged and is not in the journal is lost. Delay is from sending to
readable in the journal. At QoS 0 the broker promises nothing, and what it took is what left for the wire.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from bench.broker import running_broker
from bench.ingest.measure import Standing, standing, wait_for
from bench.ingest.receivers import Kind, Place, make_ledger
from bench.ingest.run import surroundings
from bench.ingest.traffic import Case, Form, ledger_of
from bench.process import cpu_seconds, memory_mb, memory_now_mb
from bench.province.packets import Rounds
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US
from stores.journal.journal import Journal

SEED = 1
QUEUED_MESSAGES_MAX = 2_000_000
"""What the broker may hold for the collector, as a site's broker does (deploy/mosquitto.conf)."""
_BLOCK = 5_000
_LOOK_SECONDS = 0.01
_SAMPLE_SECONDS = 1.0
_MINUTE_SECONDS = 60.0
_SLACK_SECONDS = 2.0


@dataclass
class Minute:
    """What happened in one minute of the run. Delays are of the readings sent in it."""

    minute: int
    asked: int
    published: int
    stored: int
    waiting: int
    """Published and not yet stored at its end."""
    p50_ms: float
    p99_ms: float
    max_ms: float
    collector_mb: float
    broker_mb: float
    collector_cpu: float
    """Of one core."""
    broker_cpu: float


@dataclass
class Watched:
    """What was seen from outside, in order of time."""

    looks: list[tuple[float, int]] = field(default_factory=list)
    """(when, readings in the journal)"""
    samples: list[tuple[float, float, float, float, float]] = field(default_factory=list)
    """(when, collector MB, broker MB, collector CPU s, broker CPU s)"""


@dataclass(frozen=True)
class Outcome:
    """The run as a whole."""

    asked: int
    published: int
    stored: int
    lost: int
    never_sent: int
    """In the journal without having been sent: 0, or the benchmark is wrong."""
    seconds_to_first: float
    """From the start of the collector's process to its first stored reading."""
    drained_seconds: float
    """From the last message sent to the last reading stored."""
    collector_mb: float
    minutes: list[Minute]


class Watch(threading.Thread):
    """Looks at journal and processes until it is told to stop."""

    def __init__(self, stand: Standing) -> None:
        """Prepare."""
        super().__init__(name="watch")
        self._stand, self._ended, self.seen = stand, threading.Event(), Watched()

    def run(self) -> None:
        """Look a hundred times a second, at the processes once a second."""
        pids, sampled_at = (self._stand.receiver.process.pid, self._stand.broker.pid), 0.0
        while not self._ended.wait(_LOOK_SECONDS):
            now = time.monotonic()
            self.seen.looks.append((now, self._stand.seen()))
            if now - sampled_at >= _SAMPLE_SECONDS:
                (mb, broker_mb), (cpu, broker_cpu) = map(memory_now_mb, pids), map(cpu_seconds, pids)
                self.seen.samples.append((now, mb, broker_mb, cpu, broker_cpu))
                sampled_at = now

    def stop(self) -> Watched:
        """End it and return what was seen."""
        self._ended.set()
        self.join()
        return self.seen


def run(folder: Path, transformers: int, minutes: int, qos: int) -> Outcome:
    """Run the province and return what came of it."""
    case = Case(transformers, Form.SINGLE, 1, transformers * minutes, SEED, time.time_ns() // 1000)
    rounds = Rounds(transformers, qos, SEED)
    ledger = folder / f"ledger-{transformers}"
    if not ledger.exists():  # made in a process of its own: a ledger of millions leaves gigabytes behind
        maker = get_context("spawn").Process(target=make_ledger, args=(ledger, transformers))
        maker.start()
        maker.join()
    small = Fleet.of(ledger_of(2).transformers)
    with running_broker(folder / "broker", QUEUED_MESSAGES_MAX) as broker:
        place = Place(folder / "site", broker.port, case, qos)
        started = time.monotonic()
        with standing(Kind.COLLECTOR, place, small, broker) as stand:
            seconds_to_first = time.monotonic() - started
            watch = Watch(stand)
            watch.start()
            begun, start_us = time.monotonic(), time.time_ns() // 1000 // MINUTE_US * MINUTE_US
            sent_at = _publish(stand, rounds, minutes, start_us, begun)
            ended = time.monotonic()
            stored, last_at = wait_for(stand.seen, len(sent_at), stand.receiver.check)
            watched = watch.stop()
            most_mb = memory_mb(stand.receiver.process.pid)
    lost, never_sent = _compare(
        folder / "site" / "data" / "journal.sqlite", transformers, minutes, start_us, len(sent_at)
    )
    per_minute = _by_minute(watched, sent_at, transformers, minutes, begun)
    return Outcome(
        case.readings, len(sent_at), stored, lost, never_sent, seconds_to_first, last_at - ended, most_mb, per_minute
    )


def _publish(stand: Standing, rounds: Rounds, minutes: int, start_us: int, begun: float) -> NDArray[np.float64]:
    """Send round after round at the pace of the fleet; return when each message was sent."""
    per_second = rounds.transformers / _MINUTE_SECONDS
    end_at = begun + minutes * _MINUTE_SECONDS
    sent: list[NDArray[np.float64]] = []
    before = 0
    for turn in range(minutes):
        for first in range(0, rounds.transformers, _BLOCK):
            end = min(first + _BLOCK, rounds.transformers)
            stream = rounds.packets(turn, start_us + turn * MINUTE_US, first, end)
            base = before
            part = stand.publisher.send(
                stream,
                lambda _, base=base: int((time.monotonic() - begun) * per_second) + 1 - base,  # type: ignore[misc]
                end_at - time.monotonic() + _SLACK_SECONDS,
            )
            sent.append(part)
            before += len(part)
            if len(part) < len(stream):
                return np.concatenate(sent)
    return np.concatenate(sent)


def _compare(journal_file: Path, transformers: int, minutes: int, start_us: int, published: int) -> tuple[int, int]:
    """Return how many keys were published and are not in the journal, and how many are there without."""
    taken = np.zeros((minutes, transformers), np.bool_)
    taken.ravel()[:published] = True  # sent in this order, and all of it acknowledged
    stored = np.zeros_like(taken)
    never_sent = 0
    with Journal.open_reader(journal_file) as journal:
        numbers = journal.all_numbers()
        own = np.full(max(numbers.values()) + 1, -1, np.int64)
        for transformer_id, number in numbers.items():
            own[number] = int(transformer_id[1:])
        for batch in journal.since(start_us):
            turn, rest = np.divmod(batch.measured_at_us - start_us, MINUTE_US)
            known = (rest == 0) & (turn < minutes)
            never_sent += int((~known).sum())
            stored[turn[known], own[batch.transformer[known]]] = True
    return int((taken & ~stored).sum()), never_sent + int((stored & ~taken).sum())


def _by_minute(
    watched: Watched, sent_at: NDArray[np.float64], transformers: int, minutes: int, begun: float
) -> list[Minute]:
    """Return what happened minute by minute; the last one also holds what came after the sending."""
    looked_at, seen = np.array(watched.looks).T
    seen = np.maximum.accumulate(seen)
    stored = int(seen[-1])
    delay_ms = 1e3 * (looked_at[np.searchsorted(seen, np.arange(stored) + 1)] - sent_at[:stored])
    samples = np.array(watched.samples)
    rows = []
    for minute in range(minutes):
        from_at, to_at = begun + _MINUTE_SECONDS * minute, begun + _MINUTE_SECONDS * (minute + 1)
        first, end = np.searchsorted(sent_at, [from_at, to_at])
        mine = delay_ms[first : min(end, stored)]
        had, has = (int(np.interp(at, looked_at, seen)) for at in (from_at, to_at))
        inside = samples[(samples[:, 0] >= from_at) & (samples[:, 0] < to_at)]
        share = (inside[-1] - inside[0]) / (inside[-1, 0] - inside[0, 0]) if len(inside) > 1 else np.full(5, np.nan)
        collector_mb, broker_mb = inside[:, 1:3].max(axis=0).tolist() if len(inside) else (np.nan, np.nan)
        p50_ms, p99_ms = np.percentile(mine, [50, 99]).tolist() if len(mine) else (np.nan, np.nan)
        rows.append(
            Minute(
                minute + 1, transformers, int(end - first), has - had, int(end) - has, p50_ms, p99_ms,
                float(mine.max()) if len(mine) else np.nan,
                collector_mb, broker_mb,
                float(share[3]), float(share[4]),
            )
        )  # fmt: skip
    return rows


def main() -> None:
    """Run it and print the minutes."""
    words = argparse.ArgumentParser(prog="make bench-province", description=__doc__.splitlines()[0])
    words.add_argument("--transformers", type=int, default=500_000, metavar="N")
    words.add_argument("--minutes", type=int, default=10)
    words.add_argument("--qos", type=int, choices=(0, 1), default=1)
    words.add_argument("--folder", type=Path, metavar="DIR", help="work in there; 130 bytes a reading are needed")
    words.add_argument("--ledger", type=Path, metavar="DIR", help="begin with the records of this folder")
    words.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    given = words.parse_args()
    console = Console(width=124, highlight=False)
    about = surroundings(SEED, 1)
    console.print(" · ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="redvest-province-", dir=given.folder) as folder:
        if given.ledger:
            shutil.copytree(given.ledger, Path(folder) / f"ledger-{given.transformers}")
        outcome = run(Path(folder), given.transformers, given.minutes, given.qos)
    print_outcome(console, outcome, f"{given.transformers:,} transformers, one reading a minute, QoS {given.qos}")
    console.print(f"load of the machine after: {' '.join(f'{load:.1f}' for load in os.getloadavg())}")
    if given.json:
        given.json.write_text(json.dumps({"surroundings": about, **asdict(outcome)}, indent=1) + "\n", encoding="utf-8")


def print_outcome(console: Console, outcome: Outcome, title: str) -> None:
    """Print the minutes and the sum."""
    table = Table(title=title, title_justify="left")
    for heading in (
        "minute", "asked", "published", "stored", "waiting", "p50 ms", "p99 ms", "max ms",
        "collector MB", "broker MB", "collector CPU", "broker CPU",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    for m in outcome.minutes:
        counts = (f"{value:,}" for value in (m.asked, m.published, m.stored, m.waiting))
        rest = (f"{value:,.0f}" for value in (m.p50_ms, m.p99_ms, m.max_ms, m.collector_mb, m.broker_mb))
        table.add_row(str(m.minute), *counts, *rest, f"{m.collector_cpu:.0%}", f"{m.broker_cpu:.0%}")
    console.print(table)
    console.print(
        f"asked {outcome.asked:,}, published {outcome.published:,}, stored {outcome.stored:,}; lost, by keys: "
        f"{outcome.lost:,}; stored without being sent: {outcome.never_sent:,}. From the start of the collector to its "
        f"first stored reading {outcome.seconds_to_first:.1f} s; all stored {outcome.drained_seconds:.1f} s after the "
        f"last was sent; collector at most {outcome.collector_mb:,.0f} MB",
        soft_wrap=True,
    )


if __name__ == "__main__":
    main()
