"""How the devices of one `[[decoders]]` of the settings send: their kind, their topics, where each value stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from enum import StrEnum

from collector.devices.topic_patterns import TopicPattern
from collector.wire.terminal_format import TerminalFormat

PHASE_CELLS = {
    "voltage_v": ("voltage_a_v", "voltage_b_v", "voltage_c_v"),
    "current_amp": ("current_a_amp", "current_b_amp", "current_c_amp"),
    "active_power_kw": ("active_power_a_kw", "active_power_b_kw", "active_power_c_kw"),
    "reactive_power_kvar": ("reactive_power_a_kvar", "reactive_power_b_kvar", "reactive_power_c_kvar"),
    "apparent_power_kva": ("apparent_power_a_kva", "apparent_power_b_kva", "apparent_power_c_kva"),
}
"""Field of a reading -> the cells of its phases 1, 2, 3."""
TOTAL_CELLS = (
    "active_power_kw",
    "reactive_power_kvar",
    "apparent_power_kva",
    "neutral_current_amp",
    "oil_temperature_c",
    "ambient_temperature_c",
)
CELLS = (*(cell for cells in PHASE_CELLS.values() for cell in cells), *TOTAL_CELLS)
"""What a device can tell, each a number."""
MEASURED_AT = "measured_at"


class DecoderKind(StrEnum):
    """The formats that are known."""

    TERMINAL = "terminal"
    MAPPED_JSON = "mapped_json"
    SPARKPLUG_B = "sparkplug_b"
    SHELLY_3EM = "shelly_3em"
    TASMOTA_ENERGY = "tasmota_energy"


class TimeUnit(StrEnum):
    """How a time is written."""

    ISO = "iso"
    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"


@dataclass(frozen=True)
class FieldSource:
    """Where a value stands: a path such as `data.phases[0].u` in JSON, the name of a metric in Sparkplug."""

    path: str
    multiplier: float = 1.0
    """0.001 for watts."""
    unit: TimeUnit = TimeUnit.ISO
    """Of `measured_at`."""


@dataclass(frozen=True)
class DeviceFormat:
    """One entry of `[[decoders]]`."""

    name: str
    kind: DecoderKind
    topics: tuple[TopicPattern, ...]
    fields: Mapping[str, FieldSource] = field(default_factory=dict)
    """By cell, and `measured_at`; without that, a reading was measured when it was received."""
    timezone: tzinfo | None = None
    """Of times without an offset; None: the zone of the transformer's station."""
    terminal: TerminalFormat | None = None
    """Of kind `terminal`."""

    def pattern_of(self, topic: str) -> TopicPattern | None:
        """Return the first pattern that a topic fits, None when it is none of this format's."""
        return next((pattern for pattern in self.topics if pattern.fits(topic)), None)


@dataclass
class DeviceReading:
    """What one device told of one moment."""

    device_id: str
    cells: dict[str, float]
    """By name in `CELLS`, in V, A, kW, kvar, kVA and °C."""
    at_us: int | None = None
    """When it was measured [µs]; None: `at_text` says it, or nobody does."""
    at_text: str = ""
    raw: dict[str, float] = field(default_factory=dict)
    """Cells as they were sent, where they differ: what says "no value" says it before it is multiplied."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """Cell and what is wrong, of values that could not be read."""
