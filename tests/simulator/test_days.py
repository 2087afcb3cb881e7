"""Every scenario that is shipped: played to its end with nobody asked, judged, and held against what it promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from alerts.quality.grading import QualityFlag, QualityGrader, RatedReadings
from grid.electrical import power_factor
from grid.errors import SettingsError
from service.demo.scenario_day import (
    ScenarioDay,
    clock_time,
    episodes_of,
    play_day,
    rules_expected,
    scenario_ledger,
    unmet,
)
from simulator.scenario.day import minute_of
from simulator.scenario.expected import ExpectedPart, VerdictPart
from simulator.scenario.scenario import Scenario, built_in_names, load_scenario
from simulator.town.ledger_generator import settle
from stores.ledger_files import read_ledger
from stores.ledger_files.writing import write_ledger
from tests.support.played_days import PROMISING, day_of


def changed(name: str, **change: object) -> ScenarioDay:
    scenario = msgspec.structs.replace(load_scenario(name), **change)
    return play_day(scenario, scenario_ledger(scenario))


def faults_of(day: ScenarioDay) -> list[str]:
    return [fault.en for fault in unmet(day.scenario, episodes_of(day, rules_expected(day.scenario.expected)))]


def rows_of(day: ScenarioDay, transformer_id: str, first: str = "00:00", last: str = "24:00") -> np.ndarray:
    """Return the rows of one transformer between two clock times of the day."""
    minute = np.array([day.scenario.minute(int(timestamp)) for timestamp in day.readings.measured_at_us])
    mine = day.readings.transformer == day.fleet.number[transformer_id]
    return np.flatnonzero(mine & (minute >= minute_of(first)) & (minute <= minute_of(last)))


def test_all_the_days_that_a_town_has_are_there() -> None:
    assert set(built_in_names()) == {
        "yx06-24-july", "town-heat-wave", "winter-heating", "festival-market", "evening-charging", "factory-line",
        "normal-day", "outage-and-return", "roofs-at-noon",
    }  # fmt: skip
    assert set(built_in_names()) - set(PROMISING) == {"yx06-24-july"}
    for name in built_in_names():
        sentence = load_scenario(name).sentence
        assert sentence.zh.endswith("。") and sentence.en.endswith(".")


def test_the_document_tells_of_every_day_in_the_words_of_its_file() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    for name in PROMISING:
        assert f"| `{name}` | {load_scenario(name).sentence.en} |" in text


@pytest.mark.parametrize("name", PROMISING)
def test_a_day_brings_the_verdicts_that_its_scenario_promises_and_no_others(name: str) -> None:
    assert faults_of(day_of(name)) == []


@pytest.mark.parametrize(
    ("name", "change", "complaint"),
    [
        ("normal-day", lambda s: {"weather": hotter(s, 16.0)}, "nobody expected"),
        ("winter-heating", lambda s: {"weather": hotter(s, 12.0)}, "CW01 has no severe heavy load"),
        ("festival-market", lambda s: {"outdoor": s.outdoor[1:]}, "GC01 has no phase overload"),
        ("evening-charging", lambda s: {"charging": s.charging[:1]}, "XQ01 has no overload"),
        (
            "factory-line",
            lambda s: {"machines": tuple(msgspec.structs.replace(m, compensation_kvar=240.0) for m in s.machines)},
            "GY01 has no severe heavy load",
        ),
        ("roofs-at-noon", lambda s: {"roof": ()}, "GF01 has no heavy load"),
    ],
)
def test_without_its_cause_a_day_does_not_keep_its_promise(
    name: str, change: Callable[[Scenario], dict[str, object]], complaint: str
) -> None:
    assert any(complaint in fault for fault in faults_of(changed(name, **change(load_scenario(name)))))


def hotter(scenario: Scenario, kelvin: float) -> object:
    warmer = tuple((at, value + kelvin) for at, value in scenario.weather.temperature_c)
    return msgspec.structs.replace(scenario.weather, temperature_c=warmer)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_ordinary_day_brings_no_alarm_whatever_the_seed(seed: int) -> None:
    scenario = load_scenario("normal-day")
    day = play_day(scenario, scenario_ledger(scenario, seed), seed)
    assert faults_of(day) == []


def test_promises_that_are_broken_are_told_with_what_came_instead() -> None:
    day = day_of("factory-line")
    wrong = ExpectedPart(
        levels=("early-warning@1/severe_heavy",),
        verdict=(VerdictPart("GY02", "severe_heavy", ("08:00", "09:00")),),
    )
    scenario = msgspec.structs.replace(day.scenario, expected=wrong)
    faults = [fault.en for fault in unmet(scenario, episodes_of(day, ["early-warning"]))]
    assert faults[0] == "GY02 has no severe heavy load (early-warning@1) beginning 08:00–09:00; it has: –"
    assert [fault.startswith("GY01: severe heavy load that nobody expected: ") for fault in faults[1:]] == [True] * 2


# What makes each day what it is


@pytest.mark.parametrize("name", PROMISING)
def test_no_day_gives_readings_that_the_product_would_doubt_or_refuse(name: str) -> None:
    day = day_of(name)
    rated = RatedReadings.of(day.readings, day.rates, np.ones(len(day.readings)))
    flags = QualityGrader(len(day.fleet)).advance(rated)
    assert [str(QualityFlag(int(flag))) for flag in np.unique(flags[flags > 0])] == []
    assert np.isfinite(day.rates.load_rate).all()


def test_in_the_cold_the_load_follows_the_falling_temperature() -> None:
    day = day_of("winter-heating")
    night = np.concatenate([rows_of(day, "CW01", "22:30", "24:00"), rows_of(day, "CW01", "00:00", "06:00")])
    air, load = day.readings.ambient_temperature_c[night], day.rates.load_rate[night]
    slope_per_k = np.polyfit(air, load, 1)[0] / load.mean()
    assert -0.10 < slope_per_k < -0.03
    assert day.rates.load_rate[rows_of(day, "CW02")].max() < 0.75


def test_the_market_hangs_on_one_phase_and_the_neutral_carries_it() -> None:
    day = day_of("festival-market")
    rows = rows_of(day, "GC01", "18:30", "20:30")
    phase = day.rates.phase_load_rate[rows]
    assert (phase.argmax(axis=1) == 1).all()
    assert (phase[:, 1] / phase.mean(axis=1)).min() > 1.2
    assert day.readings.neutral_current_amp[rows].min() > 100.0


def test_the_cheap_hours_start_the_cars_within_minutes() -> None:
    day = day_of("evening-charging")
    before, after = rows_of(day, "XQ01", "22:55", "22:58"), rows_of(day, "XQ01", "23:08", "23:12")
    assert day.rates.load_rate[after].mean() > day.rates.load_rate[before].mean() + 0.4


def test_by_active_power_alone_the_workshop_would_look_calm() -> None:
    day = day_of("factory-line")
    rows = rows_of(day, "GY01", "09:00", "11:00")
    active_only = day.readings.active_power_kw[rows] / 500.0
    assert active_only.max() < 0.75 < 0.85 < day.rates.load_rate[rows].mean()
    assert power_factor(day.readings)[rows].mean() == pytest.approx(0.77, abs=0.015)
    assert power_factor(day.readings)[rows_of(day, "GY02", "09:00", "11:00")].min() > 0.95


def test_the_meter_is_silent_in_the_outage_and_the_return_costs_more_than_the_time_before() -> None:
    day = day_of("outage-and-return")
    sent = [clock_time(day.scenario, int(day.readings.measured_at_us[row])) for row in rows_of(day, "TD01")]
    assert "13:29" in sent and "13:30" not in sent and "14:44" not in sent and "14:45" in sent
    before, after = (
        day.rates.load_rate[rows_of(day, "TD01", *span)] for span in (("12:45", "13:29"), ("14:50", "15:30"))
    )
    assert after.mean() > 1.15 * before.mean()
    assert len(rows_of(day, "TD02", "13:30", "14:44")) == 75


def test_at_noon_power_flows_backwards_and_raises_the_voltage() -> None:
    day = day_of("roofs-at-noon")
    noon, night = rows_of(day, "GF01", "11:30", "13:30"), rows_of(day, "GF01", "19:00", "20:30")
    assert day.readings.active_power_kw[noon].max() < -300.0 < 0.0 < day.readings.active_power_kw[night].min()
    assert day.readings.voltage_v[noon].min() > day.readings.voltage_v[night].max()
    assert day.rates.load_rate[noon].min() > 0.9


# The town


def test_the_town_is_made_by_its_seed_and_is_a_ledger_that_can_be_imported(tmp_path: Path) -> None:
    scenario = load_scenario("town-heat-wave")
    made = settle(scenario)
    assert made == settle(scenario) != settle(scenario, seed=2)
    assert len(made.transformers) == 500 and len(made.grids) == 47 and 3_000 < len(made.merchants) < 8_000
    write_ledger(made, tmp_path / "sheets")
    read, faults = read_ledger(tmp_path / "sheets")
    assert faults == () and read == made


def test_an_area_s_shops_stay_the_same_when_other_areas_come_or_go() -> None:
    scenario = load_scenario("normal-day")
    assert scenario.census is not None
    fewer = msgspec.structs.replace(
        scenario, census=msgspec.structs.replace(scenario.census, area=scenario.census.area[1:])
    )
    mine = [a for a in settle(scenario).appliances if a.merchant_id.startswith("PC02")]
    assert [a for a in settle(fewer).appliances] == mine and mine


def test_most_of_the_storm_breaks_within_two_hours() -> None:
    day = day_of("town-heat-wave")
    opened = [e.started_at_us for e in episodes_of(day, ["early-warning"]) if e.level == "severe_heavy"]
    minutes = np.array([day.scenario.minute(timestamp) for timestamp in opened])
    assert ((minutes >= minute_of("10:15")) & (minutes <= minute_of("12:15"))).mean() > 0.6
    ten_minutes = np.bincount((minutes // 10).astype(int))
    assert ten_minutes.max() >= 10, "a flood by EEMUA 191: ten and more in ten minutes"


def test_a_scenario_without_census_makes_no_ledger() -> None:
    with pytest.raises(SettingsError, match=r"no \[census\].*give it one"):
        settle(load_scenario("yx06-24-july"))
