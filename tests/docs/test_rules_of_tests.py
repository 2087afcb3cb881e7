"""The tests keep rules of their own: they wait in one place, and patch nothing private."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
WAITING = TESTS / "support" / "waiting.py"


def sleeps(source: str) -> list[int]:
    """Return the lines that call or import `sleep`."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="time"), attr="sleep"):
                lines.append(node.lineno)
            case ast.ImportFrom(module="time", names=names) if any(name.name == "sleep" for name in names):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("source", ["import time\ntime.sleep(1)\n", "from time import sleep\n"])
def test_a_bare_sleep_is_found(source: str) -> None:
    assert sleeps(source)


def test_tests_wait_in_one_place() -> None:
    found = [
        f"{path.relative_to(TESTS)}:{line}"
        for path in sorted(TESTS.rglob("*.py"))
        if path != WAITING
        for line in sleeps(path.read_text(encoding="utf-8"))
    ]
    assert not found, f"use wait_until or pause of tests/support/waiting.py: {found}"
