"""Recorded readings, published as their devices would: in time order, at the pace of the day or faster.

Times stay as recorded. A row that is no reading, or of a transformer nobody knows, is sent as it stands: refusing
is the collector's work, and it should be seen to do it.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from collector.wire.format import reading_topic
from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import as_datetime, parse_datetime, parse_timestamp_us
from simulator.faults.stream import FaultyStream, Sending
from simulator.publish.publisher import Publisher

REQUIRED = ("transformer_id", "measured_at")
_PHASES = ("a", "b", "c")
_TOTALS = (
    "active_power_kw",
    "reactive_power_kvar",
    "apparent_power_kva",
    "neutral_current_amp",
    "oil_temperature_c",
    "ambient_temperature_c",
)


@dataclass(frozen=True)
class Replayed:
    """What a replay sent."""

    messages: int
    unreadable_times: int
    """Rows whose time is no time; they are sent last."""


@dataclass(frozen=True)
class RecordedRow:
    """One row of a readings file, ready to be sent."""

    transformer_id: str
    measured_at_us: int | None
    payload: bytes


def read_recorded(file: Path, zone: tzinfo | None = None) -> list[RecordedRow]:
    """Read a readings file, sorted by time; rows of one moment keep their order.

    A time without an offset is the time of `zone`, where one is given.

    Raises UsageError when it cannot be read or lacks a required column.
    """
    try:
        text = _decoded(file.read_bytes())
    except OSError as error:
        raise UsageError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=str(file),
            remedy=Text("请指定可读的文件", "name a readable file"),
        ) from error
    rows = csv.DictReader(text.splitlines())
    missing = [name for name in REQUIRED if name not in (rows.fieldnames or ())]
    if missing:
        raise UsageError(
            Text(f"缺少列 {missing[0]}", f"lacks the column {missing[0]}"),
            where=Text(f"{file}，第 1 行", f"{file}, line 1"),
            remedy=Text(
                "readings.csv 的各列见 docs/ledger.md", "the columns of readings.csv are listed in docs/ledger.md"
            ),
        )
    recorded = [_recorded(row, zone) for row in rows if any(row.values())]
    return sorted(recorded, key=lambda row: (row.measured_at_us is None, row.measured_at_us or 0))


def replay(
    rows: list[RecordedRow],
    station_of: Mapping[str, str],
    publisher: Publisher,
    *,
    faults: FaultyStream | None = None,
    speed: float | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[int], None] = lambda sent: None,
) -> Replayed:
    """Publish recorded rows, `speed` recorded seconds in each real one; None as fast as the broker takes them.

    `station_of` gives the station of a transformer's topic; one it does not know goes to the first station. `faults`
    are given to the messages on their way; `progress` gets the messages sent so far.
    """
    began, first_us = time.monotonic(), rows[0].measured_at_us if rows else None
    sent = 0
    for sending in _sendings(rows, station_of, faults):
        if speed is not None and first_us is not None:
            due = began + (sending.at_us - first_us) / 1e6 / speed
            while not stop() and (wait_seconds := due - time.monotonic()) > 0:
                time.sleep(min(wait_seconds, 0.2))
        if stop():
            break
        publish_sending(publisher, sending)
        sent += 1
        progress(sent)
    return Replayed(sent, sum(row.measured_at_us is None for row in rows))


def publish_sending(publisher: Publisher, sending: Sending) -> None:
    """Publish a message as its devices and their line would have it."""
    if sending.cut_before:
        publisher.cut()
    publisher.publish(sending.topic, sending.payload, retained=sending.retained)


def _sendings(rows: list[RecordedRow], station_of: Mapping[str, str], faults: FaultyStream | None) -> Iterator[Sending]:
    elsewhere = next(iter(station_of.values()), "unknown")
    last_us = 0
    for row in rows:
        # What has no time comes last, and at once.
        last_us = last_us if row.measured_at_us is None else row.measured_at_us
        topic = reading_topic(station_of.get(row.transformer_id, elsewhere), _safe_in_topic(row.transformer_id))
        sending = Sending(last_us, row.transformer_id, topic, row.payload)
        yield from faults.send(sending) if faults else (sending,)
    yield from faults.rest() if faults else ()


def _recorded(row: Mapping[str, str | None], zone: tzinfo | None) -> RecordedRow:
    cells = {name: (value or "").strip() for name, value in row.items() if isinstance(name, str)}
    try:
        at_us = parse_timestamp_us(cells["measured_at"], zone)
        cells["measured_at"] = _with_offset(cells["measured_at"], at_us, zone)
        measured_at_us: int | None = at_us
    except ValueError:
        measured_at_us = None
    return RecordedRow(cells["transformer_id"], measured_at_us, json.dumps(dict(_members(cells))).encode())


def _with_offset(text: str, measured_at_us: int, zone: tzinfo | None) -> str:
    """Return a time as it stands, or with its offset where the zone gave it."""
    if zone is None or parse_datetime(text).tzinfo is not None:
        return text
    return as_datetime(measured_at_us, zone).isoformat()


def _members(cells: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield "measured_at", cells["measured_at"]
    for field, column in (("voltage_v", "voltage_{}_v"), ("current_amp", "current_{}_amp")):
        phases = [cells.get(column.format(phase), "") for phase in _PHASES]
        if all(phases):
            yield field, [_number(cell) for cell in phases]
    for field in _TOTALS:
        if cells.get(field):
            yield field, _number(cells[field])


def _number(cell: str) -> float | str:
    """Return the number, or the text itself where it is none: a device that sends nonsense sends nonsense."""
    try:
        number = float(cell)
    except ValueError:
        return cell
    return number if cell.isascii() and "_" not in cell and abs(number) < 1e300 else cell


def _safe_in_topic(transformer_id: str) -> str:
    return "".join("-" if character in "/+#\0" else character for character in transformer_id) or "-"


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("gb18030", errors="replace")
