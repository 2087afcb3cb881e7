"""`make bench`: readings per second of the collector beside its bare parts and beside what others would use.

The same messages go through the same mosquitto on the same machine, at QoS 0 and 1: to a bare reader that only counts,
an empty paho subscriber, the collector as a site runs it, a paho script, a Node.js script and a Node-RED flow that
store and judge too. Bare decode and bare append are measured without a broker. Parts take turns within each repeat, so
that what else the machine does falls on all of them; ratios are taken repeat by repeat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from bench.broker import broker_version
from bench.ingest.figures import APPEND, DECODE, NO_QOS, Delay, Figure, Figures, VerdictShare
from bench.ingest.goals import goals_of
from bench.ingest.kills import kill_under_way
from bench.ingest.measure import delays, sustain
from bench.ingest.node_programs import node_modules, node_version
from bench.ingest.packets import Stream
from bench.ingest.receivers import ON_NODE, STORING, Kind, Place
from bench.ingest.report import print_case, print_delays, print_goals, print_kills
from bench.ingest.traffic import Case, Form, ledger_of, messages_of, readings_of, rows_of_messages, save_messages
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US

SEED = 1
SEVERE_LOAD_RATE = 0.90
PROVINCE_TRANSFORMERS = 500_000
BUSY_LOAD = 1.0
"""A load average from which on the run says that it was not alone."""
DELAYS_OF = ((Form.SINGLE, 1), (Form.SINGLE, 0), (Form.BATCH, 1), (Form.COLUMNS, 1))
PARTS_READINGS_MAX = 200_000
"""Bare decode and append need no more to be measured."""


class Bench:
    """One run: its messages, its folder, its figures."""

    def __init__(self, given: argparse.Namespace, folder: Path, modules: Path | None) -> None:
        """Make the messages."""
        self.given, self.folder, self.modules = given, folder, modules
        self.fleet = Fleet.of(ledger_of(given.transformers).transformers)
        self.figures = Figures()
        self.kinds = [kind for kind in Kind if kind.name in given.parts and (modules or kind not in ON_NODE)]
        self.cases: dict[Form, Case] = {}
        self.streams: dict[tuple[Form, int], Stream] = {}
        self.severe: dict[Form, dict[str, int]] = {}
        now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
        for form in given.forms:
            case = Case.sized(given.transformers, form, given.per_message, given.readings[form], given.seed, now_us)
            batch = readings_of(case, self.fleet)
            messages = list(messages_of(case, self.fleet, batch))
            save_messages(folder / form.value, messages[: max(1, PARTS_READINGS_MAX // case.per_message)])
            self.cases[form] = case
            self.severe[form] = _first_severe(case, self.fleet, LoadRates(batch, self.fleet).load_rate)
            for qos in given.qos if form is Form.SINGLE or not given.quick else given.qos[:1]:
                self.streams[form, qos] = Stream.of(messages, qos)
        self._runs = 0

    def repeat(self, number: int) -> Iterator[str]:
        """Measure everything once, saying what is next."""
        for form in self.cases:
            for part in (DECODE, APPEND):
                yield f"{form.value}, {part}"
                self.figures.sustained.append(self._part(part, form, number))
            for qos, kind in product((q for f, q in self.streams if f is form), self.kinds):
                yield f"{form.value}, QoS {qos}, {kind.value}"
                measured = sustain(
                    kind, self._place(form, qos), self.fleet, self.streams[form, qos], self.given.seconds
                )
                per_1000 = 1e6 / measured.readings
                self.figures.sustained.append(
                    Figure(
                        form, qos, kind.value, number, measured.readings / measured.seconds,
                        measured.cpu_seconds * per_1000, measured.broker_cpu_seconds * per_1000, measured.memory_mb,
                        measured.lost,
                    )
                )  # fmt: skip

    def delays(self) -> Iterator[str]:
        """Measure the delay of whoever stores, at half of what it sustained, saying what is next."""
        watched = [at for at in self.streams if at in self.given.delays]
        for (form, qos), kind in product(watched, (kind for kind in self.kinds if kind in STORING)):
            yield f"{form.value}, QoS {qos}, delay of {kind.value}"
            rate = self.figures.middle_rate(kind.value, form, qos) / 2.0
            place, stream = self._place(form, qos), self.streams[form, qos]
            measured = delays(kind, place, self.fleet, stream, self.severe[form], rate, self.given.live_seconds)
            told = measured.incident if len(measured.incident) else np.full(1, np.nan)
            stored_p50_ms, stored_p99_ms = np.percentile(1e3 * measured.stored, [50, 99]).tolist()
            incident_p50_ms, incident_p99_ms = np.percentile(1e3 * told, [50, 99]).tolist()
            self.figures.delays.append(
                Delay(
                    form, qos, kind.value, rate, stored_p50_ms, stored_p99_ms,
                    len(measured.incident), incident_p50_ms, incident_p99_ms, measured.memory_mb,
                )
            )  # fmt: skip

    def kills(self) -> Iterator[str]:
        """Kill whoever stores, saying who is next."""
        if (Form.SINGLE, 1) not in self.streams:
            return
        for kind in (kind for kind in self.kinds if kind in STORING):
            yield f"kill -9 of {kind.value}"
            rate = self.figures.middle_rate(kind.value, Form.SINGLE, 1) / 2.0
            place, stream = self._place(Form.SINGLE, 1), self.streams[Form.SINGLE, 1]
            self.figures.kills.append(kill_under_way(kind, place, self.fleet, stream, rate))

    def _place(self, form: Form, qos: int) -> Place:
        self._runs += 1
        return Place(self.folder / f"run-{self._runs}", 0, self.cases[form], qos, self.modules)

    def shares(self) -> Iterator[str]:
        """Measure what verdicts cost and remember in a whole province."""
        yield f"verdicts of {self.given.province:,} transformers"
        answer = _answer_of("bench.verdicts.share", "--transformers", str(self.given.province))
        shares = VerdictShare(int(answer["transformers"]), answer["share"], answer["state_bytes"])
        self.figures.shares.append(shares)

    def _part(self, part: str, form: Form, repeat: int) -> Figure:
        messages = ("--messages", str(self.folder / form.value), "--per-message", str(self.cases[form].per_message))
        fleet = ("--transformers", str(self.given.transformers))
        measured = _answer_of("bench.ingest.parts", part.removeprefix("bare "), *messages, *fleet)
        readings = measured["readings"]
        cpu_ms = 1e6 * measured["cpu_seconds"] / readings
        return Figure(form, NO_QOS, part, repeat, readings / measured["seconds"], cpu_ms, 0.0, measured["memory_mb"])


def main() -> None:
    """Run everything and print the tables."""
    given = _words().parse_args()
    given.forms = [Form(name) for name in given.form]
    defaults = {Form.SINGLE: 300_000, Form.BATCH: 1_500_000, Form.COLUMNS: 1_500_000}
    given.delays, given.province = DELAYS_OF, PROVINCE_TRANSFORMERS
    if given.quick:
        defaults = dict.fromkeys(defaults, 20_000)
        given.repeats, given.seconds, given.live_seconds, given.no_kill = 1, 0.5, 1.0, True
        given.delays, given.province = DELAYS_OF[:1], given.transformers
    given.readings = {form: given.messages_of or number for form, number in defaults.items()}
    console = Console(width=124, highlight=False)
    wants_node = any(kind.name in given.parts for kind in ON_NODE)
    modules = node_modules() if wants_node else "not asked for"
    about = surroundings(given.seed, given.repeats)
    console.print(" · ".join(f"{name} {value}" for name, value in about.items()), soft_wrap=True)
    if isinstance(modules, str) and wants_node:
        console.print(f"skipped: Node.js script and Node-RED: {modules}")
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder:
        bench = Bench(given, Path(folder), None if isinstance(modules, str) else modules)
        phases = [(f"repeat {n + 1} of {given.repeats}", bench.repeat(n)) for n in range(given.repeats)]
        phases += [] if given.no_verdicts else [("verdicts", bench.shares())]
        phases += [] if given.no_delay else [("delays", bench.delays())]
        phases += [] if given.no_kill else [("kills", bench.kills())]
        for what, steps in phases:
            _follow(console, what, steps)
            _keep(given.json, about, modules, bench.figures)  # a run that is cut short has measured something too
    about["load at the end"] = _load()
    _keep(given.json, about, modules, bench.figures)
    for form, qos in bench.streams:
        print_case(console, bench.cases[form], qos, bench.figures)
    print_delays(console, bench.figures.delays)
    if bench.figures.kills:
        print_kills(console, bench.figures.kills)
    print_goals(console, goals_of(bench.figures))
    console.print(f"load of the machine (1, 5, 15 minutes): {about['load']} before, {about['load at the end']} after")
    if float(about["load"].split()[0]) > BUSY_LOAD:
        console.print("Others used the processors as the run began: rates are shares of what was left; see 'by CPU'.")


def _keep(path: Path | None, about: dict[str, str], modules: Path | str, figures: Figures) -> None:
    if path is None:
        return
    rows = {"surroundings": about, "skipped": modules if isinstance(modules, str) else "", **asdict(figures)}
    rows["goals"] = [{**asdict(goal), "verdict": goal.verdict} for goal in goals_of(figures)]
    path.write_text(json.dumps(rows, indent=1, default=lambda form: form.value) + "\n", encoding="utf-8")


def _answer_of(module: str, *options: str) -> dict[str, float]:
    """Run a part in a process of its own and return the numbers that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *options], capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} {' '.join(options)} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def surroundings(seed: int, repeats: int) -> dict[str, str]:
    """Return what the figures depend on."""
    libraries = {name: version(name) for name in ("numpy", "msgspec", "paho-mqtt")}
    return {
        "seed": str(seed),
        "repeats": str(repeats),
        "cores": str(len(os.sched_getaffinity(0))),
        "machine": platform.machine(),
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **libraries,
        "node": node_version() or "none",
        "broker": broker_version(),
        "load": _load(),
    }


def _words() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    words.add_argument(
        "--quick", action="store_true", help="everything once and short: does it run, not how fast is it"
    )
    words.add_argument("--transformers", type=int, default=10_000, metavar="N")
    words.add_argument(
        "--form", nargs="+", choices=[form.value for form in Form], default=[form.value for form in Form]
    )
    words.add_argument("--qos", type=int, nargs="+", choices=(0, 1), default=[0, 1])
    words.add_argument("--parts", nargs="+", choices=[kind.name for kind in Kind], default=[kind.name for kind in Kind])
    words.add_argument("--per-message", type=int, default=100, metavar="N", help="readings in a batch")
    words.add_argument("--messages-of", type=int, metavar="N", help="make messages of so many readings for each form")
    words.add_argument("--repeats", type=int, default=3)
    words.add_argument("--seconds", type=float, default=2.0, help="how long each part is kept busy")
    words.add_argument("--live-seconds", type=float, default=4.0, help="how long delays are watched")
    words.add_argument("--seed", type=int, default=SEED)
    words.add_argument("--no-delay", action="store_true", help="leave out the delays at half rate")
    words.add_argument("--no-verdicts", action="store_true", help="leave out the share of verdicts")
    words.add_argument("--no-kill", action="store_true", help="leave out the kill -9")
    words.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return words


def _first_severe(case: Case, fleet: Fleet, load_rate: NDArray[np.float64]) -> dict[str, int]:
    """Return of each transformer that becomes severely loaded which message makes it so."""
    message_of = np.empty(case.readings, np.int64)
    message_of[rows_of_messages(case).ravel()] = np.repeat(np.arange(case.messages), case.per_message)
    severe = np.flatnonzero(load_rate >= SEVERE_LOAD_RATE)
    numbers, first = np.unique(severe % case.transformers, return_index=True)
    return {
        fleet.transformer_ids[number]: int(message_of[severe[at]]) for number, at in zip(numbers, first, strict=True)
    }


def _follow(console: Console, what: str, steps: Iterator[str]) -> None:
    begun = time.monotonic()
    for step in steps:
        if console.is_terminal:
            console.print(f"{what}: {step} …", end="\r")
        else:
            print(f"{time.monotonic() - begun:6.1f} s  {step}", file=sys.stderr, flush=True)
    console.print(f"{what}: {time.monotonic() - begun:.0f} s", style="dim")


def _load() -> str:
    return " ".join(f"{load:.1f}" for load in os.getloadavg())


if __name__ == "__main__":
    begun = time.monotonic()
    main()
    Console().print(f"took {time.monotonic() - begun:.0f} s", highlight=False)
