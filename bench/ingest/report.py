"""The figures of a run as tables for people."""

from __future__ import annotations

import statistics
from math import isnan

from rich.console import Console
from rich.table import Table

from bench.ingest.figures import APPEND, DECODE, NO_QOS, Delay, Figures, Killed, spread
from bench.ingest.goals import ELSEWHERE, Goal
from bench.ingest.receivers import ACKNOWLEDGES, Kind
from bench.ingest.traffic import Case

HOLDS_ALL_MESSAGES = (DECODE, APPEND)
"""Parts whose memory is that of the benchmark's own messages, not their own."""


def print_case(console: Console, case: Case, qos: int, figures: Figures) -> None:
    """Print what each part sustained in one form and QoS: medians, and how far the repeats differ."""
    table = Table(title=f"{case.name}, QoS {qos} ({case.transformers:,} transformers)", title_justify="left")
    for heading in ("part", "readings/s", "spread", "CPU ms/1,000", "broker's", "MB", "lost", "acknowledges"):
        table.add_column(heading, justify="left" if heading in ("part", "acknowledges") else "right")
    for part in (DECODE, APPEND, *(kind.value for kind in Kind)):
        mine = figures.of(part, case.form, qos) or figures.of(part, case.form)
        if not mine:
            continue
        rates = [f.readings_per_second for f in mine]
        alone = mine[0].qos == NO_QOS
        table.add_row(
            part,
            f"{statistics.median(rates):,.0f}",
            f"{spread(rates):.0%}",
            f"{statistics.median(f.cpu_ms for f in mine):.2f}",
            "–" if alone else f"{statistics.median(f.broker_cpu_ms for f in mine):.2f}",
            "–" if part in HOLDS_ALL_MESSAGES else f"{max(f.memory_mb for f in mine):,.0f}",
            "–" if alone else f"{sum(f.lost for f in mine):,}",
            "" if alone or qos == 0 else ACKNOWLEDGES.get(Kind(part), "at receipt"),
        )
    console.print(table)


def print_delays(console: Console, delays: list[Delay]) -> None:
    """Print the delays at half of what each part sustained."""
    if not delays:
        return
    table = Table(title="delay from sending, each at half of its own sustained rate [ms]", title_justify="left")
    for heading in ("form", "QoS", "part", "readings/s", "stored p50", "p99", "incidents", "incident p50", "p99"):
        table.add_column(heading, justify="left" if heading in ("form", "part") else "right")
    for d in delays:
        told = (f"{d.incident_p50_ms:.0f}", f"{d.incident_p99_ms:.0f}") if d.incidents else ("–", "–")
        at = f"{d.readings_per_second:,.0f}"
        stored = (f"{d.stored_p50_ms:.0f}", f"{d.stored_p99_ms:.0f}")
        table.add_row(d.form.value, str(d.qos), d.part, at, *stored, str(d.incidents), *told)
    console.print(table)


def print_kills(console: Console, kills: list[Killed]) -> None:
    """Print what was lost to a kill -9."""
    table = Table(title="kill -9 and started again, single, QoS 1", title_justify="left")
    for heading in ("part", "sent", "lost", "stored twice"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    for killed in kills:
        table.add_row(killed.part, f"{killed.sent:,}", f"{killed.lost:,}", f"{killed.doubled:,}")
    console.print(table)


def print_goals(console: Console, goals: list[Goal]) -> None:
    """Print every goal with what was reached."""
    table = Table(title="goals", title_justify="left")
    for heading in ("goal", "wanted", "reached", "repeats", "by CPU", "bare reader", ""):
        table.add_column(heading, justify="right" if heading in ("wanted", "reached", "by CPU") else "left")
    for goal in goals:
        sign = "≤" if goal.at_most else "≥"
        table.add_row(
            goal.what,
            f"{sign} {goal.wanted:g}{goal.unit}",
            f"{goal.reached:.3g}{goal.unit}" if goal.values else "–",
            " ".join(f"{value:.3g}" for value in goal.values) if len(goal.values) > 1 else "",
            "" if isnan(goal.by_cpu) else f"{goal.by_cpu:.3g}×",
            "" if isnan(goal.ceiling) else f"{goal.ceiling:.3g}×",
            goal.verdict,
        )
    for what, command in ELSEWHERE:
        table.add_row(what, "", "", "", "", "", command)
    console.print(table)
