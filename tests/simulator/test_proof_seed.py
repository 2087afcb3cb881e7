"""The same seed gives the same bytes: in another process, and on any way through the day; another seed gives others."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grid.assets import Ledger
from grid.readings import ReadingBatch
from grid.timestamps import MINUTE_US
from simulator.scenario.scenario import load_scenario
from simulator.town.people import Measures
from simulator.town.town import Town
from stores.ledger_files import read_ledger

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = load_scenario("yx06-24-july")
SHORT = msgspec.structs.replace(
    SCENARIO,
    settles_from=SCENARIO.starts_at - timedelta(minutes=30),
    ends_at=SCENARIO.starts_at + timedelta(minutes=90),
)
ANSWERS = (("YX06-M02", 2, 20), ("YX06-M07", 2, 33), ("YX06-M20", 1, 33), ("YX06-M31", 0, 71))
"""Merchant, units switched off, minute after the scenario's start."""
DRAWN = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@cache
def a_ledger() -> Ledger:
    found, faults = read_ledger(SCENARIO.ledger_folder)
    assert found is not None and not faults
    return found


def hash_of(readings: ReadingBatch) -> str:
    """Return SHA-256 of all bytes of all columns."""
    return sha256(b"".join(getattr(readings, name).tobytes() for name in readings.__dataclass_fields__)).hexdigest()


def hash_of_day(seed: int, cuts: tuple[int, ...] = (), told_before: int = 1440) -> str:
    """Return the hash of the short day with its answers, told `told_before` minutes ahead and cut at minutes."""
    town, pieces = Town.of(a_ledger(), SHORT, seed), []
    at = [(minute, merchant_id, Measures(units, 26.0, True)) for merchant_id, units, minute in ANSWERS]
    told = sorted((max(minute - told_before, -30), minute, merchant_id, what) for minute, merchant_id, what in at)
    for tell_at, minute, merchant_id, what in told:
        pieces += [town.advance_to(SHORT.starts_at_us + cut * MINUTE_US) for cut in cuts if cut < tell_at]
        pieces.append(town.advance_to(SHORT.starts_at_us + tell_at * MINUTE_US))
        town.apply_answer(merchant_id, what, SHORT.starts_at_us + minute * MINUTE_US)
    pieces += [town.advance_to(SHORT.starts_at_us + cut * MINUTE_US) for cut in cuts]
    return hash_of(ReadingBatch.concatenate([*pieces, town.advance_to(SHORT.ends_at_us)]))


@cache
def expected() -> str:
    return hash_of_day(24)


def test_two_processes_give_the_same_bytes() -> None:
    program = "from tests.simulator.test_proof_seed import hash_of_day; print(hash_of_day(24))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": chance, "TZ": zone, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout.strip()
        for chance, zone in (("1", "UTC"), ("2", "Asia/Shanghai"))
    ]
    assert printed == [expected(), expected()]


@DRAWN
@given(st.lists(st.integers(-30, 100), max_size=8).map(sorted).map(tuple), st.integers(0, 100))
def test_the_bytes_do_not_depend_on_how_the_day_is_cut_or_how_early_an_answer_is_told(
    cuts: tuple[int, ...], told_before: int
) -> None:
    assert hash_of_day(24, cuts, told_before) == expected()


@DRAWN
@given(st.integers(0, 2**63 - 1).filter(lambda seed: seed != 24))
def test_another_seed_gives_other_bytes(seed: int) -> None:
    assert hash_of_day(seed) != expected()


def test_an_answer_changes_the_bytes() -> None:
    town = Town.of(a_ledger(), SHORT, 24)
    assert hash_of(town.advance_to(SHORT.ends_at_us)) != expected()
