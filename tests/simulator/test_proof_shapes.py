"""A whole simulated day has the shapes that load studies report: its peaks, its rise per degree, its weekend."""

from __future__ import annotations

import pytest

from bench.simulator_study.shapes import WholeDay, rise_per_k, whole_day, working_day
from grid.assets import Ledger
from service.demo.scenario_day import scenario_ledger
from simulator.scenario.scenario import load_scenario

SCENARIO = load_scenario("yx06-24-july")
AREAS = ("YX05", "YX06", "YX07")
HOMES, STREET, OFFICES = AREAS


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return scenario_ledger(SCENARIO)


@pytest.fixture(scope="module")
def day(ledger: Ledger) -> WholeDay:
    return whole_day(SCENARIO, ledger)


def hour_of_peak(day: WholeDay, area: str) -> float:
    return float(day.of(area).argmax()) / 4.0


def test_homes_are_highest_in_the_evening_shops_and_offices_by_day(day: WholeDay) -> None:
    assert 17.0 <= hour_of_peak(day, HOMES) <= 22.0
    assert 11.0 <= hour_of_peak(day, STREET) <= 16.0
    assert 9.0 <= hour_of_peak(day, OFFICES) <= 16.0


@pytest.mark.parametrize("area", AREAS)
def test_a_day_has_two_peaks_with_a_hollow_between_them_and_is_lowest_at_night(day: WholeDay, area: str) -> None:
    kw = day.of(area)
    noon, evening = int(kw[:60].argmax()), 60 + int(kw[60:].argmax())
    assert kw[noon:evening].min() < 0.98 * min(kw[noon], kw[evening])
    assert kw.argmin() < 28
    assert 0.05 < kw.min() / kw.max() < 0.4


@pytest.mark.parametrize("warmer_k", [-2.0, 2.0])
def test_peak_and_energy_rise_per_degree_as_load_studies_of_hot_towns_report(
    ledger: Ledger, day: WholeDay, warmer_k: float
) -> None:
    """Santamouris and others (2015): peak 0.45 to 4.6 %, total 0.5 to 8.5 % per °C; 2 to 10 % in all is practice."""
    other = whole_day(SCENARIO, ledger, warmer_k)
    for area in AREAS:
        peak, energy = rise_per_k(other, day, warmer_k, area)
        assert 0.45 <= peak <= 4.6, area
        assert 2.0 <= energy <= 8.5, area


def test_a_saturday_is_higher_than_a_working_day_for_homes_and_lower_for_offices(ledger: Ledger, day: WholeDay) -> None:
    """BDEW's profiles of 2025, July, 10:00 to 12:00: households 1.38, commerce 0.58."""
    workday = whole_day(working_day(SCENARIO), ledger)
    ratio = {area: day.of(area)[40:48].sum() / workday.of(area)[40:48].sum() for area in AREAS}
    assert 1.05 < ratio[HOMES] < 1.45
    assert 0.95 < ratio[STREET] < 1.10
    assert 0.55 < ratio[OFFICES] < 0.95
