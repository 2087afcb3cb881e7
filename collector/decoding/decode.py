"""A block of messages to readings and rejects: whatever comes in leaves as the one or the other.

Messages are sorted by topic, their objects read together (`rows`, `batches`), turned into columns (`columns`)
and screened (`screen`). Nothing raises for what a message holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from collector.decoding.batches import batch_rows, read_batch, read_batches_together
from collector.decoding.columns import as_batch, join_columns
from collector.decoding.plausibility import Limits, MissingValues, sift
from collector.decoding.rejects import Fault, Reason, Reject, reject_message, shown
from collector.decoding.rows import RowsRead, read_rows
from collector.message import Message, MessageBlock
from collector.wire.format import BATCH_BYTES_MAX, READING_BYTES_MAX, WireColumns
from collector.wire.topics import NOT_KNOWN, STATION_BATCH, topics_of
from grid.fleet import Fleet
from grid.readings import ReadingBatch

_REFUSED = NOT_KNOWN - 1
"""In place of what a topic means: the message was refused already."""
STRETCH_BYTES = 384 * 1024
"""Payloads that are decoded at once, some 2,500 readings: the objects made of them then fit a processor's own cache.
With four times as many, decoding took a quarter longer (measured)."""
_WHOLE = -1
"""Place of what is a message's only reading, or of a fault that concerns the message as a whole."""


@dataclass(frozen=True)
class Decoded:
    """What a block of messages, or a chunk of a file, held. Readings are in order of arrival."""

    readings: ReadingBatch
    rejects: tuple[Reject, ...]
    unknown_fields: int = 0
    """How many members were accepted and not understood."""
    retained: int = 0
    """How many messages the broker had kept; each is a reject as well."""
    missing: Mapping[tuple[Reason, str], int] = field(default_factory=dict)
    """By reason and field, how many values of the readings were sent and are missing, for no meter measures them."""
    missing_examples: tuple[Reject, ...] = ()
    """Some of those values, each with the reading that was taken without it."""
    deaths: Mapping[int, int] = field(default_factory=dict)
    """By transformer, when [µs] it was heard that its device is gone, where nothing of it came later."""

    @staticmethod
    def join(parts: Sequence[Decoded]) -> Decoded:
        """Return what several blocks held, one after another."""
        return Decoded(
            ReadingBatch.concatenate([part.readings for part in parts]),
            tuple(reject for part in parts for reject in part.rejects),
            sum(part.unknown_fields for part in parts),
            sum(part.retained for part in parts),
            sum((Counter(part.missing) for part in parts), Counter()),
            tuple(example for part in parts for example in part.missing_examples),
            {number: at_us for part in parts for number, at_us in part.deaths.items()},
        )


@dataclass(frozen=True)
class _Rows:
    """n rows that may be readings."""

    columns: WireColumns
    transformer: NDArray[np.int32]
    """(n,)"""
    message: NDArray[np.intp]
    """(n,) which message of the block brought them."""
    place: NDArray[np.intp]
    """(n,) where in that message they stand."""


@dataclass
class _Block:
    """What is known of a block so far: rows that may be readings, and what is wrong with the rest."""

    parts: list[_Rows] = field(default_factory=list)
    row_faults: dict[int, Fault] = field(default_factory=dict)
    """By row, counted over all parts, of those that name the wrong transformer."""
    faults: dict[tuple[int, int], Fault] = field(default_factory=dict)
    """By message and place."""
    unknown_fields: int = 0
    value_faults: dict[int, Sequence[Fault]] = field(default_factory=dict)
    """By row, counted over all parts, of values that could not be read."""
    missing: MissingValues = field(default_factory=MissingValues)
    """Its examples are by row, counted over all parts."""

    def rows(self) -> int:
        """Return how many rows there are so far."""
        return sum(len(part.message) for part in self.parts)


def decode_block(messages: Sequence[Message], fleet: Fleet, limits: Limits) -> Decoded:
    """Return the readings and rejects of n messages of one connection, the rejects in order of arrival."""
    parts = [_decode_stretch(stretch, fleet, limits) for stretch in _stretches(MessageBlock.of(messages))]
    return parts[0] if len(parts) == 1 else Decoded.join(parts)


def _stretches(messages: MessageBlock) -> Iterator[MessageBlock]:
    """Yield the messages in stretches of about `STRETCH_BYTES`, at least one."""
    ends = np.cumsum(np.fromiter(map(len, messages.payloads), np.int64, len(messages)))
    first = 0
    while first == 0 or first < len(messages):
        begun = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, begun + STRETCH_BYTES, side="right")))
        yield messages if first == 0 and last >= len(messages) else messages[first:last]
        first = last


def _decode_stretch(messages: MessageBlock, fleet: Fleet, limits: Limits) -> Decoded:
    block = _Block()
    singles, transformer, batches = _sort_by_topic(messages, fleet, block)
    if singles:
        _read_singles(messages, singles, transformer, fleet, block)
    if batches:
        _read_batches(messages, batches, fleet, block)
    readings, examples = _screened(messages, fleet, limits, block)
    retained = sum(fault.reason is Reason.RETAINED for fault in block.faults.values())
    faults = [(index, place, block.faults[index, place]) for index, place in sorted(block.faults)]
    rejects, missing = tuple(_rejects(messages, faults)), tuple(_rejects(messages, examples, taken=True))
    return Decoded(readings, rejects, block.unknown_fields, retained, block.missing.counts, missing)


_Placed = tuple[int, int, Fault]
"""Which message, where in it, and what is wrong there."""


def _rejects(messages: MessageBlock, faults: Sequence[_Placed], *, taken: bool = False) -> Iterator[Reject]:
    rows_of: dict[int, list[bytes]] = {}
    for index, place, fault in faults:
        message = messages[index]
        if place == _WHOLE:
            yield reject_message(message, fault, taken=taken)
            continue
        if index not in rows_of:
            rows_of[index] = batch_rows(message.payload)
        yield reject_message(message, fault, rows_of[index][place], taken=taken)


def _sort_by_topic(
    messages: MessageBlock, fleet: Fleet, block: _Block
) -> tuple[list[int], NDArray[np.int32], list[int]]:
    """Return which messages are single readings, the transformer of each of those, and which are batches."""
    meant = topics_of(fleet).meant(messages.topics)
    sizes = np.fromiter(map(len, messages.payloads), np.intp, len(messages))
    if messages.has_retained:
        for index in [index for index in range(len(messages)) if messages.is_retained(index)]:
            block.faults[index, _WHOLE] = Fault(Reason.RETAINED)
            meant[index] = _REFUSED
    for index in np.flatnonzero(meant == NOT_KNOWN).tolist():
        block.faults[index, _WHOLE] = _fault_of_topic(messages.topic(index), fleet)
    sizes_max = np.where(meant == STATION_BATCH, BATCH_BYTES_MAX, READING_BYTES_MAX)
    for index in np.flatnonzero((sizes > sizes_max) & (meant > NOT_KNOWN)).tolist():
        block.faults[index, _WHOLE] = Fault(Reason.TOO_LARGE, "", f"{sizes[index]} bytes")
        meant[index] = _REFUSED
    singles = np.flatnonzero(meant >= 0)
    return singles.tolist(), meant[singles], np.flatnonzero(meant == STATION_BATCH).tolist()


def _fault_of_topic(topic: str, fleet: Fleet) -> Fault:
    """Return what is wrong with a topic that is neither a known transformer's nor for batches."""
    parts = topic.split("/")
    if len(parts) != 5 or parts[:2] != ["redvest", "v1"] or parts[4] != "reading":
        return Fault(Reason.UNKNOWN_TOPIC, "topic")
    number = fleet.number.get(parts[3], -1)
    if number < 0:
        return Fault(Reason.UNKNOWN_TRANSFORMER, "topic", shown(parts[3]))
    return _wrong_station("topic", fleet.station_ids[number], parts[2])


def _wrong_station(field_name: str, ledger: str, topic: str) -> Fault:
    return Fault(Reason.WRONG_STATION, field_name, f"the ledger says {shown(ledger)}, the topic {shown(topic)}")


def _read_singles(
    messages: MessageBlock, singles: list[int], transformer: NDArray[np.int32], fleet: Fleet, block: _Block
) -> None:
    read = read_rows([messages.payloads[index] for index in singles])
    for place, fault in read.faults.items():
        block.faults[singles[place], _WHOLE] = fault
    places = np.array(read.places, np.intp)
    named = read.columns.transformer_id
    ids = [fleet.transformer_ids[number] for number in transformer[places].tolist()]
    if named.count(None) < len(named) and list(named) != ids:
        for row, expected in enumerate(ids):
            if named[row] is not None and named[row] != expected:
                told = f"the payload says {shown(named[row])}, the topic {shown(expected)}"
                block.row_faults[row] = Fault(Reason.TOPIC_MISMATCH, "transformer_id", told)
    message = np.array(singles, np.intp)[places]
    _take_value_faults(read, block)
    block.parts.append(_Rows(read.columns, transformer[places], message, np.full(len(places), _WHOLE)))
    block.unknown_fields += read.unknown_fields


def _read_batches(messages: MessageBlock, batches: list[int], fleet: Fleet, block: _Block) -> None:
    together = read_batches_together([messages.payloads[index] for index in batches])
    if together is not None:
        columns, lengths = together
        message = np.repeat(np.array(batches, np.intp), lengths)
        place = np.arange(len(message)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        _take_rows(messages, columns, message, place, fleet, block)
        return
    for index in batches:
        read = read_batch(messages.payloads[index])
        if isinstance(read, Fault):
            block.faults[index, _WHOLE] = read
            continue
        for place_of_fault, fault in read.faults.items():
            block.faults[index, place_of_fault] = fault
        place = np.array(read.places, np.intp)
        _take_value_faults(read, block)
        _take_rows(messages, read.columns, np.full(len(place), index), place, fleet, block)
        block.unknown_fields += read.unknown_fields


def _take_value_faults(read: RowsRead, block: _Block) -> None:
    """Note what values of rows that come next could not be read."""
    if read.value_faults:
        row_of = {place: row for row, place in enumerate(read.places, block.rows())}
        block.value_faults |= {row_of[place]: faults for place, faults in read.value_faults.items()}


def _take_rows(
    messages: MessageBlock,
    columns: WireColumns,
    message: NDArray[np.intp],
    place: NDArray[np.intp],
    fleet: Fleet,
    block: _Block,
) -> None:
    """Take the rows of batches, and note the faults of those whose transformer is not one of the topic's station."""
    topics, first_row = topics_of(fleet), block.rows()
    transformer = np.array([fleet.number.get(named or "", -1) for named in columns.transformer_id], np.int32)
    of_message, position = np.unique(message, return_inverse=True)
    station = topics.stations([messages.topics[index] for index in of_message.tolist()])[position]
    for row in np.flatnonzero(topics.station_of[transformer] != station).tolist():
        named = columns.transformer_id[row]
        if transformer[row] >= 0:
            station_id = messages.topic(int(message[row])).split("/")[2]
            fault = _wrong_station("transformer_id", fleet.station_ids[transformer[row]], station_id)
        elif named is None:
            fault = Fault(Reason.MISSING_FIELD, "transformer_id")
        else:
            fault = Fault(Reason.UNKNOWN_TRANSFORMER, "transformer_id", shown(named))
        block.row_faults[first_row + row] = fault
    block.parts.append(_Rows(columns, transformer, message, place))


def _screened(
    messages: MessageBlock, fleet: Fleet, limits: Limits, block: _Block
) -> tuple[ReadingBatch, list[_Placed]]:
    """Return the plausible rows of the block in order of arrival, and some of the values that are missing in them.

    The faults of the other rows are noted.
    """
    if not block.rows():
        return ReadingBatch.empty(), []
    message = np.concatenate([part.message for part in block.parts])
    place = np.concatenate([part.place for part in block.parts])
    transformer = np.concatenate([part.transformer for part in block.parts])
    columns = join_columns([part.columns for part in block.parts])
    batch, time_faults, value_faults = as_batch(columns, transformer, messages.received_at_us[message])
    for row, faults in block.value_faults.items():
        value_faults.setdefault(row, []).extend(faults)
    sifted = sift(batch, time_faults | block.row_faults, fleet, limits, value_faults)
    for row, fault in sifted.faults.items():
        block.faults[int(message[row]), int(place[row])] = fault
    block.missing = sifted.missing
    examples = [(int(message[row]), int(place[row]), fault) for row, fault in sifted.missing.examples]
    arrival = message[sifted.rows]
    if (arrival[1:] < arrival[:-1]).any():
        return sifted.readings.take(np.argsort(arrival, kind="stable")), examples
    return sifted.readings, examples
