"""The 24 July day in three runs: nobody asked, the team out at eleven as in the story, the team out after the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alerts.model.incidents import Incident
from grid.assets import Ledger
from grid.text import Text
from simulator.scenario.day import minute_of
from simulator.scenario.scenario import Scenario
from simulator.town.town import Town
from tests.support.product_in_memory import Day, play

STREET = "YX06"
CALLED = "10:50"
"""The incident opens at 10:44: six minutes to read the list and be at the first door."""
STORY = {"11:00": 95.33, "11:30": 89.06, "16:00": 75.42}
"""Load rates [%] that the story tells."""


@dataclass(frozen=True)
class Stories:
    """Three runs of one day, one value a minute."""

    NAMES: ClassVar = (
        Text("没有走访", "nobody is asked"),
        Text("11:00 出发（当年的做法）", "team out at 11:00, as it was"),
        Text(f"接到告警，{CALLED} 出发", f"team out at {CALLED}, on the call"),
    )
    scenario: Scenario
    runs: tuple[NDArray[np.float64], ...]
    """Load rates of the street."""
    active_kw: tuple[NDArray[np.float64], ...]
    oil_c: tuple[float, ...]
    """The hottest top oil of each run."""
    doors: tuple[int, ...]
    incidents: tuple[Incident, ...]

    def percent(self, run: int, clock: str) -> float:
        """Return the load rate [%] of a run at a clock time."""
        return 100.0 * float(self.runs[run][self.index(clock)])

    def peak(self, run: int) -> float:
        """Return the highest load rate [%] of a run."""
        return 100.0 * float(self.runs[run].max())

    def index(self, clock: str) -> int:
        """Return the minute of the runs at a clock time."""
        return minute_of(clock) - round(self.scenario.minute(self.scenario.starts_at_us))

    def kept_kwh(self, run: int) -> float:
        """Return what a run drew less than the day nobody was asked."""
        return float((self.active_kw[0] - self.active_kw[run]).sum()) / 60.0


def play_stories(scenario: Scenario, ledger: Ledger) -> Stories:
    """Play the three runs: the same town, the same seed."""
    early = msgspec.structs.replace(scenario, visit=msgspec.structs.replace(scenario.visit, starts_at=CALLED))
    days = [
        play(Town.of(ledger, scenario), ledger, with_team=False),
        play(Town.of(ledger, scenario), ledger),
        play(Town.of(ledger, early), ledger),
    ]
    number = days[0].town.fleet.number[STREET]

    def of_street(day: Day, column: str) -> NDArray[np.float64]:
        values: NDArray[np.float64] = getattr(day.readings, column)[day.readings.transformer == number]
        return values

    return Stories(
        scenario,
        tuple(day.of(STREET) for day in days),
        tuple(of_street(day, "active_power_kw") for day in days),
        tuple(float(of_street(day, "oil_temperature_c").max()) for day in days),
        tuple(len({visit.merchant_id for visit in day.product.visits}) for day in days),
        tuple(next(iter(day.product.incidents.values())) for day in days),
    )
