"""The recorded days are what their script makes, so that nobody edits one by hand and loses how it came about."""

from __future__ import annotations

import runpy
from pathlib import Path

DAYS = Path(__file__).parents[1] / "cases" / "days"


def test_the_recorded_days_are_what_their_script_makes(tmp_path: Path) -> None:
    runpy.run_path(str(DAYS / "make_days.py"))["write_days"](tmp_path)
    for day in ("clean", "dirty"):
        made = (tmp_path / day / "readings.csv").read_bytes()
        assert made == (DAYS / day / "readings.csv").read_bytes(), f"run {DAYS / 'make_days.py'}"
