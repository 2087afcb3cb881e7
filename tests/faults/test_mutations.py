"""Each promise notices small faults put into the product's text: `mutations.py` says which, and by which test.

The long form runs every mutation in a copy of the source; the short form holds that each still has a place there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.mutations import MUTATIONS, Mutation

ROOT = Path(__file__).resolve().parents[2]
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "images", "data")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"({mutation.promise}) {mutation.name}")
def test_every_mutation_has_its_one_place_and_its_test(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    assert text.count(mutation.before) == 1, f"{mutation.file} holds it {text.count(mutation.before)} times"
    assert mutation.after != mutation.before
    assert (ROOT / mutation.test.split("::")[0]).is_file()


def test_every_promise_of_the_collector_has_mutations() -> None:
    assert {mutation.promise for mutation in MUTATIONS} >= set("abcdefg")


@pytest.mark.soak
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: f"({mutation.promise}) {mutation.name}")
def test_a_mutation_is_noticed(mutation: Mutation, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(ROOT, tree, ignore=_NOT_COPIED)
    file = tree / mutation.file
    file.write_text(file.read_text(encoding="utf-8").replace(mutation.before, mutation.after), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", mutation.test]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 1, f"survived, or could not be tried:\n{done.stdout[-2000:]}{done.stderr[-1000:]}"
