"""The collector as a child process, whole or broken on purpose, with faults injected from outside the product.

    python -m tests.faults.collector [--broken NAME] [--kill-at POINT:N] [--slow-commit S] … collect --config FILE

What follows the injections are the words of the `redvest` command, and it is that command which runs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
from pathlib import Path

from tests.faults import broken, injections

PRELOADED = (
    "tests.faults.collector",
    "service.cli.main",
    "service.collecting.process",
    "service.cli.collect",
    "service.rulebook",
    "stores.records.migrations",
    "alembic.command",
)
"""Imported once by the process that collectors are forked from: a start then takes a fifth of the time."""

FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(list(PRELOADED))


def run_forked(arguments: list[str], log: Path) -> None:
    """Be the collector in a process that was forked for it; whatever it prints goes to the log."""
    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.exit(main(arguments))


def main(arguments: list[str]) -> int:
    """Break what is to be broken, then run the command and return its exit code."""
    parser = argparse.ArgumentParser(prog="tests.faults.collector")
    parser.add_argument("--broken", default="", help="name of a build in tests/faults/broken.py")
    parser.add_argument("--kill-at", default="", metavar="POINT:N", help="kill -9 itself at the N-th pass of a point")
    parser.add_argument("--slow-commit", type=float, default=0.0, metavar="SECONDS", help="each commit takes longer")
    parser.add_argument("--hold-commits", type=Path, metavar="FILE", help="commits wait for their number in a file")
    parser.add_argument("--clock-shift", type=Path, metavar="FILE", help="seconds in a file, added to the clock")
    parser.add_argument("--held-clock", type=Path, metavar="FILE", help="the moment [µs] in a file is the clock")
    parser.add_argument(
        "--looks-noted", type=Path, metavar="FILE", help="where to note at what moment it looked around"
    )
    parser.add_argument("--file-bytes-max", type=int, default=0, help="no file may grow larger, as on a full disk")
    values, command = parser.parse_known_args(arguments)
    if values.broken:
        broken.BUILDS[values.broken]()
    if values.slow_commit:
        injections.slow_commits(values.slow_commit)
    if values.hold_commits:
        injections.hold_commits(values.hold_commits)
    if values.kill_at:
        point, _, passes = values.kill_at.partition(":")
        injections.kill_at(point, int(passes or 1))
    if values.clock_shift:
        injections.shift_clock(values.clock_shift)
    if values.held_clock:
        injections.hold_clock(values.held_clock, values.looks_noted)
    if values.file_bytes_max:
        resource.setrlimit(resource.RLIMIT_FSIZE, (values.file_bytes_max, resource.RLIM_INFINITY))

    from service.cli.main import main as redvest

    return redvest(command)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
