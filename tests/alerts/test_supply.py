"""No supply is no relief: a reading without voltage is a state of its own, whatever it says of the load."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model.episodes import Episode
from alerts.model.incidents import Incident, IncidentState
from alerts.rules.rule_set import IncidentPart, Level, Quantity, RuleSet
from alerts.rules.series import SortedRates
from alerts.verdicts.engine import VerdictEngine
from grid.electrical import Basis
from grid.readings import ReadingBatch
from grid.supply import Supply, supply_of
from tests.alerts.test_episodes import MINUTE, NOON, as_naive, minutes, rule_set_of, shipped
from tests.support import naive

NAN = math.nan
GONE, LIVE, UNSEEN, NOT_TOLD = Supply.GONE, Supply.LIVE, Supply.UNSEEN, Supply.NOT_TOLD


def supply_told(voltage: Sequence[float], load_rate: float, basis: Basis) -> Supply:
    """What one reading says of the supply."""
    reading = ReadingBatch.of(
        np.zeros(1, np.int32), np.array([NOON]), voltage_v=np.array([voltage]), active_power_kw=np.zeros(1)
    )
    return Supply(supply_of(reading, np.array([load_rate]), np.array([basis is Basis.VOLTAGE_AND_CURRENT]))[0])


@pytest.mark.parametrize(
    ("voltage", "load_rate", "basis", "said"),
    [
        ((0.0, 0.0, 0.0), 0.0, Basis.ACTIVE_AND_REACTIVE, GONE),
        ((0.0, 0.0, 0.0), 0.0, Basis.VOLTAGE_AND_CURRENT, GONE),
        ((0.0, 0.0, 0.0), 0.0, Basis.ACTIVE_ONLY, GONE),
        ((0.0, NAN, NAN), 0.0, Basis.ACTIVE_ONLY, GONE),
        ((0.4, 2.1, 1.7), 0.0002, Basis.ACTIVE_AND_REACTIVE, GONE),
        ((12.0, 31.0, 8.0), 0.04, Basis.VOLTAGE_AND_CURRENT, GONE),
        ((0.0, 0.0, 0.0), NAN, Basis.NONE, GONE),
        ((NAN, NAN, NAN), 0.0, Basis.ACTIVE_AND_REACTIVE, UNSEEN),
        ((NAN, NAN, NAN), 0.0, Basis.ACTIVE_ONLY, UNSEEN),
        ((NAN, NAN, NAN), 0.0001, Basis.ACTIVE_ONLY, NOT_TOLD),
        ((0.0, 0.0, 0.0), 0.95, Basis.ACTIVE_AND_REACTIVE, NOT_TOLD),
        ((231.0, 230.0, 229.0), 0.0, Basis.ACTIVE_AND_REACTIVE, LIVE),
        ((231.0, 230.0, 229.0), 0.0, Basis.VOLTAGE_AND_CURRENT, LIVE),
        ((0.0, 0.0, 229.0), 0.0, Basis.ACTIVE_AND_REACTIVE, LIVE),
        ((57.7, 57.6, 57.8), 0.0, Basis.ACTIVE_AND_REACTIVE, LIVE),
    ],
)
def test_a_reading_without_voltage_is_no_load_and_one_without_load_has_voltage(
    voltage: Any, load_rate: Any, basis: Any, said: Any
) -> None:
    assert supply_told(voltage, load_rate, basis) is said


def block(times: Sequence[int], rates: Sequence[float], supply: Sequence[Supply]) -> SortedRates:
    rate, code = np.array(rates, float), np.array(supply, np.int8)
    return SortedRates.of(np.zeros(len(rate), np.int32), np.array(times, np.int64), rate, rate * 1.2, code)


def judged(
    rules: Sequence[RuleSet],
    times: Sequence[int],
    rates: Sequence[float],
    supply: Sequence[Supply],
    cuts: Sequence[int] = (),
    unknown_after_hours: float = 24.0,
) -> tuple[list[Episode], list[Incident]]:
    """Show one transformer's readings in blocks cut at `cuts`; return what stands at the end."""
    evaluate = VerdictEngine(rules, 20, ["T1"], unknown_after_hours=unknown_after_hours)
    episodes: dict[tuple[str, str, str, int], Episode] = {}
    found: dict[str, Incident] = {}
    for number, (a, b) in enumerate(itertools.pairwise([0, *sorted(cuts), len(times)])):
        verdicts = evaluate.advance(block(times[a:b], rates[a:b], supply[a:b]))
        episodes |= {change.episode.key: change.episode for change in verdicts.episodes}
        found |= {change.incident.incident_id: change.incident for change in verdicts.incidents}
        if number % 2:
            after = VerdictEngine(rules, 20, ["T1"], unknown_after_hours=unknown_after_hours)
            after.restore(evaluate.state())
            evaluate = after
    return sorted(episodes.values(), key=lambda e: (e.rule, e.level, e.first_reading_at_us)), list(found.values())


@st.composite
def days(draw: st.DrawFn) -> tuple[list[int], list[float], list[Supply]]:
    steps = draw(st.lists(st.sampled_from([1, 1, 5, 15, 15, 20, 21, 40, 1440, 1441]), min_size=0, max_size=50))
    told = st.sampled_from([0.5, 0.79, 0.84, 0.86, 0.9, 0.91, 0.96, 1.0, 1.2])
    kinds = draw(
        st.lists(
            st.sampled_from([LIVE] * 5 + [GONE] * 3 + [UNSEEN, NOT_TOLD]), min_size=len(steps), max_size=len(steps)
        )
    )
    rates = [0.0 if kind in (GONE, UNSEEN) else draw(told) for kind in kinds]
    return (NOON + np.cumsum(steps) * MINUTE).tolist() if steps else [], rates, kinds


def loads(times: Sequence[int], rates: Sequence[float], supply: Sequence[Supply]) -> list[tuple[int, float | None]]:
    """The readings as the slow twin takes them: no load where there is no supply."""
    return [(t, None if s >= GONE else r) for t, r, s in zip(times, rates, supply, strict=True)]


@settings(max_examples=300, deadline=None)
@given(
    day=days(),
    hold=st.sampled_from([0, 10, 30]),
    leave_minutes=st.sampled_from([0, 3, 15]),
    unbroken=st.booleans(),
    points=st.sampled_from([0, 0, 15]),
    data=st.data(),
)
def test_what_is_passed_over_cuts_as_the_slow_twin_says_for_any_cut_into_blocks(
    day: Any, hold: Any, leave_minutes: Any, unbroken: Any, points: Any, data: Any
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(day[0])), max_size=6))
    level = Level("line", Quantity.LOAD_RATE, 0.9, 0.85, hold, leave_minutes, False, unbroken)
    wanted = naive.episodes(loads(*day), 0.9, 0.85, hold, leave_minutes, 20, False, None, unbroken, points)
    rules = replace(rule_set_of(level), points_minutes=points)
    assert [as_naive(e) for e in judged([rules], *day, cuts)[0]] == wanted  # type: ignore[call-arg]


@settings(max_examples=300, deadline=None)
@given(day=days(), hold=st.sampled_from([0, 5, 30]), data=st.data())
def test_no_voltage_lasts_as_the_slow_twin_says_for_any_cut_into_blocks(day: Any, hold: Any, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(day[0])), max_size=6))
    level = Level("dark", Quantity.NO_VOLTAGE, 1.0, 1.0, hold)
    told: list[tuple[int, bool | None]] = []
    before = False
    for time, supply in zip(day[0], day[2], strict=True):
        sends_voltage = {LIVE: True, GONE: True, NOT_TOLD: False}.get(supply, before)
        told.append((time, supply is GONE or (supply is UNSEEN and before)))
        before = sends_voltage
    assert [as_naive(e) for e in judged([rule_set_of(level)], *day, cuts)[0]] == naive.outages(told, hold)  # type: ignore[call-arg]


@settings(max_examples=300, deadline=None)
@given(day=days(), hours=st.sampled_from([1, 24]), data=st.data())
def test_incidents_are_what_the_slow_twin_says_for_any_cut_into_blocks(day: Any, hours: Any, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(day[0])), max_size=6))
    levels = (
        Level("severe", Quantity.LOAD_RATE, 0.9, 0.85, 0, 10, incident=IncidentPart.OPENS),
        Level("over", Quantity.LOAD_RATE, 1.0, 0.95, 0, 10, incident=IncidentPart.RAISES),
    )
    found = judged([rule_set_of(*levels)], *day, cuts, unknown_after_hours=hours)[1]  # type: ignore[call-arg, misc]
    wanted = naive.incidents(loads(*day), (("severe", 0.9), ("over", 1.0)), 0.85, 0, 10, 20, hours)
    assert [as_naive_incident(i) for i in found] == wanted


def as_naive_incident(incident: Incident) -> naive.NaiveIncident:
    return naive.NaiveIncident(
        incident.first_reading_at_us,
        incident.opened_at_us,
        incident.state.value,
        incident.closed_at_us,
        incident.level,
        incident.peak_load_rate,
        incident.last_reading_at_us,
    )


@settings(max_examples=300, deadline=None)
@given(day=days(), hold=st.sampled_from([0, 15]), data=st.data())
def test_a_phase_opens_an_incident_of_its_own_only_outside_those_of_the_total(day: Any, hold: Any, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(day[0])), max_size=6))
    levels = (
        Level("severe", Quantity.LOAD_RATE, 0.9, 0.85, 0, 10, incident=IncidentPart.OPENS),
        Level("phase", Quantity.WORST_PHASE_LOAD_RATE, 1.0, 0.95, 0, 10, incident=IncidentPart.OPENS,
              incident_hold_minutes=hold),
    )  # fmt: skip
    found = [i for i in judged([rule_set_of(*levels)], *day, cuts)[1] if i.level == "phase"]  # type: ignore[call-arg]
    readings = [(t, r, None if r is None else r * 1.2) for t, r in loads(*day)]
    wanted = naive.phase_incidents(readings, (0.9, 0.85, 10), (1.0, 0.95, hold, 10))
    assert [as_naive_incident(i) for i in found] == wanted


def test_one_row_without_voltage_between_two_loads_of_a_quarter_hour_meter_cuts_no_run() -> None:
    times = minutes(*range(0, 150, 15))
    rates, supply = [0.85] * 10, [LIVE] * 10
    rates[4], supply[4] = 0.0, GONE
    found, _ = judged([shipped("two-hours"), shipped("supply")], times, rates, supply)
    assert [(e.rule, e.readings, e.ended_at_us) for e in found if not e.level.startswith("phase")] == [
        ("two-hours@1", 9, None)
    ]
    rates[5], supply[5] = 0.0, GONE
    found, _ = judged([shipped("two-hours"), shipped("supply")], times, rates, supply)
    assert [(e.level, e.started_at_us, e.ended_at_us) for e in found] == [("no_voltage", times[4], times[5])]


@pytest.mark.parametrize("dark", [GONE, UNSEEN])
def test_an_incident_stays_open_as_long_as_there_is_no_supply(dark: Any) -> None:
    times = minutes(*range(0, 40))
    rates, supply = [0.95] * 5 + [0.0] * 30 + [0.95] * 5, [LIVE] * 5 + [dark] * 30 + [LIVE] * 5
    found, incidents = judged([shipped("early-warning"), shipped("supply")], times, rates, supply)
    assert [i.state for i in incidents if i.level == "severe_heavy"] == [IncidentState.OPEN]
    assert [(e.started_at_us, e.ended_at_us) for e in found if e.level == "no_voltage"] == [(times[5], times[34])]
    shed = judged([shipped("early-warning")], times, rates, [LIVE] * 40)[1]
    assert shed[0].state is IncidentState.CLOSED


def test_a_meter_that_never_sends_voltages_is_not_said_to_be_without() -> None:
    times = minutes(*range(0, 40))
    found, _ = judged([shipped("supply")], times, [0.1] * 5 + [0.0] * 35, [NOT_TOLD] * 5 + [UNSEEN] * 35)
    assert found == []


def test_an_overload_whose_first_reading_was_doubted_raises_the_incident_that_the_next_one_opens() -> None:
    evaluate = VerdictEngine([shipped("early-warning")], 20, ["T1"])
    times, rates = minutes(*range(7)), [0.6] * 5 + [1.75] * 2
    readings = block(times, rates, [LIVE] * 7)
    readings.trusted[5] = False
    (change,) = evaluate.advance(readings).incidents
    assert (change.incident.first_reading_at_us, change.incident.level) == (times[6], "overload")


def test_an_incident_that_silence_left_open_for_a_day_ends_as_unknown_with_its_last_reading() -> None:
    times = minutes(0, 1, 2, 2 + 24 * 60, 3 + 48 * 60)
    rates = [0.92, 0.93, 0.92, 0.91, 0.95]
    first, second = judged([shipped("early-warning")], times, rates, [LIVE] * 5)[1]
    assert (first.state, first.closed_at_us, first.last_load_rate) == (IncidentState.UNKNOWN, times[3], 0.91)
    assert (second.state, second.opened_at_us) == (IncidentState.OPEN, times[4])
