"""24 July: the street of YX06 with the product's own list and the simulated team, and without them."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.incidents import IncidentState
from alerts.outreach.planner import OutreachList, VisitResult
from grid.assets import Ledger
from simulator.scenario.day import minute_of
from simulator.scenario.scenario import load_scenario
from simulator.town.town import Town
from stores.ledger_files import read_ledger
from tests.support.product_in_memory import Day, play

SCENARIO = load_scenario("yx06-24-july")
STORY = {"11:00": 95.33, "11:30": 89.06, "16:00": 75.42}
POINTS = 0.5


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found, faults = read_ledger(SCENARIO.ledger_folder)
    assert found is not None and not faults
    return found


@pytest.fixture(scope="module")
def with_team(ledger: Ledger) -> Day:
    return play(Town.of(ledger, SCENARIO), ledger)


@pytest.fixture(scope="module")
def without_team(ledger: Ledger) -> Day:
    return play(Town.of(ledger, SCENARIO), ledger, with_team=False)


@pytest.mark.parametrize(("at", "percent"), STORY.items())
def test_with_visits_the_load_passes_the_figures_of_the_story(with_team: Day, at: str, percent: float) -> None:
    assert with_team.percent(at) == pytest.approx(percent, abs=POINTS)


def test_without_visits_it_stays_above_ninety_per_cent_into_the_afternoon(without_team: Day) -> None:
    assert without_team.between("YX06", "10:45", "15:00").min() >= 0.90
    assert without_team.percent("16:00") > 85.0


def test_before_the_team_sets_out_both_days_are_the_same_to_the_bit(with_team: Day, without_team: Day) -> None:
    assert (with_team.between("YX06", "09:30", "11:00") == without_team.between("YX06", "09:30", "11:00")).all()
    assert with_team.percent("11:30") < without_team.percent("11:30") - 5.0


def test_the_air_is_36_degrees_at_eleven_and_hotter_after(with_team: Day) -> None:
    air = with_team.readings.ambient_temperature_c[with_team.readings.transformer == 1]
    eleven = minute_of("11:00") - minute_of("09:30")
    assert air[eleven] == 36.0
    assert air[eleven:].max() > 37.0


def test_the_incident_opens_before_eleven_and_closes_in_the_early_afternoon(with_team: Day) -> None:
    (incident,) = with_team.product.incidents.values()
    assert incident.transformer_id == "YX06"
    assert incident.state is IncidentState.CLOSED and incident.closed_at_us is not None
    assert minute_of("10:35") <= with_team.clock_minute(incident.opened_at_us) <= minute_of("10:55")
    assert minute_of("12:00") <= with_team.clock_minute(incident.closed_at_us) <= minute_of("14:30")


def test_the_merchants_answer_in_every_way_and_the_protected_are_never_asked(with_team: Day, ledger: Ledger) -> None:
    results = {visit.result for visit in with_team.product.visits}
    assert {VisitResult.DONE, VisitResult.AGREED, VisitResult.REFUSED} <= results
    protected = {merchant.merchant_id for merchant in ledger.merchants if merchant.protected}
    assert protected and protected.isdisjoint(visit.merchant_id for visit in with_team.product.visits)


@pytest.mark.parametrize("calm", ["YX05", "YX07"])
def test_the_neighbouring_transformers_stay_calm_all_day(with_team: Day, calm: str) -> None:
    assert with_team.of(calm).max() < 0.80


def swapped(made: OutreachList, seed: int) -> OutreachList:
    """Return the list with a dozen neighbouring doors exchanged, each person still with a piece of the same length."""
    chance, doors = random.Random(seed), list(made.doors)
    for _ in range(12):
        i = chance.randrange(len(doors) - 1)
        doors[i], doors[i + 1] = doors[i + 1], doors[i]
    return replace(
        made,
        doors=tuple(
            replace(door, order=old.order, assigned_to=old.assigned_to)
            for door, old in zip(doors, made.doors, strict=True)
        ),
    )


def test_the_story_holds_in_towns_of_other_seeds(ledger: Ledger) -> None:
    """A sample; the study over 100 seeds is in docs/outreach-proof.md."""
    days = [play(Town.of(ledger, SCENARIO, seed), ledger) for seed in range(6)]
    for at, percent in STORY.items():
        of_seeds = [day.percent(at) for day in days]
        assert sum(of_seeds) / len(days) == pytest.approx(percent, abs=2.0), at
        assert max(abs(one - percent) for one in of_seeds) < 6.0, at


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_slightly_different_walk_ends_in_the_same_figures(ledger: Ledger, seed: int) -> None:
    day = play(Town.of(ledger, SCENARIO), ledger, change=lambda made: swapped(made, seed))
    for at, percent in STORY.items():
        assert day.percent(at) == pytest.approx(percent, abs=6 * POINTS), at


def test_a_clock_that_runs_in_leaps_changes_little(ledger: Ledger) -> None:
    day = play(Town.of(ledger, SCENARIO), ledger, tick_minutes=5)
    for at, percent in STORY.items():
        assert day.percent(at) == pytest.approx(percent, abs=6 * POINTS), at


def documented_rows() -> list[list[str]]:
    """Return the cells of the first table in the simulator's document, one row per half hour."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    wanted = re.compile(r"\| \d\d:\d\d \| \d\d\.\d \| \d+\.\d\d \|")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if wanted.match(line)]
    assert len(rows) == 15
    return rows


@pytest.mark.parametrize("row", documented_rows(), ids=lambda row: row[0])
def test_the_documented_half_hours_are_what_the_runs_give(with_team: Day, without_team: Day, row: list[str]) -> None:
    at, air, without, with_visits, answers = row
    measured = with_team.readings.ambient_temperature_c[:: len(with_team.town.fleet)]
    assert measured[minute_of(at) - minute_of("09:30")] == pytest.approx(float(air), abs=0.051)
    assert without_team.percent(at) == pytest.approx(float(without), abs=0.1)
    assert with_team.percent(at) == pytest.approx(float(with_visits), abs=0.1)
    entered = sum(with_team.clock_minute(v.recorded_at_us) <= minute_of(at) for v in with_team.product.visits)
    assert entered == int(answers)
