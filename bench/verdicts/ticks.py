"""Where a tick's time goes: the collector's pipeline on real stores, without a broker, stage by stage.

    python -m bench.verdicts.ticks [--form single|batch|columns] [--block N]

Blocks of N readings go through one tick after another, as the benchmark's messages (`bench.ingest.traffic`) bring
them: ten
thousand transformers, one in a hundred climbing past 90 %. Printed are the median tick and, of each stage, processor
time of this process for a reading.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.ingest.parts import blocks_of
from bench.ingest.traffic import Case, Form, ledger_of, messages_of, readings_of
from bench.verdicts.start import pipeline_in
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US
from stores.records.records import Records

SEED = 1
TRANSFORMERS = 10_000
STAGES = {
    "decode, screen": ("_decoder", "decode"),
    "append": ("_journal", "append"),
    "incremental": ("_incremental", "evaluate"),
    "answer incidents": ("_response", "answer"),
    "record": ("_records", "commit"),
}
"""What the pipeline calls for each, by attribute and method."""


def main() -> None:
    """Measure and print."""
    words = argparse.ArgumentParser(prog="python -m bench.verdicts.ticks")
    words.add_argument("--form", choices=[form.value for form in Form], default=Form.SINGLE.value)
    words.add_argument("--block", type=int, default=1_000, metavar="N", help="readings in a tick (%(default)s)")
    words.add_argument("--readings", type=int, default=300_000, metavar="N")
    words.add_argument("--per-message", type=int, default=100, metavar="N", help="readings in a batch")
    given = words.parse_args()
    spent, ticks_ms, readings = measure(Form(given.form), given.per_message, given.block, given.readings)
    p50, p99 = np.percentile(ticks_ms, [50, 99])
    print(f"{given.form}, {readings:,} readings in ticks of {given.block:,}: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    for stage, seconds in spent.items():
        print(f"{stage:18}{1e6 * seconds / readings:6.2f} µs of processor a reading")


def measure(form: Form, per_message: int, block: int, wanted: int) -> tuple[Counter[str], list[float], int]:
    """Return processor seconds by stage and in all, how long each tick took [ms], and how many readings there were."""
    ledger = ledger_of(TRANSFORMERS)
    now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
    case = Case.sized(TRANSFORMERS, form, per_message, wanted, SEED, now_us)
    fleet = Fleet.of(ledger.transformers)
    messages = list(messages_of(case, fleet, readings_of(case, fleet)))
    spent: Counter[str] = Counter()
    ticks_ms: list[float] = []
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as name:
        with Records(f"sqlite:///{Path(name) / 'records.sqlite'}") as records:
            records.migrate()
            records.replace_ledger(ledger, "bench", now_us)
        pipeline = pipeline_in(Path(name), now_us)
        for stage, (part, method) in STAGES.items():
            owner = getattr(pipeline, part)
            setattr(owner, method, _timed(getattr(owner, method), stage, spent))
        for messages_of_tick in blocks_of(messages, case.per_message, block):
            began = time.perf_counter()
            _timed(pipeline.tick, "all of it", spent)(messages_of_tick, now_us)
            ticks_ms.append(1000.0 * (time.perf_counter() - began))
    return spent, ticks_ms, case.readings


def _timed(call: Callable[..., Any], stage: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:
        began = time.process_time()
        try:
            return call(*arguments)
        finally:
            spent[stage] += time.process_time() - began  # type: ignore[assignment]

    return timed


if __name__ == "__main__":
    main()
