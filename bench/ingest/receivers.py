"""Everything that is measured on the broker's far side: started alike, watched alike, each in a process of its own.

The bare reader and the empty paho subscriber count in a file; the programs that store are asked by their database.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from bench.ingest import counts
from bench.ingest.node_programs import PEERS
from bench.ingest.traffic import RATED_POWER_KVA, Case, ledger_of
from stores.records.records import Records

STOP_SECONDS_MAX = 30.0


class Kind(Enum):
    """What can stand at the far side."""

    BULK = "bare reader"
    EMPTY = "empty paho subscriber"
    COLLECTOR = "collector"
    PAHO = "paho script"
    NODE = "Node.js script"
    NODE_RED = "Node-RED"


STORING = (Kind.COLLECTOR, Kind.PAHO, Kind.NODE, Kind.NODE_RED)
ON_NODE = (Kind.NODE, Kind.NODE_RED)
ACKNOWLEDGES = {Kind.BULK: "at receipt", Kind.EMPTY: "at receipt", Kind.COLLECTOR: "when on disk"}
"""At QoS 1; all peers do it at receipt."""


@dataclass(frozen=True)
class Place:
    """Where a receiver works."""

    folder: Path
    port: int
    case: Case
    qos: int
    node_modules: Path | None = None


@dataclass(frozen=True)
class Receiver:
    """A running receiver."""

    kind: Kind
    process: subprocess.Popen[bytes]
    seen: Callable[[], int]
    """Readings that it has, in its own count, since it was started on an empty folder."""
    incidents_after: Callable[[int], list[tuple[int, str]]]
    """(number, transformer id) of incidents that it has stored after a number."""
    folder: Path

    def check(self) -> None:
        """Raise RuntimeError when the process has ended."""
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.kind.value} ended with {self.process.returncode}: {self.log_text()}")

    def log_text(self) -> str:
        """Return the end of what it has printed."""
        return (self.folder / "log").read_text(errors="replace")[-2000:]


@contextmanager
def running(kind: Kind, place: Place) -> Iterator[Receiver]:
    """Give a receiver that has been started; it may not be listening yet. A folder that was used is gone on with."""
    place.folder.mkdir(parents=True, exist_ok=True)
    database = counts.Database(place.folder / "data" / "journal.sqlite")
    records = counts.Database(place.folder / "data" / "records.sqlite")
    if kind in (Kind.BULK, Kind.EMPTY):
        command, counted = _counting(kind, place), counts.counted_in(place.folder / "count")
        seen: Callable[[], int] = lambda: counted() * place.case.per_message  # noqa: E731
        question = ""
    elif kind is Kind.COLLECTOR:
        command, question = _collector(place), counts.JOURNAL_INCIDENTS
        seen = lambda: database.number(counts.JOURNAL_READINGS)  # noqa: E731
    else:
        database = records = counts.Database(place.folder / "peer.sqlite")
        command, question = _peer(kind, place), counts.PEER_INCIDENTS
        seen = lambda: database.number(counts.PEER_READINGS)  # noqa: E731
    with (place.folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_surroundings(place))
    try:
        yield Receiver(kind, process, seen, lambda after: records.rows(question, after), place.folder)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        database.close()
        records.close()


def make_ledger(folder: Path, transformers: int) -> None:
    """Make the records of a site with so many transformers, for collectors to begin with."""
    folder.mkdir(parents=True, exist_ok=True)
    with Records(f"sqlite:///{folder / 'records.sqlite'}") as records:
        records.migrate()
        records.replace_ledger(ledger_of(transformers), "bench", time.time_ns() // 1000)


def _counting(kind: Kind, place: Place) -> list[str]:
    module = "bench.ingest.bulk_reader" if kind is Kind.BULK else "bench.ingest.empty_paho"
    count = str(place.folder / "count")
    return [sys.executable, "-m", module, "--port", str(place.port), "--qos", str(place.qos), "--count", count]


def _collector(place: Place) -> list[str]:
    data = place.folder / "data"
    if not data.exists():
        data.mkdir()
        shutil.copy(_ledger_made(place), data / "records.sqlite")
    config = place.folder / "redvest.toml"
    config.write_text(
        f'[data]\nfolder = "{data}"\ndisk_reserve_mib = 0\n[broker]\nport = {place.port}\n'
        '[notify]\nchannels = ["file"]\n[collector]\nclient_id = "bench-collector"\n'
        "measured_age_hours_max = 0\nhealth_port = 0\n"
    )
    return [str(Path(sys.executable).with_name("redvest")), "collect", "--config", str(config)]


def _ledger_made(place: Place) -> Path:
    folder = place.folder.parent / f"ledger-{place.case.transformers}"
    if not folder.exists():
        make_ledger(folder, place.case.transformers)
    return folder / "records.sqlite"


def _peer(kind: Kind, place: Place) -> list[str]:
    database, ratings = place.folder / "peer.sqlite", place.folder / "ratings.json"
    if not ratings.exists():
        rated = {
            transformer.transformer_id: RATED_POWER_KVA
            for transformer in ledger_of(place.case.transformers).transformers
        }
        ratings.write_text(json.dumps(rated))
    if kind is Kind.PAHO:
        return [
            sys.executable,
            str(PEERS / "paho_script.py"),
            str(place.port),
            str(place.qos),
            str(database),
            str(ratings),
        ]
    if kind is Kind.NODE:
        return ["node", str(PEERS / "node_script.js"), str(place.port), str(place.qos), str(database), str(ratings)]
    if place.node_modules is None:
        raise RuntimeError("Node-RED needs its packages")
    user = place.folder / "node-red"
    user.mkdir(exist_ok=True)
    shutil.copy(PEERS / "node_red_flow.json", user / "flow.json")
    program = place.node_modules / "node-red" / "red.js"
    settings = PEERS / "node_red_settings.js"
    return ["node", str(program), "--userDir", str(user), "--settings", str(settings), str(user / "flow.json")]


def _surroundings(place: Place) -> dict[str, str]:
    return {
        **os.environ,
        "NODE_PATH": str(place.node_modules or ""),
        "BENCH_DATABASE": str(place.folder / "peer.sqlite"),
        "BENCH_RATINGS": str(place.folder / "ratings.json"),
        "BENCH_FLOW": str(place.folder / "node-red" / "flow.json"),
        "BENCH_PORT": str(place.port),
        "BENCH_QOS": str(place.qos),
        "BENCH_UI_PORT": str(_free_port()),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
