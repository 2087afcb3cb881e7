"""JSON of other makers' meters to what a device told: mapped by the site, Shelly Pro 3EM, Tasmota.

Sources: Shelly, "EM" component and MQTT notifications (shelly-api-docs.shelly.cloud/gen2); Tasmota, "Energy
monitoring" and "MQTT" (tasmota.github.io/docs). Recorded payloads stand in tests/cases/devices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

import msgspec

from collector.decoding.json_objects import UNREADABLE, explain, members
from collector.decoding.rejects import Fault, Reason, shown
from collector.devices.device_format import MEASURED_AT, DeviceFormat, DeviceReading, FieldSource, TimeUnit

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_US_OF = {TimeUnit.SECONDS: 1e6, TimeUnit.MILLISECONDS: 1e3, TimeUnit.MICROSECONDS: 1.0}
_TIME_US_MAX = 2**62
_NUMBER_TEXT = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_decode = msgspec.json.Decoder().decode

Read = list[DeviceReading] | Fault
"""Readings of one message; an empty list is a message that is none of a meter's values."""


def read_json(payload: bytes, device_id: str, format_: DeviceFormat, of_kind: Callable[..., Read]) -> Read:
    """Return what a message of JSON tells, read as its kind has it."""
    around = members(payload)
    if isinstance(around, Fault):
        return around
    try:
        told = _decode(payload)
    except UNREADABLE as error:
        return explain(payload, error)
    return of_kind(told, device_id, format_)


def read_mapped(told: Mapping[str, Any], device_id: str, format_: DeviceFormat) -> Read:
    """Return the reading of an object whose places the settings name."""
    reading = DeviceReading(device_id, {})
    for cell, source in format_.fields.items():
        value = value_at(told, source.path)
        if cell == MEASURED_AT:
            fault = _take_time(reading, value, source)
            if fault is not None:
                return fault
        elif value is not None:
            _take(reading, cell, value, source.multiplier)
    if not reading.cells and not reading.faults:
        return Fault(Reason.MISSING_FIELD, next(iter(format_.fields.values())).path, "none of the fields is there")
    return [reading]


_SHELLY_PHASES = {"voltage": "voltage_{}_v", "current": "current_{}_amp"}
_SHELLY_TOTALS = {"total_act_power": "active_power_kw", "total_aprt_power": "apparent_power_kva"}


def read_shelly_3em(told: Mapping[str, Any], device_id: str, _: DeviceFormat) -> Read:
    """Return the reading of a Shelly Pro 3EM: a notification (`…/events/rpc`) or a status (`…/status/em:0`)."""
    params = told.get("params", told)
    if not isinstance(params, dict):
        return Fault(Reason.WRONG_TYPE, "params", f"it is {shown(params)}")
    status = params.get("em:0") if "method" in told else params
    if not isinstance(status, dict) or "a_voltage" not in status:
        return []
    reading = DeviceReading(device_id, {})
    if "ts" in params:
        fault = _take_time(reading, params["ts"], FieldSource("params.ts", unit=TimeUnit.SECONDS))
        if fault is not None:
            return fault
    for phase in "abc":
        wrong = status.get(f"{phase}_errors") or ()
        for name, cell in _SHELLY_PHASES.items():
            value = status.get(f"{phase}_{name}")
            if any(str(error).endswith(f":{name}") for error in wrong):
                reading.faults.append((cell.format(phase), f"the meter says {shown(wrong)}"))
            elif value is not None:
                _take(reading, cell.format(phase), value)
    for name, cell in _SHELLY_TOTALS.items():
        if status.get(name) is not None:
            _take(reading, cell, status[name], 0.001)
    if status.get("n_current") is not None:
        _take(reading, "neutral_current_amp", status["n_current"])
    return [reading]


_TASMOTA_POWERS = {"Power": "active_power", "ReactivePower": "reactive_power", "ApparentPower": "apparent_power"}
_UNITS = {"active_power": "kw", "reactive_power": "kvar", "apparent_power": "kva"}


def read_tasmota(told: Mapping[str, Any], device_id: str, _: DeviceFormat) -> Read:
    """Return the reading of Tasmota's telemetry (`tele/…/SENSOR`) or of its answer to `Status 8`."""
    sensors = told.get("StatusSNS", told)
    energy = sensors.get("ENERGY") if isinstance(sensors, dict) else None
    if not isinstance(energy, dict):
        return []
    time = sensors.get("Time")
    if not isinstance(time, str):
        return Fault(Reason.MISSING_FIELD, "Time")
    reading = DeviceReading(device_id, {}, at_text=time)
    _take_phases(reading, energy.get("Voltage"), "voltage_{}_v", common=True)
    _take_phases(reading, energy.get("Current"), "current_{}_amp")
    for name, cell in _TASMOTA_POWERS.items():
        value = energy.get(name)
        if isinstance(value, list):
            _take_phases(reading, value, f"{cell}_{{}}_{_UNITS[cell]}", multiplier=0.001)
        elif value is not None:
            _take(reading, f"{cell}_{_UNITS[cell]}", value, 0.001)
    return [reading]


def _take_phases(
    reading: DeviceReading, values: Any, cell: str, *, multiplier: float = 1.0, common: bool = False
) -> None:
    """Take a list of up to three; one number is that of phase A, or of all where the meter measures one for all."""
    if values is None:
        return
    listed = values if isinstance(values, list) else [values] * (3 if common else 1)
    for phase, value in zip("abc", listed, strict=False):
        if value is not None:
            _take(reading, cell.format(phase), value, multiplier)


def value_at(told: Any, path: str) -> Any:
    """Return what stands at a path such as `data.phases[0].u`; None where nothing does.

    >>> value_at({"data": {"phases": [{"u": 230.1}]}}, "data.phases[0].u")
    230.1
    """
    for name, index in _STEP.findall(path):
        if name and isinstance(told, dict):
            told = told.get(name)
        elif index and isinstance(told, list) and int(index) < len(told):
            told = told[int(index)]
        else:
            return None
    return told


def _take(reading: DeviceReading, cell: str, value: Any, multiplier: float = 1.0) -> None:
    number = as_number(value)
    if number is None:
        reading.faults.append((cell, f"it is {shown(value)}, no number"))
        return
    reading.raw[cell] = number
    reading.cells[cell] = scaled(number, multiplier)


def scaled(number: float, multiplier: float) -> float:
    """Return a decimal number multiplied, without binary dust: 1.89 by 30 is 56.7."""
    return number if multiplier == 1.0 else round(number * multiplier, 9)


def as_number(value: Any) -> float | None:
    """Return a JSON number, or a decimal number as text; None for anything else."""
    if isinstance(value, str) and _NUMBER_TEXT.fullmatch(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None


def _take_time(reading: DeviceReading, value: Any, source: FieldSource) -> Fault | None:
    if value is None:
        return Fault(Reason.MISSING_FIELD, source.path)
    if source.unit is TimeUnit.ISO:
        if not isinstance(value, str):
            return Fault(Reason.WRONG_TYPE, source.path, f"it is {shown(value)}; is it a number of seconds? say unit")
        reading.at_text = value
        return None
    number = as_number(value)
    if number is None or not abs(number) * _US_OF[source.unit] < _TIME_US_MAX:
        return Fault(Reason.TIME_MALFORMED, source.path, f"it is {shown(value)}")
    reading.at_us = round(number * _US_OF[source.unit])
    return None
