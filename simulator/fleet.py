"""Fleet mode: many transformers, one reading each per interval, as fast as the broker takes them or at a set pace.

What it publishes is not a town but plausible numbers, cheap to make: it is there to load the path behind the
broker and to say honestly what was asked and what was reached. The publisher's own ledger of acknowledged
readings is what a loss check compares with the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from collector.broker_address import BrokerAddress
from collector.wire import BATCH_ROWS_MAX, batch_topic, encode_batch, encode_columns, encode_singly
from grid.assets import Ledger, Station, Transformer
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.moments import SECOND_US
from grid.readings import ReadingBatch
from simulator.dice import dice
from simulator.publisher import Publisher

RATED_KVA = np.array([100.0, 200.0, 315.0, 400.0, 630.0])


class Form(Enum):
    """How readings are put into messages."""

    SINGLE = "single"
    BATCH = "batch"
    COLUMNS = "columns"


@dataclass(frozen=True)
class FleetPlan:
    """What is asked of fleet mode. Raises UsageError when it cannot be done."""

    transformers: int
    form: Form = Form.SINGLE
    qos: int = 1
    batch_rows: int = 100
    interval_seconds: float = 60.0
    """Between two readings of one transformer, also in their times."""
    paced: bool = True
    """False: as fast as the broker takes them; the times still lie one interval apart."""
    rounds: int = 1
    """Readings of each transformer."""
    seconds_max: float = 600.0
    """Stops by itself after so long, finished or not."""
    station_transformers: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.transformers < 1 or self.rounds < 1 or self.station_transformers < 1:
            raise UsageError("a fleet has at least one transformer and one round", where="fleet")
        if not 1 <= self.batch_rows <= BATCH_ROWS_MAX or self.qos not in (0, 1):
            raise UsageError(f"batches hold 1 to {BATCH_ROWS_MAX} readings, QoS is 0 or 1", where="fleet")
        if self.interval_seconds <= 0.0 or self.seconds_max <= 0.0:
            raise UsageError("interval and duration are above zero", where="fleet")

    @property
    def asked_per_second(self) -> float:
        """Return the readings per second of this fleet in reality."""
        return self.transformers / self.interval_seconds


@dataclass(frozen=True)
class FleetReport:
    """What was reached. Counts are readings, not messages."""

    asked_per_second: float
    """NaN when the pace was left to the broker."""
    published: int
    acknowledged: int
    """By the broker; at QoS 0 those that left for the wire."""
    refused: int
    seconds: float
    finished: bool
    """False when the time was up before the last round."""

    @property
    def achieved_per_second(self) -> float:
        """Return the acknowledged readings per second."""
        return self.acknowledged / self.seconds if self.seconds else 0.0


class AcknowledgedKeys:
    """The publisher's ledger: which (transformer, measured_at) the broker has taken. One bit row per round."""

    def __init__(self, transformers: int) -> None:
        """Start empty."""
        self._transformers = transformers
        self._taken: dict[int, NDArray[np.bool_]] = {}

    def take(self, measured_at_us: int, rows: NDArray[np.int32]) -> None:
        """Note that the readings of these transformers at one moment are acknowledged."""
        if measured_at_us not in self._taken:
            self._taken[measured_at_us] = np.zeros(self._transformers, np.bool_)
        self._taken[measured_at_us][rows] = True

    def __len__(self) -> int:
        """Return how many readings are acknowledged."""
        return sum(int(taken.sum()) for taken in self._taken.values())

    def by_moment(self) -> Iterator[tuple[int, NDArray[np.intp]]]:
        """Yield (measured_at_us, rows of the transformers) of what is acknowledged, in time order."""
        for measured_at_us in sorted(self._taken):
            yield measured_at_us, np.flatnonzero(self._taken[measured_at_us])


def fleet_ledger(plan: FleetPlan) -> Ledger:
    """Return the ledger of a fleet: what a collector has to know to take its readings."""
    stations = -(-plan.transformers // plan.station_transformers)
    return Ledger(
        stations=tuple(Station(f"FS{i:04d}", f"模拟供电所 {i}", "Asia/Shanghai") for i in range(stations)),
        transformers=tuple(
            Transformer(
                f"F{i:07d}", f"模拟台区 {i}", f"FS{i // plan.station_transformers:04d}", float(RATED_KVA[i % 5])
            )
            for i in range(plan.transformers)
        ),
    )


def run_fleet(
    address: BrokerAddress,
    plan: FleetPlan,
    start_us: int,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda published: None,
) -> tuple[FleetReport, AcknowledgedKeys]:
    """Publish the plan's rounds; the first readings are measured at `start_us`. Memory does not grow with rounds sent.

    `progress` gets the readings handed over so far. Raises BrokerError when the broker stays away or never answers.
    """
    fleet = Fleet.of(fleet_ledger(plan).transformers)
    keys = AcknowledgedKeys(plan.transformers)
    taken = 0

    def acknowledged(token: object) -> None:
        nonlocal taken
        assert isinstance(token, ReadingKeys)
        keys.take(token.measured_at_us, token.rows)
        taken += len(token.rows)

    publisher = Publisher(address, f"redvest-fleet-{plan.seed}", on_acknowledged=acknowledged)
    publisher.start()
    began = time.monotonic()
    published, finished = 0, True
    try:
        for token, topic, payload in _messages(plan, fleet, start_us):
            if plan.paced:
                _wait(began + published / plan.asked_per_second, stop)
            if stop() or time.monotonic() - began > plan.seconds_max:
                finished = False
                break
            publisher.publish(topic, payload, plan.qos, token)
            published += len(token.rows)
            progress(published)
        counts = publisher.finish()
    finally:
        publisher.stop()
    seconds = time.monotonic() - began
    asked = plan.asked_per_second if plan.paced else float("nan")
    refused = published - taken if counts.refused else 0
    return FleetReport(asked, published, taken, refused, seconds, finished), keys


@dataclass(frozen=True)
class ReadingKeys:
    """The readings of one message: one moment, the rows of its transformers."""

    measured_at_us: int
    rows: NDArray[np.int32]


def _messages(plan: FleetPlan, fleet: Fleet, start_us: int) -> Iterator[tuple[ReadingKeys, str, bytes]]:
    """Yield every message of the plan, station by station, round by round."""
    chance = dice(plan.seed, "fleet")
    usual = chance.uniform(0.2, 0.7, plan.transformers)
    numbers = np.arange(plan.transformers, dtype=np.int32)
    for turn in range(plan.rounds):
        measured_at_us = start_us + round(turn * plan.interval_seconds * SECOND_US)
        load_rate = usual + chance.normal(0.0, 0.01, plan.transformers)
        for first in range(0, plan.transformers, plan.station_transformers):
            station = numbers[first : first + plan.station_transformers]
            rows_at_once = BATCH_ROWS_MAX if plan.form is Form.SINGLE else plan.batch_rows
            for at in range(0, len(station), rows_at_once):
                rows = station[at : at + rows_at_once]
                batch = _readings(fleet, rows, measured_at_us, load_rate[rows], turn)
                yield from _encoded(plan.form, batch, fleet, ReadingKeys(measured_at_us, rows))


def _encoded(
    form: Form, batch: ReadingBatch, fleet: Fleet, keys: ReadingKeys
) -> Iterator[tuple[ReadingKeys, str, bytes]]:
    topic = batch_topic(fleet.station_ids[int(keys.rows[0])])
    match form:
        case Form.SINGLE:
            for i, (own_topic, payload) in enumerate(encode_singly(batch, fleet)):
                yield ReadingKeys(keys.measured_at_us, keys.rows[i : i + 1]), own_topic, payload
        case Form.BATCH:
            yield keys, topic, encode_batch(batch, fleet)
        case Form.COLUMNS:
            yield keys, topic, encode_columns(batch, fleet)


def _readings(
    fleet: Fleet, rows: NDArray[np.int32], measured_at_us: int, load_rate: NDArray[np.float64], turn: int
) -> ReadingBatch:
    """Return plausible readings (n,): power factor 0.95, phases a few per cent apart."""
    apparent_kva = load_rate * fleet.rated_power_kva[rows]
    spread = np.array([0.98, 1.03, 0.99])
    current_amp = apparent_kva[:, None] / 3.0 * spread * 1000.0 / 228.0
    return ReadingBatch.of(
        rows,
        np.full(len(rows), measured_at_us),
        voltage_v=np.full((len(rows), 3), 228.0),
        current_amp=np.round(current_amp, 2),
        active_power_kw=np.round(apparent_kva * 0.95, 2),
        reactive_power_kvar=np.round(apparent_kva * np.sqrt(1.0 - 0.95**2), 2),
        sequence=np.full(len(rows), turn),
    )


def _wait(due: float, stop: Callable[[], bool]) -> None:
    while not stop() and (seconds := due - time.monotonic()) > 0.0:
        time.sleep(min(seconds, 0.1))
