"""Messages of all formats of one site: Redvest's own, smart terminals' and those of `[[decoders]]`, each by its topic.

Which transformer a device's readings are of says the ledger's devices.csv, with the phases it is connected to and a
multiplier of its currents and powers. What comes out is screened like all readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collector.decoding.decode import Decoded, decode_block
from collector.decoding.measured_at import parse_measured_at
from collector.decoding.no_value import says_no_value
from collector.decoding.plausibility import Limits, MissingValues, sift
from collector.decoding.rejects import Fault, Reason, Reject, reject_message, shown
from collector.devices.device_format import (
    CELLS,
    PHASE_CELLS,
    TOTAL_CELLS,
    DecoderKind,
    DeviceFormat,
    DeviceReading,
)
from collector.devices.json_devices import Read, read_json, read_mapped, read_shelly_3em, read_tasmota
from collector.devices.sparkplug import Death, SparkplugSessions
from collector.devices.terminal import decode_terminals
from collector.message import Message, MessageBlock
from collector.wire.format import BATCH_BYTES_MAX
from collector.wire.terminal_format import TerminalFormat
from collector.wire.topics import NOT_KNOWN, topics_of
from grid.assets import Device
from grid.fleet import Fleet
from grid.readings import ReadingBatch

_READ_JSON = {
    DecoderKind.MAPPED_JSON: read_mapped,
    DecoderKind.SHELLY_3EM: read_shelly_3em,
    DecoderKind.TASMOTA_ENERGY: read_tasmota,
}
_MULTIPLIED = ("current", "active_power", "reactive_power", "apparent_power", "neutral_current")
_CELL = {name: place for place, name in enumerate(CELLS)}
_TAKES_MULTIPLIER = np.array([name.startswith(_MULTIPLIED) for name in CELLS])


@dataclass
class _Found:
    """What a block held so far."""

    readings: list[DeviceReading] = field(default_factory=list)
    devices: list[Device] = field(default_factory=list)
    message: list[int] = field(default_factory=list)
    faults: list[tuple[int, Fault]] = field(default_factory=list)
    deaths: dict[int, int] = field(default_factory=dict)
    """By transformer, which message told of it."""


class Decoders:
    """The formats of a site, with the sessions of those that have some."""

    def __init__(self, terminals: TerminalFormat | None = None, formats: Sequence[DeviceFormat] = ()) -> None:
        """Take `[terminal]` (None: there are none) and `[[decoders]]` of the settings."""
        self.formats = tuple(formats)
        self._terminals = tuple(
            each for each in (terminals, *(format_.terminal for format_ in formats)) if each is not None
        )
        self._sessions = {
            format_.name: SparkplugSessions(format_) for format_ in formats if format_.kind is DecoderKind.SPARKPLUG_B
        }

    def __bool__(self) -> bool:
        """Return whether there is any format beside Redvest's own."""
        return bool(self.formats or self._terminals)

    def filters(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to, beside Redvest's own."""
        of_terminals = [name for terminals in self._terminals for name in terminals.filters()]
        of_formats = [pattern.filter() for each in self.formats if each.terminal is None for pattern in each.topics]
        return tuple(dict.fromkeys((*of_terminals, *of_formats)))

    def format_of(self, topic: str) -> DeviceFormat | None:
        """Return the first format that a topic is one of."""
        return next((format_ for format_ in self.formats if format_.pattern_of(topic) is not None), None)

    def mark(self) -> dict[str, object]:
        """Return all sessions as they are, to go back to."""
        return {name: sessions.mark() for name, sessions in self._sessions.items()}

    def go_back(self, mark: dict[str, object]) -> None:
        """Forget what was read since a mark: the same messages are read once more."""
        for name, sessions in self._sessions.items():
            sessions.go_back(mark[name])  # type: ignore[arg-type]

    def decode(self, messages: Sequence[Message], fleet: Fleet, limits: Limits) -> Decoded:
        """Return readings and rejects of n messages, each by the format of its topic.

        What comes on the topic of a transformer of the ledger is never another format's, whatever the patterns are.
        """
        block = MessageBlock.of(messages)
        own = np.ones(len(block), np.bool_)
        pushes: dict[int, list[tuple[Message, str]]] = {}
        others: list[tuple[Message, DeviceFormat]] = []
        for index in np.flatnonzero(topics_of(fleet).meant(block.topics) == NOT_KNOWN).tolist():
            topic = block.topic(index)
            place, device_id = self._terminal_of(topic)
            format_ = self.format_of(topic) if device_id is None else None
            if device_id is not None:
                pushes.setdefault(place, []).append((block[index], device_id))
            elif format_ is not None:
                others.append((block[index], format_))
            own[index] = device_id is None and format_ is None
        if own.all():
            return decode_block(block, fleet, limits)
        parts = [decode_block(block.among(np.flatnonzero(own).tolist()), fleet, limits)]
        parts += [decode_terminals(each, fleet, limits, self._terminals[place]) for place, each in pushes.items()]
        if others:
            parts.append(self._decode_devices(others, fleet, limits))
        return Decoded.join(parts)

    def _terminal_of(self, topic: str) -> tuple[int, str | None]:
        for place, terminals in enumerate(self._terminals):
            device_id = terminals.device_id(topic)
            if device_id is not None:
                return place, device_id
        return -1, None

    def _decode_devices(
        self, messages: Sequence[tuple[Message, DeviceFormat]], fleet: Fleet, limits: Limits
    ) -> Decoded:
        found = _Found()
        for index, (message, format_) in enumerate(messages):
            self._read(index, message, format_, fleet, found)
        readings, missing = ReadingBatch.empty(), MissingValues()
        if found.readings:
            batch, unreadable, value_faults = _as_batch(found, messages, fleet)
            sifted = sift(batch, unreadable, fleet, limits, value_faults)
            readings, missing = sifted.readings, sifted.missing
            found.faults += [(found.message[row], fault) for row, fault in sifted.faults.items()]
        rejects = [reject_message(messages[index][0], fault) for index, fault in sorted(found.faults, key=_place)]
        return Decoded(
            readings,
            tuple(rejects),
            retained=sum(fault.reason is Reason.RETAINED for _, fault in found.faults),
            missing=missing.counts,
            missing_examples=tuple(_example(messages, found, row, fault) for row, fault in missing.examples),
            deaths={number: messages[index][0].received_at_us for number, index in found.deaths.items()},
        )

    def _read(self, index: int, message: Message, format_: DeviceFormat, fleet: Fleet, found: _Found) -> None:
        if message.retained:
            found.faults.append((index, Fault(Reason.RETAINED)))
            return
        if len(message.payload) > BATCH_BYTES_MAX:
            found.faults.append((index, Fault(Reason.TOO_LARGE, "", f"{len(message.payload)} bytes")))
            return
        read: Read | Death
        if format_.kind is DecoderKind.SPARKPLUG_B:
            read = self._sessions[format_.name].read(message.topic, message.payload)
        else:
            pattern = format_.pattern_of(message.topic)
            assert pattern is not None, "a format was chosen by the topic"
            device_id = pattern.device_id(message.topic)
            read = read_json(message.payload, device_id, format_, _READ_JSON[format_.kind])
        if isinstance(read, Fault):
            found.faults.append((index, read))
        elif isinstance(read, Death):
            found.deaths |= dict.fromkeys(_transformers_of(read, fleet), index)
        else:
            _bind(index, read, message, format_, fleet, found)


def _place(found: tuple[int, Fault]) -> int:
    return found[0]


def _example(messages: Sequence[tuple[Message, DeviceFormat]], found: _Found, row: int, fault: Fault) -> Reject:
    return reject_message(messages[found.message[row]][0], fault, taken=True)


def _transformers_of(death: Death, fleet: Fleet) -> list[int]:
    """Return the transformers whose device is gone."""
    ids = [death.device_id]
    if death.with_devices:
        ids += [device_id for device_id in fleet.devices if device_id.startswith(f"{death.device_id}/")]
    return [fleet.number[fleet.devices[each].transformer_id] for each in ids if each in fleet.devices]


def _bind(
    index: int,
    read: Sequence[DeviceReading],
    message: Message,
    format_: DeviceFormat,
    fleet: Fleet,
    found: _Found,
) -> None:
    """Find the transformer of each reading, and read the times of those that told one as text."""
    for reading in read:
        device = fleet.devices.get(reading.device_id)
        if device is None or device.decoder not in ("", format_.name):
            bound = "" if device is None else f", bound with decoder {shown(device.decoder)}"
            found.faults.append((index, Fault(Reason.UNKNOWN_DEVICE, "topic", f"{shown(reading.device_id)}{bound}")))
            continue
        if reading.at_us is None and reading.at_text:
            zone = format_.timezone or fleet.zones[fleet.number[device.transformer_id]]
            at_us, faults = parse_measured_at([reading.at_text], zone)
            if faults:
                found.faults.append((index, faults[0]))
                continue
            reading.at_us = int(at_us[0])
        elif reading.at_us is None:
            reading.at_us = message.received_at_us
        bound_at = fleet.device_at(reading.device_id, reading.at_us)
        if bound_at is None:
            detail = f"{shown(reading.device_id)} is bound from a later moment on"
            found.faults.append((index, Fault(Reason.UNKNOWN_DEVICE, "topic", detail)))
            continue
        found.readings.append(reading)
        found.devices.append(bound_at)
        found.message.append(index)
        found.deaths.pop(fleet.number[bound_at.transformer_id], None)


def _as_batch(
    found: _Found, messages: Sequence[tuple[Message, DeviceFormat]], fleet: Fleet
) -> tuple[ReadingBatch, dict[int, Fault], dict[int, list[Fault]]]:
    """Return the readings (n,), and the faults of values that are missing in them."""
    rows = len(found.readings)
    numbers, raw = np.full((rows, len(CELLS)), np.nan), np.full((rows, len(CELLS)), np.nan)
    value_faults: dict[int, list[Fault]] = {}
    for row, reading in enumerate(found.readings):
        for name, value in reading.cells.items():
            numbers[row, _CELL[name]] = value
            raw[row, _CELL[name]] = reading.raw.get(name, value)
        for name, told in reading.faults:
            value_faults.setdefault(row, []).append(Fault(Reason.WRONG_TYPE, name, told))
    multiplier = np.array([device.multiplier for device in found.devices])
    if (multiplier != 1.0).any():
        multiplied = np.round(numbers * np.where(_TAKES_MULTIPLIER, multiplier[:, None], 1.0), 9)
        numbers = np.where((multiplier != 1.0)[:, None], multiplied, numbers)
    no_value = says_no_value(raw)
    numbers[no_value] = np.nan
    for row, cell in np.argwhere(no_value).tolist():
        value_faults.setdefault(row, []).append(Fault(Reason.SENTINEL, CELLS[cell], f"it is {raw[row, cell]!r}"))
    phases = {name: _in_phases(numbers[:, [_CELL[cell] for cell in cells]], found.devices)
              for name, cells in PHASE_CELLS.items()}  # fmt: skip
    totals = {name: numbers[:, _CELL[name]] for name in TOTAL_CELLS}
    for name in ("active_power_kw", "reactive_power_kvar", "apparent_power_kva"):
        summed = phases.pop(name).sum(axis=1)
        totals[name] = np.where(np.isnan(totals[name]), np.round(summed, 9), totals[name])
    batch = ReadingBatch.of(
        [fleet.number[device.transformer_id] for device in found.devices],
        [reading.at_us or 0 for reading in found.readings],
        received_at_us=[messages[index][0].received_at_us for index in found.message],
        **phases,
        **totals,
    )
    return batch, {}, value_faults


def _in_phases(told: NDArray[np.float64], devices: Sequence[Device]) -> NDArray[np.float64]:
    """Return values of channels 1, 2, 3 (n, 3) in the transformers' phase order; NaN where a device has no channel."""
    if all(device.phases == "ABC" for device in devices):
        return told
    placed = np.full(told.shape, np.nan)
    for row, device in enumerate(devices):
        for channel, phase in enumerate(device.phases):
            placed[row, "ABC".index(phase)] = told[row, channel]
    return placed
