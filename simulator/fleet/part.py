"""One publisher of a fleet: sends its part of the stations at their pace, and writes down what the broker took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from collector.mqtt.broker_address import BrokerAddress
from simulator.fleet.acknowledged_keys import KeysHeader, KeysWriter, Taken
from simulator.fleet.fleet import FleetPlan, Layout, messages_of
from simulator.publish.bulk_publisher import BulkPublisher, Tokens

_SLICE_SECONDS = 0.02
"""A paced part sends what is due in slices of about so long."""
_SLICE_MESSAGES_MAX = 2_000

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
    per_second = len(layout) / plan.interval_seconds if plan.paced else float("inf")
    published = sent = 0
    finished = True
    with keys_file.open("wb") as stream:
        account = _Account(layout, len(part), KeysWriter(stream, KeysHeader(len(part), start_us, plan.interval_us)))
        publisher = BulkPublisher(address, f"redvest-fleet-{plan.seed}-{part.start}", plan.qos, account.answered)
        publisher.start()
        began = time.monotonic()
        try:
            for block in _slices(messages_of(plan, part, start_us), per_second):
                while not stop() and (seconds := began + sent / per_second - time.monotonic()) > 0.0:
                    publisher.listen(min(seconds, 0.1))
                if stop() or time.monotonic() - began > plan.seconds_max:
                    finished = False
                    break
                numbers = range(sent, sent + len(block))
                publisher.send(block, numbers)
                published += int(layout.rows[np.array(numbers) % len(layout)].sum())
                sent += len(block)
                progress(published)
            publisher.finish()
        finally:
            publisher.stop()
            account.close()
    asked = len(part) / plan.interval_seconds if plan.paced else float("nan")
    took, refused, seconds = account.acknowledged, account.refused, time.monotonic() - began
    return FleetReport(asked, published, took, refused, publisher.reconnections, seconds, finished)


def _slices(stations: Iterator[list[tuple[str, bytes]]], per_second: float) -> Iterator[list[tuple[str, bytes]]]:
    """Cut the messages of stations into slices that are small in time, so that a pace is a steady one."""
    size = max(1, int(min(per_second * _SLICE_SECONDS, _SLICE_MESSAGES_MAX)))
    for messages in stations:
        for at in range(0, len(messages), size):
            yield messages[at : at + size]
