"""What verdicts cost within the reading path of a province, and what they remember of each transformer.

    python -m bench.verdicts.share [--transformers N]

Blocks of the collector's own size go through decode, durable append and the judge, one after another in one process, as
in a tick of the pipeline; the share is processor time of judging over that of all three (taking the packets off the
socket is left out, which makes the share larger, not smaller). The first round, in which everything is new, is not
counted. Bytes are those of every array and object that can be reached from the judge and from nothing beside it.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

from bench.ingest.traffic import ledger_of
from bench.province.packets import Rounds
from collector.decoding.decode import decode_block
from collector.decoding.plausibility import Limits
from collector.message import MessageBlock
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US
from service.rulebook import choose_rule_sets, read_rule_sets
from service.verdicts.incremental import IncrementalVerdicts
from stores.journal.journal import Journal
from stores.records.records import Records

SEED = 1
BLOCK = 10_000
ROUNDS = 3
START_US = 1_763_769_600_000_000
RULES = ("early-warning", "two-hours")
"""Those of the default settings."""
GAP_MINUTES = 20.0


def main() -> None:
    """Measure and print one JSON object."""
    words = argparse.ArgumentParser(prog="python -m bench.verdicts.share")
    words.add_argument("--transformers", type=int, default=500_000, metavar="N")
    given = words.parse_args()
    spent, state_bytes = measure(given.transformers)
    answer = {"transformers": given.transformers, "share": spent["judge"] / spent.total(), "state_bytes": state_bytes}
    print(json.dumps({**answer, "cpu_seconds": spent}))


def measure(transformers: int) -> tuple[Counter[str], float]:
    """Return the processor seconds of each stage, and the bytes that the judge holds for each transformer."""
    fleet = Fleet.of(ledger_of(transformers).transformers)
    rounds = Rounds(transformers, 0, SEED)
    spent: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="redvest-bench-") as name, Records(f"sqlite:///{name}/records") as records:
        records.migrate()
        with Journal.open_writer(Path(name) / "journal.sqlite") as journal:
            journal.numbers(fleet.transformer_ids)
            incremental = IncrementalVerdicts(
                journal, records, choose_rule_sets(RULES, read_rule_sets()), GAP_MINUTES, fleet
            )
            incremental.recover(0)
            for turn in range(ROUNDS):
                for first in range(0, transformers, BLOCK):
                    at_us = START_US + turn * MINUTE_US
                    block = block_of(rounds, turn, at_us, first, min(first + BLOCK, transformers))
                    began = time.process_time()
                    decoded = decode_block(block, fleet, Limits.of_recordings())
                    had_decoded = time.process_time()
                    stored = journal.append(decoded.readings)
                    had_stored = time.process_time()
                    incremental.evaluate(decoded.readings.take(stored.new))
                    judged = time.process_time()
                    if turn:
                        times = (had_decoded - began, had_stored - had_decoded, judged - had_stored)
                        spent.update(dict(zip(("decode", "append", "judge"), times, strict=True)))
            return spent, bytes_of(incremental, {id(journal), id(records)} | reached(fleet)) / transformers


def block_of(rounds: Rounds, turn: int, measured_at_us: int, first: int, end: int) -> MessageBlock:
    """Return the messages of some transformers at one moment as the subscriber would hand them over."""
    stream = rounds.packets(turn, measured_at_us, first, end)
    topic_at, body_at = stream.packets.index(b"redvest"), stream.packets.index(b'{"measured_at')
    size = int(stream.ends[0])
    starts = range(0, len(stream.packets), size)
    return MessageBlock(
        topics=[stream.packets[at + topic_at : at + body_at] for at in starts],
        payloads=[stream.packets[at + body_at : at + size] for at in starts],
        flags=bytes(len(stream)),
        mids=[],
        received_at_us=np.full(len(stream), measured_at_us),
        epoch=1,
    )


def bytes_of(root: object, without: set[int]) -> int:
    """Return the bytes of all that can be reached from `root`, but not of what belongs to others, named by `id`."""
    return sum(reached_sizes(root, without).values())


def reached(root: object) -> set[int]:
    """Return the `id` of everything that can be reached."""
    return set(reached_sizes(root, set()))


def reached_sizes(root: object, without: set[int]) -> dict[int, int]:
    """Return bytes by `id` of all that can be reached, but not of the program itself."""
    sizes = dict.fromkeys(without, 0)
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in sizes or isinstance(thing, (type, ModuleType, FunctionType, BuiltinFunctionType)):
            continue
        sizes[id(thing)] = sys.getsizeof(thing)
        if isinstance(thing, np.ndarray) and thing.base is not None:
            waiting.append(thing.base)  # a view holds no bytes of its own
        waiting.extend(gc.get_referents(thing))
    return sizes


if __name__ == "__main__":
    main()
