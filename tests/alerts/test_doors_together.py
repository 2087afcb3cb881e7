"""Doors of a street refuse together, promises are kept in part, asks wear out: the promise of a list stays true."""

from __future__ import annotations

from datetime import timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.model.outreach_model import OutreachSettings, Visit, VisitResult
from alerts.outreach.acceptance import agreements, fatigue
from alerts.outreach.delivery import Delivered, delivered_share
from alerts.outreach.relief import Together, chances_of_reaching
from alerts.outreach.rest import left_in_peace, rests_until_us
from grid.assets import Merchant

HERE = OutreachSettings()
BEIJING = timezone(timedelta(hours=8))
HOUR = 3_600_000_000
DAY = 24 * HOUR
NOON = 1_627_099_200_000_000


def visit(at_us: int, result: VisitResult = VisitResult.AGREED, incident: str = "old", merchant: str = "M1") -> Visit:
    return Visit(incident, merchant, result, at_us, "P1")


@pytest.mark.parametrize("correlation", [0.0, 0.03, 0.06, 0.12, 0.19])
@pytest.mark.parametrize("wanted", [0.5, 0.7, 0.9])
def test_a_promise_is_kept_however_strongly_the_doors_refuse_together(correlation: float, wanted: float) -> None:
    """Against answers drawn another way: each day has its own share of who agrees, a beta distribution."""
    chance = np.random.default_rng(7)
    doors, days, p = 30, 40_000, 0.65
    offers = chance.uniform(1.0, 4.0, doors)
    together = Together(kept_share=0.9, delivered_sd=0.1)

    def reached(needed_kw: float) -> float:
        return float(chances_of_reaching(needed_kw, offers, [p] * doors, [correlation] * doors, together)[-1])  # type: ignore[arg-type]

    low, high = 0.0, float(offers.sum())
    for _ in range(25):
        middle = (low + high) / 2.0
        low, high = (middle, high) if reached(middle) >= wanted else (low, middle)
    share = np.full(days, p)
    if correlation:
        share = chance.beta(p * (1 / correlation - 1), (1 - p) * (1 / correlation - 1), days)
    agreed = chance.random((days, doors)) < share[:, None]
    kept = agreed & (chance.random((days, doors)) < 0.9)
    brought = (kept * offers / 0.9).sum(axis=1) * np.exp(chance.normal(-0.005, 0.1, days))
    assert float((brought >= low).mean()) == pytest.approx(wanted, abs=0.03)


def test_the_same_promise_with_independent_doors_would_not_have_been_kept() -> None:
    offers, p = [3.0] * 30, [0.65] * 30
    alone = chances_of_reaching(48.0, offers, p)[-1]
    assert alone > 0.9, alone
    assert chances_of_reaching(48.0, offers, p, [0.12] * 30, Together())[-1] < alone - 0.1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.3, 9.0), st.floats(0.05, 0.95), st.floats(0.0, 0.2)), min_size=1, max_size=9),
    st.floats(0.05, 1.0),
)
def test_another_door_never_makes_a_list_less_sure_nor_a_greater_need_surer(
    doors: list[tuple[float, float, float]], part: float
) -> None:
    offers, p, correlations = (list(column) for column in zip(*doors, strict=True))
    together = Together(0.9, 0.1, 2.0)
    needed_kw = part * sum(offers)
    chances = chances_of_reaching(needed_kw, offers, p, correlations, together)
    assert (np.diff(chances) >= -1e-12).all()
    assert (chances_of_reaching(needed_kw * 1.1, offers, p, correlations, together) <= chances + 1e-12).all()


def test_asks_wear_out_and_willingness_comes_back_with_the_days() -> None:
    often = [visit(NOON - day * DAY, incident=f"old-{day}") for day in (1, 2, 3)]
    once = [visit(NOON - DAY)]
    long_ago = [visit(NOON - 60 * DAY)]
    left = {name: fatigue(v, NOON, HERE)["M1"] for name, v in (("often", often), ("once", once), ("ago", long_ago))}
    assert left["often"] < left["once"] < left["ago"]
    assert left["ago"] > 0.99
    assert left["once"] == pytest.approx(0.9 ** (0.5 ** (1 / 7)))
    assert not fatigue([visit(NOON - DAY, VisitResult.ABSENT)], NOON, HERE)


def test_what_is_known_of_a_street_makes_its_doors_less_of_one_mind() -> None:
    merchants = [Merchant(f"M{i}", f"simulated {i}", "YX06", category="restaurant") for i in range(40)]
    past = [visit(NOON - 90 * DAY, merchant=f"M{i}", incident=f"o{k}") for i in range(1, 40) for k in range(3)]
    stranger = agreements(merchants, [], NOON, HERE)["M0"].correlation
    known = agreements(merchants, past, NOON, HERE)["M0"].correlation
    assert stranger == pytest.approx(HERE.day_correlation + 1 / 11)
    assert HERE.day_correlation < known < HERE.day_correlation + 0.01


def test_what_promises_are_worth_is_learned_from_what_the_meter_showed() -> None:
    assert delivered_share([], HERE) == HERE.delivered_prior
    good = [Delivered(40.0, 38.0, 2.0)] * 10
    assert 0.9 < delivered_share(good, HERE) < 0.95
    unsure = [Delivered(40.0, 38.0, 100.0)] * 10
    assert delivered_share(unsure, HERE) < 0.84
    assert delivered_share([Delivered(40.0, float("nan")), Delivered(0.0, 5.0)], HERE) == HERE.delivered_prior


def test_the_rest_ends_at_midnight_and_a_list_does_not_change_between() -> None:
    asked = NOON - DAY + HOUR  # yesterday, 13:00
    assert rests_until_us(asked, BEIJING, HERE) == NOON + 12 * HOUR
    for hours in range(12):
        assert left_in_peace([visit(asked)], NOON + hours * HOUR, BEIJING, HERE) == {"M1"}
    assert not left_in_peace([visit(asked)], NOON + 12 * HOUR, BEIJING, HERE)
    daily = OutreachSettings(ask_again_hours=9.0)
    assert not left_in_peace([visit(asked)], NOON, BEIJING, daily)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 14 * 24 * 60), st.sampled_from([1.0, 9.0, 24.0, 36.0]))
def test_nobody_is_asked_within_the_hours_of_the_setting(minutes_ago: int, hours: float) -> None:
    asked = NOON - minutes_ago * 60_000_000
    rests = bool(left_in_peace([visit(asked)], NOON, BEIJING, OutreachSettings(ask_again_hours=hours)))
    if minutes_ago < hours * 60:
        assert rests
    if minutes_ago >= (hours + 24) * 60:
        assert not rests


def test_nobody_is_asked_on_more_days_of_a_week_than_the_cap() -> None:
    three = [visit(NOON - day * DAY, incident=f"o{day}") for day in (2, 4, 6)]
    assert left_in_peace(three, NOON, BEIJING, HERE) == {"M1"}
    assert not left_in_peace(three, NOON + 12 * HOUR, BEIJING, HERE)  # the first of them is a week ago
    twice_a_day = [visit(NOON - 4 * DAY + k * HOUR, incident=f"o{k}") for k in range(3)]
    assert not left_in_peace(twice_a_day, NOON, BEIJING, HERE)
