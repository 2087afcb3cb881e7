"""Messages of Chinese smart terminals to readings and rejects, screened like all others.

A value whose quality is not good is missing, never guessed. One message may hold several readings: points whose
times lie near one another are one reading, and it was measured when the first of them was.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from collector.decoding.columns import as_batch, as_columns
from collector.decoding.decode import Decoded, decode_block
from collector.decoding.json_objects import UNREADABLE, explain, members
from collector.decoding.measured_at import parse_measured_at
from collector.decoding.no_value import says_no_value
from collector.decoding.plausibility import Limits, MissingValues, sift
from collector.decoding.rejects import Fault, Reason, Reject, reject_message, shown
from collector.message import Message, MessageBlock
from collector.wire.format import BATCH_BYTES_MAX, BATCH_ROWS_MAX, WireReading
from collector.wire.terminal_format import POINTS, TerminalFormat, TerminalPoint, TerminalPush
from collector.wire.topics import NOT_KNOWN, topics_of
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import SECOND_US, format_utc

POINTS_MAX = BATCH_ROWS_MAX * len(POINTS)
W_PER_KW = 1000.0

_decode = msgspec.json.Decoder(TerminalPush).decode
_points_of = msgspec.json.Decoder(list[msgspec.Raw]).decode
_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_PUSH_MEMBERS = frozenset(TerminalPush.__struct_fields__)
_POINT_MEMBERS = frozenset(TerminalPoint.__struct_fields__)


@dataclass
class _Read:
    """Readings of a block's terminals so far, by message, and what is wrong with the other messages."""

    rows: list[WireReading] = field(default_factory=list)
    transformer: list[int] = field(default_factory=list)
    message: list[int] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    value_faults: dict[int, list[Fault]] = field(default_factory=dict)
    """By row, of values that are missing."""
    unknown_fields: int = 0


def decode_formats(messages: Sequence[Message], fleet: Fleet, limits: Limits, terminals: TerminalFormat) -> Decoded:
    """Return readings and rejects of n messages, each by the format of its topic.

    Readings of each format are in order of arrival, those of terminals behind the others: no transformer has both.
    What comes on the topic of a transformer of the ledger is never a terminal's, whatever the patterns of theirs are.
    """
    block = MessageBlock.of(messages)
    # Of a block of thousands a few are pushes: what is not of the wire format alone is looked at one by one.
    others = np.flatnonzero(topics_of(fleet).meant(block.topics) == NOT_KNOWN).tolist()
    named = [(index, terminals.device_id(block.topic(index))) for index in others]
    device_of = {index: device_id for index, device_id in named if device_id is not None}
    if not device_of:
        return decode_block(block, fleet, limits)
    own = block.among([index for index in range(len(block)) if index not in device_of])
    pushes = [(block[index], device_id) for index, device_id in device_of.items()]
    return Decoded.join([decode_block(own, fleet, limits), decode_terminals(pushes, fleet, limits, terminals)])


def decode_terminals(
    pushes: Sequence[tuple[Message, str]], fleet: Fleet, limits: Limits, terminals: TerminalFormat
) -> Decoded:
    """Return the readings and rejects of messages, given with the device that sent each."""
    read = _Read()
    for index, (message, device_id) in enumerate(pushes):
        fault = _read_push(index, message, device_id, fleet, terminals, read)
        if fault is not None:
            read.faults.append((index, fault))
    received_at_us = np.array([pushes[index][0].received_at_us for index in read.message], np.int64)
    readings, missing = ReadingBatch.empty(), MissingValues()
    if read.rows:
        transformer = np.array(read.transformer, np.int32)
        batch, unreadable, _ = as_batch(as_columns(read.rows), transformer, received_at_us)
        sifted = sift(batch, unreadable, fleet, limits, read.value_faults)
        readings, missing = sifted.readings, sifted.missing
        read.faults += [(read.message[row], fault) for row, fault in sifted.faults.items()]
    retained = sum(fault.reason is Reason.RETAINED for _, fault in read.faults)
    examples = [reject_message(pushes[read.message[row]][0], fault, taken=True) for row, fault in missing.examples]
    rejects = tuple(_rejects(pushes, read.faults))
    return Decoded(readings, rejects, read.unknown_fields, retained, missing.counts, tuple(examples))


def _rejects(pushes: Sequence[tuple[Message, str]], faults: Sequence[tuple[int, Fault]]) -> list[Reject]:
    return [reject_message(pushes[index][0], fault) for index, fault in sorted(faults, key=lambda one: one[0])]


def _read_push(
    index: int, message: Message, device_id: str, fleet: Fleet, terminals: TerminalFormat, read: _Read
) -> Fault | None:
    """Add what a message holds to what was read; return what is wrong with it as a whole."""
    if message.retained:
        return Fault(Reason.RETAINED)
    device = fleet.devices.get(device_id)
    number = -1 if device is None else fleet.number.get(device.transformer_id, -1)
    if number < 0:
        return Fault(Reason.UNKNOWN_DEVICE, "topic", shown(device_id))
    if len(message.payload) > BATCH_BYTES_MAX:
        return Fault(Reason.TOO_LARGE, "", f"{len(message.payload)} bytes")
    found = _points(message.payload)
    if isinstance(found, Fault):
        return found
    points, unknown_fields = found
    rows = _readings(points, terminals)
    if isinstance(rows, Fault):
        return rows
    read.unknown_fields += unknown_fields + sum(point.name not in POINTS for _, _, point in points)
    read.value_faults |= {len(read.rows) + place: row.faults for place, row in enumerate(rows) if row.faults}
    read.rows += [row.on_the_wire() for row in rows]
    read.transformer += [number] * len(rows)
    read.message += [index] * len(rows)
    return None


_Timed = tuple[int, int, TerminalPoint]
"""When a point was measured [µs], its place in the push, and the point."""


def _points(payload: bytes) -> tuple[list[_Timed], int] | Fault:
    """Return the points of a push, and how many members nobody knows; or what is wrong with it."""
    try:
        push = _decode(payload)
    except UNREADABLE as error:
        return explain(payload, error)
    around = members(payload)
    if isinstance(around, Fault):
        return around
    unknown_fields = len(around.keys() - _PUSH_MEMBERS)
    for place, text in enumerate(_points_of(around["body"])):
        inside = members(bytes(text))
        if isinstance(inside, Fault):
            return Fault(inside.reason, f"body[{place}].{inside.field}", inside.detail)
        unknown_fields += len(inside.keys() - _POINT_MEMBERS)
    if not push.body:
        return Fault(Reason.EMPTY, "body", "no points")
    if len(push.body) > POINTS_MAX:
        return Fault(Reason.TOO_MANY_FIELDS, "body", f"{len(push.body)} points")
    timestamps, faults = parse_measured_at([point.timestamp or push.timestamp for point in push.body])
    for place, fault in faults.items():
        of = "timestamp" if push.body[place].timestamp is None else f"body[{place}].timestamp"
        return Fault(fault.reason, of, fault.detail)
    return list(zip(timestamps.tolist(), range(len(push.body)), push.body, strict=True)), unknown_fields


def _readings(points: Sequence[_Timed], terminals: TerminalFormat) -> list[_Reading] | Fault:
    """Return the readings that points make up, in order of time, or what is wrong with one of the points."""
    apart_us = round(terminals.points_apart_seconds_max * SECOND_US)
    rows: list[_Reading] = []
    for at_us, place, point in sorted(points, key=lambda timed: timed[:2]):
        if point.name not in POINTS:
            continue
        if not rows or at_us - rows[-1].at_us > apart_us or (point.name in rows[-1].cells and at_us > rows[-1].last_us):
            rows.append(_Reading(at_us))
        if point.name in rows[-1].cells:
            return Fault(Reason.DUPLICATE_KEY, f"body[{place}].name", f"{point.name} is there twice for one moment")
        value = _value(point, place, terminals)
        if isinstance(value, Fault):
            rows[-1].faults.append(value)
            value = None
        rows[-1].cells[point.name] = value
        rows[-1].last_us = at_us
    if not rows:
        return Fault(Reason.NO_LOAD_BASIS, "body", "no point is a voltage, a current or a power")
    return rows


def _value(point: TerminalPoint, place: int, terminals: TerminalFormat) -> float | Fault | None:
    """Return a point's value, in kW for powers; None where it was not measured."""
    if point.val is None or point.quality not in terminals.good_quality:
        return None
    if not _NUMBER.fullmatch(point.val):
        return Fault(Reason.WRONG_TYPE, f"body[{place}].val", f"{point.name} is {shown(point.val)}, no number")
    value = float(point.val)
    if says_no_value(np.array([value]))[0]:  # before watts become kilowatts
        return Fault(Reason.SENTINEL, _field_of(point), f"it is {value!r}")
    is_power = POINTS[point.name][1] is None
    return value / W_PER_KW if is_power and terminals.power_unit == "W" else value


def _field_of(point: TerminalPoint) -> str:
    name, phase = POINTS[point.name]
    return name if phase is None else f"{name}[{phase}]"


@dataclass
class _Reading:
    """Points that belong together, and when the first and the last of them were measured."""

    at_us: int
    cells: dict[str, float | None] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """Of values that are missing."""
    last_us: int = 0

    def on_the_wire(self) -> WireReading:
        """Return the reading as the native format has it."""
        phases: dict[str, list[float | None]] = {"voltage_v": [None] * 3, "current_amp": [None] * 3}
        totals: dict[str, float | None] = {"active_power_kw": None, "reactive_power_kvar": None}
        for name, value in self.cells.items():
            of, phase = POINTS[name]
            if phase is None:
                totals[of] = value
            else:
                phases[of][phase] = value
        voltage_v, current_amp = phases["voltage_v"], phases["current_amp"]
        return WireReading(
            format_utc(self.at_us),
            voltage_v=(voltage_v[0], voltage_v[1], voltage_v[2]),
            current_amp=(current_amp[0], current_amp[1], current_amp[2]),
            active_power_kw=totals["active_power_kw"],
            reactive_power_kvar=totals["reactive_power_kvar"],
        )
