"""`make bench`: readings per second of the collector, against the bare parts, with the same messages.

Four parts get the same messages from the same mosquitto on the same machine, one after another, each in a
process of its own: an empty paho subscriber, a bare decoder, a bare append to the journal, and the collector
as a site runs it. Messages wait in the broker, so that making and sending them costs nobody; broker and
measured part share the processors. Delay is measured live, at half the rate that the collector reached.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.broker import broker_version, running_broker
from bench.collector_run import COLLECTOR_CLIENT_ID, delays, drain
from bench.parts import EMPTY_CLIENT_ID, leave_session
from bench.publisher import Publisher
from bench.traffic import STATION_TRANSFORMERS_MAX, Case, ledger_of, messages_of, readings_of, save_messages
from grid.fleet import Fleet

SEED = 1
LIVE_SECONDS = 4.0
HOLDS_ALL_MESSAGES = ("bare decode", "bare append")
"""Parts whose memory is that of the benchmark's own messages, not their own."""


@dataclass(frozen=True)
class Figure:
    """One part in one case and one repeat."""

    case: str
    part: str
    repeat: int
    readings_per_second: float
    cpu_ms_per_1000: float
    memory_mb: float


@dataclass(frozen=True)
class Delay:
    """How long after its sending a reading can be read back, at half the rate."""

    case: str
    readings_per_second: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    """Run the cases and print the tables."""
    given = _words().parse_args()
    console = Console(width=110, highlight=False)
    about = surroundings(given)
    console.print(" · ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    figures: list[Figure] = []
    delay_rows: list[Delay] = []
    for transformers in given.transformers:
        for per_message in given.per_message:
            case = sized(transformers, per_message, given.readings, given.seed)
            with tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder:
                measured = list(measure(case, Path(folder), given.repeats))
                figures += measured
                rate = median_rate(measured, "collector")
                if not given.no_delay:
                    delay_rows.append(measure_delay(case, Path(folder), rate / 2))
            print_case(console, case, measured, delay_rows[-1] if delay_rows else None)
    if given.json:
        rows: dict[str, Any] = {"surroundings": about, "figures": [asdict(f) for f in figures]}
        rows["delays"] = [asdict(d) for d in delay_rows]
        given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    words.add_argument("--transformers", type=int, nargs="+", default=[100, 10_000], metavar="N")
    words.add_argument("--per-message", type=int, nargs="+", default=[1, 100, 1_000], metavar="N")
    words.add_argument("--readings", type=int, help="readings of each case; default 60,000 single, 200,000 in batches")
    words.add_argument("--repeats", type=int, default=2)
    words.add_argument("--seed", type=int, default=SEED)
    words.add_argument("--no-delay", action="store_true", help="leave out the delay at half rate")
    words.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return words


def sized(transformers: int, per_message: int, wanted: int | None, seed: int) -> Case:
    """Return the case of about so many readings, so that every message is full."""
    wanted = wanted or max(60_000 if per_message == 1 else 200_000, transformers)
    if per_message == 1:
        return Case(transformers, 1, wanted, seed)
    stations = -(-transformers // STATION_TRANSFORMERS_MAX)
    together = int(np.lcm(stations * per_message, transformers))
    return Case(transformers, per_message, max(1, wanted // together) * together, seed)


def surroundings(given: argparse.Namespace) -> dict[str, str]:
    """Return what the figures depend on."""
    libraries = {name: version(name) for name in ("numpy", "msgspec", "paho-mqtt")}
    return {
        "seed": str(given.seed),
        "repeats": str(given.repeats),
        "cores": str(len(os.sched_getaffinity(0))),
        "machine": platform.machine(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **libraries,
        "broker": broker_version(),
    }


def measure(case: Case, folder: Path, repeats: int) -> list[Figure]:
    """Return every part's figures for one case."""
    fleet = Fleet.of(ledger_of(case).transformers)
    messages = messages_of(case, fleet, readings_of(case, fleet))
    kept = folder / "messages"
    save_messages(kept, messages)
    figures = []
    for repeat in range(repeats):
        with running_broker(folder / f"broker-{repeat}") as port:
            leave_session(port, EMPTY_CLIENT_ID)
            leave_session(port, COLLECTOR_CLIENT_ID)
            with Publisher(port) as publisher:
                publisher.send(messages)
            empty = _part("subscriber", case, kept, port)
            drained = drain(folder / f"collector-{repeat}", port, case)
        parts = {
            "empty subscriber": {**empty, "readings": case.readings},
            "bare decode": _part("decode", case, kept),
            "bare append": _part("append", case, kept),
            "collector": asdict(drained),
        }
        figures += [_figure(case, part, repeat, measured) for part, measured in parts.items()]
    return figures


def measure_delay(case: Case, folder: Path, readings_per_second: float) -> Delay:
    """Return the delay percentiles of one case at a rate."""
    live = sized(case.transformers, case.per_message, max(1, int(readings_per_second * LIVE_SECONDS)), case.seed)
    with running_broker(folder / "broker-live") as port:
        leave_session(port, COLLECTOR_CLIENT_ID)
        delay_ms = 1000.0 * delays(folder / "collector-live", port, live, readings_per_second)
    return Delay(case.name, readings_per_second, *np.percentile(delay_ms, [50, 99]).tolist())


def median_rate(figures: list[Figure], part: str) -> float:
    """Return the median readings per second of one part."""
    return statistics.median(f.readings_per_second for f in figures if f.part == part)


def print_case(console: Console, case: Case, figures: list[Figure], delay: Delay | None) -> None:
    """Print one case as a table: the median of the repeats, and how far they lie apart."""
    table = Table(title=f"{case.name}: {case.readings:,} readings in {case.messages:,} messages", title_justify="left")
    for title in ("part", "readings/s", "spread", "part / collector", "CPU ms per 1,000", "memory MB"):
        table.add_column(title, justify="left" if title == "part" else "right")
    collector = median_rate(figures, "collector")
    for part in dict.fromkeys(f.part for f in figures):
        mine = [f for f in figures if f.part == part]
        rates = [f.readings_per_second for f in mine]
        median = statistics.median(rates)
        table.add_row(
            part,
            f"{median:,.0f}",
            f"± {(max(rates) - min(rates)) / 2 / median:.0%}",
            f"{median / collector:.2f}",
            f"{statistics.median(f.cpu_ms_per_1000 for f in mine):.2f}",
            f"{max(f.memory_mb for f in mine):.0f}" if part not in HOLDS_ALL_MESSAGES else "–",
        )
    console.print(table)
    if delay is not None:
        console.print(
            f"at {delay.readings_per_second:,.0f} readings/s: sent to readable "
            f"p50 {delay.p50_ms:.0f} ms, p99 {delay.p99_ms:.0f} ms\n",
            highlight=False,
        )


def _part(part: str, case: Case, kept: Path, port: int = 0) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.parts", part, "--messages", str(kept), "--port", str(port)]
    command += ["--transformers", str(case.transformers), "--per-message", str(case.per_message)]
    command += ["--count", str(case.messages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise RuntimeError(f"the part {part} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _figure(case: Case, part: str, repeat: int, measured: dict[str, float]) -> Figure:
    readings = measured["readings"]
    return Figure(
        case.name,
        part,
        repeat,
        readings / measured["seconds"],
        1e6 * measured["cpu_seconds"] / readings,
        measured["memory_mb"],
    )


if __name__ == "__main__":
    begun = time.monotonic()
    main()
    Console().print(f"took {time.monotonic() - begun:.0f} s", highlight=False)
