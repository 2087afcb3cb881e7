"""Readings of a province as packets of one length, many at once: a table of bytes in which only digits change.

So that hundreds of thousands of messages a second can be made beside the broker and the collector on the same cores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.ingest.packets import PACKET_IDS, Stream, publish
from bench.ingest.traffic import RATED_POWER_KVA, STATION_TRANSFORMERS_MAX
from collector.wire.format import reading_topic
from grid.timestamps import SECOND_US

HEAVY_EVERY = 1_000
"""One transformer of so many climbs past 90 %."""
_TOPIC = reading_topic("S0000", "T0000000")
_PAYLOAD = (
    b'{"measured_at":"0000-00-00T00:00:00Z","voltage_v":[228.0,227.0,229.0],"current_amp":[000.0,000.0,000.0],'
    b'"active_power_kw":000.0,"reactive_power_kvar":00.0,"seq":1000000}'
)
_POWER_FACTOR, _REACTIVE_SHARE = 0.95, 0.25
_TIMESTAMP_CHARACTERS = 19


@dataclass(frozen=True)
class Places:
    """Where in a packet the digits stand."""

    station: int
    transformer: int
    packet_id: int
    timestamp: int
    currents: tuple[int, int, int]
    active_power: int
    reactive_power: int
    sequence: int

    @staticmethod
    def of(packet: bytes) -> Places:
        """Find them."""
        topic, current = packet.index(_TOPIC.encode()), packet.index(b"[000.0") + 1
        return Places(
            station=topic + _TOPIC.index("S0000") + 1,
            transformer=topic + _TOPIC.index("T0000000") + 1,
            packet_id=topic + len(_TOPIC),
            timestamp=packet.index(b"0000-00"),
            currents=(current, current + 6, current + 12),
            active_power=packet.index(b"kw") + 4,
            reactive_power=packet.index(b"kvar") + 6,
            sequence=packet.index(b"seq") + 5,
        )


class Rounds:
    """Makes the packets of a fleet, one reading of each transformer a round."""

    def __init__(self, transformers: int, qos: int, seed: int) -> None:
        """Draw how loaded each transformer is: 30 to 75 %; every thousandth climbs from 82 to 93 %."""
        self.transformers, self._qos = transformers, qos
        self._packet = publish(_TOPIC, _PAYLOAD, qos, 1)
        self._places = Places.of(self._packet)
        self._rng = np.random.default_rng(seed)
        self._level = self._rng.uniform(0.30, 0.75, transformers)

    def packets(self, round_number: int, measured_at_us: int, first: int, end: int) -> Stream:
        """Return the readings of some transformers at one moment, a whole second."""
        number = np.arange(first, end)
        usual = self._level[first:end] + self._rng.normal(0.0, 0.003, end - first)
        climbing = min(0.82 + 0.03 * round_number, 0.93) + self._rng.uniform(0.0, 0.003, end - first)
        apparent_kva = RATED_POWER_KVA * np.where(number % HEAVY_EVERY == 0, climbing, usual)
        table = np.tile(np.frombuffer(self._packet, np.uint8), (len(number), 1))
        at = self._places
        _put(table, at.station, number // STATION_TRANSFORMERS_MAX, 4)
        _put(table, at.transformer, number, 7)
        if self._qos:
            packet_id = 1 + np.arange(len(number)) % PACKET_IDS
            table[:, at.packet_id], table[:, at.packet_id + 1] = packet_id >> 8, packet_id & 0xFF
        timestamp = str(np.datetime64(measured_at_us // SECOND_US, "s")).encode()
        table[:, at.timestamp : at.timestamp + _TIMESTAMP_CHARACTERS] = np.frombuffer(timestamp, np.uint8)
        for phase, place in enumerate(at.currents):
            _put_tenths(table, place, apparent_kva / 3.0 * 1000.0 / (228.0, 227.0, 229.0)[phase], 3)
        _put_tenths(table, at.active_power, apparent_kva * _POWER_FACTOR, 3)
        _put_tenths(table, at.reactive_power, apparent_kva * _REACTIVE_SHARE, 2)
        _put(table, at.sequence, np.full(len(number), 1_000_000 + round_number), 7)
        ends = np.arange(1, len(number) + 1, dtype=np.int64) * len(self._packet)
        return Stream(table.tobytes(), ends, self._qos)


def _put(table: NDArray[np.uint8], place: int, values: NDArray[np.int64], digits: int) -> None:
    for digit in range(digits):
        table[:, place + digit] = ord("0") + values // 10 ** (digits - 1 - digit) % 10


def _put_tenths(table: NDArray[np.uint8], place: int, values: NDArray[np.float64], digits: int) -> None:
    tenths = np.rint(values * 10.0).astype(np.int64)
    _put(table, place, tenths // 10, digits)
    _put(table, place + digits + 1, tenths % 10, 1)
