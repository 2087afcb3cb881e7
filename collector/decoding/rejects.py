"""Why something that was received was not taken. What to mend is told in `collector.decoding.remedies`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from collector.message import Message

KEPT_BYTES_MAX = 64 * 1024
"""Maximum size of what is kept of a refused payload [bytes]; its digest is of all of it."""

_TOPIC_CHARACTERS_MAX = 300
_SHOWN_CHARACTERS_MAX = 80


class Reason(StrEnum):
    """The closed list of reasons; the words are public (docs/wire-format.md)."""

    # What the bytes are
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    BYTE_ORDER_MARK = "byte_order_mark"
    NOT_JSON = "not_json"
    NOT_FINITE = "not_finite"
    NESTED_TOO_DEEP = "nested_too_deep"
    # What the JSON says
    DUPLICATE_KEY = "duplicate_key"
    WRONG_TYPE = "wrong_type"
    NUMBER_TOO_LARGE = "number_too_large"
    MISSING_FIELD = "missing_field"
    TOO_MANY_FIELDS = "too_many_fields"
    TOO_MANY_ROWS = "too_many_rows"
    COLUMNS_UNEQUAL = "columns_unequal"
    # Whom it speaks of
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_TRANSFORMER = "unknown_transformer"
    UNKNOWN_DEVICE = "unknown_device"
    TOPIC_MISMATCH = "topic_mismatch"
    WRONG_STATION = "wrong_station"
    RETAINED = "retained"
    # When it was measured
    TIME_MALFORMED = "time_malformed"
    TIME_WITHOUT_OFFSET = "time_without_offset"
    TIME_IN_FUTURE = "time_in_future"
    TIME_TOO_OLD = "time_too_old"
    # What no meter can have measured
    SENTINEL = "sentinel"
    DENORMAL = "denormal"
    OUT_OF_RANGE = "out_of_range"
    CURRENT_WITHOUT_VOLTAGE = "current_without_voltage"
    NO_LOAD_BASIS = "no_load_basis"
    LOAD_RATE_IMPOSSIBLE = "load_rate_impossible"
    PHASES_DISAGREE = "phases_disagree"
    # What gateways lack
    NOT_PROTOBUF = "not_protobuf"
    NO_BIRTH = "no_birth"
    # Our own fault: the decoder stumbled over it
    UNEXPECTED = "unexpected"
    # Only in files of readings
    RAGGED_ROW = "ragged_row"
    BAD_NUMBER = "bad_number"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one reading: the reason, the field it is about (or empty) and the numbers."""

    reason: Reason
    field: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """Something received and not taken, with enough to find and mend the sender."""

    received_at_us: int
    topic: str
    """The MQTT topic, or `file:line` for a row of a file."""
    reason: Reason
    field: str
    detail: str
    payload: bytes
    """The refused reading as it came (one row of a batch, not the batch), at most `KEPT_BYTES_MAX`."""
    sha256: str
    """Hexadecimal digest of the whole of it."""
    line: int = 0
    """Line of the file, from 1; 0 for what came over MQTT."""
    taken: bool = False
    """The reading was taken, and this one value is missing in it."""


def reject_message(message: Message, fault: Fault, payload: bytes | None = None, *, taken: bool = False) -> Reject:
    """Return the reject of a message, or of the part of it that `payload` gives; `taken`: of one value in it."""
    refused = message.payload if payload is None else payload
    topic = message.topic if message.topic.isprintable() else repr(message.topic)
    return Reject(
        received_at_us=message.received_at_us,
        topic=topic[:_TOPIC_CHARACTERS_MAX],
        reason=fault.reason,
        field=fault.field,
        detail=fault.detail,
        payload=refused[:KEPT_BYTES_MAX],
        sha256=sha256(refused).hexdigest(),
        taken=taken,
    )


def shown(value: object) -> str:
    """Return a foreign value so that it can stand in a log or on a screen: quoted, escaped and short."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS_MAX else text[: _SHOWN_CHARACTERS_MAX - 1] + "…"
