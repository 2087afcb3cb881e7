"""Fleet mode: many transformers, one reading each per interval, as fast as the broker takes them or at a set pace.

What it publishes is not a town but plausible numbers, cheap to make: it is there to load the path behind the
broker. `simulator.fleet.run` publishes it and says honestly what was asked and what was reached.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from collector.wire.format import BATCH_ROWS_MAX, batch_topic, encode_batch, encode_columns, encode_singly
from grid.assets import Ledger, Station, Transformer
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import SECOND_US
from simulator.fleet.message_form import Form
from simulator.rng import rng

RATED_KVA = np.array([100.0, 200.0, 315.0, 400.0, 630.0])
TRANSFORMERS_MAX = 9_999_999
"""Ids have seven digits."""


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
    publishers: int = 1
    """Processes, each with a connection of its own and a part of the stations."""
    station_transformers: int = 500
    seed: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if not 1 <= self.transformers <= TRANSFORMERS_MAX or self.rounds < 1 or self.station_transformers < 1:
            raise UsageError(
                Text(
                    f"机群为 1 至 {TRANSFORMERS_MAX:,} 个台区，至少一轮",
                    f"a fleet has 1 to {TRANSFORMERS_MAX:,} transformers and a round or more",
                ),
                where=Text("机群", "fleet"),
            )
        if not 1 <= self.batch_rows <= BATCH_ROWS_MAX or self.qos not in (0, 1):
            raise UsageError(
                Text(
                    f"每批 1 至 {BATCH_ROWS_MAX} 条读数，QoS 为 0 或 1",
                    f"batches hold 1 to {BATCH_ROWS_MAX} readings, QoS is 0 or 1",
                ),
                where=Text("机群", "fleet"),
            )
        if not self.interval_seconds > 0.0 or not self.seconds_max > 0.0:
            raise UsageError(
                Text("间隔和时长必须大于零", "interval and duration are above zero"), where=Text("机群", "fleet")
            )
        if not 1 <= self.publishers <= 64:
            raise UsageError(Text("发布者为 1 至 64 个", "there are 1 to 64 publishers"), where=Text("机群", "fleet"))

    @property
    def asked_per_second(self) -> float:
        """Return the readings per second of this fleet in reality."""
        return self.transformers / self.interval_seconds

    @property
    def interval_us(self) -> int:
        """Return the interval [µs]."""
        return round(self.interval_seconds * SECOND_US)

    def parts(self) -> tuple[range, ...]:
        """Return the transformers of each publisher: whole stations, about as many for each."""
        stations = -(-self.transformers // self.station_transformers)
        cuts = [stations * part // self.publishers * self.station_transformers for part in range(self.publishers + 1)]
        parts = (range(first, min(end, self.transformers)) for first, end in pairwise(cuts))
        return tuple(part for part in parts if part)


def transformer_id(number: int) -> str:
    """Return the id of a fleet's transformer."""
    return f"F{number:07d}"


def fleet_ledger(plan: FleetPlan) -> Ledger:
    """Return the ledger of a fleet: what a collector has to know to take its readings."""
    stations = -(-plan.transformers // plan.station_transformers)
    return Ledger(
        stations=tuple(Station(_station_id(i), f"模拟供电所 {i}", "Asia/Shanghai") for i in range(stations)),
        transformers=tuple(
            Transformer(
                transformer_id(i),
                f"模拟台区 {i}",
                _station_id(i // plan.station_transformers),
                float(RATED_KVA[i % len(RATED_KVA)]),
            )
            for i in range(plan.transformers)
        ),
    )


@dataclass(frozen=True)
class Layout:
    """Which transformers of a publisher's part each of its messages is about; the same in every round."""

    first: NDArray[np.int64]
    """(m,) row within the part."""
    rows: NDArray[np.int64]
    """(m,) how many."""

    @staticmethod
    def of(plan: FleetPlan, part: range) -> Layout:
        """Return the layout of a part; no message spans two stations."""
        size = 1 if plan.form is Form.SINGLE else plan.batch_rows
        stations = range(0, len(part), plan.station_transformers)
        first = [row for s in stations for row in range(s, min(s + plan.station_transformers, len(part)), size)]
        ends = [min(row + size, (row // plan.station_transformers + 1) * plan.station_transformers) for row in first]
        starts = np.array(first, np.int64)
        return Layout(starts, np.minimum(np.array(ends, np.int64), len(part)) - starts)

    def __len__(self) -> int:
        """Return the number of messages of a round."""
        return len(self.first)

    def rows_of(self, messages: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some messages."""
        rows = self.rows[messages]
        within = np.arange(int(rows.sum())) - np.repeat(np.cumsum(rows) - rows, rows)
        return np.repeat(self.first[messages], rows) + within


def messages_of(plan: FleetPlan, part: range, start_us: int) -> Iterator[list[tuple[str, bytes]]]:
    """Yield the messages of a part, station by station, round by round, in the order of its layout.

    A transformer's numbers do not depend on how the fleet is cut into parts.
    """
    chance = rng(plan.seed, "fleet")
    usual = chance.uniform(0.2, 0.7, plan.transformers)
    for turn in range(plan.rounds):
        load_rate = (usual + chance.normal(0.0, 0.01, plan.transformers))[part.start : part.stop]
        for at in range(0, len(part), plan.station_transformers):
            numbers = part[at : at + plan.station_transformers]
            fleet = _station_fleet(plan, numbers)
            batch = _readings(fleet, start_us + turn * plan.interval_us, load_rate[at : at + len(numbers)], turn)
            yield list(_encoded(plan, batch, fleet))


def _station_id(number: int) -> str:
    return f"FS{number:04d}"


def _station_fleet(plan: FleetPlan, numbers: range) -> Fleet:
    """Return the transformers of one station alone: a whole fleet of objects would cost more than its messages."""
    ids = tuple(map(transformer_id, numbers))
    rows = len(numbers)
    station_ids = (_station_id(numbers.start // plan.station_transformers),) * rows
    rated_kva = RATED_KVA[np.arange(numbers.start, numbers.stop) % len(RATED_KVA)]
    return Fleet(ids, station_ids, rated_kva, np.ones(rows), {}, (UTC,) * rows, {})


def _encoded(plan: FleetPlan, batch: ReadingBatch, fleet: Fleet) -> Iterator[tuple[str, bytes]]:
    if plan.form is Form.SINGLE:
        yield from encode_singly(batch, fleet)
        return
    encode = encode_batch if plan.form is Form.BATCH else encode_columns
    topic = batch_topic(fleet.station_ids[0])
    for at in range(0, len(batch), plan.batch_rows):
        yield topic, encode(batch.take(np.arange(at, min(at + plan.batch_rows, len(batch)))), fleet)


def _readings(fleet: Fleet, measured_at_us: int, load_rate: NDArray[np.float64], turn: int) -> ReadingBatch:
    """Return plausible readings (n,): power factor 0.95, phases a few per cent apart."""
    rows = len(load_rate)
    apparent_kva = load_rate * fleet.rated_power_kva
    spread = np.array([0.98, 1.03, 0.99])
    current_amp = apparent_kva[:, None] / 3.0 * spread * 1000.0 / 228.0
    return ReadingBatch.of(
        np.arange(rows, dtype=np.int32),
        np.full(rows, measured_at_us),
        voltage_v=np.full((rows, 3), 228.0),
        current_amp=np.round(current_amp, 2),
        active_power_kw=np.round(apparent_kva * 0.95, 2),
        reactive_power_kvar=np.round(apparent_kva * np.sqrt(1.0 - 0.95**2), 2),
        sequence=np.full(rows, turn),
    )
