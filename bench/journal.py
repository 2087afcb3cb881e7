"""The readings journal: bytes of a reading, appending beside packing, one transformer's day while it is written.

    python -m bench.journal [--transformers N] [--seconds S]

One day of a fleet that sends every minute ten values with a decimal each, as meters do, is stored, asked for
while another process appends, packed, and asked for again. Appending is measured in turns, with and without a step of
packing in each second, which is what the collector does under full load. All in one run on one machine.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, MINUTE_US
from service.collecting.packing import SHARE
from stores.journal.journal import FIRST_PLACE, Journal, Place

SEED = 20210724
FIRST_DAY_US = 1_627_056_000_000_000
DAY_MINUTES = DAY_US // MINUTE_US
BLOCK_READINGS = 10_000
TURNS = 3
QUESTIONS = 200
WRITTEN_PER_SECOND = 20_000
"""Readings that come in while one transformer's day is asked for: more than a million transformers send in a minute."""


def readings(transformers: int, first_minute: int, minutes: int, seed: int) -> ReadingBatch:
    """Return what a fleet sends in some minutes: voltages, currents, P, Q, neutral current, oil temperature."""
    rng = np.random.default_rng(seed)
    rows = transformers * minutes
    number, minute = np.arange(rows) % transformers, first_minute + np.arange(rows) // transformers
    load_rate = 0.5 + 0.3 * np.sin(number) + 0.03 * np.sin(minute / 30.0) + rng.normal(0.0, 0.01, rows)
    apparent_kva = 400.0 * load_rate
    voltage = np.round(234.0 - 12.0 * load_rate[:, None] + rng.uniform(-1.0, 1.0, (rows, 3)), 1)
    measured_at_us = FIRST_DAY_US + minute * MINUTE_US
    return ReadingBatch.of(
        number,
        measured_at_us,
        received_at_us=measured_at_us + rng.integers(50_000, 950_000, rows),
        voltage_v=voltage,
        current_amp=np.round(apparent_kva[:, None] / 3.0 * 1000.0 / voltage, 1),
        active_power_kw=np.round(0.95 * apparent_kva, 1),
        reactive_power_kvar=np.round(0.31 * apparent_kva, 1),
        neutral_current_amp=np.round(np.abs(rng.normal(40.0, 5.0, rows)), 1),
        oil_temperature_c=np.round(60.0 + rng.normal(0.0, 0.2, rows), 1),
        sequence=minute,
    )


def blocks(transformers: int, first_minute: int, seed: int) -> Iterator[ReadingBatch]:
    """Yield blocks of about `BLOCK_READINGS`, minute after minute, without an end."""
    minutes = max(1, BLOCK_READINGS // transformers)
    while True:
        yield readings(transformers, first_minute, minutes, seed + first_minute)
        first_minute += minutes


def bytes_used(path: Path) -> int:
    """Return how many bytes of the file are in use; pages that became free are used again."""
    with sqlite3.connect(path) as file:
        asked = [file.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")]
    pages, free_pages, page_bytes = asked
    return int((pages - free_pages) * page_bytes)


def append_a_day(journal: Journal, transformers: int) -> None:
    """Store the day that is asked for and packed later."""
    for batch in blocks(transformers, 0, SEED):
        day = batch.take(batch.measured_at_us < FIRST_DAY_US + DAY_US)
        if not len(day):
            return
        journal.append(day)


def append_for(
    journal: Journal, source: Iterator[ReadingBatch], seconds: float, place: Place | None
) -> tuple[float, float]:
    """Append for some seconds, with steps of packing between if there is a place.

    Returns readings per second, and per second of processor of this process.
    """
    taken, readings_stored, packing, processor = 0.0, 0, 0.0, 0.0
    while taken < seconds:
        batch = next(source)
        began, processor_began = time.perf_counter(), time.process_time()
        journal.append(batch)
        if place is not None and packing <= taken * SHARE:
            step_began = time.perf_counter()
            place = journal.pack(place, FIRST_DAY_US + DAY_US).goes_on_at
            packing += time.perf_counter() - step_began
        taken += time.perf_counter() - began
        processor += time.process_time() - processor_began
        readings_stored += len(batch)
    return readings_stored / taken, readings_stored / processor


def pack_everything(journal: Journal) -> tuple[int, list[float]]:
    """Pack what there is; return how many readings, and how long each step took [s]."""
    place: Place | None = FIRST_PLACE
    moved, taken = 0, []
    while place is not None:
        began = time.perf_counter()
        step = journal.pack(place, FIRST_DAY_US + 100 * DAY_US)
        taken.append(time.perf_counter() - began)
        moved, place = moved + step.readings, step.goes_on_at
    return moved, taken


def ask_while_written(path: Path, transformers: int) -> tuple[str, int]:
    """Ask for days of single transformers while another process appends; return the times, and readings appended."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "bench.journal", "--transformers", str(transformers), "--write", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    writer.stdout.readline()
    rng = np.random.default_rng(SEED)
    taken, processor = [], time.process_time()
    with Journal.open_reader(path) as journal:
        for number in rng.integers(0, transformers, QUESTIONS).tolist():
            began = time.perf_counter()
            day = journal.series(number, FIRST_DAY_US, FIRST_DAY_US + DAY_US - 1)
            taken.append(1000.0 * (time.perf_counter() - began))
            if len(day) != DAY_MINUTES:
                raise ValueError(f"{len(day)} readings instead of {DAY_MINUTES}")
    processor = 1000.0 * (time.process_time() - processor) / QUESTIONS
    stored, _ = writer.communicate()
    p50, p99 = np.quantile(taken, (0.5, 0.99))
    said = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, most {max(taken):.1f} ms; {processor:.1f} ms of processor each"
    return said, int(stored)


def write_until_told(path: Path, transformers: int) -> None:
    """Append so many readings a second until the standard input is closed; then print how many were stored."""
    import threading

    stop = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    stored = 0
    with Journal.open_writer(path) as journal:
        newest_us = journal.newest_measured_us() or 0
        ready = list(
            zip(range(8), blocks(transformers, (newest_us - FIRST_DAY_US) // MINUTE_US + 1, SEED), strict=False)
        )
        print("ready", flush=True)
        shift_us, began = 0, time.monotonic()
        while not stop.is_set():
            for _, batch in ready:
                later = replace(
                    batch,
                    measured_at_us=batch.measured_at_us + shift_us,
                    received_at_us=batch.received_at_us + shift_us,
                )
                stored += int(journal.append(later).new.sum())
                stop.wait(began + stored / WRITTEN_PER_SECOND - time.monotonic())
            shift_us += len(ready) * max(1, BLOCK_READINGS // transformers) * MINUTE_US
    print(stored)


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser(prog="python -m bench.journal")
    words.add_argument("--transformers", type=int, default=250)
    words.add_argument("--seconds", type=float, default=2.0, help="of each turn of appending")
    words.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.write:
        write_until_told(given.write, given.transformers)
        return
    began = time.monotonic()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, numpy {np.__version__}, seed {SEED}")
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder:
        measure(Path(folder) / "journal.sqlite", given.transformers, given.seconds)
    print(f"{time.monotonic() - began:.0f} s")


def measure(path: Path, transformers: int, seconds: float) -> None:
    """Measure one fleet's day in one file, and print each figure as it is found."""
    with Journal.open_writer(path) as journal:
        journal.numbers(f"T{i:06d}" for i in range(transformers))
        append_a_day(journal, transformers)
        day_readings = journal.counts().readings
    row_bytes = bytes_used(path) / day_readings
    print(f"{transformers:,} transformers, a reading of ten values each minute: {day_readings:,} in a day")
    print(f"unpacked   {row_bytes:6.1f} bytes a reading")
    said, stored = ask_while_written(path, transformers)
    print(f"unpacked   a day of one transformer, {stored:,} readings appended meanwhile: {said}")
    with Journal.open_writer(path) as journal:
        first = ((journal.newest_measured_us() or 0) - FIRST_DAY_US) // MINUTE_US + 1
        batches = blocks(transformers, first, SEED)
        turns = [append_for(journal, batches, seconds, place) for _ in range(TURNS) for place in (None, FIRST_PLACE)]
        for clock, which in (("wall", 0), ("processor", 1)):
            alone, beside = (statistics.median(turn[which] for turn in turns[first::2]) for first in (0, 1))
            print(
                f"appending  {alone:,.0f} readings/s of {clock} time, beside packing {beside:,.0f},"
                f" ratio {beside / alone:.2f}"
            )
        moved, taken = pack_everything(journal)
        steps = np.quantile(taken, (0.5, 0.99)) * 1000.0
        print(
            f"packing    {moved / sum(taken):,.0f} readings/s in steps of p50 {steps[0]:.0f} ms,"
            f" p99 {steps[1]:.0f} ms, most {1000.0 * max(taken):.0f} ms"
        )
        all_readings = journal.counts().readings
    packed_bytes = bytes_used(path) / all_readings
    print(f"packed     {packed_bytes:6.1f} bytes a reading ({packed_bytes / row_bytes:.2f} of the unpacked)")
    said, stored = ask_while_written(path, transformers)
    print(f"packed     a day of one transformer, {stored:,} readings appended meanwhile: {said}")


if __name__ == "__main__":
    main()
