"""Shapes of a whole simulated day beside published ones: its peaks, its rise per degree, its weekend."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from grid.assets import Ledger
from service.demo.scenario_day import play_day
from simulator.scenario.day import DayCurve
from simulator.scenario.scenario import Scenario

QUARTERS = 96
OFFSETS_K = (-4.0, -2.0, -1.0, 1.0, 2.0)
WORK = ("08:30", "17:30")
_AT_WORK = 0.6
"""Of those who are at home on a Saturday between these hours, so many are on a working day (made up)."""
_AT_DESKS = 1.5
"""Factor by which more people sit in the offices, and more is switched on there (made up)."""


@dataclass(frozen=True)
class WholeDay:
    """24 h of every transformer, quarter by quarter."""

    transformer_ids: tuple[str, ...]
    active_kw: NDArray[np.float64]
    """(96, transformers) means of quarters of an hour from midnight."""

    def of(self, transformer_id: str) -> NDArray[np.float64]:
        """Return the quarters of one transformer."""
        return self.active_kw[:, self.transformer_ids.index(transformer_id)]


def whole_day(scenario: Scenario, ledger: Ledger, warmer_k: float = 0.0) -> WholeDay:
    """Play a scenario's day from midnight to midnight, `warmer_k` warmer, nobody asked; it settles for a day before."""
    midnight = scenario.starts_at.replace(hour=0, minute=0)
    air = tuple((at, celsius + warmer_k) for at, celsius in scenario.weather.temperature_c)
    day = play_day(
        msgspec.structs.replace(
            scenario,
            weather=msgspec.structs.replace(scenario.weather, temperature_c=air),
            settles_from=midnight - timedelta(days=1),
            starts_at=midnight,
            ends_at=midnight + timedelta(days=1),
        ),
        ledger,
    )
    minutes = day.readings.active_power_kw.reshape(-1, len(day.fleet))[1:]
    return WholeDay(day.fleet.transformer_ids, minutes.reshape(QUARTERS, -1, len(day.fleet)).mean(axis=1))


def rise_per_k(warmer: WholeDay, plain: WholeDay, warmer_k: float, transformer_id: str) -> tuple[float, float]:
    """Return by how much peak and energy of a transformer rise [% per °C]."""
    one, other = warmer.of(transformer_id), plain.of(transformer_id)
    return (
        100.0 * float(one.max() / other.max() - 1.0) / warmer_k,
        100.0 * float(one.sum() / other.sum() - 1.0) / warmer_k,
    )


def working_day(scenario: Scenario) -> Scenario:
    """Return the same weather on a working day: fewer people at home by day, more in the offices. Made up."""
    first, last = WORK

    def block_of(block: msgspec.Struct) -> msgspec.Struct:
        name = str(getattr(block, "name", ""))
        is_office = name.startswith("offices")
        present, draws = getattr(block, "present", ()), getattr(block, "draw_kw", ())
        factor = _AT_DESKS if is_office else _AT_WORK
        at_work = _between(present, first, last, factor)
        drawn = _between(draws, first, last, factor if is_office else 1.0)
        return msgspec.structs.replace(block, present=at_work, draw_kw=drawn)

    return msgspec.structs.replace(scenario, block=tuple(block_of(block) for block in scenario.block))


def _between(
    points: tuple[tuple[str, float], ...], first: str, last: str, factor: float
) -> tuple[tuple[str, float], ...]:
    """Return a curve times `factor` between two clock times."""
    curve = DayCurve.of(points)
    clock = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in range(0, 1440, 15)]
    return tuple((at, curve.at(15 * i) * (factor if first <= at < last else 1.0)) for i, at in enumerate(clock))


def shapes_table(scenario: Scenario, ledger: Ledger) -> str:
    """Return peaks and rises per degree of the three transformers."""
    plain = whole_day(scenario, ledger)
    other = {warmer_k: whole_day(scenario, ledger, warmer_k) for warmer_k in OFFSETS_K}
    head = ", ".join(f"{k:+.0f}".replace("-", "−") for k in OFFSETS_K)
    lines = [
        "| transformer | highest quarter before 15:00 | after 15:00 | lowest quarter | mean / highest"
        f" | peak, % per °C at {head} | energy, % per °C at {head} |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in plain.transformer_ids:
        kw = plain.of(name)
        rises = [rise_per_k(day, plain, k, name) for k, day in other.items()]
        noon, evening = int(kw[:60].argmax()), 60 + int(kw[60:].argmax())
        lines.append(
            f"| {name} | {_told(kw, noon)} | {_told(kw, evening)} | {_told(kw, int(kw.argmin()))}"
            f" | {kw.mean() / kw.max():.2f} | {', '.join(f'{peak:.1f}' for peak, _ in rises)}"
            f" | {', '.join(f'{energy:.1f}' for _, energy in rises)} |"
        )
    return "\n".join(lines)


def week_table(scenario: Scenario, ledger: Ledger) -> str:
    """Return Saturday over working day, 10:00 to 12:00 and the whole day."""
    saturday, workday = whole_day(scenario, ledger), whole_day(working_day(scenario), ledger)
    lines = ["| transformer | 10:00 to 12:00 | whole day |", "|---|---|---|"]
    for name in saturday.transformer_ids:
        one, other = saturday.of(name), workday.of(name)
        lines.append(f"| {name} | {one[40:48].sum() / other[40:48].sum():.2f} | {one.sum() / other.sum():.2f} |")
    return "\n".join(lines)


def _told(kw: NDArray[np.float64], quarter: int) -> str:
    return f"{kw[quarter]:.0f} kW at {quarter // 4:02d}:{quarter % 4 * 15:02d}"
