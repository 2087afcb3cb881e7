"""The messages of a benchmark: made once from a seed, sent to every measured part alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.wire.format import batch_topic, encode_batch, encode_columns, encode_singly
from grid.assets import Ledger, Station, Transformer
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US

STATION_TRANSFORMERS_MAX = 1_000
RATED_POWER_KVA = 400.0
HEAVY_EVERY = 100
"""One transformer of so many climbs past 90 % and stays, so that incidents open under way."""
_CLIMB_A_MINUTE = 0.01


class Form(Enum):
    """How readings are put into messages."""

    SINGLE = "single"
    BATCH = "batch"
    COLUMNS = "columns"


@dataclass(frozen=True)
class Case:
    """One way of sending: how many transformers, how many readings in a message, how many readings in all.

    Every message is full: `readings` is a multiple of stations x `per_message`.
    """

    transformers: int
    form: Form
    per_message: int
    readings: int
    seed: int
    first_at_us: int
    """When the first readings were measured; the next ones a minute later."""

    @staticmethod
    def sized(transformers: int, form: Form, per_message: int, wanted: int, seed: int, last_at_us: int) -> Case:
        """Return the case of about so many readings, so that every message is full; the last ones are of `last_at_us`.

        Readings of today, as a site has them: older ones are packed by the collector while it takes them.
        """
        if form is Form.SINGLE:
            per_message, readings = 1, max(wanted, transformers)
        else:
            stations = -(-transformers // STATION_TRANSFORMERS_MAX)
            together = int(np.lcm(stations * per_message, transformers))
            readings = max(1, wanted // together) * together
        first_at_us = last_at_us - (readings - 1) // transformers * MINUTE_US
        return Case(transformers, form, per_message, readings, seed, first_at_us)

    @property
    def messages(self) -> int:
        """Return the number of messages."""
        return self.readings // self.per_message

    @property
    def name(self) -> str:
        """Return the case in words."""
        return "single" if self.form is Form.SINGLE else f"{self.form.value} of {self.per_message:,}"


def ledger_of(transformers: int) -> Ledger:
    """Return stations of up to 1,000 transformers each."""
    stations = -(-transformers // STATION_TRANSFORMERS_MAX)
    return Ledger(
        stations=tuple(Station(f"S{i:04d}", f"S{i:04d}", "Asia/Shanghai") for i in range(stations)),
        transformers=tuple(
            Transformer(f"T{i:07d}", f"T{i:07d}", f"S{i // STATION_TRANSFORMERS_MAX:04d}", RATED_POWER_KVA)
            for i in range(transformers)
        ),
    )


def readings_of(case: Case, fleet: Fleet) -> ReadingBatch:
    """Return the readings minute by minute: U, I, P and Q of every transformer.

    Most stay quiet between 20 and 80 %. Every hundredth climbs a point a minute from between 82 and 90 % to 96 %.
    """
    rng = np.random.default_rng(case.seed)
    row = np.arange(case.readings)
    transformer = row % case.transformers
    minute = row // case.transformers
    level = rng.uniform(0.2, 0.74, case.transformers)[transformer]
    quiet = level + 0.03 * np.sin(minute / 30.0) + rng.normal(0.0, 0.01, case.readings)
    start = rng.uniform(0.82, 0.897, case.transformers)[transformer]
    climbing = np.minimum(start + _CLIMB_A_MINUTE * minute, 0.96) + rng.uniform(0.0, 0.001, case.readings)
    load_rate = np.where(transformer % HEAVY_EVERY == 0, climbing, quiet)
    apparent_kva = load_rate * fleet.rated_power_kva[transformer]
    voltage = np.round(234.0 - 12.0 * load_rate[:, None] + rng.uniform(-1.0, 1.0, (case.readings, 3)), 1)
    return ReadingBatch.of(
        transformer,
        case.first_at_us + minute * MINUTE_US,
        voltage_v=voltage,
        current_amp=np.round(apparent_kva[:, None] / 3.0 * 1000.0 / voltage, 1),
        active_power_kw=np.round(apparent_kva * 0.95, 1),
        reactive_power_kvar=np.round(apparent_kva * 0.31, 1),
        sequence=minute,
    )


def messages_of(case: Case, fleet: Fleet, batch: ReadingBatch) -> Iterator[tuple[str, bytes]]:
    """Yield (topic, payload) in the order of sending; a batch holds readings of one station."""
    if case.form is Form.SINGLE:
        yield from encode_singly(batch, fleet)
        return
    encode = encode_batch if case.form is Form.BATCH else encode_columns
    for rows in rows_of_messages(case):
        yield batch_topic(fleet.station_ids[int(batch.transformer[rows[0]])]), encode(batch.take(rows), fleet)


def rows_of_messages(case: Case) -> NDArray[np.int64]:
    """Return which readings (messages, per_message) each message holds; the stations take turns."""
    if case.form is Form.SINGLE:
        return np.arange(case.readings)[:, None]
    station = np.arange(case.readings) % case.transformers // STATION_TRANSFORMERS_MAX
    stations = int(station.max()) + 1
    in_turn = np.argsort(station, kind="stable").reshape(stations, -1, case.per_message)
    return in_turn.transpose(1, 0, 2).reshape(-1, case.per_message)


def save_messages(path: Path, messages: list[tuple[str, bytes]]) -> None:
    """Keep messages for the measured processes."""
    path.write_bytes(msgspec.msgpack.encode(messages))


def load_messages(path: Path) -> list[tuple[str, bytes]]:
    """Return messages that were kept."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[str, bytes]])
