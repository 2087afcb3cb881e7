"""Sparkplug B sessions: births name the metrics, data bring what changed, a death is silence at once.

Source: Eclipse Sparkplug 3.0.0 (ISO/IEC 20237:2023), chapters 4 to 6. Data come by exception: a metric that is not in a
message has the value it had. So each message makes a whole reading of what is known; historical metrics make readings
of their own, with their own times, and change nothing of what holds now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from collector.decoding.rejects import Fault, Reason, shown
from collector.devices.device_format import DeviceFormat, DeviceReading
from collector.devices.json_devices import scaled
from collector.devices.sparkplug_payload import Metric, SparkplugPayload, read_payload, value_of

SESSIONS_MAX = 200_000
"""Maximum number of devices whose births are kept in mind; beyond it further ones are refused."""
_BIRTHS = ("NBIRTH", "DBIRTH")
_DATA = ("NDATA", "DDATA")
_DEATHS = ("NDEATH", "DDEATH")
_BD_SEQ = "bdSeq"


@dataclass(frozen=True)
class _Session:
    """What a birth said, and the values that hold since."""

    name_of: Mapping[int, str] = field(default_factory=dict)
    datatype_of: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    bd_seq: float | None = None


@dataclass(frozen=True)
class Death:
    """A device, or an edge node with all devices behind it, is gone."""

    device_id: str
    with_devices: bool


SparkplugRead = list[DeviceReading] | Death | Fault


class SparkplugSessions:
    """All sessions of one format."""

    def __init__(self, format_: DeviceFormat) -> None:
        """Begin without any; data of a device whose birth was not seen are refused."""
        self._format = format_
        self._sessions: dict[str, _Session] = {}

    def mark(self) -> dict[str, _Session]:
        """Return the sessions as they are, to go back to."""
        return dict(self._sessions)

    def go_back(self, mark: dict[str, _Session]) -> None:
        """Forget what was read since a mark: the same messages are read once more."""
        self._sessions = dict(mark)

    def read(self, topic: str, payload: bytes) -> SparkplugRead:
        """Return what a message tells; an empty list is one that tells nothing of a meter."""
        levels = topic.split("/")
        if len(levels) not in (4, 5) or levels[0] != "spBv1.0":
            return []
        kind, device_id = levels[2], "/".join((levels[1], *levels[3:]))
        if kind not in _BIRTHS + _DATA + _DEATHS:
            return []
        try:
            told = read_payload(payload)
        except ValueError as error:
            return Fault(Reason.NOT_PROTOBUF, "", str(error)[:80])
        if kind in _DEATHS:
            return self._death(device_id, kind, told)
        if kind in _BIRTHS:
            fault = self._birth(device_id, told)
            if fault is not None:
                return fault
        return self._data(device_id, told)

    def _birth(self, device_id: str, told: SparkplugPayload) -> Fault | None:
        if device_id not in self._sessions and len(self._sessions) >= SESSIONS_MAX:
            return Fault(Reason.NO_BIRTH, "", f"births of {SESSIONS_MAX} devices are known already")
        bd_seq = next((value_of(metric, metric.datatype) for metric in told.metrics if metric.name == _BD_SEQ), None)
        self._sessions[device_id] = _Session(
            name_of={metric.alias: metric.name for metric in told.metrics if metric.alias is not None and metric.name},
            datatype_of={metric.name: metric.datatype for metric in told.metrics if metric.name},
            bd_seq=bd_seq,
        )
        return None

    def _death(self, device_id: str, kind: str, told: SparkplugPayload) -> SparkplugRead:
        session = self._sessions.get(device_id)
        if kind == "NDEATH" and session is not None and session.bd_seq is not None:
            bd_seq = next((value_of(metric, 0) for metric in told.metrics if metric.name == _BD_SEQ), None)
            if bd_seq is not None and bd_seq != session.bd_seq:
                return []  # the will of a session before this one
        gone = [device_id]
        if kind == "NDEATH":
            gone += [each for each in self._sessions if each.startswith(f"{device_id}/")]
        for each in gone:
            self._sessions.pop(each, None)
        return Death(device_id, kind == "NDEATH")

    def _data(self, device_id: str, told: SparkplugPayload) -> list[DeviceReading] | Fault:
        session = self._sessions.get(device_id)
        if session is None:
            return Fault(Reason.NO_BIRTH, "topic", shown(device_id))
        now: dict[str, float | None] = {}
        past: dict[int, dict[str, float]] = {}
        for metric in told.metrics:
            name = metric.name or session.name_of.get(-1 if metric.alias is None else metric.alias, "")
            if not name:
                return Fault(Reason.NO_BIRTH, "alias", f"the birth of {shown(device_id)} has no alias {metric.alias}")
            value = value_of(metric, metric.datatype or session.datatype_of.get(name, 0))
            if not metric.is_historical:
                now[name] = value
            elif value is not None:
                at_ms = metric.timestamp_ms if metric.timestamp_ms is not None else told.timestamp_ms
                past.setdefault(at_ms or 0, {})[name] = value
        readings = [
            reading for at_ms, values in sorted(past.items()) for reading in self._reading(device_id, values, at_ms)
        ]
        values = {name: value for name, value in {**session.values, **now}.items() if value is not None}
        self._sessions[device_id] = replace(session, values=values)
        if self._is_measured(now):
            readings += self._reading(device_id, values, told.timestamp_ms)
        return readings

    def _is_measured(self, names: Mapping[str, object]) -> bool:
        return any(source.path in names for source in self._format.fields.values())

    def _reading(self, device_id: str, values: Mapping[str, float], at_ms: int | None) -> Iterator[DeviceReading]:
        reading = DeviceReading(device_id, {}, at_us=None if at_ms is None else at_ms * 1000)
        for cell, source in self._format.fields.items():
            if source.path in values:
                reading.raw[cell] = values[source.path]
                reading.cells[cell] = scaled(values[source.path], source.multiplier)
        if reading.cells:
            yield reading


def names_of(metrics: tuple[Metric, ...]) -> list[str]:
    """Return the names that a birth has, for the settings of a new gateway."""
    return [metric.name for metric in metrics if metric.name]
