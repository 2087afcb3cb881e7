"""The wire format, version 1: topics, the JSON objects on them, and encoders for those who send.

A device sends one reading per message (`WireReading`), a concentrator many as rows or as columns
(`WireBatch`). The public description with examples is docs/wire-format.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Annotated, TypeAlias, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid.fleet import Fleet
from grid.readings import NO_SEQUENCE, ReadingBatch
from grid.timestamps import SECOND_US, format_utc, parse_timestamp_us

BATCH_ROWS_MAX = 1_000
READING_BYTES_MAX = 64 * 1024
BATCH_BYTES_MAX = 1024 * 1024
"""1,000 rows with every field written out are some 300 KiB."""

Three: TypeAlias = tuple[float | None, float | None, float | None]
"""Values of the phases A, B, C; null where one was not measured."""
Power: TypeAlias = float | Three
"""Total, or three phases that are added up."""
Sequence63: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


_T = TypeVar("_T")


class WireReading(msgspec.Struct, gc=False, omit_defaults=True):
    """One reading on the wire; None is what was not sent. Units are in the names, V, A, kW, kvar, °C."""

    measured_at: str
    transformer_id: str | None = None
    """Required in a batch; on a transformer's own topic it may be left out."""
    voltage_v: Three | None = None
    current_amp: Three | None = None
    active_power_kw: Power | None = None
    reactive_power_kvar: Power | None = None
    neutral_current_amp: float | None = None
    oil_temperature_c: float | None = None
    ambient_temperature_c: float | None = None
    apparent_power_kva: Power | None = None
    """S as the meter has it; three phases are added up. An addition to format 1."""
    seq: Sequence63 | None = None


class WireColumns(msgspec.Struct, omit_defaults=True):
    """Many readings as columns of one length; None is a column that was not sent or a value not measured."""

    transformer_id: Sequence[str | None]
    measured_at: Sequence[str]
    voltage_v: Sequence[Three | None] | None = None
    current_amp: Sequence[Three | None] | None = None
    active_power_kw: Sequence[Power | None] | None = None
    reactive_power_kvar: Sequence[Power | None] | None = None
    neutral_current_amp: Sequence[float | None] | None = None
    oil_temperature_c: Sequence[float | None] | None = None
    ambient_temperature_c: Sequence[float | None] | None = None
    apparent_power_kva: Sequence[Power | None] | None = None
    seq: Sequence[Sequence63 | None] | None = None


class WireBatch(msgspec.Struct, omit_defaults=True):
    """What a concentrator sends: either rows or columns."""

    readings: list[WireReading] | None = None
    columns: WireColumns | None = None


class WireReplayRequest(msgspec.Struct):
    """What the collector asks of a device: to send again what it measured between two moments, both included."""

    device_id: str
    from_timestamp: str = msgspec.field(name="from")
    to_timestamp: str = msgspec.field(name="to")


FIELDS: tuple[str, ...] = WireReading.__struct_fields__
VALUE_FIELDS = {
    "active_power_kw": "power",
    "reactive_power_kvar": "power",
    "apparent_power_kva": "power",
    "voltage_v": "three",
    "current_amp": "three",
    "neutral_current_amp": "number",
    "oil_temperature_c": "number",
    "ambient_temperature_c": "number",
}
"""What is measured, and how it is written: a number, three numbers, or (powers) either."""


def reading_topic(station_id: str, transformer_id: str) -> str:
    """Return the topic on which one transformer's readings are sent singly."""
    return f"redvest/v1/{station_id}/{transformer_id}/reading"


def batch_topic(station_id: str) -> str:
    """Return the topic on which a station's concentrators send batches, as rows or as columns."""
    return f"redvest/v1/{station_id}/readings"


def replay_topic(station_id: str, transformer_id: str) -> str:
    """Return the topic on which the collector asks a transformer's device for readings again; + is anybody's."""
    return f"redvest/v1/{station_id}/{transformer_id}/replay"


def encode_replay_request(device_id: str, from_us: int, to_us: int) -> bytes:
    """Return the payload that asks for the readings between two moments [µs], both included."""
    return msgspec.json.encode(WireReplayRequest(device_id, format_utc(from_us), format_utc(to_us)))


def decode_replay_request(payload: bytes) -> tuple[str, int, int]:
    """Return device, first and last moment [µs] of a request. Raises ValueError for anything else."""
    request = msgspec.json.decode(payload, type=WireReplayRequest)
    return request.device_id, parse_timestamp_us(request.from_timestamp), parse_timestamp_us(request.to_timestamp)


def subscription_filters(station_ids: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the topic filters that together bring every reading, each once; of some stations, or of all."""
    stations = station_ids or ("+",)
    return tuple(topic for station in stations for topic in (reading_topic(station, "+"), batch_topic(station)))


def encode_reading(  # noqa: PLR0913 - one argument per member
    measured_at: str,
    *,
    transformer_id: str | None = None,
    voltage_v: Three | None = None,
    current_amp: Three | None = None,
    active_power_kw: Power | None = None,
    reactive_power_kvar: Power | None = None,
    neutral_current_amp: float | None = None,
    oil_temperature_c: float | None = None,
    ambient_temperature_c: float | None = None,
    apparent_power_kva: Power | None = None,
    seq: int | None = None,
) -> bytes:
    """Return the payload of one reading. `measured_at` is ISO 8601 with an offset; None leaves a field out."""
    return msgspec.json.encode(
        WireReading(
            measured_at,
            transformer_id,
            voltage_v,
            current_amp,
            active_power_kw,
            reactive_power_kvar,
            neutral_current_amp,
            oil_temperature_c,
            ambient_temperature_c,
            apparent_power_kva,
            seq,
        )
    )


def encode_singly(batch: ReadingBatch, fleet: Fleet) -> Iterator[tuple[str, bytes]]:
    """Yield (topic, payload) of each reading, in order. What is NaN is left out."""
    for row, number in zip(_wire_readings(batch, fleet), batch.transformer.tolist(), strict=True):
        topic = reading_topic(fleet.station_ids[number], fleet.transformer_ids[number])
        row.transformer_id = None
        yield topic, msgspec.json.encode(row)


def encode_batch(batch: ReadingBatch, fleet: Fleet) -> bytes:
    """Return the payload of up to 1,000 readings of one station as rows. What is NaN is left out."""
    _check_rows(batch)
    return msgspec.json.encode(WireBatch(readings=_wire_readings(batch, fleet)))


def encode_columns(batch: ReadingBatch, fleet: Fleet) -> bytes:
    """Return the payload of up to 1,000 readings of one station as columns. What is NaN is null."""
    _check_rows(batch)
    return msgspec.json.encode(WireBatch(columns=_wire_columns(batch, fleet)))


def _check_rows(batch: ReadingBatch) -> None:
    if len(batch) > BATCH_ROWS_MAX:
        raise ValueError(f"a batch holds up to {BATCH_ROWS_MAX} readings, not {len(batch)}")


def _wire_columns(batch: ReadingBatch, fleet: Fleet) -> WireColumns:
    return WireColumns(
        transformer_id=[fleet.transformer_ids[number] for number in batch.transformer],
        measured_at=_iso_texts(batch.measured_at_us),
        voltage_v=_phases(batch.voltage_v),
        current_amp=_phases(batch.current_amp),
        active_power_kw=_numbers(batch.active_power_kw),
        reactive_power_kvar=_numbers(batch.reactive_power_kvar),
        neutral_current_amp=_numbers(batch.neutral_current_amp),
        oil_temperature_c=_numbers(batch.oil_temperature_c),
        ambient_temperature_c=_numbers(batch.ambient_temperature_c),
        apparent_power_kva=_numbers(batch.apparent_power_kva),
        seq=_unless_all_missing([None if s == NO_SEQUENCE else s for s in batch.sequence.tolist()]),
    )


def _wire_readings(batch: ReadingBatch, fleet: Fleet) -> list[WireReading]:
    columns = _wire_columns(batch, fleet)
    nothing = [None] * len(batch)
    return [
        WireReading(*cells) for cells in zip(*(getattr(columns, field) or nothing for field in FIELDS), strict=True)
    ]


def _iso_texts(timestamps_us: NDArray[np.int64]) -> list[str]:
    if (timestamps_us % SECOND_US == 0).all():
        return [f"{text}Z" for text in (timestamps_us // SECOND_US).astype("datetime64[s]").astype(str).tolist()]
    return [f"{text}Z" for text in timestamps_us.astype("datetime64[us]").astype(str).tolist()]


def _numbers(column: NDArray[np.float64]) -> list[float | None] | None:
    if not np.isnan(column).any():
        return list(column.tolist())
    return _unless_all_missing([None if isnan(value) else value for value in column.tolist()])


def _phases(column: NDArray[np.float64]) -> list[Three | None] | None:
    flat = _numbers(column.ravel())
    if flat is None:
        return None
    rows = zip(flat[0::3], flat[1::3], flat[2::3], strict=True)
    return [None if row == (None, None, None) else row for row in rows]


def _unless_all_missing(values: list[_T | None]) -> list[_T | None] | None:
    return values if any(value is not None for value in values) else None
