"""The tutorial is run as it is written: its files, its commands, its Python, and the picture it shows."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from grid.text import Language
from service.demo.scenario_day import play_day, scenario_ledger
from simulator.picture.plot import plot_day
from simulator.scenario.scenario import load_scenario
from tests.docs.test_docs import run_script
from tests.support.played_days import PROMISING, day_of

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / "docs" / "your-own-street.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```", TUTORIAL, re.M | re.S))
SCRIPTS = re.findall(r"^<!-- runnable: your own street, ([^>]+?) -->\n```sh\n(.*?)^```", TUTORIAL, re.M | re.S)
PYTHON = re.findall(r"^<!-- runnable: python -->\n```python\n(.*?)^```", TUTORIAL, re.M | re.S)
PICTURES = {*PROMISING, "yx06-24-july"}


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the tutorial's files."""
    folder = tmp_path_factory.mktemp("street")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_tutorial_has_all_its_parts() -> None:
    assert len(FILES) == 6 and len(SCRIPTS) == 4 and len(PYTHON) == 1


@pytest.fixture(scope="module")
def said(street: Path) -> dict[str, str]:
    """Run the tutorial's scripts one after the other; return what each said."""
    outputs = {}
    venv = Path(sys.prefix) / "bin"
    for name, script in SCRIPTS:
        code, outputs[name] = run_script(f'export PATH="{venv}:$PATH"\n{script}', street, {"REDVEST_LANGUAGE": "en"})
        assert code == (1 if name == "its weather" else 0), outputs[name]
    return outputs


def test_the_ledger_and_the_day_are_as_the_tutorial_says(said: dict[str, str]) -> None:
    assert "the ledger is sound: stations 1" in said["the ledger"]
    assert "severe heavy load: load rate crossed 90 %" in said["the day"]
    assert "as the scenario expects" in said["the day"]


def test_the_hotter_day_is_found_not_to_fit(said: dict[str, str]) -> None:
    assert "MY01: overload that nobody expected" in said["its weather"]


def test_the_census_makes_a_sound_ledger(said: dict[str, str]) -> None:
    assert "transformers 2" in said["from a census"]


def test_the_python_runs() -> None:
    exec(compile(PYTHON[0], "your-own-street.md", "exec"), {})


def drawing(text: str) -> tuple[list[str], list[np.ndarray]]:
    """Return the words of a picture and the points of its curves."""
    picture = ET.fromstring(text)
    words = [node.text or "" for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    paths = [node.get("d", "") for node in picture.iter("{http://www.w3.org/2000/svg}path")]
    return words, [np.array(re.findall(r"[\d.]+", path), float) for path in paths]


@pytest.mark.parametrize("name", [*sorted(PICTURES), "my-day", "town-heat-wave-zh"])
def test_the_pictures_of_the_documents_are_what_is_drawn_today(name: str, street: Path) -> None:
    language = Language.ZH if name.endswith("-zh") else Language.EN
    scenario = load_scenario(street / "my-day.toml" if name == "my-day" else name.removesuffix("-zh"))
    day = play_day(scenario, scenario_ledger(scenario)) if name == "my-day" else day_of(scenario.name)
    drawn_words, drawn = drawing(plot_day(scenario, day.fleet, day.readings, language))
    shown_words, shown = drawing((ROOT / "docs" / "images" / f"scenario-{name}.svg").read_text(encoding="utf-8"))
    assert shown_words == drawn_words
    for mine, theirs in zip(shown, drawn, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=2.0)


def test_every_picture_is_shown_somewhere() -> None:
    documents = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "docs").glob("*.md"))
    for picture in (ROOT / "docs" / "images").glob("scenario-*"):
        assert f"images/{picture.name})" in documents
