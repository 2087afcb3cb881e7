"""Verdicts are exactly what the rule's words say, whatever the cut into blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta, timezone, tzinfo
from importlib import resources
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model.episodes import Ending, Episode
from alerts.model.incidents import Incident, IncidentState
from alerts.rules.rule_set import IncidentPart, Level, Quantity, RuleSet, parse_rule_set
from alerts.rules.series import SortedRates
from alerts.verdicts import level_state
from alerts.verdicts.engine import VerdictEngine
from grid.text import Text
from tests.support import naive

MINUTE = 60_000_000
NOON = 1_627_099_200_000_000


def rule_set_of(*levels: Level) -> RuleSet:
    return RuleSet("trial", 1, Text("试验", "trial"), "test", levels)


def evaluate(
    rules: RuleSet, times: Sequence[int], rates: Sequence[float], cuts: Sequence[int] = (), zone: tzinfo = UTC
) -> list[Episode]:
    """Show one transformer's readings in blocks cut at `cuts`; return the episodes as they stand at the end."""
    verdicts = VerdictEngine([rules], 20, ["T1"], [zone])
    known: dict[tuple[str, str, str, int], Episode] = {}
    bounds = [0, *sorted(cuts), len(times)]
    for a, b in itertools.pairwise(bounds):
        for change in verdicts.advance(one_transformer(times[a:b], rates[a:b])).episodes:
            assert change.known_before == (change.episode.key in known)
            known[change.episode.key] = change.episode
    return sorted(known.values(), key=lambda e: (e.level, e.first_reading_at_us))


def one_transformer(times: Sequence[int], rates: Sequence[float], number: int = 0) -> SortedRates:
    rate = np.array(rates, float)
    numbers = np.full(len(rate), number, np.int32)
    return SortedRates.of(numbers, np.array(times, np.int64), rate, np.full(len(rate), np.nan))


def as_naive(episode: Episode) -> naive.NaiveEpisode:
    return naive.NaiveEpisode(
        episode.first_reading_at_us,
        episode.started_at_us,
        episode.ended_at_us,
        episode.ended_by.value if episode.ended_by else None,
        episode.peak_load_rate,
        episode.peak_at_us,
        episode.readings,
    )


@st.composite
def days(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    steps = draw(st.lists(st.sampled_from([1, 1, 1, 5, 15, 20, 21, 40]), min_size=0, max_size=60))
    rates = draw(
        st.lists(
            st.sampled_from([0.5, 0.79, 0.8, 0.85, 0.87, 0.8999999, 0.9, 0.9000001, 0.95, 1.0, 1.2]),
            min_size=len(steps),
            max_size=len(steps),
        )
    )
    start = draw(st.sampled_from([NOON, NOON + 240 * MINUTE, NOON + 720 * MINUTE]))
    times = (start + np.cumsum(steps) * MINUTE).tolist() if steps else []
    return times, rates


@settings(max_examples=400, deadline=None)
@given(
    day=days(),
    hold=st.sampled_from([0, 10, 30]),
    leave_minutes=st.sampled_from([0, 3, 10, 15]),
    leave=st.sampled_from([0.9, 0.85]),
    strict=st.booleans(),
    unbroken=st.booleans(),
    points_minutes=st.sampled_from([0, 0, 5, 15]),
    offset_minutes=st.sampled_from([None, 0, 480, -690]),
    data=st.data(),
)
def test_the_vectorised_walk_equals_the_slow_twin_for_any_cut_into_blocks(
    day: Any,
    hold: Any,
    leave_minutes: Any,
    leave: Any,
    strict: Any,
    unbroken: Any,
    points_minutes: Any,
    offset_minutes: Any,
    data: Any,
) -> None:
    times, rates = day
    cuts = data.draw(st.lists(st.integers(0, len(times)), max_size=6))
    level = Level("line", Quantity.LOAD_RATE, 0.9, leave, hold, leave_minutes, strict, unbroken)
    rules = replace(rule_set_of(level), cut_at_midnight=offset_minutes is not None, points_minutes=points_minutes)
    zone = timezone(timedelta(minutes=offset_minutes or 0))
    readings = list(zip(times, rates, strict=True))
    wanted = naive.episodes(
        readings, 0.9, leave, hold, leave_minutes, 20, strict, offset_minutes, unbroken, points_minutes
    )
    assert [as_naive(e) for e in evaluate(rules, times, rates, cuts, zone)] == wanted


def test_many_transformers_in_one_block_are_judged_as_if_each_were_alone() -> None:
    random = np.random.default_rng(7)
    rules = shipped("early-warning")
    ids = [f"T{i}" for i in range(40)]
    together = VerdictEngine([rules], 20, ids)
    alone = {i: VerdictEngine([rules], 20, ids) for i in range(40)}
    seen_together, seen_alone = {}, {}
    at = np.full(40, NOON)
    for _ in range(60):
        number = np.sort(random.choice(40, random.integers(1, 40), replace=True)).astype(np.int32)
        at_us = at[number] + (np.arange(len(number)) + 1) * MINUTE * random.integers(1, 30)
        np.maximum.at(at, number, at_us)
        rate = random.uniform(0.6, 1.1, len(number))
        phase = rate * 1.1
        for change in together.advance(SortedRates.of(number, at_us, rate, phase)).episodes:
            seen_together[change.episode.key] = change.episode
        for i in np.unique(number):
            mine = number == i
            own = SortedRates.of(number[mine], at_us[mine], rate[mine], phase[mine])
            for change in alone[i].advance(own).episodes:
                seen_alone[change.episode.key] = change.episode
    assert seen_together == seen_alone
    assert len(seen_together) > 100


@settings(max_examples=150, deadline=None)
@given(day=days(), hold=st.sampled_from([0, 10, 30]), data=st.data())
def test_what_is_told_of_begins_and_ends_and_what_stands_is_all_there_is_to_know(
    day: Any, hold: Any, data: Any
) -> None:
    times, rates = day
    cuts = data.draw(st.lists(st.integers(0, len(times)), max_size=6))
    rules = rule_set_of(Level("line", Quantity.LOAD_RATE, 0.9, 0.85, hold, 3))
    verdicts, known = VerdictEngine([rules], 20, ["T1"]), {}
    for a, b in itertools.pairwise([0, *sorted(cuts), len(times)]):
        block = one_transformer(times[a:b], rates[a:b])
        for change in verdicts.advance(block, every_touched=False).episodes:
            assert not change.known_before or change.episode.ended_by
            known[change.episode.key] = change.episode
    for change in verdicts.ongoing(np.zeros(1, np.int32)).episodes:
        known[change.episode.key] = change.episode
    assert sorted(known.values(), key=lambda e: e.first_reading_at_us) == evaluate(rules, times, rates)


@settings(max_examples=100, deadline=None)
@given(day=days(), data=st.data())
def test_a_fold_goes_on_from_what_another_one_remembered(day: Any, data: Any) -> None:
    times, rates = day
    cut = data.draw(st.integers(0, len(times)))
    rules = [shipped("early-warning"), shipped("eight-points")]
    first, second = (VerdictEngine(rules, 20, ["T0", "T1"]) for _ in range(2))
    first.advance(one_transformer(times[:cut], rates[:cut], number=1))
    second.restore(first.state())
    rest = one_transformer(times[cut:], rates[cut:], number=1)
    assert second.advance(rest) == first.advance(rest)


def test_a_fold_that_is_cut_into_many_walks_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(11)
    number = np.sort(random.integers(0, 50, 2_000)).astype(np.int32)
    at_us = NOON + np.arange(2_000) * MINUTE
    rate = np.clip(0.9 + np.cumsum(random.normal(0.0, 0.03, 2_000)) % 0.3, 0.0, 2.0)
    block = SortedRates.of(number, at_us, rate, rate * 1.1)
    whole, cut = (VerdictEngine([shipped("early-warning")], 20, [f"T{i}" for i in range(50)]) for _ in range(2))
    wanted = whole.advance(block)
    monkeypatch.setattr(level_state, "EVALUATED_ROWS_MAX", 37)
    assert cut.advance(block) == wanted
    assert len(wanted.episodes) > 50


def shipped(name: str) -> RuleSet:
    file = resources.files("alerts.rules") / "rulesets" / f"{name}.toml"
    return parse_rule_set(file.read_text(encoding="utf-8"), file.name)


@pytest.mark.parametrize(("rate", "opens"), [(0.8999999, False), (0.9, True), (0.9000001, True)])
def test_ninety_per_cent_is_severe_heavy_and_a_hair_below_is_not(rate: float, opens: bool) -> None:
    found = evaluate(shipped("early-warning"), [NOON, NOON + MINUTE], [0.5, rate])
    assert ("severe_heavy" in {e.level for e in found}) is opens


def test_an_episode_starts_and_ends_where_the_line_is_crossed() -> None:
    times = [NOON + i * MINUTE for i in range(14)]
    rates = [0.88, 0.92, 0.95, 0.80] + [0.80] * 10
    severe = [e for e in evaluate(shipped("early-warning"), times, rates) if e.level == "severe_heavy"]
    assert len(severe) == 1
    assert severe[0].started_at_us == NOON + MINUTE // 2
    assert severe[0].ended_at_us == NOON + 2 * MINUTE + round(MINUTE * 2 / 3)
    assert (severe[0].peak_load_rate, severe[0].readings) == (0.95, 2)


def test_a_run_of_eight_quarter_hours_is_no_two_hour_episode_but_the_ninth_makes_one() -> None:
    quarter = 15 * MINUTE
    rules = shipped("two-hours")
    assert evaluate(rules, [NOON + i * quarter for i in range(8)], [0.85] * 8) == []
    assert len(evaluate(rules, [NOON + i * quarter for i in range(9)], [0.85] * 9)) == 1


def test_a_reading_without_a_load_rate_neither_opens_nor_closes() -> None:
    times = [NOON + i * MINUTE for i in range(5)]
    with_nan = evaluate(shipped("early-warning"), times, [0.92, float("nan"), 0.93, float("nan"), float("nan")])
    without = evaluate(shipped("early-warning"), [times[0], times[2]], [0.92, 0.93])
    assert with_nan == without


def test_of_two_values_for_one_timestamp_the_first_counts() -> None:
    found = evaluate(shipped("early-warning"), [NOON, NOON], [0.91, 0.99])
    assert {e.peak_load_rate for e in found} == {0.91}


def incidents(times: Sequence[int], rates: Sequence[float], cuts: Sequence[int] = ()) -> list[Incident]:
    """Show one transformer's readings in blocks cut at `cuts`; return its incidents as they stand at the end."""
    return incidents_of(shipped("early-warning"), times, rates, cuts)


def incidents_of(
    rules: RuleSet, times: Sequence[int], rates: Sequence[float], cuts: Sequence[int] = ()
) -> list[Incident]:
    """Return the incidents by a rule set."""
    verdicts = VerdictEngine([rules], 20, ["T1"])
    known: dict[str, Incident] = {}
    bounds = [0, *sorted(cuts), len(times)]
    for a, b in itertools.pairwise(bounds):
        for change in verdicts.advance(one_transformer(times[a:b], rates[a:b])).incidents:
            assert change.known_before == (change.incident.incident_id in known)
            known[change.incident.incident_id] = change.incident
    return list(known.values())


def minutes(*at: float) -> list[int]:
    return [NOON + round(m * MINUTE) for m in at]


@settings(max_examples=300, deadline=None)
@given(day=days(), data=st.data())
def test_incidents_are_the_same_for_any_cut_into_blocks(day: Any, data: Any) -> None:
    times, rates = day
    cuts = data.draw(st.lists(st.integers(0, len(times)), max_size=6))
    assert incidents(times, rates, cuts) == incidents(times, rates)


def test_silence_ends_an_episode_but_no_incident() -> None:
    times = minutes(0, 1, 60, 61)
    found = incidents(times, [0.92, 0.93, 0.88, 0.91])
    assert [i.state for i in found] == [IncidentState.OPEN]
    assert found[0].opened_at_us == times[0]
    severe = [
        e for e in evaluate(shipped("early-warning"), times, [0.92, 0.93, 0.88, 0.91]) if e.level == "severe_heavy"
    ]
    assert [(e.ended_by, e.readings) for e in severe] == [(Ending.GAP, 2), (None, 1)]


def test_after_silence_an_incident_closes_only_when_ten_minutes_below_were_seen() -> None:
    times = minutes(0, 60, 65, 70)
    assert incidents(times[:3], [0.92, 0.5, 0.5, 0.5][:3])[0].state is IncidentState.OPEN
    closed = incidents(times, [0.92, 0.5, 0.5, 0.5])[0]
    assert (closed.state, closed.closed_at_us, closed.last_load_rate) == (IncidentState.CLOSED, times[1], 0.5)


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, 12))
def test_overload_raises_the_incident_it_lies_in_and_no_other(cut: Any) -> None:
    times = minutes(0, 1, 2, 13, 14, 15, 16, 27, 28, 40)
    rates = [0.92, 1.0, 0.5, 0.5, 0.91, 0.95, 0.5, 0.5, 0.9, 0.99]
    found = incidents(times, rates, [min(cut, len(times))])
    assert [(i.level, i.state.value) for i in found] == [
        ("overload", "closed"),
        ("severe_heavy", "closed"),
        ("severe_heavy", "open"),
    ]
    assert found[0].incident_id != found[1].incident_id


def test_a_whole_day_in_one_block_raises_each_incident_on_its_own() -> None:
    times = minutes(*range(0, 60, 5))
    rates = [0.92, 1.0, 0.5, 0.5, 0.5, 0.95, 1.1, 0.5, 0.5, 0.5, 0.91, 0.92]
    assert [i.level for i in incidents(times, rates)] == ["overload", "overload", "severe_heavy"]


def test_eight_points_looks_at_one_reading_of_each_quarter_hour_and_judges_each_day_by_itself() -> None:
    rules = shipped("eight-points")
    evening = (NOON // (1440 * MINUTE)) * 1440 * MINUTE + 22 * 60 * MINUTE
    minutes_of = [evening + i * MINUTE for i in range(240)]
    found = evaluate(rules, minutes_of, [0.85] * 240)
    assert [(e.readings, e.ended_by) for e in found] == [(8, Ending.MIDNIGHT), (8, None)]
    assert evaluate(rules, minutes_of[1:], [0.85] * 239)[0].first_reading_at_us == evening + MINUTE
    assert evaluate(rules, minutes_of[15:], [0.85] * 225)[0].first_reading_at_us == evening + 120 * MINUTE


@pytest.mark.parametrize("second", [-15, 0, 7 * 60, 14 * 60 + 30])
def test_meters_off_the_quarter_hour_have_their_points_too(second: Any) -> None:
    rules = shipped("eight-points")
    at = NOON // (15 * MINUTE) * 15 * MINUTE + second * 1_000_000
    jitter = np.random.default_rng(3).integers(-4, 5, 8) * 1_000_000
    times = (at + np.arange(8) * 15 * MINUTE + jitter).tolist()
    found = evaluate(rules, times, [0.85] * 8)
    assert [(e.first_reading_at_us, e.readings) for e in found] == [(times[0], 8)]
    assert evaluate(rules, times[:7], [0.85] * 7) == []


def test_a_slot_has_one_point_its_first_reading_and_one_without_a_reading_cuts() -> None:
    rules = shipped("eight-points")
    at = NOON // (15 * MINUTE) * 15 * MINUTE
    every_five = [at + i * 5 * MINUTE for i in range(24)]
    heavy_between = [0.7 if i % 3 == 0 else 0.9 for i in range(24)]
    assert evaluate(rules, every_five, heavy_between) == []
    heavy_first = [0.9 if i % 3 == 0 else 0.7 for i in range(24)]
    assert [e.readings for e in evaluate(rules, every_five, heavy_first)] == [8]
    assert evaluate(rules, [at + i * 20 * MINUTE for i in range(24)], [0.9] * 24) == []


def test_long_overload_counts_the_sooner_the_heavier() -> None:
    rules = shipped("long-overload")
    times = [NOON + i * MINUTE for i in range(61)]
    assert [e.level for e in evaluate(rules, times, [1.61] * 61)] == ["overload_160"]
    assert [e.level for e in evaluate(rules, times[:31], [1.81] * 31)] == ["overload_180"]
    assert evaluate(rules, times, [1.6] * 61) == []


@settings(max_examples=200, deadline=None)
@given(day=days(), hold=st.sampled_from([0, 10, 30]), leave=st.sampled_from([0.9, 0.85]), data=st.data())
def test_incidents_that_need_unbroken_time_are_the_same_for_any_cut_and_hold_over_no_gap(
    day: Any, hold: Any, leave: Any, data: Any
) -> None:
    times, rates = day
    cuts = data.draw(st.lists(st.integers(0, len(times)), max_size=6))
    level = Level("line", Quantity.LOAD_RATE, 0.9, leave, hold, 3, False, True, IncidentPart.OPENS)
    found = [incidents_of(rule_set_of(level), times, rates, c) for c in (cuts, [], range(len(times)))]  # type: ignore[var-annotated]
    assert found[0] == found[1] == found[2]
    episodes = {e.first_reading_at_us for e in evaluate(rule_set_of(level), times, rates)}
    assert all(i.first_reading_at_us in episodes for i in found[0])


def test_time_below_the_line_is_not_held_in_the_second_version_and_was_in_the_first() -> None:
    times = [NOON + i * MINUTE for i in range(32)]
    rates = [0.9] * 17 + [0.7] * 15
    assert evaluate(shipped("thirty-minutes-2"), times, rates) == []
    assert [e.level for e in evaluate(shipped("thirty-minutes"), times, rates)] == ["heavy"]


def test_thirty_minutes_means_above_the_line() -> None:
    times = [NOON + i * MINUTE for i in range(31)]
    assert evaluate(shipped("thirty-minutes"), times, [0.8] * 31) == []
    assert [e.level for e in evaluate(shipped("thirty-minutes"), times, [0.80001] * 31)] == ["heavy"]
