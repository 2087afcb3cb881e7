"""The shipped scenarios, each played once per test run and shared by the tests that look at it."""

from __future__ import annotations

from functools import cache

from service.demo.scenario_day import ScenarioDay, play_day, scenario_ledger
from simulator.scenario.scenario import built_in_names, load_scenario

PROMISING = [name for name in built_in_names() if load_scenario(name).expected is not None]
"""The scenarios that say what the rules must find."""


@cache
def day_of(name: str) -> ScenarioDay:
    """Return the day of a shipped scenario, with nobody asked for anything."""
    scenario = load_scenario(name)
    return play_day(scenario, scenario_ledger(scenario))
