"""Publishes a fleet: one part in each process, what the broker took written down, what was reached told."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from collector.mqtt.broker_address import BrokerAddress
from grid.errors import BrokerError
from grid.text import Text
from simulator.fleet.acknowledged_keys import AcknowledgedKeys, KeysHeader, KeysWriter, join_parts, read_keys
from simulator.fleet.fleet import FleetPlan
from simulator.fleet.part import FleetReport, Progress, publish_part

_LOOK_SECONDS = 0.2


def run_fleet(
    address: BrokerAddress,
    plan: FleetPlan,
    start_us: int,
    *,
    keys_file: Path | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = lambda published: None,
) -> tuple[FleetReport, AcknowledgedKeys]:
    """Publish the plan's rounds; the first readings are measured at `start_us`. Memory does not grow with the rounds.

    The acknowledged keys are written to `keys_file`, round by round. `progress` gets the readings published so far.
    Raises BrokerError when the broker stays away or never answers.
    """
    with tempfile.TemporaryDirectory(prefix="redvest-fleet-") as folder:
        file = keys_file or Path(folder) / "keys"
        if plan.publishers == 1:
            report = publish_part(address, plan, range(plan.transformers), start_us, file, stop, progress)
        else:
            report = _in_processes(address, plan, start_us, file, Path(folder), stop, progress)
        return report, read_keys(file)


def _in_processes(
    address: BrokerAddress,
    plan: FleetPlan,
    start_us: int,
    file: Path,
    folder: Path,
    stop: Callable[[], bool],
    progress: Progress,
) -> FleetReport:
    """Publish each part in a process of its own, and join their ledgers."""
    context = multiprocessing.get_context("spawn")
    parts = plan.parts()
    files = [folder / f"part-{number}" for number in range(len(parts))]
    published = context.Array("q", len(parts), lock=False)
    stopping = context.Event()
    answers: Any = context.SimpleQueue()
    processes = [
        context.Process(
            target=_be_a_part, args=(address, plan, start_us, number, files[number], published, stopping, answers)
        )
        for number in range(len(parts))
    ]
    for process in processes:
        process.start()
    try:
        while any(process.is_alive() for process in processes):
            if stop():
                stopping.set()
            progress(sum(published))
            time.sleep(_LOOK_SECONDS)
    finally:
        stopping.set()
        for process in processes:
            process.join()
    reports = [answers.get() for process in processes if process.exitcode == 0]
    told = [answer for answer in reports if isinstance(answer, Text)]
    if told or len(reports) < len(parts):
        raise BrokerError(
            told[0] if told else Text("一个发布进程提前结束", "a publisher ended early"),
            where=Text(f"消息服务器 {address}", f"broker {address}"),
        )
    progress(sum(published))
    with file.open("wb") as stream:
        join_parts(
            [read_keys(part) for part in files],
            KeysWriter(stream, KeysHeader(plan.transformers, start_us, plan.interval_us)),
        )
    return _together(reports)


def _be_a_part(
    address: BrokerAddress,
    plan: FleetPlan,
    start_us: int,
    number: int,
    keys_file: Path,
    published: Any,
    stopping: Any,
    answers: Any,
) -> None:
    """Be one publisher process; Ctrl-C is its parent's."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def tell(readings: int) -> None:
        published[number] = readings

    part = plan.parts()[number]
    try:
        report = publish_part(address, replace(plan, publishers=1), part, start_us, keys_file, stopping.is_set, tell)
    except BrokerError as error:
        answers.put(error.what)
        return
    answers.put(report)


def _together(reports: Sequence[FleetReport]) -> FleetReport:
    return FleetReport(
        sum(report.asked_per_second for report in reports),
        sum(report.published for report in reports),
        sum(report.acknowledged for report in reports),
        sum(report.refused for report in reports),
        sum(report.reconnections for report in reports),
        max(report.seconds for report in reports),
        all(report.finished for report in reports),
    )
