"""What a start costs: how long until the first fresh verdict, from a checkpoint and from the journal alone.

    python -m bench.verdicts.start [--transformers N] [--minutes M] [--behind M] [--folder DIR]

A journal of N transformers, once a minute for M minutes, is made by the pipeline itself, with its records; its
checkpoint is so many minutes behind when the process is killed. One transformer in 2,000 is in an incident. Then
processes start: with the checkpoint, and without. Each prints when it was ready, and when the verdict of one fresh
reading was recorded.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from alerts.notification.throttling import ThrottlingSettings
from alerts.outreach.planner import OutreachSettings
from alerts.silence.detection import SilenceSettings
from collector.decoding.decode import Decoded
from collector.decoding.plausibility import Limits
from collector.message import Message
from collector.wire.format import encode_reading, reading_topic
from grid.assets import Ledger, Station, Transformer
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US, format_utc
from service.collecting import checkpoint
from service.collecting.pipeline import Pipeline, PipelineOptions
from service.metrics.metrics import Metrics
from service.rulebook import choose_rule_sets, read_rule_sets
from stores.journal.journal import Journal
from stores.records.records import Records

SEED = 20210724
START_US = 1_627_056_000_000_000
RATED_KVA = 400.0
STATIONS = 50
BLOCK_READINGS = 50_000
HOT_ONE_IN = 2_000
LIMITS = Limits(measured_age_hours_max=None, measured_ahead_minutes_max=5.0)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.verdicts.start")
    parser.add_argument("--transformers", type=int, default=20_000)
    parser.add_argument("--minutes", type=int, default=30, help="readings of each transformer")
    parser.add_argument("--behind", type=int, default=5, help="how many minutes the checkpoint is behind")
    parser.add_argument("--folder", type=Path, help="where the stores are made; kept, and used again")
    parser.add_argument("--step", choices=("make", "start"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step == "make":
        make(options.folder, options.transformers, options.minutes, options.behind)
    elif options.step == "start":
        start(options.folder, options.minutes)
    else:
        for line in figures(options.transformers, options.minutes, options.behind, options.folder):
            print(line, flush=True)


def figures(transformers: int, minutes: int, behind: int, folder: Path | None = None) -> Iterator[str]:
    """Yield what there is to say of starts with and without a checkpoint."""
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as temporary:
        made = folder or Path(temporary) / "made"
        words = ["--transformers", str(transformers), "--minutes", str(minutes), "--behind", str(behind)]
        if not (made / "journal.sqlite").exists():
            made.mkdir(parents=True, exist_ok=True)
            yield f"made: {_run('make', made, words)}"
        for name in ("from a checkpoint", "without"):
            used = Path(temporary) / name.replace(" ", "-")
            shutil.copytree(made, used)
            if name == "without":
                (used / "journal.checkpoint").unlink()
            yield f"start {name}, {behind} minutes behind: {_run('start', used, words)}"
            shutil.rmtree(used)


def _run(step: str, folder: Path, words: Sequence[str]) -> str:
    command = [sys.executable, "-m", "bench.verdicts.start", "--step", step, "--folder", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(done.stderr)
    return done.stdout.strip()


def make(folder: Path, transformers: int, minutes: int, behind: int) -> None:
    """Make the stores as a collector makes them, and die without a word."""
    began = time.monotonic()
    with Records(f"sqlite:///{folder / 'records.sqlite'}") as records:
        records.migrate()
        fleet = (Transformer(f"T{i:06}", "", f"S{i % STATIONS}", RATED_KVA) for i in range(transformers))
        stations = tuple(Station(f"S{i}", f"S{i}", "Asia/Shanghai") for i in range(STATIONS))
        records.replace_ledger(Ledger(stations=stations, transformers=tuple(fleet)), "bench", START_US)
    checkpoint.TAKEN_EVERY_SECONDS = checkpoint.BUSY_EVERY_SECONDS = float("inf")
    pipeline = pipeline_in(folder, START_US)
    source = _Readings()
    pipeline._decoder = source  # type: ignore[assignment]
    blocking = 0.0
    for minute in range(minutes):
        if minute == minutes - behind:
            at = time.monotonic()
            pipeline.keep_checkpoint()
            blocking = time.monotonic() - at
        for block in blocks(transformers, minute):
            source.block = block
            pipeline.tick([_message(0, minute, 0.0)], START_US + minute * MINUTE_US)
    pipeline._checkpoints.close()
    size = (folder / "journal.checkpoint").stat().st_size
    print(
        f"{transformers * minutes:,} readings in {time.monotonic() - began:.0f} s; the loop stood still for"
        f" {blocking * 1e3:.0f} ms while a checkpoint was taken, it is {size / 1e6:.0f} MB",
        flush=True,
    )
    os.kill(os.getpid(), signal.SIGKILL)


def start(folder: Path, minutes: int) -> None:
    """Start as a collector does, and take one reading."""
    began, began_cpu = time.monotonic(), time.process_time()
    now_us = START_US + minutes * MINUTE_US
    pipeline = pipeline_in(folder, now_us)
    ready, ready_cpu = time.monotonic() - began, time.process_time() - began_cpu
    pipeline.tick([_message(1, minutes, 0.97)], now_us)
    fresh, fresh_cpu = time.monotonic() - began, time.process_time() - began_cpu
    engine, quality, fleet = pipeline._incremental._engine, pipeline._incremental._quality, len(pipeline.fleet)
    print(
        f"ready after {ready:.1f} s ({ready_cpu:.1f} s of processor), first fresh verdict after {fresh:.1f} s"
        f" ({fresh_cpu:.1f} s of processor); verdict state"
        f" {(engine.nbytes + quality.nbytes) / fleet:.0f} bytes each, process"
        f" {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most"
    )


def blocks(transformers: int, minute: int) -> Iterator[ReadingBatch]:
    """Yield one minute of the fleet: most around half load, some in an incident."""
    rng = np.random.default_rng([SEED, minute])
    for first in range(0, transformers, BLOCK_READINGS):
        number = np.arange(first, min(first + BLOCK_READINGS, transformers), dtype=np.int32)
        usual = 0.3 + 0.45 * ((number * 7_919) % 1_000) / 1_000
        around = np.where(number % HOT_ONE_IN == 1, 0.94, usual)
        rate = around + 0.02 * np.sin(minute / 60.0 + number) + rng.normal(0.0, 0.005, len(number))
        at_us = np.full(len(number), START_US + minute * MINUTE_US)
        yield ReadingBatch.of(
            number,
            at_us,
            received_at_us=at_us + rng.integers(0, MINUTE_US, len(number)),
            active_power_kw=rate * RATED_KVA * 0.95,
            reactive_power_kvar=rate * RATED_KVA * 0.312,
            voltage_v=np.full((len(number), 3), 229.0),
            current_amp=np.repeat((rate * RATED_KVA / 0.687)[:, None], 3, axis=1),
        )


class _Readings:
    """Stands where messages are decoded, which is not what is measured here."""

    behind_minutes = 0.0

    def __init__(self) -> None:
        self.block = ReadingBatch.empty()

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Return the block that was put here."""
        return Decoded(self.block, ())


def pipeline_in(folder: Path, now_us: int) -> Pipeline:
    """Return a pipeline with the default rules on stores in a folder; the records hold a ledger."""
    records = Records(f"sqlite:///{folder / 'records.sqlite'}")
    journal = Journal.open_writer(folder / "journal.sqlite")
    options = PipelineOptions(
        rule_sets=choose_rule_sets(("early-warning", "two-hours"), read_rule_sets()),
        gap_minutes=20.0,
        limits=LIMITS,
        outreach=OutreachSettings(),
        silence=SilenceSettings(),
        channels=("file",),
        throttling=ThrottlingSettings(),
    )
    return Pipeline(journal, records, options, Metrics(), lambda messages: None, now_us)


def _message(number: int, minute: int, rate: float) -> Message:
    now_us = START_US + minute * MINUTE_US
    payload = encode_reading(format_utc(now_us), active_power_kw=rate * RATED_KVA, reactive_power_kvar=0.0)
    topic = reading_topic(f"S{number % STATIONS}", f"T{number:06}")
    return Message(topic, payload, now_us, mid=1, qos=1, epoch=1, retained=False)


if __name__ == "__main__":
    main()
