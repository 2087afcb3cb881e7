"""Errors are told to people: what, where and how to mend it, in Chinese and in English."""

from __future__ import annotations

import ast
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from grid.errors import RedvestError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text

ROOT = Path(__file__).parents[2]
ROOMS = ("grid", "alerts", "collector", "stores", "simulator", "service", "dashboard", "web")


def trees() -> dict[Path, ast.Module]:
    """Return the syntax of every module of the product."""
    files = (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py")))
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}


def kinds_of_error(modules: dict[Path, ast.Module]) -> set[str]:
    """Return the names of the error tree, those of single modules too."""
    classes = [node for tree in modules.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found = {RedvestError.__name__}
    while True:
        more = {c.name for c in classes if any(isinstance(b, ast.Name) and b.id in found for b in c.bases)} - found
        if not more:
            return found
        found |= more


def one_language_only(modules: dict[Path, ast.Module]) -> Iterator[str]:
    """Yield where an error is given words in one language: a bare string for what is wrong or how to mend it."""
    kinds = kinds_of_error(modules)
    for file, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in kinds:
                said = [*node.args[:1], *(k.value for k in node.keywords if k.arg in ("what", "remedy"))]
                for words in said:
                    if isinstance(words, ast.Constant | ast.JoinedStr):
                        yield f"{file.name}:{words.lineno}"


def untranslated(modules: dict[Path, ast.Module]) -> Iterator[str]:
    """Yield texts whose Chinese is the English, letters and all, where both were written out."""
    for file, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
                written = [ast.unparse(argument) for argument in node.args]
                if len(written) == 2 and written[0] == written[1] and re.search(r"[a-z]{3,} [a-z]{3,}", written[0]):
                    yield f"{file.name}:{node.lineno}"


def test_every_error_says_what_and_how_to_mend_it_in_both_languages() -> None:
    modules = trees()
    assert len(modules) > 200
    assert list(one_language_only(modules)) == []
    assert list(untranslated(modules)) == []


def test_an_error_in_one_language_would_be_found() -> None:
    of_old = ast.parse('class Own(RedvestError): ...\nraise Own("it is gone", where=x, remedy=f"look {there}")')
    assert list(one_language_only({Path("old.py"): of_old})) == ["old.py:2", "old.py:2"]
    assert list(untranslated({Path("old.py"): ast.parse('Text("the file is gone", "the file is gone")')})) == [
        "old.py:1"
    ]


def test_an_error_is_one_line_in_either_language_and_english_in_a_log() -> None:
    error = StoreError(
        Text("已损坏", "is damaged"), where="/data/records", remedy=Text("请恢复备份", "restore a backup")
    )
    assert error.line == Text("/data/records：已损坏；请恢复备份", "/data/records: is damaged; restore a backup")
    assert str(error) == error.line.en
    bare = StoreError(Text("已损坏", "is damaged"), where=Text("消息服务器 b:1883", "broker b:1883"))
    assert bare.line == Text("消息服务器 b:1883：已损坏", "broker b:1883: is damaged")


@pytest.mark.parametrize("code", [errno.EACCES, errno.ENOSPC, errno.ECONNREFUSED, errno.EADDRINUSE, errno.ENOENT])
def test_what_the_system_refuses_has_a_chinese_reason(code: int) -> None:
    reason = os_reason(OSError(code, os.strerror(code)))
    assert re.search("[\u4e00-\u9fff]", reason.zh)
    assert reason.en == os.strerror(code)


def test_what_the_system_says_in_its_own_words_is_kept() -> None:
    assert os_reason(OSError("a driver's own words")) == Text("a driver's own words", "a driver's own words")
    assert os_reason(TimeoutError()).zh == "超时"
