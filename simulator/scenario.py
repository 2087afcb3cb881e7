"""What a scenario file says: day, weather, customers' habits, people's characters. Read strictly, every key checked.

The town's customers come from ledger sheets (merchants and their appliances); a scenario says how such
customers behave, and adds those whom no ledger names (homes, offices) as blocks.
"""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from grid.errors import SettingsError
from grid.moments import MINUTE_US, moment_us
from simulator.day import DAY_MINUTES, DayCurve
from simulator.scenario_parts import (
    Block,
    Category,
    CoolingPart,
    Part,
    PeoplePart,
    Street,
    SupplyPart,
    Use,
    VisitPart,
    WeatherPart,
    Words,
)

SCENARIOS_FOLDER = Path(__file__).parent / "scenarios"
LEDGERS_FOLDER = Path(__file__).parent / "ledgers"


class Scenario(Part, frozen=True):
    """One scenario file."""

    name: str
    title: Words
    ledger: str
    """Folder of ledger sheets under `simulator/ledgers`."""
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    starts_at: datetime
    ends_at: datetime
    settles_from: datetime
    """Rooms and oil are computed from here on, so that they are warm when the readings start."""
    weather: WeatherPart
    people: PeoplePart
    visit: VisitPart
    use: tuple[Use, ...]
    category: tuple[Category, ...]
    block: tuple[Block, ...] = ()
    street: tuple[Street, ...] = ()
    cooling: CoolingPart = CoolingPart()
    supply: SupplyPart = SupplyPart()
    interval_minutes: Annotated[int, Meta(ge=1, le=60)] = 1

    @property
    def starts_at_us(self) -> int:
        """Return when readings start [µs]."""
        return moment_us(self.starts_at)

    @property
    def ends_at_us(self) -> int:
        """Return when readings end [µs]; the last reading is of this moment."""
        return moment_us(self.ends_at)

    @property
    def settles_from_us(self) -> int:
        """Return where the computation starts [µs]."""
        return moment_us(self.settles_from)

    @property
    def midnight_us(self) -> int:
        """Return the local midnight before the start [µs]."""
        midnight = self.starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return moment_us(midnight)

    @property
    def utc_offset_hours(self) -> float:
        """Return the offset of the scenario's own clock from UTC [h]."""
        offset = self.starts_at.utcoffset()
        return offset.total_seconds() / 3600.0 if offset is not None else 0.0

    @property
    def ledger_folder(self) -> Path:
        """Return the folder of the ledger sheets that this scenario was written for."""
        return LEDGERS_FOLDER / self.ledger

    def minute(self, moment: int) -> float:
        """Return the minute of the local day of a moment [µs]; the day before is taken to be like the day."""
        return (moment - self.midnight_us) / MINUTE_US % DAY_MINUTES


def built_in_names() -> tuple[str, ...]:
    """Return the names of the scenarios that are shipped."""
    return tuple(sorted(file.stem for file in SCENARIOS_FOLDER.glob("*.toml")))


def load_scenario(name_or_file: str | Path) -> Scenario:
    """Read a shipped scenario by name or a scenario file by path. Raises SettingsError: where, key, remedy."""
    file = SCENARIOS_FOLDER / f"{name_or_file}.toml"
    if str(name_or_file) not in built_in_names():
        file = Path(name_or_file)
        if not file.is_file():
            raise SettingsError(
                f"there is no scenario {name_or_file}",
                where="scenario",
                remedy=f"name a file, or one of {', '.join(built_in_names())}",
            )
    try:
        return parse_scenario(file.read_text(encoding="utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot be read: {error}", where=str(file), remedy="name a UTF-8 file") from error


def parse_scenario(text: str, where: str) -> Scenario:
    """Read a scenario from TOML text. Raises SettingsError naming `where`, the key and what is wrong with it."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not TOML: {error}", where=where, remedy="mend the syntax there") from error
    try:
        scenario = msgspec.convert(table, Scenario)
        _check(scenario)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(
            _in_words(str(error)), where=where, remedy="docs/simulator.md explains every key"
        ) from error
    return scenario


def _in_words(fault: str) -> str:
    """Return what msgspec found, the key first, without its regular expression (only clock times have one)."""
    problem, at, key = fault.partition(" - at `$.")
    problem = re.sub(r"`str` matching regex .*", "a clock time such as 09:30", problem)
    return f"key `{key}: {problem[0].lower()}{problem[1:]}" if at else problem


def _check(scenario: Scenario) -> None:
    """Raise ValueError for what the types alone do not show."""
    moments = {"starts_at": scenario.starts_at, "ends_at": scenario.ends_at, "settles_from": scenario.settles_from}
    for key, moment in moments.items():
        if moment.tzinfo is None:
            raise ValueError(f"key `{key}` has no UTC offset; write 2021-07-24T09:30:00+08:00")
    if not scenario.settles_from <= scenario.starts_at < scenario.ends_at:
        raise ValueError("settles_from, starts_at and ends_at must follow each other")
    known = {use.name for use in scenario.use}
    for category in scenario.category:
        unknown = {part.use for part in category.uses} - known
        if unknown:
            raise ValueError(f"category {category.name} names the unknown use {sorted(unknown)[0]}")
    if not any(character.category == "*" for character in scenario.people.character):
        raise ValueError('key `people.character` lacks category = "*", which is everybody else')
    points = [scenario.weather.temperature_c, scenario.weather.clearness, scenario.visit.length]
    points += [use.share for use in scenario.use] + [c.gains_w_per_m2 for c in scenario.category]
    points += [curve for block in scenario.block for curve in (block.present, block.draw_kw)]
    for curve in points:
        DayCurve.of(curve)
