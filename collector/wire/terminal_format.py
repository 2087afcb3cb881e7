"""The push format of Chinese smart terminals (台区智能融合终端): topics, names, and what is text on the wire.

A push is `{"token": …, "timestamp": …, "body": [{"name", "val", "quality", "timestamp"}, …]}`: one point for each
quantity, values and quality as text, each point with a time of its own, offsets without a colon. What is public
about it stands in docs/wire-format.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

DEVICE_LEVEL = "{device_id}"
"""In a topic of the settings: the level that names the device."""

PHASE_POINTS = {"PhV_phs": "voltage_v", "A_phs": "current_amp"}
TOTAL_POINTS = {"TotW": "active_power_kw", "TotVar": "reactive_power_kvar"}
POINTS = {
    **{f"{name}{letter}": (field, phase) for name, field in PHASE_POINTS.items() for phase, letter in enumerate("ABC")},
    **{name: (field, None) for name, field in TOTAL_POINTS.items()},
}
"""Name of a point -> field of a reading, and phase."""


@dataclass(frozen=True)
class TerminalFormat:
    """How the terminals of one installation send."""

    topics: tuple[str, ...]
    """Patterns such as `+/notify/event/database/+/{device_id}`; `+` is any one level."""
    good_quality: tuple[str, ...] = ("1",)
    """Quality flags of values that were measured; any other makes a value missing."""
    power_unit: Literal["kW", "W"] = "kW"
    """Of TotW, and of TotVar with var for W."""
    points_apart_seconds_max: float = 60.0
    """Points further apart are of different readings."""

    def filters(self) -> tuple[str, ...]:
        """Return the topic filters to subscribe to."""
        return tuple(topic.replace(DEVICE_LEVEL, "+") for topic in self.topics)

    def topic_of(self, device_id: str, other_levels: str = "simulated") -> str:
        """Return the topic on which a device sends, by the first pattern; `other_levels` stand for its `+`."""
        levels = self.topics[0].split("/")
        return "/".join({DEVICE_LEVEL: device_id, "+": other_levels}.get(level, level) for level in levels)

    def device_id(self, topic: str) -> str | None:
        """Return which device sends on a topic; None where it is no terminal's."""
        levels = topic.split("/")
        for pattern in self.topics:
            wanted = pattern.split("/")
            if len(wanted) == len(levels) and all(
                want in ("+", DEVICE_LEVEL, level) for want, level in zip(wanted, levels, strict=True)
            ):
                return levels[wanted.index(DEVICE_LEVEL)]
        return None


class TerminalPoint(msgspec.Struct, gc=False):
    """One quantity at one moment."""

    name: str
    val: str | None
    """A decimal number as text; null is not measured."""
    quality: str
    timestamp: str | None = None
    """ISO 8601 with an offset; where it lacks, the push's own counts."""


class TerminalPush(msgspec.Struct, gc=False):
    """One message of a terminal."""

    timestamp: str
    body: list[TerminalPoint]
    token: str | None = None
