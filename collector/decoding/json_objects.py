"""Looking closely at one JSON object: what its members are, whether one is there twice, and what is wrong with it."""

from __future__ import annotations

import json
import re
from collections import Counter

import msgspec

from collector.decoding.rejects import Fault, Reason, shown

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be."""

_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")
_NOT_FINITE = object()
_any_json = msgspec.json.Decoder(msgspec.Raw).decode
_members_of = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def members(text: bytes) -> dict[str, bytes] | Fault:
    """Return the members of one JSON object, each value as its own JSON text, or what is wrong with it."""
    try:
        text.decode("utf-8")
        found = {key: bytes(value) for key, value in _members_of(text).items()}
    except UNREADABLE as error:
        return explain(text, error)
    # A member's key and value hold all their quotes; quotes beyond those belong to a key that was overwritten
    # by a later one, or are escaped ones inside a key.
    if text.count(b'"') != 2 * len(found) + sum(value.count(b'"') for value in found.values()):
        try:
            twice = _key_that_repeats(text)
        except RecursionError as error:
            return explain(text, error)
        if twice is not None:
            return Fault(Reason.DUPLICATE_KEY, twice, "the key is there more than once")
    return found


def explain(text: bytes, error: Exception) -> Fault:
    """Return why msgspec would not read a JSON text, by the error that it raised."""
    if not text.strip(b" \t\r\n"):
        return Fault(Reason.EMPTY, "", f"{len(text)} bytes")
    if text.startswith(_BYTE_ORDER_MARKS):
        return Fault(Reason.BYTE_ORDER_MARK, "", f"begins with {text[:4].hex(' ')}")
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as not_utf8:
        return Fault(Reason.NOT_UTF8, "", f"byte {not_utf8.start} is {text[not_utf8.start]:#04x}")
    if isinstance(error, msgspec.ValidationError):
        try:
            _any_json(text)
        except UNREADABLE as worse:  # it stumbled over a type before it came to what is no JSON
            error = worse
        else:
            return _type_fault(str(error))
    if isinstance(error, RecursionError):
        return Fault(Reason.NESTED_TOO_DEEP)
    return _syntax_fault(text, str(error))


def _type_fault(told: str) -> Fault:
    """Turn msgspec's words for a value of the wrong type into a fault.

    They look like ``Expected `float`, got `str` - at `$.voltage_v[0]` `` or ``Object missing required field `x` ``.
    """
    what, _, path = told.partition(" - at ")
    field = path.strip("`").removeprefix("$").removeprefix(".")
    missing = re.fullmatch(r"Object missing required field `(\w+)`", what)
    if missing:
        return Fault(Reason.MISSING_FIELD, ".".join(filter(None, (field, missing[1]))))
    if what == "Number out of range" or "`int` <= " in what:
        return Fault(Reason.NUMBER_TOO_LARGE, field, what.replace("`", ""))
    reason = Reason.MISSING_FIELD if what.endswith("got `null`") and field else Reason.WRONG_TYPE
    return Fault(reason, field, what.replace("`", ""))


def _syntax_fault(text: bytes, told: str) -> Fault:
    """Return the fault of a text that is no JSON; Python's laxer reader knows NaN and lone surrogates."""
    try:
        lax = json.loads(text.decode(), parse_constant=lambda _: _NOT_FINITE, parse_int=str, parse_float=str)
        path = _path_to(lax, _NOT_FINITE)
    except (ValueError, RecursionError):
        return Fault(Reason.NOT_JSON, "", told)
    if path is not None:
        return Fault(Reason.NOT_FINITE, _short_key(path.removeprefix(".")), "NaN and Infinity are no JSON numbers")
    return Fault(Reason.NOT_JSON, "", "a string holds half of a surrogate pair")


def _path_to(value: object, wanted: object) -> str | None:
    """Return the path (`.x[0].y`) of the first place that holds `wanted`, empty for the value itself, or None."""
    if value is wanted:
        return ""
    children: list[tuple[str, object]] = []
    if isinstance(value, dict):
        children = [(f".{key}", child) for key, child in value.items()]
    elif isinstance(value, list):
        children = [(f"[{place}]", child) for place, child in enumerate(value)]
    for step, child in children:
        rest = _path_to(child, wanted)
        if rest is not None:
            return step + rest
    return None


def _key_that_repeats(text: bytes) -> str | None:
    keys: list[str] = json.loads(
        text.decode(), object_pairs_hook=lambda pairs: [key for key, _ in pairs], parse_int=str, parse_float=str
    )
    return next((_short_key(key) for key, times in Counter(keys).items() if times > 1), None)


def _short_key(key: str) -> str:
    return key if key.isprintable() and len(key) <= 80 else shown(key)
