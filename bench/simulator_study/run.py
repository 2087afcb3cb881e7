"""Makes the tables and pictures of docs/simulator-proof.md again: `python -m bench.simulator_study.run [PART …]`.

Each part runs the 24 July scenario many times and writes its table between its two marks in the document; `pictures`
draws the two stories side by side. Everything is seeded: a second run writes the same. `sensitivity` takes minutes.
"""

from __future__ import annotations

import argparse
import copy
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from alerts.model.incidents import Incident
from bench.simulator_study.parameters import changes
from bench.simulator_study.picture import picture_of
from bench.simulator_study.shapes import shapes_table, week_table
from bench.simulator_study.stories import Stories, play_stories
from grid.assets import ApplianceKind, Ledger
from grid.text import Language
from grid.timestamps import MINUTE_US
from service.demo.scenario_day import clock_time, play_day, scenario_ledger
from simulator.scenario.day import minute_of
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.town.people import Measures
from simulator.town.town import Town
from tests.support.product_in_memory import play

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "simulator-proof.md"
IMAGES = ROOT / "docs" / "images"
PICTURES = {Language.ZH: "proof-early.svg", Language.EN: "proof-early-en.svg"}
STREET = "YX06"
SHOWN_POINTS = 0.25
"""Rows of the sensitivity table move a figure by so many points at least; the others are named below it."""
FELT_POINTS = 0.05
HALVES = ("11:00", "11:30", "16:00")
RELEASES = (("11:00", 30), ("11:00", 60), ("11:00", 120), ("12:00", 60), ("13:00", 60))
"""When everybody on the street is asked, and how many minutes later everybody goes back to normal."""


@cache
def the_day() -> tuple[Scenario, Ledger]:
    """Return the 24 July scenario and its ledger."""
    scenario = load_scenario("yx06-24-july")
    return scenario, scenario_ledger(scenario)


@dataclass(frozen=True)
class Figures:
    """Load rates [%] of the street: at 11:00, then at 11:30 and 16:00 with and without visits."""

    eleven: float
    with_visits: tuple[float, float]
    without: tuple[float, float]

    def all(self) -> tuple[float, ...]:
        """Return the five figures in the order of the table."""
        return (self.eleven, *self.with_visits, *self.without)


def figures_of(scenario: Scenario, without: tuple[float, float] | None = None) -> Figures:
    """Play a scenario with the team and, unless it is known, by itself."""
    _, ledger = the_day()
    day = play(Town.of(ledger, scenario), ledger)
    with_visits = (day.percent("11:30"), day.percent("16:00"))
    if without is None:
        alone = play_day(scenario, ledger)
        rates = 100.0 * alone.rates.load_rate[alone.readings.transformer == alone.fleet.number[STREET]]
        start = scenario.minute(scenario.starts_at_us)
        without = (float(rates[round(11.5 * 60 - start)]), float(rates[round(16 * 60 - start)]))
    return Figures(day.percent("11:00"), with_visits, without)


def _moved(index: int) -> tuple[Figures, Figures]:
    """Play the day with one change, down and up. By number, because a change cannot be sent to another process."""
    scenario, _ = the_day()
    change = list(changes(scenario))[index]
    known = figures_of(scenario).without if change.people_only else None
    return figures_of(change.moved(-1), known), figures_of(change.moved(1), known)


def sensitivity(processes: int = 2) -> str:
    """Return the table of every parameter, the strongest first."""
    scenario, _ = the_day()
    plain, every = np.array(figures_of(scenario).all()), list(changes(scenario))
    with ProcessPoolExecutor(processes) as pool:
        moved = list(pool.map(_moved, range(len(every))))
    rows = [
        (change, *(np.array(figures.all()) - plain for figures in pair))
        for change, pair in zip(every, moved, strict=True)
    ]
    rows.sort(key=lambda row: -max(np.abs(row[1]).max(), np.abs(row[2]).max()))
    effect = {change.key: max(np.abs(down).max(), np.abs(up).max()) for change, down, up in rows}
    head = [
        "| parameter | step | 11:00 | 11:30 with | 16:00 with | 11:30 without | 16:00 without |",
        "|---|---|---|---|---|---|---|",
        f"| as it is, % | | {' | '.join(f'{value:.1f}' for value in plain)} |",
    ]
    body = [
        f"| {change.key} | {change.step} | {' | '.join(_both(a, b) for a, b in zip(down, up, strict=True))} |"
        for change, down, up in rows
        if effect[change.key] >= SHOWN_POINTS
    ]
    weak = [f"`{key}`" for key, points in effect.items() if FELT_POINTS <= points < SHOWN_POINTS]
    unfelt = [f"`{key}`" for key, points in effect.items() if points < FELT_POINTS]
    return "\n".join(
        [
            *head,
            *body,
            "",
            f"{len(every)} parameters were moved. Between {FELT_POINTS} and {SHOWN_POINTS} points: {', '.join(weak)}.",
            "",
            f"Below {FELT_POINTS} points: {', '.join(unfelt)}.",
        ]
    )


def _both(down: float, up: float) -> str:
    return " / ".join("0" if abs(points) < FELT_POINTS else f"{points:+.1f}".replace("-", "−") for points in (down, up))


def rebound() -> str:
    """Return how much comes back, and how fast, when everybody who was asked goes back to normal at once."""
    scenario, ledger = the_day()
    asked = [m.merchant_id for m in ledger.merchants if m.transformer_id == STREET and not m.protected]
    can: dict[str, int] = dict.fromkeys(asked, 0)
    for appliance in ledger.appliances:
        if appliance.appliance is ApplianceKind.AIR_CONDITIONER and appliance.merchant_id in can:
            can[appliance.merchant_id] += appliance.can_switch_off
    lines = [
        "| asked at | back after | kept off at the end kW | back in the first minute kW"
        " | above the untouched day kW, after 1 / 30 / 60 / 90 min | energy kept off kWh | of it taken again kWh |",
        "|---|---|---|---|---|---|---|",
    ]
    for at, minutes in RELEASES:
        alone = Town.of(ledger, scenario)
        alone.advance_to(scenario.midnight_us + minute_of(at) * MINUTE_US)
        town = copy.deepcopy(alone)
        for merchant_id in asked:
            town.apply_answer(merchant_id, Measures(can[merchant_id], 26.0, True), town.now_us)
        kept_kw = _street_kw(alone, minutes) - (held_kw := _street_kw(town, minutes))
        for merchant_id in asked:
            town.release(merchant_id)
        back_kw, otherwise_kw = _street_kw(town, 150), _street_kw(alone, 150)
        more_kw = back_kw - otherwise_kw
        after = " / ".join(f"{more_kw[minute - 1]:.1f}" for minute in (1, 30, 60, 90))
        again_kwh, kept_kwh = np.maximum(more_kw, 0.0).sum() / 60.0, kept_kw.sum() / 60.0
        lines.append(
            f"| {at} | {minutes} min | {kept_kw[-1]:.1f} | {back_kw[0] - held_kw[-1]:.1f} | {after} | {kept_kwh:.1f}"
            f" | {again_kwh:.1f} ({again_kwh / kept_kwh:.0%}) |"
        )
    return "\n".join(lines)


def _street_kw(town: Town, minutes: int) -> NDArray[np.float64]:
    readings = town.advance_to(town.now_us + minutes * MINUTE_US)
    kw: NDArray[np.float64] = readings.active_power_kw[readings.transformer == town.fleet.number[STREET]]
    return kw


@cache
def the_stories() -> Stories:
    """Return the three runs of the day."""
    return play_stories(*the_day())


def stories() -> str:
    """Return the figures of the three runs, side by side."""
    told = the_stories()

    def rate_at(at: str, run: int) -> str:
        return f"{told.percent(run, at):.2f} %"

    rows: list[tuple[str, Callable[[int], str]]] = [(f"load rate at {at}", partial(rate_at, at)) for at in HALVES]
    rows += [
        ("peak", lambda run: f"{told.peak(run):.2f} %"),
        ("minutes at or above 90 %", lambda run: str(int((told.runs[run] >= 0.90).sum()))),
        ("minutes at or above 100 %", lambda run: str(int((told.runs[run] >= 1.00).sum()))),
        ("incident opens – closes", lambda run: _span(told.incidents[run], told.scenario)),
        ("doors visited", lambda run: str(told.doors[run])),
        ("energy kept off by 16:30", lambda run: f"{told.kept_kwh(run):.0f} kWh"),
        ("hottest top oil", lambda run: f"{told.oil_c[run]:.1f} °C"),
    ]
    lines = [f"| | {' | '.join(text.en for text in Stories.NAMES)} |", "|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(cell(run) for run in range(3))} |" for name, cell in rows]
    return "\n".join(lines)


def _span(incident: Incident, scenario: Scenario) -> str:
    closes = clock_time(scenario, incident.closed_at_us) if incident.closed_at_us else "still open at 16:30"
    return f"{clock_time(scenario, incident.opened_at_us)} – {closes}"


def pictures() -> None:
    """Draw the three runs in both languages."""
    for language, name in PICTURES.items():
        (IMAGES / name).write_text(picture_of(the_stories(), language), encoding="utf-8")


PARTS: dict[str, Callable[[], str]] = {
    "rebound": rebound,
    "shapes": lambda: shapes_table(*the_day()),
    "week": lambda: week_table(*the_day()),
    "stories": stories,
    "sensitivity": sensitivity,
}


def written(text: str, part: str, table: str) -> str:
    """Return a document with a part's table between its marks. Raises ValueError when it has no such marks."""
    marks = re.compile(rf"(<!-- study: {part} -->\n).*?(<!-- end -->)", re.S)
    if not marks.search(text):
        raise ValueError(f"the document has no marks for {part}")
    return marks.sub(lambda found: f"{found[1]}{table}\n{found[2]}", text)


def main(wanted: Iterable[str] | None = None) -> None:
    """Make the parts named on the command line, or all."""
    words = argparse.ArgumentParser(prog="python -m bench.simulator_study.run", description=__doc__)
    words.add_argument("part", nargs="*", help=f"of {', '.join([*PARTS, 'pictures'])}; none is all")
    named = words.parse_args(None if wanted is None else list(wanted)).part or [*PARTS, "pictures"]
    for part in named:
        if part == "pictures":
            pictures()
        else:
            table = PARTS[part]()
            DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), part, table), encoding="utf-8")
        print(f"{part}: done")


if __name__ == "__main__":
    main()
