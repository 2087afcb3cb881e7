"""Names are the words of docs/nomenclature.md: what it retires stands in no name of ours."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from service.metrics.metrics import Metrics
from service.settings.settings import Settings
from tests.support.layers import ROOMS

ROOT = Path(__file__).resolve().parents[2]
NOMENCLATURE = ROOT / "docs" / "nomenclature.md"
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_REAL_HOUSES = Path("simulator")
"""Below this folder people live in houses."""


def retired_words() -> set[str]:
    """Return the left column of the table of words that are not used."""
    table = NOMENCLATURE.read_text(encoding="utf-8").partition("### Words that are not used")[2]
    return set(re.findall(r"^\| ([a-z]+) \|", table, re.M)) - {"not"}


def parts(name: str) -> set[str]:
    """Return the words that a name is made of, in the singular: `RowGroups` gives row, group."""
    found = {part.lower() for part in _PART.findall(name)}
    return found | {part.removesuffix("s") for part in found}


def names_of(path: Path) -> Iterator[str]:
    """Yield the names of a file, of its classes and of its public functions."""
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node.name


def test_the_table_of_words_is_read() -> None:
    assert {"house", "moment", "ballast"} <= retired_words()
    assert parts("BallastFiles") >= {"ballast", "file"}


def test_no_name_holds_a_word_that_is_not_used() -> None:
    retired = retired_words()
    found = []
    for path in sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py")):
        allowed = {"house"} if path.relative_to(ROOT).is_relative_to(_REAL_HOUSES) else set()
        found += [f"{path.relative_to(ROOT)}: {name}" for name in names_of(path) if parts(name) & (retired - allowed)]
    assert not found, "see docs/nomenclature.md: " + ", ".join(found)


def test_no_setting_holds_a_word_that_is_not_used() -> None:
    retired = retired_words()
    keys = [
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        for key in getattr(field.annotation, "model_fields", {})
    ]
    assert len(keys) > 30
    assert [key for key in keys if parts(key) & retired] == []


def test_no_metric_holds_a_word_that_is_not_used() -> None:
    names = [metric.name for metric in Metrics().registry.collect()]
    assert len(names) > 10
    assert [name for name in names if parts(name) & retired_words()] == []
