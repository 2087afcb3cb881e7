"""Single values that cannot be read, in a reading that can: they are missing, and the rest of it stands."""

from __future__ import annotations

import msgspec

from collector.decoding.json_objects import UNREADABLE, explain, members
from collector.decoding.rejects import Fault, Reason
from collector.wire.format import VALUE_FIELDS, Power, Three

_OF_A_VALUE = frozenset({Reason.WRONG_TYPE, Reason.NUMBER_TOO_LARGE})
_number = msgspec.json.Decoder(float | None).decode
_cells_of = msgspec.json.Decoder(tuple[msgspec.Raw, msgspec.Raw, msgspec.Raw]).decode
_DECODE = {
    name: msgspec.json.Decoder({"three": Three | None, "power": Power | None, "number": float | None}[kind]).decode
    for name, kind in VALUE_FIELDS.items()
}


def without_bad_values(text: bytes, fault: Fault) -> tuple[bytes, list[Fault]] | Fault:
    """Return the JSON text of a reading with null for each value that cannot be read, and their faults.

    Return `fault`, which says why the text could not be read, where that is not for a value alone.
    """
    if fault.reason not in _OF_A_VALUE or fault.field.partition("[")[0].partition(".")[0] not in VALUE_FIELDS:
        return fault
    found = members(text)
    if isinstance(found, Fault):
        return found
    faults: list[Fault] = []
    for name in VALUE_FIELDS.keys() & found.keys():
        found[name] = _readable(name, found[name], faults)
    if not faults:
        return fault
    parts = [msgspec.json.encode(key) + b":" + value for key, value in found.items()]
    order = list(VALUE_FIELDS)
    return b"{%s}" % b",".join(parts), sorted(faults, key=lambda one: order.index(one.field.partition("[")[0]))


def _readable(name: str, value: bytes, faults: list[Fault]) -> bytes:
    """Return a value's JSON text, null for what cannot be read of it; its faults are added."""
    try:
        _DECODE[name](value)
    except UNREADABLE as error:
        whole = explain(value, error)
    else:
        return value
    try:
        cells = [bytes(cell) for cell in _cells_of(value)] if VALUE_FIELDS[name] != "number" else []
    except UNREADABLE:
        cells = []
    for phase, cell in enumerate(cells):
        try:
            _number(cell)
        except UNREADABLE as error:
            fault = explain(cell, error)
            faults.append(Fault(fault.reason, f"{name}[{phase}]", fault.detail))
            cells[phase] = b"null"
    if not cells:
        faults.append(Fault(whole.reason, name, whole.detail))
        return b"null"
    return b"[%s]" % b",".join(cells)
