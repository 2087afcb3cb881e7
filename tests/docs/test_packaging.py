"""What a fresh machine installs: locked by hash, no addresses, and the same list wherever it is written."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.support.tools import INSTALL_LINE

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")
_PINNED = re.compile(r"([a-z0-9][a-z0-9._-]*)==(\S+)")


def pinned(lock: str) -> dict[str, set[str]]:
    """Return the locked versions of each library; there may be several, for different Pythons."""
    found: dict[str, set[str]] = {}
    for name, version in _PINNED.findall((ROOT / lock).read_text(encoding="utf-8")):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_versions_and_hashes_and_nothing_of_the_machine_that_made_it(lock: str) -> None:
    """Options, addresses, paths and remarks would all be lines of another form."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    requirement = r"[a-z0-9][a-z0-9._-]*==[0-9][\w.+!-]*(?: ; [^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
    assert re.fullmatch(rf"(?:{requirement})+", text)
    assert "/" not in text


def test_every_library_that_the_project_names_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    runtime = [*project["project"]["dependencies"], *extras["demo"], *project["build-system"]["requires"]]
    for lock, requirements in (("requirements.lock", runtime), ("requirements-dev.lock", [*runtime, *extras["dev"]])):
        names = {re.split(r"[\[<>=~! ]", requirement)[0].lower() for requirement in requirements}
        assert names <= set(pinned(lock)), lock


def test_tests_run_on_the_versions_that_people_install() -> None:
    runtime, dev = (pinned(lock) for lock in LOCKS)
    assert {name: dev.get(name) for name in runtime} == runtime


def test_the_line_that_failing_tests_give_installs_what_make_test_installs() -> None:
    script = (ROOT / "deploy" / "test-programs").read_text(encoding="utf-8")
    installed = set(re.findall(r"^  \S+:([a-z-]+)$|programs\+=\(chromium:([a-z]+)\)", script, re.M))
    packages = {name for pair in installed for name in pair if name}
    assert set(INSTALL_LINE.rpartition("--no-install-recommends ")[2].split()) == packages


def test_the_lock_of_the_benchmarks_peers_pins_by_hash_and_names_no_address() -> None:
    text = (ROOT / "bench" / "ingest" / "peers" / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    assert all("integrity" in package for name, package in packages.items() if name)
    assert "://" not in text
