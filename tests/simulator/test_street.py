"""For integrators: a small street in a few lines, weather of one's own, habits to build on, pictures."""

from __future__ import annotations

import doctest
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

import simulator
from grid.errors import SettingsError
from grid.text import Language
from grid.timestamps import HOUR_US
from simulator import street
from simulator.picture.plot import plot_day
from simulator.scenario import weather
from simulator.scenario.day import DayCurve, minute_of
from simulator.scenario.file import habit_names
from simulator.scenario.parts import WeatherPart
from simulator.scenario.scenario import load_scenario, parse_scenario
from simulator.scenario.weather import Weather
from simulator.scenario.weather_file import read_weather
from simulator.town.people import Measures

NOON = datetime.fromisoformat("2021-07-24T12:00:00+08:00")


# A street in a few lines


def test_what_the_docstrings_show_is_true() -> None:
    for module in (simulator, weather):
        done = doctest.testmod(module)
        assert done.attempted and not done.failed


def test_a_street_gives_readings_to_judge_in_two_lines() -> None:
    day = street({"餐饮": 4, "服装": 5}, homes=30, hottest_c=37.0).day("10:00", "16:00")
    assert len(day.readings) == 361
    assert 0.2 < day.load_rate.max() < 1.2
    assert {m.category for m in day.ledger.merchants} == {"餐饮", "服装"}


def test_the_same_street_is_the_same_and_a_hotter_or_smaller_one_is_not() -> None:
    day, again, hotter = (street(hottest_c=c).day("12:00", "13:00") for c in (35.0, 35.0, 39.0))
    assert day.readings.active_power_kw.tobytes() == again.readings.active_power_kw.tobytes()
    assert hotter.load_rate.mean() > day.load_rate.mean() * 1.05
    assert street(rated_power_kva=200.0, hottest_c=35.0).day("12:00", "13:00").load_rate.mean() == pytest.approx(
        2.0 * day.load_rate.mean()
    )


def test_a_street_can_be_visited() -> None:
    small = street({"服装": 8}, homes=0, seed=3)
    asked, alone = small.town(), small.town()
    eleven_us = small.scenario.midnight_us + 11 * HOUR_US
    for merchant in small.ledger.merchants:
        asked.apply_answer(merchant.merchant_id, Measures(switch_off_units=9), eleven_us)
    last = [town.advance_to(eleven_us + HOUR_US // 4) for town in (asked, alone)]
    assert last[0].active_power_kw[-1] < 0.5 * last[1].active_power_kw[-1]


def test_a_street_that_cannot_be_is_refused_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"no \[\[shop\]\] of the category 铁匠铺; add one, or use one of"):
        street({"铁匠铺": 1})
    with pytest.raises(ValueError, match="14:00 must lie before 09:00"):
        street().day("14:00", "09:00")


def test_importing_the_simulator_costs_nothing() -> None:
    script = "import sys, simulator; sys.exit('numpy' in sys.modules or 'msgspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=120, check=False).returncode == 0


# Habits


def test_what_a_scenario_says_itself_comes_before_its_habits() -> None:
    scenario = load_scenario("winter-heating")
    rows = [category for category in scenario.category if category.name == "服装"]
    assert [row.heats_to_c for row in rows] == [20.0]
    assert {"烘焙", "茶饮"} <= {category.name for category in scenario.category}
    assert habit_names() == ("county-town",)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"county-town"', '"big-city"', r"there are no habits 'big-city'; name one of county-town"),
        ("many", "mony", r"key `census.mony`: there is no such key; did you mean many\?"),
        ('prefix = "XC"', 'prefix = "X 1"', r"key `census.many.prefix`: expected letters"),
        ('prefix = "XC"', 'name = "市" \n市 = 1', r"not TOML.*in quotes"),
    ],
)
def test_faults_of_a_census_name_the_key(old: str, new: str, complaint: str) -> None:
    text = (Path(simulator.__file__).parent / "scenarios" / "town-heat-wave.toml").read_text(encoding="utf-8")
    with pytest.raises(SettingsError, match=complaint):
        parse_scenario(text.replace(old, new), "town.toml")


# Weather of one's own


def weather_of(folder: Path, text: str) -> WeatherPart:
    file = folder / "weather.csv"
    file.write_text(text, encoding="utf-8")
    return read_weather(file, WeatherPart(40.3, 116.6, file=file.name), NOON)


def test_a_weather_file_gives_the_curves_of_the_day(tmp_path: Path) -> None:
    read = weather_of(
        tmp_path,
        "time,temperature_c,humidity\n2021-07-23T22:00:00Z,27.0,80\n2021-07-24T14:00:00+08:00,36.5,40\n"
        "2021-07-25T02:00:00+08:00,99,9\n".replace("99,9", "28,70"),
    )
    assert read.temperature_c == (("06:00", 27.0), ("14:00", 36.5))
    assert read.humidity == (("06:00", 0.8), ("14:00", 0.4))
    assert read.clearness == (("00:00", 0.8),)


def test_the_clearness_is_the_one_that_gives_the_irradiance(tmp_path: Path) -> None:
    part = WeatherPart(40.3, 116.6, temperature_c=(("00:00", 30.0),), clearness=(("00:00", 0.55),))
    sun = Weather.of(NOON.date(), 8.0, part)
    rows = [f"{hour:02d}:00,30.0,{sun.sun(60 * hour).on_ground_w_m2:.3f}" for hour in range(24)]
    read = weather_of(tmp_path, "\n".join(["time,temperature_c,irradiance_w_m2", *rows]))
    curve = DayCurve.of(read.clearness)
    assert [curve.at(minute_of(at)) for at in ("08:00", "12:00", "17:00")] == pytest.approx([0.55] * 3, abs=1e-3)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("time,temperatur\n", r"the column 'temperatur' is unknown; did you mean temperature_c\?"),
        ("time,humidity\n", r"the column temperature_c is missing; add it"),
        ("time,temperature_c\n9:30,30\n", r"line 2: column time: .*write 09:30 or"),
        ("time,temperature_c\n09:30,hot\n", r"line 2: column temperature_c: 'hot'; write a number from -60 to 60"),
        ("time,temperature_c\n2020-07-24T09:30:00Z,30\n", r"no temperature of 2021-07-24; add rows of that day"),
    ],
)
def test_a_faulty_weather_file_is_refused_with_line_and_remedy(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        weather_of(tmp_path, text)


def test_a_scenario_takes_weather_and_ledger_from_beside_its_file(tmp_path: Path) -> None:
    small = street(seed=3).scenario
    (tmp_path / "hot.csv").write_text("time,temperature_c\n00:00,30\n14:00,41\n", encoding="utf-8")
    text = (Path(simulator.__file__).parent / "scenarios" / "normal-day.toml").read_text(encoding="utf-8")
    start, end = text.index("temperature_c"), text.index("[[block]]")
    (tmp_path / "mine.toml").write_text(text[:start] + 'file = "hot.csv"\n\n' + text[end:], encoding="utf-8")
    mine = load_scenario(tmp_path / "mine.toml")
    assert mine.weather.temperature_c == (("00:00", 30.0), ("14:00", 41.0))
    assert mine.weather.latitude_deg == small.weather.latitude_deg


# Pictures


def test_there_is_no_picture_of_nothing_and_names_are_no_markup() -> None:
    day = street().day("12:00", "12:30")
    scenario = load_scenario("normal-day")
    with pytest.raises(ValueError, match="no readings"):
        plot_day(scenario, day.fleet, day.readings.take(np.zeros(0, np.intp)), Language.EN)
    nasty = msgspec.structs.replace(scenario, title=msgspec.structs.replace(scenario.title, en='<b>"A & B"</b>'))
    assert "&lt;b&gt;" in (drawn := plot_day(nasty, day.fleet, day.readings, Language.EN)) and "<b>" not in drawn


def test_a_hole_in_the_readings_is_a_hole_in_the_curve() -> None:
    small = street().day("10:00", "14:00")
    minute = np.arange(len(small.readings))
    whole, holed = (
        plot_day(load_scenario("normal-day"), small.fleet, small.readings.take(rows), Language.EN)
        for rows in (minute >= 0, (minute < 60) | (minute > 100))
    )
    assert holed.count("M") > whole.count("M")
