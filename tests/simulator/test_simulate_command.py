"""`redvest simulate` without a broker: what scenarios there are, a day as picture, sheets, readings and verdicts."""

from __future__ import annotations

import json
import os
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from service.cli import main
from service.container import Container
from service.demo.simulate import set_stage
from service.settings.settings import load_settings
from simulator.scenario.scenario import SCENARIOS_FOLDER, built_in_names, load_scenario
from stores.ledger_files import read_ledger
from tests.support.mosquitto import Mosquitto

Command = Callable[..., tuple[int, str, str]]
FACTORY = ("simulate", "--scenario", "factory-line", "--language", "en")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return a function that runs a command in an empty folder: exit code, output, error output."""
    for name in [name for name in os.environ if name.startswith("REDVEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            code = main.main(list(words))
        except SystemExit as ending:
            code = int(ending.code or 0)
        said = capsys.readouterr()
        return code, said.out, " ".join(said.err.split())

    return run


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_the_scenarios_are_listed_each_with_its_sentence(command: Command) -> None:
    code, out, _ = command("simulate", "--list", "--language", "en", "--json")
    assert code == 0
    told = lines(out)
    assert [line["name"] for line in told] == list(built_in_names())
    assert all(line["sentence"] == load_scenario(line["name"]).sentence.en for line in told)
    assert "低谷电价" in command("simulate", "--list", "--language", "zh")[1]


def test_the_schema_takes_every_shipped_scenario_and_refuses_what_the_product_refuses(command: Command) -> None:
    code, out, _ = command("simulate", "--schema")
    schema = json.loads(out)
    assert code == 0
    check = jsonschema.Draft202012Validator(schema)
    for name in built_in_names():
        written = tomllib.loads((SCENARIOS_FOLDER / f"{name}.toml").read_text(encoding="utf-8"), parse_float=float)
        table = json.loads(json.dumps(written, default=str))
        assert [error.message for error in check.iter_errors(table)] == [], name
        for wrong in ({**table, "sed": 1}, {**table, "seed": -1}, {**table, "habits": "nowhere"}):
            assert not check.is_valid(wrong)


def test_a_day_written_to_files_is_judged_like_the_day_itself(command: Command) -> None:
    code, out, error = command(*FACTORY, "--readings", "day.csv", "--sheets", "ledger", "--check", "--json")
    assert code == 0 and "as the scenario expects" in error
    ledger, faults = read_ledger(Path("ledger"))
    assert ledger is not None and faults == ()
    told = {(e["transformer_id"], e["rule"], e["level"], e["started_at"], e["ended_at"]) for e in lines(out)}
    code, out, _ = command(
        "judge", "day.csv", "--ledger", "ledger", "--rules", "early-warning", "two-hours", "--json", "--language", "en"
    )
    judged = {(e["transformer_id"], e["rule"], e["level"], e["started_at"], e["ended_at"]) for e in lines(out)}
    assert code == 0 and told == judged and len(told) > 8


def test_a_day_that_does_not_keep_its_promise_ends_with_exit_code_1(command: Command) -> None:
    text = (SCENARIOS_FOLDER / "factory-line.toml").read_text(encoding="utf-8")
    Path("mine.toml").write_text(text.replace("count = 97", "count = 60"), encoding="utf-8")
    code, _, error = command("simulate", "--scenario", "mine.toml", "--check", "--language", "en")
    assert code == 1
    assert "GY01 has no severe heavy load (early-warning@1) beginning 07:35–08:10, 11:25–11:50; it has: –" in error


def test_an_expectation_of_a_level_that_there_is_not_is_refused_before_the_day_is_played(command: Command) -> None:
    text = (SCENARIOS_FOLDER / "factory-line.toml").read_text(encoding="utf-8")
    Path("mine.toml").write_text(text.replace('level = "severe_heavy"', 'level = "sever_heavy"'), encoding="utf-8")
    code, _, error = command("simulate", "--scenario", "mine.toml", "--check", "--language", "en")
    assert code == 2
    assert "no level early-warning@1/sever_heavy; did you mean early-warning@1/severe_heavy?" in error


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["roofs-at-noon", "yx06-24-july"])
def test_a_picture_shows_curves_lines_and_air_in_the_language_asked_for(
    command: Command, name: str, language: str
) -> None:
    code, _, error = command("simulate", "--scenario", name, "--plot", "day.svg", "--language", language)
    assert code == 0 and "day.svg" in error
    picture = ET.parse("day.svg").getroot()
    words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    scenario = load_scenario(name)
    assert getattr(scenario.title, language) in words
    lines_named = {"zh": "90 % 严重重载", "en": "90 % severe heavy"}
    assert lines_named[language] in words
    assert ({"zh": "倒送", "en": "fed back"}[language] in words) is (name == "roofs-at-noon")
    curves = list(picture.iter("{http://www.w3.org/2000/svg}path"))
    assert len(curves) >= 4
    assert Path("day.svg").stat().st_size < 100_000


def test_another_seed_is_another_town_and_the_same_seed_the_same(command: Command) -> None:
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert command(*FACTORY, "--seed", seed, "--readings", f"{name}.csv")[0] == 0
    a, b, c = (Path(f"{name}.csv").read_bytes() for name in "abc")
    assert a == b != c


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--scenario", "nowhere", "--check"), "there is no scenario nowhere; name a file, or one of evening-charging"),
        (("--plot", "day.png"), "--plot: .png is no picture we draw; name a file that ends in .svg"),
        (("--plot", "none/day.svg"), "no such folder; make it first"),
        (("--check", "--speed", "60"), "nothing is published, so there is no speed"),
        (("--check", "--fault", "late=0.1"), "nothing is published, so there is no speed and no fault"),
        (("--speed", "0.5"), "'0.5' is no speed here; write a number from 1 on"),
        (("--speed", "max"), "'max' is no speed here"),
    ],
)
def test_wrong_words_are_refused_with_what_to_do(command: Command, words: tuple[str, ...], complaint: str) -> None:
    code, _, error = command("simulate", *words, "--language", "en")
    assert code == 2
    assert complaint in error


def test_a_faster_day_ends_now_and_none_of_its_readings_is_of_the_future(command: Command) -> None:
    house = Container(load_settings(None))
    try:
        stage = set_stage(house, times=60.0)
    finally:
        house.close()
    day_us = stage.scenario.ends_at_us - stage.scenario.starts_at_us
    now_us = house.clock.now_us()
    first_us, last_us = (
        timestamp + stage.ahead_us for timestamp in (stage.scenario.starts_at_us, stage.scenario.ends_at_us)
    )
    assert first_us < now_us - 0.9 * day_us
    assert last_us <= now_us + day_us / 60.0
    assert abs(stage.clock.now_us() - first_us) < 10 * 60 * 60_000_000 / 60
    assert stage.clock.speed == 60.0


def test_a_whole_day_is_published_in_a_timestamp(command: Command, mosquitto: Mosquitto) -> None:
    code, _, error = command(*FACTORY, "--speed", "50000", *settings_for(mosquitto.port))
    assert code == 0
    assert "the day is over, 1502 readings published" in error


def settings_for(port: int) -> tuple[str, str]:
    Path("fast.toml").write_text(f"[broker]\nport = {port}\n", encoding="utf-8")
    return "--config", "fast.toml"
