"""Sparkplug B payloads: the few fields of the protobuf message that readings need.

Source: Eclipse Sparkplug 3.0.0 (ISO/IEC 20237:2023), `sparkplug_b.proto`; wire types after
protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT_TYPE, _BOOLEAN_TYPE = 9, 11
_SIGNED_BITS = {1: 8, 2: 16, 3: 32, 4: 64}
"""Data types Int8, Int16, Int32, Int64: sent as two's complement."""
_INT, _LONG, _FLOAT, _DOUBLE, _BOOLEAN = 10, 11, 12, 13, 14
METRICS_MAX = 10_000


@dataclass(frozen=True)
class Metric:
    """One value with its name, its alias or both."""

    name: str
    alias: int | None
    timestamp_ms: int | None
    datatype: int
    """0: not told, as birth had it."""
    is_historical: bool
    is_null: bool
    bits: int
    """A whole number as it was sent."""
    number: float | None
    """A floating number; None: `bits` counts, or the value is no number."""
    is_whole: bool


@dataclass(frozen=True)
class SparkplugPayload:
    """Time and metrics of one message."""

    timestamp_ms: int | None
    metrics: tuple[Metric, ...]


def read_payload(data: bytes) -> SparkplugPayload:
    """Return what a payload holds. Raises ValueError for bytes that are none."""
    timestamp_ms: int | None = None
    metrics: list[Metric] = []
    for field, wire_type, value in _fields(data):
        if field == 1 and wire_type == _VARINT:
            timestamp_ms = int(value)
        elif field == 2 and wire_type == _BYTES:
            if len(metrics) >= METRICS_MAX:
                raise ValueError(f"more than {METRICS_MAX} metrics")
            metrics.append(_metric(value))  # type: ignore[arg-type]
    return SparkplugPayload(timestamp_ms, tuple(metrics))


def value_of(metric: Metric, datatype: int) -> float | None:
    """Return a metric's value as a number by its data type, None where it has none."""
    if metric.is_null:
        return None
    if metric.number is not None:
        return metric.number
    if not metric.is_whole or datatype == _BOOLEAN_TYPE:
        return None
    bits = _SIGNED_BITS.get(datatype)
    if bits is None:
        return float(metric.bits)
    whole = metric.bits & ((1 << bits) - 1)
    return float(whole - (1 << bits) if whole >> (bits - 1) else whole)


def _metric(data: bytes) -> Metric:
    told: dict[int, int | bytes] = {field: value for field, _, value in _fields(data)}

    def whole(field: int) -> int | None:
        value = told.get(field)
        return value if isinstance(value, int) else None

    name = told.get(1, b"")
    number: float | None = None
    if isinstance(raw := told.get(_FLOAT), bytes):
        # The decimal number that the device had, not its neighbour in double precision.
        number = float(str(np.float32(struct.unpack("<f", raw)[0])))
    if isinstance(raw := told.get(_DOUBLE), bytes):
        number = float(struct.unpack("<d", raw)[0])
    bits = whole(_LONG) if _LONG in told else whole(_INT)
    return Metric(
        name=name.decode("utf-8") if isinstance(name, bytes) else "",
        alias=whole(2),
        timestamp_ms=whole(3),
        datatype=whole(4) or 0,
        is_historical=bool(whole(5)),
        is_null=bool(whole(7)),
        bits=bits or 0,
        number=number,
        is_whole=bits is not None and _BOOLEAN not in told,
    )


def _fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield number, wire type and value of each field: a whole number, or bytes. Raises ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        field, wire_type = key >> 3, key & 7
        value: int | bytes
        if wire_type == _VARINT:
            value, at = _varint(data, at)
        else:
            if wire_type == _BYTES:
                length, at = _varint(data, at)
            elif wire_type in (_FIXED64, _FIXED32):
                length = 8 if wire_type == _FIXED64 else 4
            else:
                raise ValueError(f"wire type {wire_type} at byte {at}")
            value = data[at : at + length]
            if len(value) != length:
                raise ValueError(f"cut off at byte {len(data)}")
            at += length
        if field == 0:
            raise ValueError(f"field 0 at byte {at}")
        yield field, wire_type, value


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise ValueError(f"cut off at byte {len(data)}")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (2**64 - 1), at
    raise ValueError(f"a number of more than ten bytes at byte {at}")
