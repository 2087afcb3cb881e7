"""What a scenario file says: day, weather, customers' habits, people's characters. Read strictly, every key checked.

The town's customers come from ledger sheets (merchants and their appliances); a scenario says how such
customers behave, and adds those whom no ledger names (homes, offices) as blocks.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from grid.errors import SettingsError
from grid.text import Text
from grid.timestamps import MINUTE_US, timestamp_us
from simulator.scenario.census import CensusPart, ShopPart
from simulator.scenario.checks import check_scenario
from simulator.scenario.day import DAY_MINUTES
from simulator.scenario.equipment import (
    ChargingPart,
    HeatingPart,
    MachinesPart,
    OutagePart,
    OutdoorPart,
    RoofPart,
)
from simulator.scenario.expected import ExpectedPart
from simulator.scenario.file import fault_in_words, scenario_table, text_of_scenario
from simulator.scenario.parts import (
    Block,
    Category,
    CoolingPart,
    PeoplePart,
    Street,
    SupplyPart,
    Use,
    VisitPart,
    WeatherPart,
    Words,
)
from simulator.scenario.values import Part
from simulator.scenario.weather_file import read_weather

SCENARIOS_FOLDER = Path(__file__).parents[1] / "scenarios"
LEDGERS_FOLDER = Path(__file__).parents[1] / "ledgers"


class Scenario(Part, frozen=True):
    """One scenario file."""

    name: str
    title: Words
    sentence: Words
    """What happens, in one sentence."""
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
    ledger: str = ""
    """Folder of ledger sheets, beside the scenario file or under `simulator/ledgers`."""
    census: CensusPart | None = None
    """Instead of `ledger`: the sheets are made."""
    shop: tuple[ShopPart, ...] = ()
    block: tuple[Block, ...] = ()
    street: tuple[Street, ...] = ()
    cooling: CoolingPart = CoolingPart()
    supply: SupplyPart = SupplyPart()
    heating: HeatingPart = HeatingPart()
    charging: tuple[ChargingPart, ...] = ()
    roof: tuple[RoofPart, ...] = ()
    machines: tuple[MachinesPart, ...] = ()
    outdoor: tuple[OutdoorPart, ...] = ()
    outage: tuple[OutagePart, ...] = ()
    expected: ExpectedPart | None = None
    interval_minutes: Annotated[int, Meta(ge=1, le=60)] = 1

    @property
    def starts_at_us(self) -> int:
        """Return when readings start [µs]."""
        return timestamp_us(self.starts_at)

    @property
    def ends_at_us(self) -> int:
        """Return when readings end [µs]; the last reading is of this moment."""
        return timestamp_us(self.ends_at)

    @property
    def settles_from_us(self) -> int:
        """Return where the computation starts [µs]."""
        return timestamp_us(self.settles_from)

    @property
    def midnight_us(self) -> int:
        """Return the local midnight before the start [µs]."""
        midnight = self.starts_at.replace(hour=0, minute=0, second=0, microsecond=0)
        return timestamp_us(midnight)

    @property
    def utc_offset_hours(self) -> float:
        """Return the offset of the scenario's own clock from UTC [h]."""
        offset = self.starts_at.utcoffset()
        return offset.total_seconds() / 3600.0 if offset is not None else 0.0

    @property
    def ledger_folder(self) -> Path:
        """Return the folder of the ledger sheets that this scenario was written for."""
        return LEDGERS_FOLDER / self.ledger

    def minute(self, timestamp: int) -> float:
        """Return the minute of the local day of a moment [µs]; the day before is taken to be like the day."""
        return (timestamp - self.midnight_us) / MINUTE_US % DAY_MINUTES


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
                Text(f"没有场景 {name_or_file}", f"there is no scenario {name_or_file}"),
                where=Text("场景", "scenario"),
                remedy=Text(
                    f"请指定文件，或写 {'、'.join(built_in_names())} 之一",
                    f"name a file, or one of {', '.join(built_in_names())}",
                ),
            )
    return parse_scenario(text_of_scenario(file), str(file), file.parent)


def parse_scenario(text: str, where: str, folder: Path | None = None) -> Scenario:
    """Read a scenario from TOML text. Raises SettingsError naming `where`, the key and what is wrong with it.

    In `folder` stand the ledger sheets and weather that the text names.
    """
    table = scenario_table(text, where)
    try:
        scenario = _with_its_files(msgspec.convert(table, Scenario), folder or SCENARIOS_FOLDER)
        check_scenario(scenario)
    except (msgspec.ValidationError, ValueError) as error:
        raise SettingsError(
            fault_in_words(str(error), Scenario),
            where=where,
            remedy=Text("各键的说明见 docs/simulator.md", "docs/simulator.md explains every key"),
        ) from error
    return scenario


def _with_its_files(scenario: Scenario, folder: Path) -> Scenario:
    """Return a scenario with its weather file read and its ledger found beside it, where it is there."""
    if scenario.weather.file and scenario.starts_at.tzinfo is not None:
        weather = read_weather(folder / scenario.weather.file, scenario.weather, scenario.starts_at)
        scenario = msgspec.structs.replace(scenario, weather=weather)
    if scenario.ledger and (folder / scenario.ledger).is_dir():
        return msgspec.structs.replace(scenario, ledger=str((folder / scenario.ledger).resolve()))
    return scenario
