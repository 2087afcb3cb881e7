"""What the documents say is true: links lead somewhere, commands exist, the recorded day runs as written."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import typer

from alerts.model import display_names
from alerts.model.episodes import Ending
from alerts.model.incidents import IncidentState
from alerts.model.outreach_model import AdviceKind, VisitResult
from grid import assets
from grid.text import Text
from service.cli.main import app
from service.rulebook import choose_rule_sets, read_rule_sets
from tests.support.tools import tool

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("*/**/*.md")]
    if not path.relative_to(ROOT).parts[0].startswith(".")
)
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DECISION_LINES_MAX = 45

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SHELL_BLOCK = re.compile(r"(?:^<!-- runnable: (?P<name>[^>]+?) -->\n)?^```sh\n(?P<lines>.*?)^```", re.M | re.S)
_SPOKEN_COMMAND = re.compile(r"`redvest ([a-z]+)(?: ([a-z]+)\b)?")


def named(path: Path) -> str:
    """Return a document's path below the root, to name its test."""
    return str(path.relative_to(ROOT))


def shell_lines(path: Path) -> list[list[str]]:
    """Return the words of every line in a document's shell blocks, without what is behind # or a bare &."""
    text = path.read_text(encoding="utf-8")
    lines = [line for block in _SHELL_BLOCK.finditer(text) for line in block["lines"].splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[:-1] if line[-1] == "&" else line for line in words if line]


def command_of(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words call, and what is left of them. Raises AssertionError for an unknown one."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"there is no command {' '.join(words)!r}"
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    links = [link.partition("#")[0] for link in _LINK.findall(document.read_text(encoding="utf-8"))]
    inner = [link for link in links if link and not link.startswith(("http://", "https://"))]
    missing = [link for link in inner if not (document.parent / link).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_in_shell_blocks_can_be_called_like_that(document: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for words in shell_lines(document):
        match words:
            case ["make", *rest]:
                assert all(word in targets for word in rest if "=" not in word), words
            case ["redvest", *rest]:
                command, arguments = command_of(rest)
                command.make_context(" ".join(words), arguments)


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_commands_in_sentences_exist(document: Path) -> None:
    groups = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for first, second in _SPOKEN_COMMAND.findall(document.read_text(encoding="utf-8")):
        assert first in groups
        if second and hasattr(groups[first], "commands"):
            assert second in groups[first].commands


@pytest.mark.parametrize("unit", sorted((ROOT / "deploy").glob("*.service")), ids=named)
def test_services_start_commands_that_exist(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.+)$", unit.read_text(encoding="utf-8"), re.M)
    program, *words = shlex.split(line)
    assert program.endswith("/.venv/bin/redvest")
    command, arguments = command_of(words)
    command.make_context(line, arguments)


def test_every_command_is_told_of() -> None:
    told = "\n".join(document.read_text(encoding="utf-8") for document in DOCUMENTS)
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    silent = [name for name in commands if not re.search(rf"\bredvest {name}\b|`{name}`", told)]
    assert not silent


def test_the_recorded_day_of_the_first_document_runs_as_written(tmp_path: Path, free_port: Callable[[], int]) -> None:
    tool("mosquitto")
    document = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    block = next(b["lines"] for b in _SHELL_BLOCK.finditer(document) if b["name"] == "recorded day")
    port = free_port()
    script = block.replace("-p 1883", f"-p {port}")
    assert script != block
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    done, output = run_script(
        script, tmp_path, {"REDVEST_BROKER__PORT": str(port), "REDVEST_COLLECTOR__HEALTH_PORT": "0"}
    )
    assert done == 0, output
    assert "JY01-20210720T0223Z-5d97c9" in output, output


def run_script(script: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Run a shell script that stops at its first error, end whatever it leaves behind, return code and output."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("REDVEST_")}
    path = f"{os.environ['PATH']}:/usr/sbin"
    with (folder / "output.txt").open("w+", encoding="utf-8") as output:
        shell = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=folder,
            env={**inherited, "PATH": path, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = shell.wait(160)
        finally:
            with contextlib.suppress(ProcessLookupError):  # nothing was left
                os.killpg(shell.pid, signal.SIGKILL)
        output.seek(0)
        return code, output.read()


@pytest.mark.parametrize("decision", DECISIONS, ids=named)
def test_a_decision_says_what_why_and_what_was_turned_down(decision: Path) -> None:
    text = decision.read_text(encoding="utf-8")
    number = decision.name[:3]
    assert re.fullmatch(r"\d{3}-[a-z0-9-]+\.md", decision.name)
    assert text.startswith(f"# {number} ")
    assert re.findall(r"^## (.+)$", text, re.M) == ["What", "Why", "Turned down"]
    assert len(text.splitlines()) <= DECISION_LINES_MAX


def test_decisions_are_numbered_without_holes() -> None:
    assert [int(decision.name[:3]) for decision in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize(
    ("sheet", "kind"),
    [
        ("stations", assets.Station),
        ("grids", assets.ServiceGrid),
        ("transformers", assets.Transformer),
        ("people", assets.Person),
        ("merchants", assets.Merchant),
        ("appliances", assets.Appliance),
    ],
)
def test_the_ledger_document_names_every_column(sheet: str, kind: type) -> None:
    text = (ROOT / "docs" / "ledger.md").read_text(encoding="utf-8")
    section = text.partition(f"## {sheet}.csv\n")[2].partition("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")][1:]
    columns = [name.strip("* ") for cell in cells for name in cell.split(",")]
    assert columns == [field.name for field in fields(kind)]


@pytest.mark.parametrize(
    ("kind", "name_of"),
    [
        (IncidentState, display_names.state_name),
        (VisitResult, display_names.visit_result_name),
        (AdviceKind, display_names.advice_name),
        (Ending, display_names.ending_name),
    ],
)
def test_the_nomenclature_calls_things_as_the_screen_does(kind: type[Enum], name_of: Callable[[Any], Text]) -> None:
    text = (ROOT / "docs" / "nomenclature.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[2:5]] for line in text.splitlines() if line.startswith("| ")]
    for member in kind:
        spoken = name_of(member)
        row = next((row for row in rows if row[0] == f"`{member.value}`" and row[2] == spoken.zh), None)
        assert row is not None, f"{member} is not there as {spoken.zh}"
        assert row[1].startswith(spoken.en)


def test_the_nomenclature_names_every_level_of_early_warning() -> None:
    text = (ROOT / "docs" / "nomenclature.md").read_text(encoding="utf-8")
    section = text.partition("## Levels")[2].partition("## ")[0]
    (early_warning,) = choose_rule_sets(["early-warning"], read_rule_sets())
    for level in early_warning.levels:
        assert f"`{level.name}`" in section
        assert display_names.level_name(level.name).zh in section


def test_the_document_of_verdicts_names_every_rule_set_that_is_shipped() -> None:
    text = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
    assert {rule_set.cited for rule_set in read_rule_sets()} == set(re.findall(r"^\| `([a-z-]+@\d+)`", text, re.M))


def test_every_promise_is_made_in_one_place_and_the_readme_leads_there() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    promises = re.findall(r"^- \(([a-z])\) .+$", page, re.M)
    assert promises == sorted(set(promises)) and len(promises) >= 7
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(docs/reliability.md)" in readme
    assert not re.search(r"^- \([a-z]\) ", readme, re.M)
