"""What a phone sends about a door, checked field by field. A fault names the field and says why, in both languages."""

from __future__ import annotations

import json
import math
import uuid
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from alerts.model.outreach_model import VisitResult
from grid.text import Text
from grid.timestamps import parse_timestamp_us

NOTE_LETTERS_MAX = 500
UNITS_MAX = 1000
SETPOINT_C = (5.0, 40.0)
_FIELDS = frozenset(
    {
        "incident_id", "merchant_id", "result", "switched_off_units", "setpoint_c", "lights_off", "note", "answered_at",
    }
)  # fmt: skip
_ID_LETTERS_MAX = 200


class AnswerFault(Exception):
    """A field cannot be taken."""

    def __init__(self, field: str, reason: Text) -> None:
        """Keep which and why."""
        super().__init__(f"{field}: {reason.en}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class AnswerForm:
    """What was sent, as values."""

    incident_id: str
    merchant_id: str
    result: VisitResult
    switched_off_units: int | None
    setpoint_c: float | None
    lights_off: bool | None
    note: str
    answered_at_us: int | None
    body_hash: str
    """The same for the same answer, however its JSON was written."""


def answer_id_of(text: str) -> str:
    """Return a UUID in its one form. Raises AnswerFault."""
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise AnswerFault("uuid", Text("不是 UUID", "is no UUID")) from error


def read_answer(body: bytes) -> AnswerForm:
    """Return what a phone sent. Raises AnswerFault with the first field that cannot be taken."""
    sent = _object(body)
    unknown = sorted(sent.keys() - _FIELDS)
    if unknown:
        raise AnswerFault(unknown[0][:80], Text("没有这个字段", "there is no such field"))
    known = {name: value for name, value in sent.items() if value is not None}
    canonical = json.dumps(known, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return AnswerForm(
        incident_id=_id(known, "incident_id"),
        merchant_id=_id(known, "merchant_id"),
        result=_result(known),
        switched_off_units=_units(known),
        setpoint_c=_setpoint(known),
        lights_off=_lights(known),
        note=_note(known),
        answered_at_us=_answered_at(known),
        body_hash=sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest(),
    )


def _object(body: bytes) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a field stands twice")
        return dict(pairs)

    try:
        sent = json.loads(body, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise AnswerFault("", Text("不是 JSON", "is no JSON")) from error
    if not isinstance(sent, dict):
        raise AnswerFault("", Text("不是 JSON 对象", "is no JSON object"))
    return sent


def _id(sent: dict[str, Any], field: str) -> str:
    value = sent.get(field)
    if not isinstance(value, str) or not 0 < len(value) <= _ID_LETTERS_MAX or not value.isprintable():
        raise AnswerFault(field, Text("缺少编号", "an id is missing"))
    return value


def _result(sent: dict[str, Any]) -> VisitResult:
    value = sent.get("result")
    for known in VisitResult:
        if known.value == value:
            return known
    choices = ", ".join(known.value for known in VisitResult)
    raise AnswerFault("result", Text(f"应为 {choices} 之一", f"is none of {choices}"))


def _units(sent: dict[str, Any]) -> int | None:
    value = sent.get("switched_off_units")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= UNITS_MAX:
        raise AnswerFault(
            "switched_off_units", Text(f"应为 0 到 {UNITS_MAX} 的整数", f"is no whole number from 0 to {UNITS_MAX}")
        )
    return value


def _setpoint(sent: dict[str, Any]) -> float | None:
    value = sent.get("setpoint_c")
    if value is None:
        return None
    low, high = SETPOINT_C
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise AnswerFault("setpoint_c", Text("不是数字", "is no number"))
    if not low <= value <= high:
        raise AnswerFault("setpoint_c", Text(f"应在 {low:g} 到 {high:g} °C", f"is not within {low:g} to {high:g} °C"))
    return float(value)


def _lights(sent: dict[str, Any]) -> bool | None:
    value = sent.get("lights_off")
    if value is not None and not isinstance(value, bool):
        raise AnswerFault("lights_off", Text("应为 true 或 false", "is neither true nor false"))
    return value


def _note(sent: dict[str, Any]) -> str:
    value = sent.get("note", "")
    if not isinstance(value, str) or len(value) > NOTE_LETTERS_MAX:
        raise AnswerFault("note", Text(f"应为最多 {NOTE_LETTERS_MAX} 字", f"is no text of at most {NOTE_LETTERS_MAX}"))
    return value


def _answered_at(sent: dict[str, Any]) -> int | None:
    value = sent.get("answered_at")
    if value is None:
        return None
    try:
        return parse_timestamp_us(value)
    except (ValueError, TypeError, AttributeError) as error:
        raise AnswerFault(
            "answered_at", Text("不是带时区偏移的时间", "is no time with an offset, like 2021-07-24T11:00:00+08:00")
        ) from error
