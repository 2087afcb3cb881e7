"""What was measured, and how to ask for it: rates by part, form and QoS, one for each repeat."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field

from bench.ingest.traffic import Form

DECODE = "bare decode"
APPEND = "bare append"
NO_QOS = -1
"""QoS of what has no broker in it."""


@dataclass(frozen=True)
class Figure:
    """One part, one form, one QoS, one repeat. Costs are per 1,000 readings."""

    form: Form
    qos: int
    part: str
    repeat: int
    readings_per_second: float
    cpu_ms: float
    broker_cpu_ms: float
    memory_mb: float
    lost: int = 0


@dataclass(frozen=True)
class Delay:
    """How long after its sending a reading can be read back, and a severe one has opened an incident [ms]."""

    form: Form
    qos: int
    part: str
    readings_per_second: float
    stored_p50_ms: float
    stored_p99_ms: float
    incidents: int
    incident_p50_ms: float
    incident_p99_ms: float
    memory_mb: float


@dataclass(frozen=True)
class Killed:
    """What became of readings at QoS 1 when their receiver was killed and started again."""

    part: str
    sent: int
    lost: int
    doubled: int


@dataclass(frozen=True)
class VerdictShare:
    """What verdicts cost of decode, append and verdicts together, and what they remember."""

    transformers: int
    share: float
    state_bytes: float
    """Of each transformer."""


@dataclass
class Figures:
    """All of one run."""

    sustained: list[Figure] = field(default_factory=list)
    delays: list[Delay] = field(default_factory=list)
    kills: list[Killed] = field(default_factory=list)
    shares: list[VerdictShare] = field(default_factory=list)

    def of(self, part: str, form: Form, qos: int = NO_QOS) -> list[Figure]:
        """Return a part's figures in order of the repeats; none when it was not measured."""
        return [f for f in self.sustained if (f.part, f.form, f.qos) == (part, form, qos)]

    def rates(self, part: str, form: Form, qos: int = NO_QOS) -> list[float]:
        """Return a part's readings per second, repeat by repeat."""
        return [f.readings_per_second for f in self.of(part, form, qos)]

    def costs(self, part: str, form: Form, qos: int = NO_QOS) -> list[float]:
        """Return a part's processor time [ms] per 1,000 readings, repeat by repeat."""
        return [f.cpu_ms for f in self.of(part, form, qos)]

    def middle_rate(self, part: str, form: Form, qos: int = NO_QOS) -> float:
        """Return the median of the rates; NaN when there are none."""
        rates = self.rates(part, form, qos)
        return statistics.median(rates) if rates else float("nan")


def harmonic(*parts: list[float]) -> list[float]:
    """Return the rate of doing one thing after the other, repeat by repeat; none when a part was not measured."""
    return [1.0 / sum(1.0 / rate for rate in rates) for rates in zip(*parts, strict=False)] if all(parts) else []


def ratios(part: list[float], other: list[float]) -> list[float]:
    """Return the quotients, repeat by repeat."""
    return [a / b for a, b in zip(part, other, strict=False)]


def spread(values: list[float]) -> float:
    """Return how far the repeats differ, as a share of their median."""
    return (max(values) - min(values)) / statistics.median(values)
