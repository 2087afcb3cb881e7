"""Publishes a fleet: one part in each process, what the broker took written down, what was reached told."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from collector.broker_address import BrokerAddress
from grid.errors import BrokerError
from simulator.bulk_publisher import BulkPublisher, Tokens
from simulator.fleet import FleetPlan, Layout, messages_of
from simulator.fleet_keys import AcknowledgedKeys, KeysHeader, KeysWriter, Taken, join_parts, read_keys

_LOOK_SECONDS = 0.2
_SLICE_SECONDS = 0.02
"""A paced part sends what is due in slices of about so long."""

Progress = Callable[[int], None]


@dataclass(frozen=True)
class FleetReport:
    """What was reached. Counts are readings, not messages."""

    asked_per_second: float
    """NaN when the pace was left to the broker."""
    published: int
    acknowledged: int
    """By the broker; at QoS 0 those that left for the wire."""
    refused: int
    """Answered with a failure code (MQTT 5 only; a 3.1.1 broker cannot say no). At QoS 0: lost with the connection."""
    reconnections: int
    seconds: float
    finished: bool
    """False when the time was up before the last round."""

    @property
    def published_per_second(self) -> float:
        """Return the published readings per second."""
        return self.published / self.seconds if self.seconds else 0.0

    @property
    def achieved_per_second(self) -> float:
        """Return the acknowledged readings per second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


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


class _Account:
    """What became of the messages of one part, and which keys are acknowledged."""

    def __init__(self, layout: Layout, rows: int, writer: KeysWriter) -> None:
        self._layout = layout
        self._rows = rows
        self._writer = writer
        self._open: dict[int, tuple[Taken, int]] = {}
        """By round that is not answered yet: its keys, and how many of its messages are answered."""
        self.acknowledged = self.refused = 0

    def answered(self, tokens: Tokens, were_taken: bool) -> None:
        """Note answers; a round that is answered is written and forgotten."""
        turns, messages = tokens // len(self._layout), tokens % len(self._layout)
        for turn in np.unique(turns).tolist():
            of_turn = messages[turns == turn]
            taken, answers = self._open.get(turn) or (np.zeros(self._rows, np.bool_), 0)
            rows = self._layout.rows_of(of_turn)
            if were_taken:
                taken[rows] = True
                self.acknowledged += len(rows)
            else:
                self.refused += len(rows)
            self._open[turn] = taken, answers + len(of_turn)
            if answers + len(of_turn) == len(self._layout):
                self._writer.write(turn, self._open.pop(turn)[0])

    def close(self) -> None:
        """Write the rounds of which not all is answered."""
        for turn in sorted(self._open):
            self._writer.write(turn, self._open[turn][0])


def publish_part(
    address: BrokerAddress,
    plan: FleetPlan,
    part: range,
    start_us: int,
    keys_file: Path,
    stop: Callable[[], bool],
    progress: Progress,
) -> FleetReport:
    """Publish the rounds of some of the transformers, and write their keys."""
    layout = Layout.of(plan, part)
    published, finished = 0, True
    with keys_file.open("wb") as stream:
        account = _Account(layout, len(part), KeysWriter(stream, KeysHeader(len(part), start_us, plan.interval_us)))
        client_id = f"redvest-fleet-{plan.seed}-{part.start}"
        publisher = BulkPublisher(address, client_id, plan.qos, account.answered)
        publisher.start()
        began, sent = time.monotonic(), 0
        per_second = len(layout) / plan.interval_seconds if plan.paced else float("inf")
        slice_messages = max(1, int(min(per_second * _SLICE_SECONDS, 2_000)))
        try:
            for messages in messages_of(plan, part, start_us):
                for at in range(0, len(messages), slice_messages):
                    due = began + sent / per_second
                    while not stop() and (seconds := due - time.monotonic()) > 0.0:
                        publisher.listen(min(seconds, 0.1))
                    if stop() or time.monotonic() - began > plan.seconds_max:
                        finished = False
                        break
                    block = messages[at : at + slice_messages]
                    publisher.send(block, range(sent, sent + len(block)))
                    published += int(layout.rows[np.arange(sent, sent + len(block)) % len(layout)].sum())
                    sent += len(block)
                    progress(published)
                if not finished:
                    break
            publisher.finish()
        finally:
            publisher.stop()
            account.close()
    asked = len(part) / plan.interval_seconds if plan.paced else float("nan")
    seconds = time.monotonic() - began
    return FleetReport(
        asked, published, account.acknowledged, account.refused, publisher.reconnections, seconds, finished
    )


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
    told = [answer for answer in reports if isinstance(answer, str)]
    if told or len(reports) < len(parts):
        raise BrokerError(told[0] if told else "a publisher ended early", where=f"broker {address}")
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
