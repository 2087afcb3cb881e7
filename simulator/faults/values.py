"""Faults of a device: what it measures, and when it says it did. They bend the members of a reading as it is sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grid.timestamps import HOUR_US, format_utc, parse_timestamp_us
from simulator.faults.faults import Fault, Kind

Members = dict[str, Any]
"""The members of one reading's JSON object; what does not have the form of the wire format is left as it is."""

W_PER_KW = 1000.0
_CURRENTS = ("current_amp", "neutral_current_amp")
_POWERS = ("active_power_kw", "reactive_power_kvar")
_NOT_VALUES = ("measured_at", "seq", "transformer_id")


class Bent:
    """One fault on one device, from the moment it begins; it remembers what has to stay as it was."""

    def __init__(self, fault: Fault, began_us: int) -> None:
        """Begin at `began_us`, where the stream is then [µs]."""
        self._fault = fault
        self._began_us = began_us
        self._first: Members | None = None

    def bend(self, members: Members, at_us: int) -> Members:
        """Return what the device sends at `at_us` instead of these members."""
        first = self._first = self._first or members
        amount = self._fault.amount
        match self._fault.kind:
            case Kind.STUCK:
                moving = {name: value for name, value in members.items() if name in _NOT_VALUES}
                return {**{name: value for name, value in first.items() if name not in _NOT_VALUES}, **moving}
            case Kind.WRONG_RATIO:
                return _each(members, (*_CURRENTS, *_POWERS), lambda number: number * amount)
            case Kind.WATTS:
                return _each(members, _POWERS, lambda number: number * W_PER_KW)
            case Kind.NEGATIVE:
                return _each(members, (*_CURRENTS, *_POWERS), lambda number: -number)
            case Kind.PHASE_SWAP:
                return {**members, **_swapped(members.get("current_amp"))}
            case Kind.FROZEN_CLOCK:
                return {**members, "measured_at": first.get("measured_at")}
            case Kind.DRIFTING_CLOCK:
                return _moved(members, round(amount * (at_us - self._began_us) / HOUR_US))
            case Kind.WRONG_ZONE:
                return _moved(members, round(amount))
        return members


def _each(members: Members, fields: tuple[str, ...], change: Callable[[float], float]) -> Members:
    def changed(value: Any) -> Any:
        if isinstance(value, list):
            return [changed(phase) for phase in value]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return round(change(value), 6) if is_number else value

    return {name: changed(value) if name in fields else value for name, value in members.items()}


def _swapped(current_amp: Any) -> Members:
    if not isinstance(current_amp, list) or len(current_amp) != 3:
        return {}
    return {"current_amp": [current_amp[2], current_amp[1], current_amp[0]]}


def _moved(members: Members, by_us: int) -> Members:
    try:
        measured_at_us = parse_timestamp_us(members["measured_at"])
    except (KeyError, ValueError, TypeError, AttributeError):
        return members
    return {**members, "measured_at": format_utc(measured_at_us + by_us)}
