"""Readings of a simulated street, as devices send them: many transformers, one reading a minute, some of them heavy."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from grid.assets import Ledger, Merchant, Station, Transformer
from grid.timestamps import MINUTE_US, format_utc

STATION = "S1"
RATED_KVA = 400.0
FEEDER_TRANSFORMERS = 10
HEAVY_EACH = 50
HEAVY_FROM_MINUTE = 3

Key = tuple[str, int]
"""What a reading is stored under, once: transformer id and moment of measuring [µs]."""


class Sent(NamedTuple):
    """One message of a device. `key` is None where it holds no valid reading."""

    key: Key | None
    topic: str
    payload: bytes


@dataclass(frozen=True)
class Street:
    """A street of transformers; each fiftieth climbs over 90 % in its fourth minute. The same seed, the same bytes."""

    transformers: int
    seed: int

    @property
    def transformer_ids(self) -> list[str]:
        """Return the transformers by name."""
        return [f"T{number:04d}" for number in range(self.transformers)]

    @property
    def heavy_ids(self) -> list[str]:
        """Return the transformers that become heavy."""
        return self.transformer_ids[::HEAVY_EACH]

    @property
    def ledger(self) -> Ledger:
        """Return the ledger: one station, feeders of ten transformers each, three shops below each heavy one."""
        return Ledger(
            stations=(Station(STATION, "模拟供电所", "Asia/Shanghai"),),
            transformers=tuple(
                Transformer(name, name, STATION, RATED_KVA, feeder_id=f"F{number // FEEDER_TRANSFORMERS}")
                for number, name in enumerate(self.transformer_ids)
            ),
            merchants=tuple(
                Merchant(f"M-{name}-{shop}", f"模拟商户 {shop}", name, category="shop", walk_order=shop)
                for name in self.heavy_ids
                for shop in range(3)
            ),
        )

    def readings(self, first_us: int, minutes: int, numbers: range | None = None) -> list[Sent]:
        """Return the messages of so many minutes, minute by minute; of some of the transformers, or of all."""
        rng = np.random.default_rng(self.seed)
        level = rng.uniform(0.2, 0.6, self.transformers)
        wander = rng.normal(0.0, 0.01, (minutes, self.transformers))
        names = self.transformer_ids
        sent = []
        for minute in range(minutes):
            at_us = first_us + minute * MINUTE_US
            for number in numbers or range(self.transformers):
                name = names[number]
                heavy = number % HEAVY_EACH == 0 and minute >= HEAVY_FROM_MINUTE
                rate = 0.95 if heavy else float(level[number] + wander[minute, number])
                sent.append(reading(name, at_us, rate))
        return sent


def reading(transformer_id: str, measured_at_us: int, load_rate: float, seq: int = 1, measured_at: str = "") -> Sent:
    """Return one reading as its device sends it; `measured_at` writes the moment in a way of its own."""
    kva = load_rate * RATED_KVA
    payload = b'{"measured_at":"%s","active_power_kw":%.2f,"reactive_power_kvar":%.2f,"seq":%d}' % (
        (measured_at or format_utc(measured_at_us)).encode(),
        kva * 0.95,
        kva * 0.31,
        seq,
    )
    return Sent((transformer_id, measured_at_us), f"redvest/v1/{STATION}/{transformer_id}/reading", payload)


def minutes_ago(minutes: int) -> int:
    """Return a whole minute of the past [µs]."""
    now_us = time.time_ns() // 1000
    return (now_us // MINUTE_US - minutes) * MINUTE_US
