"""Imports point one way, the rules know no clock, and every public name says what it is."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.layers import FOLDERS, OUTSIDE, ROOMS, faults_of_file, faults_of_source

ROOT = Path(__file__).resolve().parents[2]

_MODULE_OF_DISTRIBUTION = {
    "argon2-cffi": "argon2",
    "influxdb-client": "influxdb_client",
    "paho-mqtt": "paho",
    "prometheus-client": "prometheus_client",
    "pydantic-settings": "pydantic_settings",
}
_NEVER_IMPORTED = {"tzdata"}
_COMES_WITH = {"pandas": "streamlit", "urllib3": "influxdb_client"}


def source_files() -> list[Path]:
    """Return every source file of the house."""
    return sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_keeps_the_rules_of_the_house(room: str) -> None:
    files = [file for file in source_files() if file.relative_to(ROOT).parts[0] == room]
    assert files, f"{room} is empty"
    faults = [fault for file in files for fault in faults_of_file(file, ROOT)]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    ("inside", "line", "complaint"),
    [
        (
            "grid/electrical.py",
            "from alerts.rules.rule_set import Level",
            "grid may not import alerts.rules.rule_set.Level",
        ),
        ("grid/electrical.py", "import time", "may not import time"),
        ("grid/electrical.py", "import pandas", "grid may not import pandas"),
        ("alerts/rules/rule_set.py", "from pathlib import Path", "may not import pathlib"),
        ("alerts/rules/rule_set.py", "TEXT = open('x')", "calls open()"),
        ("alerts/rules/rule_set.py", "from datetime import datetime\nNOW = datetime.now()", "reads the real clock"),
        ("alerts/rules/rule_set.py", "import numpy as np\nDICE = np.random.default_rng()", "calls .default_rng()"),
        ("alerts/rules/rule_set.py", "from collector import wire", "alerts may not import collector.wire"),
        ("collector/decoding/decode.py", "import sqlalchemy", "collector may not import sqlalchemy"),
        ("collector/decoding/decode.py", "import time\nNOW = time.time()", "reads the real clock"),
        ("collector/decoding/decode.py", "from time import time_ns", "the real clock"),
        ("stores/journal/journal.py", "import collector.wire.format", "stores may not import collector.wire.format"),
        ("stores/journal/journal.py", "from . import records", "relatively"),
        (
            "simulator/town/town.py",
            "from collector.decoding.decode import decode_block",
            "may not import collector.decoding.decode",
        ),
        ("simulator/town/town.py", "from collector import decoding", "may not import collector.decoding"),
        ("simulator/town/town.py", "from collector.wire_old import x", "may not import collector.wire_old"),
        (
            "service/container.py",
            "def f() -> None:\n    '''Do.'''\n    import dashboard.app",
            "may not import dashboard",
        ),
        ("service/container.py", "import requests", "may not import requests"),
        (
            "dashboard/app.py",
            "from stores.journal.journal import Journal",
            "dashboard may not import stores.journal.journal",
        ),
        ("dashboard/app.py", "def wall() -> None: ...", "wall has no docstring"),
        ("dashboard/app.py", "class Wall:\n    '''A wall.'''\n    def draw(self) -> None: ...", "Wall.draw has no"),
        ("service/utils.py", "", "says nothing"),
        (
            "alerts/rules/series.py",
            "from alerts.verdicts.engine import VerdictEngine",
            "may not import alerts/verdicts",
        ),
        ("alerts/odds/ends.py", "", "has no line in FOLDERS"),
    ],
)
def test_a_broken_rule_is_found(inside: str, line: str, complaint: str) -> None:
    faults = faults_of_source(f'"""A module."""\n{line}\n', Path(inside))
    assert any(complaint in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("inside", "line"),
    [
        ("grid/electrical.py", "import math\nimport numpy as np\nfrom grid.fleet import Fleet"),
        (
            "simulator/town/town.py",
            "from collector.wire.format import encode_reading\nfrom collector.mqtt import broker_address",
        ),
        ("service/clock.py", "import time\nNOW = time.time_ns()"),
        ("collector/mqtt/subscriber.py", "import time\nSTART = time.monotonic()\nimport paho.mqtt.client as mqtt"),
    ],
)
def test_what_the_house_allows_is_not_a_fault(inside: str, line: str) -> None:
    assert faults_of_source(f'"""A module."""\n{line}\n', Path(inside)) == []


def test_a_module_without_docstring_is_found() -> None:
    assert faults_of_source("X = 1\n", Path("grid/x.py")) == ["grid/x.py:1: the module has no docstring"]


def test_every_library_that_is_imported_is_declared_and_every_declared_one_has_its_rooms() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *extras["demo"], *extras["postgresql"]]
    names = [re.split(r"[\[<>=~! ]", requirement)[0] for requirement in required]
    declared = {_MODULE_OF_DISTRIBUTION.get(name, name) for name in names} - _NEVER_IMPORTED
    assert declared == {library for library in OUTSIDE if _COMES_WITH.get(library) not in declared}


def test_no_file_of_the_dashboard_hides_a_package() -> None:
    """`streamlit run` puts the script's folder first on the path."""
    taken = {*ROOMS, "tests", "bench", *OUTSIDE, *sys.stdlib_module_names}
    names = [path.stem for path in (ROOT / "dashboard").iterdir()]
    assert not taken.intersection(names)
    assert not set(ROOMS).intersection(path.stem for path in (ROOT / "dashboard").rglob("*"))


@pytest.mark.parametrize("room", FOLDERS)
def test_no_folders_of_a_room_import_each_other_in_a_circle(room: str) -> None:
    open_folders = dict(FOLDERS[room])
    while open_folders:
        free = [folder for folder, uses in open_folders.items() if not set(uses) & set(open_folders)]
        assert free, f"a circle among {sorted(open_folders)}"
        for folder in free:
            del open_folders[folder]
