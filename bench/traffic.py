"""The messages of a benchmark: made once from a seed, kept in a file, sent to every measured part alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from collector.wire import batch_topic, encode_batch, encode_singly
from grid.assets import Ledger, Station, Transformer
from grid.fleet import Fleet
from grid.moments import MINUTE_US
from grid.readings import ReadingBatch

STATION_TRANSFORMERS_MAX = 1_000
FIRST_MEASURED_AT_US = 1_626_710_400_000_000
"""2021-07-19T16:00:00Z; the collector under test takes any age."""


@dataclass(frozen=True)
class Case:
    """One way of sending: how many transformers, how many readings in a message, how many readings in all.

    Every message is full: `readings` is a multiple of stations x `per_message`.
    """

    transformers: int
    per_message: int
    readings: int
    seed: int

    @property
    def messages(self) -> int:
        """Return the number of messages."""
        return self.readings // self.per_message

    @property
    def name(self) -> str:
        """Return the case in words."""
        way = "single" if self.per_message == 1 else f"batch of {self.per_message:,}"
        return f"{self.transformers:,} transformers, {way}"


def ledger_of(case: Case) -> Ledger:
    """Return stations of up to 1,000 transformers each."""
    stations = -(-case.transformers // STATION_TRANSFORMERS_MAX)
    return Ledger(
        stations=tuple(Station(f"S{i:04d}", f"S{i:04d}", "Asia/Shanghai") for i in range(stations)),
        transformers=tuple(
            Transformer(f"T{i:06d}", f"T{i:06d}", f"S{i // STATION_TRANSFORMERS_MAX:04d}", 400.0)
            for i in range(case.transformers)
        ),
    )


def readings_of(case: Case, fleet: Fleet, first_at_us: int = FIRST_MEASURED_AT_US) -> ReadingBatch:
    """Return the readings minute by minute: U, I, P and Q of every transformer, about 1 in 100 of them heavy."""
    dice = np.random.default_rng(case.seed)
    row = np.arange(case.readings)
    transformer = row % case.transformers
    minute = row // case.transformers
    level = dice.uniform(0.2, 0.8, case.transformers)[transformer]
    load_rate = level + 0.03 * np.sin(minute / 30.0) + dice.normal(0.0, 0.01, case.readings)
    apparent_kva = load_rate * fleet.rated_power_kva[transformer]
    voltage = np.round(234.0 - 12.0 * load_rate[:, None] + dice.uniform(-1.0, 1.0, (case.readings, 3)), 1)
    return ReadingBatch.of(
        transformer,
        first_at_us + minute * MINUTE_US,
        voltage_v=voltage,
        current_amp=np.round(apparent_kva[:, None] / 3.0 * 1000.0 / voltage, 1),
        active_power_kw=np.round(apparent_kva * 0.95, 1),
        reactive_power_kvar=np.round(apparent_kva * 0.31, 1),
        sequence=minute,
    )


def messages_of(case: Case, fleet: Fleet, batch: ReadingBatch) -> list[tuple[str, bytes]]:
    """Return (topic, payload) in the order of sending; a batch holds readings of one station."""
    if case.per_message == 1:
        return list(encode_singly(batch, fleet))
    station = np.asarray(batch.transformer) // STATION_TRANSFORMERS_MAX
    queues: list[list[tuple[str, bytes]]] = []
    for number in np.unique(station):
        rows = np.flatnonzero(station == number)
        topic = batch_topic(fleet.station_ids[int(batch.transformer[rows[0]])])
        parts = (rows[at : at + case.per_message] for at in range(0, len(rows), case.per_message))
        queues.append([(topic, encode_batch(batch.take(part), fleet)) for part in parts])
    return [message for together in zip(*queues, strict=True) for message in together]


def save_messages(path: Path, messages: list[tuple[str, bytes]]) -> None:
    """Keep messages for the measured processes."""
    path.write_bytes(msgspec.msgpack.encode(messages))


def load_messages(path: Path) -> list[tuple[str, bytes]]:
    """Return messages that were kept."""
    return msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[str, bytes]])
