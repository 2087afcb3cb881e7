"""How often an honest light load is called a wrong ratio: `python -m bench.quality.light_loads`.

Areas of simulated towns with very few customers for their rating, and whole areas whose CT ratio is missing. Writes the
table of docs/quality.md; seeded, so that a second run writes the same.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.quality.flags import QualityFlag
from alerts.quality.grading import QualityGrader
from alerts.quality.light_load import usual_ratio
from alerts.quality.rated_readings import RatedReadings
from grid.electrical import LoadRates
from grid.readings import ReadingBatch
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.town.ledger_generator import settle
from simulator.town.town import Town

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "quality.md"
SEEDS = range(1, 3)
AREAS, DAYS = 40, 3
HOMES_PER_KVA = (0.002, 0.005, 0.02)
"""One to a dozen homes on a transformer of 100 to 630 kVA, which has room for a hundred."""
INTERVALS = (1, 15)


def readings_of(seed: int, homes_per_kva: float | None, warm: bool) -> tuple[Town, ReadingBatch]:
    """Return a town and its readings; with `homes_per_kva` of few homes and no shop, else as it is shipped."""
    heat = load_scenario("town-heat-wave")
    assert heat.census is not None
    assert heat.census.many is not None
    many = msgspec.structs.replace(heat.census.many, count=AREAS)
    blocks = heat.block
    if homes_per_kva is not None:
        many = msgspec.structs.replace(many, shops_per_kva=0.0)
        blocks = tuple(msgspec.structs.replace(block, count_per_kva=homes_per_kva) for block in blocks)
    weather = heat.weather
    if not warm:
        cooler = tuple((at, value - 14.0) for at, value in weather.temperature_c)
        weather = msgspec.structs.replace(weather, temperature_c=cooler)
    starts_at = heat.starts_at.replace(hour=0)
    scenario: Scenario = msgspec.structs.replace(
        heat,
        seed=seed,
        census=msgspec.structs.replace(heat.census, many=many),
        block=blocks,
        weather=weather,
        starts_at=starts_at,
        settles_from=starts_at - timedelta(hours=3),
        ends_at=starts_at + timedelta(days=DAYS),
        interval_minutes=1,
        expected=None,
    )
    town = Town.of(settle(scenario), scenario)
    return town, town.advance_to(scenario.ends_at_us)


def suspected(
    town: Town, readings: ReadingBatch, every: int, times: NDArray[np.float64], with_currents: bool
) -> Iterator[tuple[bool, float]]:
    """Yield of every area whether its ratio is suspected, and its highest load rate, with loads taken `times`."""
    minute = (readings.measured_at_us - readings.measured_at_us[0]) // (60 * 1_000_000)
    picked = readings.take(minute % every == 0)
    factor = times[picked.transformer]
    scaled = ReadingBatch.of(
        picked.transformer,
        picked.measured_at_us,
        active_power_kw=np.round(picked.active_power_kw * factor, 4),
        reactive_power_kvar=np.round(picked.reactive_power_kvar * factor, 4),
        voltage_v=picked.voltage_v if with_currents else None,
        current_amp=np.round(picked.current_amp * factor[:, None], 3) if with_currents else None,
    )
    rates = LoadRates(scaled, town.fleet)
    rated = RatedReadings.of(scaled, rates, np.ones(len(scaled)))
    flags = QualityGrader(len(town.fleet)).advance(rated)
    off = (flags & np.uint8(QualityFlag.ALWAYS_OFF)) != 0
    for area in range(len(town.fleet)):
        own = rated.transformer == area
        yield bool(off[own].any()), float(np.nanmax(rated.load_rate[own], initial=0.0))


def main() -> None:
    """Print the table and write it into the document."""
    lines = ["| areas | meter | highest load rate, median | areas | suspected |", "|---|---|---|---|---|"]
    whole = np.ones(AREAS)
    for homes in (*HOMES_PER_KVA, None):
        towns = [readings_of(seed, homes, warm) for seed in SEEDS for warm in (True, False)]
        for every, with_currents in itertools.product(INTERVALS, (True, False)):
            meter = f"{every} min, {'U, I, P, Q' if with_currents else 'P, Q'}"
            found = [one for town, readings in towns for one in suspected(town, readings, every, whole, with_currents)]
            name = "honest: whole areas" if homes is None else f"honest: {homes:g} homes for each kVA"
            lines.append(_line(name, meter, found))
            if homes is None:
                wrong = [
                    one
                    for town, readings in towns
                    for one in suspected(
                        town, readings, every, 1.0 / usual_ratio(town.fleet.rated_power_kva), with_currents
                    )
                ]
                lines.append(_line("wrong: whole areas whose ratio is missing", meter, wrong))
    table = "\n".join(lines)
    print(table)
    text = DOCUMENT.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- light -->\n).*?(<!-- /light -->)", re.S)
    DOCUMENT.write_text(marks.sub(lambda m: f"{m[1]}{table}\n{m[2]}", text), encoding="utf-8")


def _line(name: str, meter: str, found: list[tuple[bool, float]]) -> str:
    off, highest = sum(one for one, _ in found), float(np.median([rate for _, rate in found]))
    return f"| {name} | {meter} | {highest:.2%} | {len(found)} | {off} ({off / len(found):.1%}) |"


if __name__ == "__main__":
    main()
