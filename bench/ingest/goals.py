"""What the collector is to reach, as ratios to parts and peers of the same run, and whether it did."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench.ingest.figures import APPEND, DECODE, Figures, harmonic, ratios
from bench.ingest.receivers import Kind
from bench.ingest.traffic import Form

ELSEWHERE = (
    (
        "start with 500,000 transformers and 15,000,000 readings: ≤ 15 s to the first fresh verdict",
        "python -m bench.verdicts.start",
    ),
    ("journal ≤ 60 bytes a reading once its day is closed, a transformer's day ≤ 50 ms", "python -m bench.journal"),
    ("500,000 transformers, one reading a minute each, QoS 1, ten minutes: nothing lost", "make bench-province"),
    ("5,000,000 transformers at QoS 0: what happens", "make bench-province"),
)
"""Goals that take longer than a benchmark may, and what measures them."""

INCIDENTS_MIN = 20
"""Fewer tell nothing of a 99th percentile."""


@dataclass(frozen=True)
class Goal:
    """One goal: its values, one for each repeat; none when something that it needs was not measured."""

    what: str
    wanted: float
    values: list[float]
    at_most: bool = False
    unit: str = "×"
    by_cpu: float = float("nan")
    """The same ratio in processor time, which other work on the machine changes less."""
    ceiling: float = float("nan")
    """What the bare reader, which does nothing with a message, reached of the same: no receiver gets further."""

    @property
    def reached(self) -> float:
        """Return the median of the repeats, NaN without any."""
        return statistics.median(self.values) if self.values else float("nan")

    @property
    def verdict(self) -> str:
        """Return met, not met, or not measured."""
        if not self.values:
            return "not measured"
        met = self.reached <= self.wanted if self.at_most else self.reached >= self.wanted
        return "met" if met else "NOT MET"


def goals_of(figures: Figures) -> list[Goal]:
    """Return every goal that one run can tell of."""
    return [
        *_singles_unassured(figures),
        *_singles_assured(figures),
        *_batches(figures),
        *_verdicts(figures),
        *_delays(figures),
    ]


def _singles_unassured(figures: Figures) -> Iterator[Goal]:
    yield _beside(figures, Kind.PAHO, Form.SINGLE, 0, 8.0)
    yield _beside(figures, Kind.NODE, Form.SINGLE, 0, 1.2)
    ours = figures.rates(Kind.COLLECTOR.value, Form.SINGLE, 0)
    parts = _parts(figures, Form.SINGLE, figures.rates(Kind.BULK.value, Form.SINGLE, 0))
    what = "single, QoS 0: of the harmonic sum of bare reader, decode, append"
    yield Goal(what, 0.7, ratios(ours, parts), by_cpu=_parts_by_cpu(figures, Form.SINGLE, Kind.BULK.value))


def _singles_assured(figures: Figures) -> Iterator[Goal]:
    ours = figures.rates(Kind.COLLECTOR.value, Form.SINGLE, 1)
    bare = figures.rates(Kind.BULK.value, Form.SINGLE, 1)
    yield Goal("single, QoS 1, on disk first: of broker and bare acknowledging reader", 0.7, ratios(ours, bare))
    yield _beside(figures, Kind.PAHO, Form.SINGLE, 1, 3.0)


def _batches(figures: Figures) -> Iterator[Goal]:
    yield _beside(figures, Kind.NODE, Form.BATCH, 0, 1.5)
    ours = figures.rates(Kind.COLLECTOR.value, Form.BATCH, 0)
    what = "batches of objects, QoS 0: of the harmonic sum of decode, append"
    yield Goal(what, 0.6, ratios(ours, _parts(figures, Form.BATCH)), by_cpu=_parts_by_cpu(figures, Form.BATCH))
    columns = figures.rates(Kind.COLLECTOR.value, Form.COLUMNS, 0)
    by_cpu = _by_cpu(
        figures.costs(Kind.COLLECTOR.value, Form.BATCH, 0), figures.costs(Kind.COLLECTOR.value, Form.COLUMNS, 0)
    )
    yield Goal("columns, QoS 0: of the object form", 1.8, ratios(columns, ours), by_cpu=by_cpu)


def _verdicts(figures: Figures) -> Iterator[Goal]:
    fleet = f"{figures.shares[0].transformers:,} transformers" if figures.shares else "500,000 transformers"
    shares, sizes = [100.0 * s.share for s in figures.shares], [s.state_bytes for s in figures.shares]
    yield Goal(f"{fleet}: verdicts of decode, append and verdicts", 10.0, shares, at_most=True, unit=" %")
    yield Goal(f"{fleet}: state of a transformer", 400.0, sizes, at_most=True, unit=" bytes")


def _delays(figures: Figures) -> Iterator[Goal]:
    for delay in figures.delays:
        if delay.part == Kind.COLLECTOR.value:
            enough = delay.incidents >= INCIDENTS_MIN
            name = f"{delay.form.value}, QoS {delay.qos}: publish → stored incident at half the rate"
            yield Goal(f"{name}, p50", 20.0, [delay.incident_p50_ms] if enough else [], at_most=True, unit=" ms")
            yield Goal(f"{name}, p99", 100.0, [delay.incident_p99_ms] if enough else [], at_most=True, unit=" ms")


def _beside(figures: Figures, peer: Kind, form: Form, qos: int, wanted: float) -> Goal:
    ours, theirs = Kind.COLLECTOR.value, peer.value
    values = ratios(figures.rates(ours, form, qos), figures.rates(theirs, form, qos))
    by_cpu = _by_cpu(figures.costs(theirs, form, qos), figures.costs(ours, form, qos))
    bare = ratios(figures.rates(Kind.BULK.value, form, qos), figures.rates(theirs, form, qos))
    ceiling = statistics.median(bare) if bare else float("nan")
    return Goal(f"{form.value}, QoS {qos}: of the {theirs}", wanted, values, by_cpu=by_cpu, ceiling=ceiling)


def _by_cpu(theirs: list[float], ours: list[float]) -> float:
    values = ratios(theirs, ours)
    return statistics.median(values) if values else float("nan")


def _parts(figures: Figures, form: Form, *more: list[float]) -> list[float]:
    return harmonic(*more, figures.rates(DECODE, form), figures.rates(APPEND, form))


def _parts_by_cpu(figures: Figures, form: Form, *more: str) -> float:
    """Return the processor time of the parts over the collector's, at QoS 0."""
    costs = [figures.costs(part, form, 0) or figures.costs(part, form) for part in (*more, DECODE, APPEND)]
    return _by_cpu([sum(parts) for parts in zip(*costs, strict=False)], figures.costs(Kind.COLLECTOR.value, form, 0))
