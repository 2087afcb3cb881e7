"""What verdicts cost: the engine beside a bare numpy pass over the same columns, in one run on one machine.

    python -m bench.verdicts.run [--readings N] [--rebuild ROWS] [--state N] [--start N]

The bare pass does the least that any verdict needs: compare each load rate with a line and remember the last one of
each transformer. Load rates wander around 60 % (most transformers quiet) or around 90 % (a hot day, most of them in a
run), so that both ends are seen. Printed: readings per second, median and spread of the repeats, and the ratio.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from alerts.quality.believed import believed_rates
from alerts.quality.grading import QualityGrader
from alerts.rules.rule_set import RuleSet
from alerts.verdicts.engine import VerdictEngine
from bench.verdicts import start
from grid.assets import Transformer
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from service.rulebook import choose_rule_sets, read_rule_sets
from service.verdicts.incremental import IncrementalVerdicts, rated_and_sorted
from stores.journal.journal import Journal
from stores.records.records import Records

SEED = 20210724
REPEATS = 3
START_US = 1_627_056_000_000_000
RATED_KVA = 400.0
BATCHES_MAX = 60
CASES = ((1, 1), (1, 1_000), (1, 100_000), (100, 100), (100, 100_000), (10_000, 10_000), (500_000, 100_000))
"""(transformers, readings in a batch)"""


def batches(transformers: int, size: int, total: int, around: float) -> Iterator[ReadingBatch]:
    """Yield batches as a fleet sends them: each transformer once a minute, in turn."""
    rng = np.random.default_rng(SEED)
    sent = 0
    while sent < total:
        index = np.arange(sent, min(sent + size, total))
        minute, number = index // transformers, index % transformers
        rate = around + 0.05 * np.sin(minute / 60.0 + number) + rng.normal(0.0, 0.01, len(index))
        at_us = START_US + minute * MINUTE_US
        yield ReadingBatch.of(
            number.astype(np.int32),
            at_us,
            active_power_kw=rate * RATED_KVA * 0.95,
            reactive_power_kvar=rate * RATED_KVA * 0.312,
            voltage_v=np.full((len(index), 3), 229.0),
            current_amp=np.repeat((rate * RATED_KVA / 0.687)[:, None], 3, axis=1),
        )
        sent += len(index)


def a_fleet(transformers: int) -> Fleet:
    """Return a fleet of equal transformers."""
    return Fleet.of(Transformer(f"T{i:06}", "", "S1", RATED_KVA) for i in range(transformers))


def seconds_of(run: Callable[[], None]) -> list[float]:
    """Return how long each of the repeats took."""
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        run()
        taken.append(time.perf_counter() - began)
    return taken


def one_case(transformers: int, size: int, around: float, total: int, rule_sets: tuple[RuleSet, ...]) -> str:
    """Measure one case and return its line."""
    fleet = a_fleet(transformers)
    prepared = [rated_and_sorted(batch, fleet) for batch in batches(transformers, size, total, around)]

    def bare() -> None:
        last_at_us, last = np.zeros(transformers, np.int64), np.zeros(transformers)
        over = 0
        for rates, _ in prepared:
            over += int((rates.load_rate >= 0.9).sum()) + int((rates.worst_phase_load_rate >= 0.9).sum())
            last_at_us[rates.transformer] = rates.measured_at_us
            last[rates.transformer] = rates.load_rate

    def engine() -> None:
        verdicts = VerdictEngine(rule_sets, 20.0, fleet.transformer_ids)
        for rates, _ in prepared:
            verdicts.advance(rates, every_touched=False)

    def engine_and_grader() -> None:
        verdicts, quality = VerdictEngine(rule_sets, 20.0, fleet.transformer_ids), QualityGrader(transformers)
        for rates, rated in prepared:
            verdicts.advance(believed_rates(rates, rated, quality.advance(rated)), every_touched=False)

    speeds = [sorted(total / seconds for seconds in seconds_of(run)) for run in (bare, engine, engine_and_grader)]
    middle = [statistics.median(speed) for speed in speeds]
    spread = max((s[-1] - s[0]) / m for s, m in zip(speeds, middle, strict=True))
    return (
        f"{transformers:>9,} {size:>9,} {around:>7.0%} {middle[0]:>14,.0f} {middle[1]:>14,.0f} {middle[2]:>14,.0f}"
        f" {middle[1] / middle[0]:>8.3f} {1e6 / middle[2]:>8.2f} {spread:>7.0%}"
    )


def rebuild(rows: int, transformers: int, rule_sets: tuple[RuleSet, ...]) -> str:
    """Measure how long the engine takes to be built again from a journal of `rows` readings."""
    fleet = a_fleet(transformers)
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder:
        with Journal.open_writer(Path(folder) / "journal.sqlite") as journal:
            journal.numbers(fleet.transformer_ids)
            for batch in batches(transformers, 50_000, rows, 0.8):
                journal.append(batch)
        began = time.perf_counter()
        with Journal.open_reader(Path(folder) / "journal.sqlite") as journal:
            engine, quality = VerdictEngine(rule_sets, 20.0, fleet.transformer_ids), QualityGrader(transformers)
            read = 0
            for batch in journal.since(0):
                rates, rated = rated_and_sorted(batch, fleet)
                engine.advance(believed_rates(rates, rated, quality.advance(rated)), every_touched=False)
                read += len(batch)
        seconds = time.perf_counter() - began
    return f"{read:,} readings of {transformers:,} transformers in {seconds:.1f} s: {read / seconds:,.0f} readings/s"


def state_bytes(transformers: int, around: float, rule_sets: tuple[RuleSet, ...]) -> str:
    """Measure what the engine and trust remember of each transformer."""
    fleet = a_fleet(transformers)
    engine, quality = VerdictEngine(rule_sets, 20.0, fleet.transformer_ids), QualityGrader(transformers)
    for batch in batches(transformers, min(transformers, 50_000), 3 * transformers, around):
        rates, rated = rated_and_sorted(batch, fleet)
        engine.advance(believed_rates(rates, rated, quality.advance(rated)), every_touched=False)
    return f"{transformers:,} around {around:.0%}: {(engine.nbytes + quality.nbytes) / transformers:.0f} bytes each"


def late_block(transformers: int, minutes: int, late: int, rule_sets: tuple[RuleSet, ...]) -> str:
    """Measure what a block of late readings costs, beside a block in time of the same size and transformers."""
    fleet = a_fleet(transformers)
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder:
        records = Records(f"sqlite:///{folder}/records.sqlite")
        records.migrate()
        with Journal.open_writer(Path(folder) / "journal.sqlite") as journal:
            journal.numbers(fleet.transformer_ids)
            for batch in batches(transformers, 50_000, transformers * minutes, 0.9):
                journal.append(batch)
            incremental = IncrementalVerdicts(journal, records, rule_sets, 20.0, fleet)
            incremental.recover(0)
            numbers = np.arange(late, dtype=np.int32)
            taken = {}
            for name, minute in (("in time", minutes), ("late", minutes - 30)):
                at_us = np.full(late, START_US + minute * MINUTE_US + 1)
                block = ReadingBatch.of(numbers, at_us, active_power_kw=np.full(late, 380.0))
                journal.append(block)
                began = time.perf_counter()
                incremental.evaluate(block)
                taken[name] = time.perf_counter() - began
        records.close()
    return (
        f"{late} readings of {late} transformers among {transformers:,} with {minutes} readings each: in time"
        f" {taken['in time'] * 1e3:.1f} ms, late {taken['late'] * 1e3:.1f} ms"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.verdicts.run")
    parser.add_argument("--readings", type=int, default=100_000, help="readings in each case")
    parser.add_argument("--rebuild", type=int, default=500_000, help="readings in the journal that is read back")
    parser.add_argument("--state", type=int, default=50_000, help="transformers whose state is weighed")
    parser.add_argument("--start", type=int, default=0, help="also measure starts with so many transformers")
    options = parser.parse_args()
    rule_sets = choose_rule_sets(("early-warning", "two-hours"), read_rule_sets())
    print(f"Python {platform.python_version()}, numpy {np.__version__}, seed {SEED}, {REPEATS} repeats, median")
    print(f"{'fleet':>9} {'batch':>9} {'around':>7} {'bare /s':>14} {'fold /s':>14} {'+quality /s':>14}"
          f" {'of bare':>8} {'µs each':>8} {'spread':>7}")  # fmt: skip
    for transformers, size in CASES:
        total = min(options.readings, BATCHES_MAX * size)
        for around in (0.6, 0.9):
            print(one_case(transformers, size, around, total, rule_sets))
    print("late block:", late_block(1_000, 600, 10, rule_sets))
    print("late block:", late_block(1_000, 600, 100, rule_sets))
    for around in (0.6, 0.9):
        print("state:", state_bytes(options.state, around, rule_sets))
    for line in start.figures(options.start, minutes=30, behind=5) if options.start else ():
        print("start:", line)
    print("rebuild:", rebuild(options.rebuild, 10_000, rule_sets))
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB")


if __name__ == "__main__":
    main()
