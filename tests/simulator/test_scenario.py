"""Scenario files are read strictly, and the shipped town is obviously simulated and fits its ledger."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from grid.assets import Ledger, Merchant, Person, Role
from grid.errors import SettingsError
from simulator.scenario import census, equipment, expected
from simulator.scenario import parts as scenario_parts
from simulator.scenario.day import DayCurve, DayTable, minute_of
from simulator.scenario.scenario import SCENARIOS_FOLDER, Scenario, built_in_names, load_scenario, parse_scenario
from simulator.scenario.values import Part
from simulator.scenario.weather import Weather
from stores.ledger_files import read_ledger

# A scenario with everything in one file, so that a fault of each part can be tried in it.
TEXT = (Path(__file__).parents[1] / "cases" / "scenarios" / "whole-street.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", built_in_names())
def test_every_shipped_scenario_loads_and_bears_the_name_of_its_file(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert "模拟" in scenario.title.zh and "simulated" in scenario.title.en
    assert load_scenario(SCENARIOS_FOLDER / f"{name}.toml") == scenario


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("seed = 24", "sed = 24", r"key `sed`: there is no such key; did you mean seed\?"),
        ('opens = "10:30"', 'open = "10:30"', r"key `category\[1\].open`: there is no such key; did you mean opens"),
        ("latitude_deg", "Breite", r"key `weather.Breite`: there is no such key; the keys there are .*latitude_deg"),
        ("seed = 24\n", "", r"key `seed`: it is missing"),
        ("seed = 24", 'seed = "24"', r"key `seed`: expected `int`, got `str`"),
        ("absent = 0.05", "absent = -0.1", r"key `people.character\[0\].absent`: expected `float` >= 0"),
        ('opens = "10:30"', 'opens = "25:00"', r"key `category\[1\].opens`: expected a clock time such as 09:30;"),
        ("scatter = 0.15", "scatter = nan", r"scatter"),
        ('roles = ["member"]', 'roles = ["mayor"]', r"roles"),
        ("2021-07-24T09:30:00+08:00", "2021-07-24T09:30:00", r"starts_at.*offset"),
        ("ends_at = 2021-07-24T16:30", "ends_at = 2021-07-24T08:30", r"must follow each other"),
        (
            '["05:00", 26.4], ["07:00", 28.6]',
            '["07:00", 28.6], ["05:00", 26.4]',
            r"key `weather.temperature_c`: .*clock times rise",
        ),
        ('ledger = "yx06"', "", r"either `ledger`"),
        ("[cooling]", '[[outage]]\noff_from = "12:00"\noff_until = "11:00"\n[cooling]', r"outage\[0\].*off_from"),
        ("seed = 24", 'seed = 24\nhabits = "city"', r"no habits .city.; name one of county-town"),
        ('use = "baking"', 'use = "smithing"', r"unknown use smithing"),
        ('category = "*"', 'category = "nobody"', r"character.*\*"),
        ("[visit]", "[visit", r"not TOML"),
    ],
)
def test_a_faulty_scenario_is_refused_in_one_line(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    with pytest.raises(SettingsError, match=complaint) as refused:
        parse_scenario(TEXT.replace(old, new), "street.toml")
    assert str(refused.value).startswith("street.toml: ")
    assert "\n" not in str(refused.value)


def test_an_unknown_scenario_names_the_ones_there_are(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"no scenario nowhere; name a file, or one of .*yx06-24-july"):
        load_scenario("nowhere")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_scenario(tmp_path / "latin.toml")


def test_clock_times_are_read_strictly() -> None:
    assert (minute_of("00:00"), minute_of("09:30"), minute_of("24:00")) == (0, 570, 1440)
    for text in ("9:30", "24:01", "12:60", "12", "", "12:00 "):
        with pytest.raises(ValueError, match="no clock time"):
            minute_of(text)


def test_a_curve_of_the_day_is_straight_between_its_points_and_level_outside() -> None:
    curve = DayCurve.of([("06:00", 1.0), ("12:00", 3.0)])
    assert [curve.at(minute) for minute in (0, 360, 540, 720, 1400, 1440 + 540)] == [1.0, 1.0, 2.0, 3.0, 3.0, 2.0]
    assert DayTable([curve, DayCurve.of([("00:00", 7.0)])]).at(540).tolist() == [2.0, 7.0]


def test_the_sun_stands_where_it_stands() -> None:
    """40.3° N, 116.6° E on 24 July: declination 19.9°, noon at about 12:20 of China's clock."""
    clear = DayCurve.of([("00:00", 1.0)])
    weather = Weather(date(2021, 7, 24), 40.3, 116.6, 8.0, clear, clear)
    suns = [weather.sun(minute) for minute in range(0, 1440)]
    noon = int(np.argmax([sun.elevation for sun in suns]))
    assert abs(noon - minute_of("12:20")) <= 3
    assert np.degrees(suns[noon].elevation) == pytest.approx(90.0 - 40.3 + 19.9, abs=0.4)
    assert np.degrees(suns[noon].azimuth) == pytest.approx(180.0, abs=3.0)
    assert np.degrees(suns[noon - 240].azimuth) < 110.0 < 250.0 < np.degrees(suns[noon + 240].azimuth)
    assert 800.0 < suns[noon].beam_w_m2 < 1000.0
    assert suns[60].beam_w_m2 == suns[60].diffuse_w_m2 == 0.0
    east, west = np.array([[90.0], [270.0]])
    assert suns[noon - 240].on_facades(east)[0] > 3 * suns[noon - 240].on_facades(west)[0]


def test_haze_takes_beam_and_gives_sky_light() -> None:
    clear, hazy = DayCurve.of([("00:00", 1.0)]), DayCurve.of([("00:00", 0.5)])
    bright, dull = (Weather(date(2021, 7, 24), 40.3, 116.6, 8.0, clear, sky).sun(720) for sky in (clear, hazy))
    assert dull.beam_w_m2 == pytest.approx(0.5 * bright.beam_w_m2)
    assert dull.diffuse_w_m2 > 2 * bright.diffuse_w_m2


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found, faults = read_ledger(load_scenario("yx06-24-july").ledger_folder)
    assert found is not None, faults
    assert faults == ()
    return found


def test_the_town_s_ledger_is_one_shopping_street_between_calm_neighbours(ledger: Ledger) -> None:
    assert {t.transformer_id: t.rated_power_kva for t in ledger.transformers} == {
        "YX05": 630.0, "YX06": 400.0, "YX07": 315.0,
    }  # fmt: skip
    street = [m for m in ledger.merchants if m.transformer_id == "YX06"]
    assert 40 <= len(street) <= 50
    assert sum(m.protected for m in street) == 3
    assert all(m.protected_reason for m in ledger.merchants if m.protected)
    assert [m.walk_order for m in street] == list(range(1, len(street) + 1))
    roles = [person.role for person in ledger.people]
    assert {role: roles.count(role) for role in Role} == {
        Role.COMMUNITY_LEAD: 1, Role.GRID_LEAD: 1, Role.MEMBER: 4, Role.DUTY: 2, Role.STATION_HEAD: 1,
    }  # fmt: skip


def test_nobody_in_the_town_s_ledger_can_be_taken_for_a_real_person(ledger: Ledger) -> None:
    named: list[Person | Merchant] = [*ledger.people, *ledger.merchants]
    assert all("模拟" in who.name for who in named)
    assert all("模拟" in m.contact_name and "模拟" in m.address for m in ledger.merchants)
    phones = [who.phone for who in named]
    assert all(re.fullmatch(r"138000000\d\d", phone) for phone in phones)
    assert len(set(phones)) == len(phones)


def test_every_key_of_a_scenario_file_is_documented() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    tables = (scenario_parts, equipment, census, expected)
    parts = [Scenario, *(kind for table in tables for kind in vars(table).values() if is_part(kind))]
    keys = {field for part in parts for field in part.__struct_fields__}
    assert len(keys) > 80
    assert sorted(key for key in keys if not re.search(rf"[`.\[]{key}[`\]]", text)) == []


def is_part(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part) and kind is not Part
