"""`simulate` and `replay`: devices that are simulated or recorded, publishing to the real broker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from grid.errors import UsageError
from service.commands.options import Config, Speak, opened


def simulate(config: Config = None, language: Speak = None) -> None:
    """模拟 · Simulated devices, weather, merchants and team, publishing to the broker; until Ctrl-C."""
    with opened(config, language):
        raise UsageError("not here yet")


def replay(
    readings: Annotated[Path, typer.Argument(metavar="READINGS.csv", help="Recorded readings.")],
    speed: Annotated[str, typer.Option("--speed", metavar="N|max", help="How many times as fast, or max.")] = "1",
    config: Config = None,
    language: Speak = None,
) -> None:
    """回放 · Publish recorded readings as devices would."""
    with opened(config, language):
        if not readings.is_file():
            raise UsageError("there is no such file", where=str(readings), remedy="name a CSV file of readings")
        raise UsageError("not here yet")
