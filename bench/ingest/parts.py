"""Decoding and appending alone, each in a process of its own.

`python -m bench.ingest.parts NAME …` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.ingest.traffic import ledger_of, load_messages
from bench.process import memory_mb
from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import MessageBlock
from grid.fleet import Fleet
from stores.journal.journal import Journal

BLOCK_READINGS = 10_000
"""Readings that are decoded and appended at once, as much as the collector takes when it is busy."""


def main() -> None:
    """Measure the part that is named."""
    words = argparse.ArgumentParser()
    words.add_argument("part", choices=("decode", "append"))
    words.add_argument("--messages", type=Path, required=True)
    words.add_argument("--transformers", type=int, required=True)
    words.add_argument("--per-message", type=int, required=True)
    given = words.parse_args()
    blocks = list(blocks_of(load_messages(given.messages), given.per_message))
    fleet = Fleet.of(ledger_of(given.transformers).transformers)
    measured = (measure_decode if given.part == "decode" else measure_append)(blocks, fleet)
    print(json.dumps({**measured, "memory_mb": memory_mb(os.getpid())}))


def blocks_of(
    messages: list[tuple[str, bytes]], per_message: int, readings: int = BLOCK_READINGS
) -> Iterator[MessageBlock]:
    """Yield the messages in blocks of about so many readings, as the subscriber hands them over."""
    step = max(1, readings // per_message)
    now_us = time.time_ns() // 1000
    for at in range(0, len(messages), step):
        block = messages[at : at + step]
        yield MessageBlock(
            topics=[topic.encode() for topic, _ in block],
            payloads=[payload for _, payload in block],
            flags=bytes(len(block)),
            mids=[],
            received_at_us=np.full(len(block), now_us),
            epoch=1,
        )


def measure_decode(blocks: list[MessageBlock], fleet: Fleet) -> dict[str, float]:
    """Decode every block: what turning payloads into columns costs."""
    limits = Limits(measured_age_hours_max=None)
    begun, begun_cpu, readings = time.monotonic(), time.process_time(), 0
    for block in blocks:
        decoded = decode_block(block, fleet, limits)
        if decoded.rejects:
            raise ValueError(f"the benchmark's own message was refused: {decoded.rejects[0]}")
        readings += len(decoded.readings)
    seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - begun_cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "readings": readings}


def measure_append(blocks: list[MessageBlock], fleet: Fleet) -> dict[str, float]:
    """Append every decoded block to a new journal: what being on disk costs."""
    limits = Limits(measured_age_hours_max=None)
    decoded = [decode_block(block, fleet, limits).readings for block in blocks]
    with (
        tempfile.TemporaryDirectory(prefix="redvest-bench-") as folder,
        Journal.open_writer(Path(folder) / "journal.sqlite") as journal,
    ):
        journal.numbers(fleet.transformer_ids)
        begun, begun_cpu, readings = time.monotonic(), time.process_time(), 0
        for batch in decoded:
            readings += int(journal.append(batch).new.sum())
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - begun_cpu
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "readings": readings}


if __name__ == "__main__":
    main()
