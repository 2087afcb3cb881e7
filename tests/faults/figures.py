"""The figures of a run: each fault test tells one, and the run ends with all of them in one table."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from importlib.metadata import version
from typing import Any

from tests.support.tools import tool

FIGURE = "fault figure"
"""Name of the property under which a test's report carries its figure, also from another process."""


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print one line for each figure, and what it was measured on."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.stats.get(outcome, [])]
    lines = sorted({value for r in reports for name, value in getattr(r, "user_properties", ()) if name == FIGURE})
    if not lines:
        return
    terminalreporter.section("faults")
    terminalreporter.write_line(
        f"redvest {version('redvest')}, python {platform.python_version()}, sqlite {sqlite3.sqlite_version}, "
        f"paho {version('paho-mqtt')}, {_mosquitto_version()}, {os.cpu_count()} cores"
    )
    for line in lines:
        terminalreporter.write_line(line)


def _mosquitto_version() -> str:
    shown = subprocess.run([tool("mosquitto"), "-h"], capture_output=True, text=True, check=False).stdout
    return shown.splitlines()[0] if shown else "mosquitto ?"
