"""How fast the simulated town runs beside the least that any town must do, in one run on one machine.

    python -m bench.simulator_study.speed [--seconds S] [--profile]

A case is a town: the three transformers of the 24 July day, and the heat-wave town with more and more of them. The bare
step draws one random number for each appliance, moves each room by one exponential and adds all up by phase: no
thermostats, no people, no sun. Each case has a process of its own, so that its memory is its own.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import os
import platform
import pstats
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import msgspec
import numpy as np

from bench.process import memory_mb, memory_now_mb
from grid.fleet import Fleet
from grid.timestamps import MINUTE_US
from service.demo.scenario_day import scenario_ledger
from simulator.scenario.scenario import Scenario, load_scenario
from simulator.town.census_generator import townsfolk
from simulator.town.town import Town

REPEATS = 3
STEPS = 10
"""Minutes computed between two looks at the watch, which counts processor time: the machine may be shared."""
TOWN_SIZES = (50, 500)
SHOWN_FUNCTIONS = 14


@dataclass(frozen=True)
class Measured:
    """One town."""

    transformers: int
    customers: int
    built_seconds: float
    step_seconds: tuple[float, ...]
    """Of one simulated minute, one value a repeat."""
    bare_seconds: tuple[float, ...]
    memory_mb: float
    """Held above an interpreter with everything imported, at the most."""


def the_town(transformers: int) -> Scenario:
    """Return the heat-wave scenario with so many drawn areas; 0 is the 24 July day."""
    if transformers == 0:
        return load_scenario("yx06-24-july")
    scenario = load_scenario("town-heat-wave")
    assert scenario.census is not None and scenario.census.many is not None
    many = msgspec.structs.replace(scenario.census.many, count=transformers)
    census = msgspec.structs.replace(scenario.census, many=many)
    return msgspec.structs.replace(scenario, census=census, expected=None)


def measure(transformers: int, seconds: float) -> Measured:
    """Measure one town, each repeat about `seconds` long."""
    before_mb, scenario = memory_now_mb(os.getpid()), the_town(transformers)
    ledger = scenario_ledger(scenario)
    began = time.process_time()
    town = Town.of(ledger, scenario)
    built_seconds = time.process_time() - began
    town.advance_to(scenario.starts_at_us)

    def step() -> int:
        from_us = town.now_us
        town.advance_to(from_us + STEPS * MINUTE_US)
        return (town.now_us - from_us) // MINUTE_US

    stepped = [_seconds_of(step, seconds) for _ in range(REPEATS)]
    held_mb = memory_mb(os.getpid()) - before_mb
    folk = townsfolk(ledger, scenario, scenario.seed, town.fleet)
    bare = bare_step(scenario, town.fleet)
    bared = [_seconds_of(bare, seconds / 4) for _ in range(REPEATS)]
    return Measured(
        len(town.fleet),
        len(folk.customers),
        built_seconds,
        tuple(taken for taken in stepped if taken > 0.0),
        tuple(bared),
        held_mb,
    )


def bare_step(scenario: Scenario, fleet: Fleet) -> Callable[[], int]:
    """Return the least: a draw per appliance, an exponential per room, sums by phase, `STEPS` times."""
    folk = townsfolk(scenario_ledger(scenario), scenario, scenario.seed, fleet)
    customers, draws, units = folk.customers, folk.draws, folk.units
    chance, count = np.random.default_rng(1), len(customers)
    cell = (customers.transformer[:, None] * 3 + np.arange(3)).ravel()
    room_c = np.full(count, 30.0)

    def step() -> int:
        nonlocal room_c
        for _ in range(STEPS):
            drawn = draws.rated_kw * np.abs(chance.standard_normal(len(draws.customer)))
            kw = np.bincount(draws.customer, weights=drawn, minlength=count)
            kw += np.bincount(units.customer, weights=units.rated_kw, minlength=count)
            room_c = 36.0 + (room_c - 36.0) * np.exp(-customers.loss_kw_per_k / customers.mass_kwh_per_k / 60.0)
            np.bincount(cell, weights=(kw[:, None] * customers.phase_share).ravel(), minlength=3 * len(fleet))
        return STEPS

    return step


def _seconds_of(run: Callable[[], int], seconds: float) -> float:
    """Return how long one simulated minute takes; 0 when the day is over. `run` returns the minutes it computed."""
    began, minutes, more = time.process_time(), 0, 1
    while more and time.process_time() - began < seconds:
        more = run()
        minutes += more
    return (time.process_time() - began) / minutes if minutes else 0.0


def line_of(case: Measured) -> str:
    """Return one case as a line of the table."""
    step, bare = statistics.median(case.step_seconds), statistics.median(case.bare_seconds)
    spread = (max(case.step_seconds) - min(case.step_seconds)) / step
    return (
        f"{case.transformers:>12,} {case.customers:>10,} {1e3 * step:>9.2f} {1e3 * bare:>9.3f} {bare / step:>8.3f}"
        f" {case.transformers / step:>16,.0f} {1e6 * step / case.customers:>12.2f} {60.0 / step:>10,.0f}"
        f" {case.built_seconds:>8.1f} {case.memory_mb:>8.0f} {spread:>7.0%}"
    )


def profile(transformers: int) -> str:
    """Return where a simulated hour's time goes."""
    scenario = the_town(transformers)
    town = Town.of(scenario_ledger(scenario), scenario)
    town.advance_to(scenario.starts_at_us)
    watch = cProfile.Profile()
    watch.runcall(town.advance_to, town.now_us + 60 * MINUTE_US)
    text = io.StringIO()
    pstats.Stats(watch, stream=text).strip_dirs().sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)
    return text.getvalue()


def main() -> None:
    """Print the figures."""
    words = argparse.ArgumentParser(prog="python -m bench.simulator_study.speed")
    words.add_argument("--seconds", type=float, default=2.0, help="of processor time, each repeat")
    words.add_argument(
        "--sizes", type=int, nargs="*", default=[0, *TOWN_SIZES], help="drawn areas; 0 is the 24 July day"
    )
    words.add_argument("--profile", type=int, metavar="SIZE", help="show where the time goes, and measure nothing")
    options = words.parse_args()
    if options.profile is not None:
        print(profile(options.profile))
        return
    print(f"simulated town: Python {platform.python_version()}, numpy {np.__version__}, {REPEATS} repeats, median")
    print(f"{'transformers':>12} {'customers':>10} {'ms/min':>9} {'bare ms':>9} {'of bare':>8} {'transf.-min/s':>16}"
          f" {'µs/customer':>12} {'× clock':>10} {'built s':>8} {'MB':>8} {'spread':>7}")  # fmt: skip
    for size in options.sizes:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as own:
            print(line_of(own.submit(measure, size, options.seconds).result()), flush=True)


if __name__ == "__main__":
    main()
