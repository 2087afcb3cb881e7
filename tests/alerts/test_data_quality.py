"""A reading is doubted for what it and the readings before it say, whatever the cut into blocks."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.quality.believed import believed_basis, believed_rates
from alerts.quality.grading import (
    FLAGS,
    REACH_US,
    QualityFlag,
    QualityGrade,
    QualityGrader,
    QualitySettings,
    RatedReadings,
    flags_in,
    grade,
    newly_flagged,
    trusted_load_rate,
)
from alerts.quality.lookback import ShortPast
from alerts.quality.words import check_the_meter, flag_name, flag_reason, grade_name, quality_reason, what_to_check
from alerts.rules.series import SortedRates
from grid.assets import Transformer
from grid.electrical import Basis, LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us
from tests.support import naive_quality
from tests.support.naive_quality import NaiveReading

NOON = parse_timestamp_us("2021-07-24T12:00:00+08:00")
SHANGHAI = ZoneInfo("Asia/Shanghai")
NAN = float("nan")


def block_of(readings: list[NaiveReading], transformer: int = 0) -> RatedReadings:
    """Return one transformer's readings as a block. `values` are P, Q, three voltages, three currents."""
    rows = len(readings)
    values = np.array([r.values for r in readings], float).reshape(rows, 8)
    return RatedReadings(
        np.full(rows, transformer, np.int32),
        np.array([r.at for r in readings], np.int64),
        np.array([r.rate for r in readings], float),
        np.array([basis_of(r) for r in readings], np.int8),
        np.array([r.ct_ratio for r in readings], float),
        values[:, :2],
        values[:, 2:5],
        values[:, 5:],
        np.array([r.phases_rate for r in readings], float),
        np.array([r.rated_kva for r in readings], float),
    )


def basis_of(reading: NaiveReading) -> Basis:
    if reading.by_phases:
        return Basis.VOLTAGE_AND_CURRENT
    return Basis.ACTIVE_ONLY if reading.active_only else Basis.ACTIVE_AND_REACTIVE


def evaluate(
    readings: Sequence[NaiveReading], cuts: Sequence[int] = (), quality: QualitySettings | None = None
) -> list[int]:
    """Return the doubts about one transformer's readings, shown in blocks cut at `cuts`."""
    evaluate = QualityGrader(1, quality)
    bounds = [0, *sorted(cuts), len(readings)]
    return [bits for a, b in itertools.pairwise(bounds) for bits in evaluate.advance(block_of(readings[a:b])).tolist()]  # type: ignore[arg-type]


@dataclass
class Story:
    """A transformer's readings, told minute by minute; every value differs from the one before unless told."""

    ct_ratio: float = 1.0

    def __post_init__(self) -> None:
        self.readings: list[NaiveReading] = []
        self._at = NOON

    def then(
        self, *rates: float, every_minutes: float = 1.0, currents: tuple[float, float, float] | None = None
    ) -> Any:
        for rate in rates:
            self._at += round(every_minutes * MINUTE_US)
            wobble = len(self.readings) * 1e-3
            amp = currents or (300 * rate + wobble, 310 * rate, 290 * rate)
            values = (rate * 300 + wobble, rate * 90, 228.0, 229.0, 230.0, *amp)
            self.readings.append(NaiveReading(self._at, rate, values, self.ct_ratio))
        return self

    def frozen(self, readings: int, every_minutes: float = 1.0) -> Any:
        for _ in range(readings):
            self._at += round(every_minutes * MINUTE_US)
            last = self.readings[-1]
            self.readings.append(NaiveReading(self._at, last.rate, last.values, self.ct_ratio))
        return self

    def flagged(self, flag: QualityFlag) -> list[int]:
        """Return which readings have a doubt, counted from 0."""
        return [i for i, bits in enumerate(evaluate(self.readings)) if bits & flag]


PATTERNS = [
    (100.0, 30.0, 228.0, 229.0, 230.0, 300.0, 200.0, 100.0),
    (100.0, 30.0, 228.0, 229.0, 230.0, 300.0, 200.0, 100.5),
    (100.0, 30.0, 228.0, 229.0, 230.0, 200.0, 300.0, 101.0),
    (100.0, 30.0, 228.0, 229.0, 230.0, 103.0, 297.0, 206.0),
    (100.0, NAN, NAN, NAN, NAN, NAN, NAN, NAN),
    (0.0, 0.0, 228.0, 229.0, 230.0, 0.0, 0.0, 0.0),
]


@st.composite
def transformer_days(draw: st.DrawFn, longest: int = 45) -> list[NaiveReading]:
    """Return readings that meet every doubt often: few values, few steps, gaps at their limits."""
    ratio = draw(st.sampled_from([1.0, 5.0, 80.0]))
    steps = st.sampled_from([1, 1, 1, 1, 5, 15, 20, 20.001, 119, 120, 120.001, 360, 700])
    rates = st.sampled_from([0.5, 0.5, 0.5, 0.55, 0.0, NAN, 0.009, 0.0066, 0.1, 0.4, 1.5, 1.6, 2.0, 9.0, 0.0019])
    if draw(st.booleans()):
        rates = st.sampled_from([0.004, 0.0042, 0.006, 0.008, 0.0051, 0.0101, 1.6, 1.7, 2.5, 3.7])
        steps = st.sampled_from([20, 60, 120, 120, 119, 120.001, 360])
    phases = st.sampled_from([NAN, 0.04, 0.06, 0.35, 0.9, 0.2])
    at = NOON
    found: list[Any] = []
    while len(found) < longest and draw(st.integers(0, 20)):
        rate, values, of_phases = draw(rates), draw(st.sampled_from(PATTERNS)), draw(phases)
        active_only, by_phases = draw(st.booleans()), draw(st.booleans())
        quiet = draw(st.booleans())
        for _ in range(draw(st.sampled_from([1, 1, 2, 3, 14]))):
            at += round((15 if quiet else draw(steps)) * MINUTE_US)
            found.append(
                NaiveReading(
                    at, rate, values, ratio, active_only and not by_phases, of_phases, by_phases and values[7] > 0
                )
            )
    return found


@settings(max_examples=200, deadline=None)
@given(readings=transformer_days(), data=st.data())
def test_the_vectorised_doubts_equal_the_slow_twin_for_any_cut_into_blocks(readings: Any, data: Any) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(readings)), max_size=6))
    assert evaluate(readings, cuts) == naive_quality.flags(readings)


@settings(max_examples=150, deadline=None)
@given(readings=transformer_days(), data=st.data())
def test_a_walk_that_begins_one_reach_earlier_doubts_as_a_walk_from_the_beginning(readings: Any, data: Any) -> None:
    first = data.draw(st.integers(0, max(len(readings) - 1, 0)))
    whole = evaluate(readings)
    for quality in (QualitySettings(), QualitySettings(ratio_hours_max=0.5, exchange_hours_max=0.1)):
        whole = evaluate(readings, quality=quality)
        from_us = readings[first].at - quality.reach_us if readings else 0
        late_start = [r for r in readings if r.at >= from_us]
        assert evaluate(late_start, quality=quality)[first - len(readings) :] == whole[first:]


@settings(max_examples=300, deadline=None)
@given(readings=transformer_days(), data=st.data())
def test_where_a_short_past_suffices_a_walk_doubts_as_one_from_the_beginning(readings: Any, data: Any) -> None:
    first = data.draw(st.integers(0, max(len(readings) - 1, 0)))
    at_us = readings[first].at if readings else 0
    begun_late = [r for r in readings if r.at >= at_us - 2 * QualitySettings().gap_us]
    short = ShortPast(np.zeros(1, np.int32), np.array([at_us]))
    short.see(block_of(begun_late))
    if short.suffices[0]:
        assert evaluate(begun_late)[first - len(readings) :] == evaluate(readings)[first:]


@pytest.mark.parametrize(
    ("before", "suffices"),
    [
        ([], False),
        ([0.5], False),
        ([0.5, 0.5], False),
        ([0.5, 0.51], True),
        ([1.6, 1.7], False),
        ([1.6, 0.5], True),
        ([0.001, 0.002], False),
        ([NAN, 0.5], False),
    ],
)
def test_a_past_suffices_where_it_is_neither_frozen_nor_all_in_a_zone(before: Any, suffices: bool) -> None:
    story = Story(80.0).then(*before)
    at_us = story.readings[-1].at + 1 if before else NOON
    short = ShortPast(np.zeros(1, np.int32), np.array([at_us]))
    short.see(block_of(story.then(0.3, 0.4).readings))
    assert short.suffices.tolist() == [suffices]


def a_mixed_day(seed: int) -> list[NaiveReading]:
    """Return a day or more of light, ordinary or far too heavy loads, with holes, leaps, frozen and false powers."""
    random = np.random.default_rng(seed)
    base, ratio = float(random.choice([0.004, 0.003, 0.006, 1.7, 0.5, 3.0])), float(random.choice([1.0, 1.0, 80.0]))
    step, at, found = float(random.choice([15, 30, 60, 90])), NOON + int(random.integers(0, 7_200)) * 1_000_000, []
    frozen, factor = 0, NAN
    for i in range(int(random.integers(20, 110))):
        at += round((step if random.random() > 0.03 else float(random.choice([25, 119, 121, 360]))) * MINUTE_US)
        rate = base * float(np.exp(0.35 * np.sin(i * step / 1440 * 2 * np.pi) + random.normal(0.0, 0.02)))
        rate *= float(random.choice([2.0, 0.3, 1.72])) if random.random() < 0.004 else 1.0
        rate = NAN if random.random() < 0.01 else rate
        factor = float(random.choice([NAN, 1.0, 3.0, 4.0])) if random.random() < 0.05 else factor
        frozen = int(random.integers(8, 20)) if not frozen and random.random() < 0.03 else max(frozen - 1, 0)
        power = 372.431 if frozen else round(rate * 400, 3)
        values = (power, 76.128, 228.0 + random.integers(0, 9) / 10, 229.0, 230.0, 100.0, 102.0, 103.0 + i)
        found.append(NaiveReading(at, rate, values, ratio, False, rate * factor))
    return found


def test_mixed_days_are_doubted_as_by_the_slow_twin_whole_and_reading_by_reading() -> None:
    met = 0
    for seed in range(60):
        day = a_mixed_day(seed)
        wanted = naive_quality.flags(day)
        assert evaluate(day) == evaluate(day, list(range(len(day)))) == wanted, seed
        met |= int(np.bitwise_or.reduce(wanted))
    assert met >= QualityFlag.STUCK | QualityFlag.JUMP | QualityFlag.POWERS_LOW | QualityFlag.ALWAYS_OFF


def test_the_reach_is_as_short_as_it_can_be() -> None:
    """A step as late as it counts, seen across the longest exchange: one microsecond less would miss it."""
    story = Story(80.0).then(0.8).then(0.01, every_minutes=120).then(*[0.012] * 72, every_minutes=20)
    assert story.flagged(QualityFlag.RATIO) == [*range(1, 74)]
    last, first = story.readings[-1], story.readings[0]
    assert last.at - first.at == REACH_US == QualitySettings().reach_us
    assert evaluate(story.readings)[-1] & QualityFlag.RATIO
    assert not evaluate(story.readings[1:])[-1] & QualityFlag.RATIO


def test_many_transformers_in_one_block_are_doubted_as_if_each_were_alone() -> None:
    random = np.random.default_rng(11)
    days = {}
    for number in range(30):
        rates = random.choice([0.5, 0.5, 0.5, 2.0, 0.00625, NAN], 80)
        at = NOON + np.cumsum(random.choice([1, 1, 1, 19, 30], 80)) * MINUTE_US
        picked = random.integers(0, 2, 80)
        days[number] = [
            NaiveReading(int(t), float(k), PATTERNS[p], 80.0) for t, k, p in zip(at, rates, picked, strict=True)
        ]
    evaluate = QualityGrader(30)
    found: dict[Any, list[Any]] = {number: [] for number in days}
    sent = dict.fromkeys(days, 0)
    while any(sent[number] < 80 for number in days):
        parts = []
        for number in days:
            size = int(random.integers(0, 9))
            if of_block := days[number][sent[number] : sent[number] + size]:
                parts.append(block_of(of_block, number))
            sent[number] += size
        if parts:
            names = RatedReadings.__dataclass_fields__
            block = RatedReadings(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
            for number, bits in zip(block.transformer.tolist(), evaluate.advance(block).tolist(), strict=True):
                found[number].append(bits)
    assert found == {number: naive_quality.flags(readings) for number, readings in days.items()}
    assert {bits for readings in found.values() for bits in readings} >= {0, QualityFlag.JUMP, QualityFlag.RATIO}


def test_the_twelfth_equal_reading_is_in_doubt_and_the_eleventh_is_not() -> None:
    assert Story().then(0.5, 0.6).frozen(14).flagged(QualityFlag.STUCK) == [12, 13, 14, 15]


def test_a_change_of_any_one_value_shows_that_the_meter_lives() -> None:
    story = Story().then(0.5).frozen(11)
    for place in range(8):
        changed = list(story.readings)
        values = list(changed[11].values)
        values[place] += 0.1
        changed[11] = NaiveReading(changed[11].at, changed[11].rate, tuple(values))
        assert not evaluate(changed)[11] & QualityFlag.STUCK
    assert evaluate(story.readings)[11] & QualityFlag.STUCK


def test_a_transformer_without_load_is_not_stuck() -> None:
    assert Story().then(0.0).frozen(40).flagged(QualityFlag.STUCK) == []


def test_a_gap_begins_the_count_of_equal_readings_anew() -> None:
    story = Story().then(0.5).frozen(10).frozen(1, every_minutes=21).frozen(11)
    assert story.flagged(QualityFlag.STUCK) == [22]


def test_a_meter_read_every_ten_seconds_is_stuck_only_after_ten_minutes() -> None:
    story = Story().then(0.5).frozen(70, every_minutes=1 / 6)
    assert story.flagged(QualityFlag.STUCK) == [*range(61, 71)]


def test_active_power_alone_can_be_stuck_too() -> None:
    readings = [NaiveReading(NOON + i * 15 * MINUTE_US, 0.5, (200.0, *[NAN] * 7), 1.0, True) for i in range(13)]
    assert evaluate(readings)[10:] == [QualityFlag.ACTIVE_ONLY, *[QualityFlag.ACTIVE_ONLY | QualityFlag.STUCK] * 2]


def test_a_spike_is_in_doubt_its_return_is_not_and_a_second_reading_up_there_confirms_it() -> None:
    assert Story().then(0.5, 0.6, 1.7, 0.6, 0.5).flagged(QualityFlag.JUMP) == [2]
    assert Story().then(0.5, 0.6, 1.7, 1.8, 1.9).flagged(QualityFlag.JUMP) == [2]
    assert Story().then(1.9, 1.8, 0.6, 0.5).flagged(QualityFlag.JUMP) == [2]


def test_a_jump_of_just_the_limit_and_one_without_two_neighbours_are_believed() -> None:
    assert Story().then(0.5, 0.5, 1.5).flagged(QualityFlag.JUMP) == []
    assert Story().then(0.5, 1.7, 0.5).flagged(QualityFlag.JUMP) == []
    assert Story().then(0.5, 0.5).then(1.7, every_minutes=21).flagged(QualityFlag.JUMP) == []
    assert Story().then(0.5).then(0.5, every_minutes=21).then(1.7).flagged(QualityFlag.JUMP) == []


def test_a_repeated_impossible_value_stays_in_doubt_until_it_leaves_and_the_return_is_no_jump() -> None:
    assert Story().then(0.6, 0.61, *[4.52] * 5, 0.6, 0.61).flagged(QualityFlag.JUMP) == [2, 3, 4, 5, 6]
    assert Story().then(0.6, 0.61, *[4.52] * 5, 1.9, 1.91).flagged(QualityFlag.JUMP) == [2, 3, 4, 5, 6]
    assert Story().then(0.6, 0.61).then(*[4.5] * 20, every_minutes=90).flagged(QualityFlag.JUMP) == [*range(2, 19)]
    assert Story().then(0.6).then(4.52, 4.53, every_minutes=30).then(0.6).flagged(QualityFlag.JUMP) == [1, 2]


def test_what_protection_lets_stand_is_believed_from_its_second_reading() -> None:
    assert Story().then(0.6, 0.61, 1.9, 1.91, 1.92).flagged(QualityFlag.JUMP) == [2]
    assert Story().then(0.6, 1.2, 1.8, 2.4, 2.5).flagged(QualityFlag.JUMP) == []


def test_frozen_powers_beside_a_live_voltage_are_stuck_after_half_an_hour() -> None:
    readings = powers_frozen([372.431, 76.128], 60)
    assert [i for i, bits in enumerate(evaluate(readings)) if bits & QualityFlag.STUCK] == [*range(31, 60)]
    readings[40] = replace(readings[40], values=(372.43, *readings[40].values[1:]))
    assert [i for i, bits in enumerate(evaluate(readings)) if bits & QualityFlag.STUCK] == [*range(31, 40)]


@pytest.mark.parametrize("powers", [[40.0, 12.0], [0.0, 0.0], [3.7, 41.5], [12.5, NAN]])
def test_coarse_powers_of_a_steady_night_beside_a_live_voltage_are_no_frozen_meter(powers: Any) -> None:
    assert not any(bits & QualityFlag.STUCK for bits in evaluate(powers_frozen(powers, 60)))


def test_frozen_currents_beside_a_live_voltage_are_stuck_where_they_make_the_load() -> None:
    readings = [replace(r, by_phases=True) for r in powers_frozen([NAN, NAN], 40)]
    assert [i for i, bits in enumerate(evaluate(readings)) if bits & QualityFlag.STUCK] == [*range(31, 40)]


def powers_frozen(powers: list[float], minutes: int) -> list[NaiveReading]:
    """Return a minute's readings each of unchanging powers and currents; the voltage moves by tenths."""
    return [
        NaiveReading(
            NOON + i * MINUTE_US, 0.95 + i * 1e-6, (*powers, *[231.0 + (i % 7) / 10] * 3, 561.2, 548.7, 570.3), 1.0
        )
        for i in range(minutes)
    ]


def apart(powers_rate: float, phases_rate: float, every_minutes: float, readings: int) -> list[NaiveReading]:
    """Return readings whose powers say one load and whose voltages and currents say another."""
    return [
        NaiveReading(
            NOON + round(i * every_minutes * MINUTE_US),
            powers_rate + i * 1e-5,
            (300.0 + i, 90.0, 228.0, 229.0, 230.0, 550.0 + i, 551.0, 552.0),
            1.0,
            False,
            phases_rate,
        )
        for i in range(readings)
    ]


def doubted_in(readings: list[NaiveReading], flag: QualityFlag) -> list[int]:
    return [i for i, bits in enumerate(evaluate(readings)) if bits & flag]


def test_powers_far_below_voltage_and_current_are_doubted_once_it_lasts_and_the_load_comes_from_the_phases() -> None:
    quarter_hours = apart(0.0095, 0.95, 15, 8)
    assert doubted_in(quarter_hours, QualityFlag.POWERS_LOW) == [3, 4, 5, 6, 7]
    assert doubted_in(apart(0.3, 0.95, 1, 60), QualityFlag.POWERS_LOW) == [*range(45, 60)]
    rated = block_of(quarter_hours)
    evaluate = QualityGrader(1)
    flags = evaluate.advance(rated)
    plain = SortedRates.of(rated.transformer, rated.measured_at_us, rated.load_rate, rated.load_rate)
    believed = believed_rates(plain, rated, flags)
    np.testing.assert_allclose(believed.load_rate, [*rated.load_rate[:3], *[0.95] * 5])
    assert believed.trusted.tolist() == [False] * 3 + [True] * 5
    assert believed_basis(rated, flags).tolist() == [Basis.ACTIVE_AND_REACTIVE] * 3 + [Basis.VOLTAGE_AND_CURRENT] * 5
    assert grade(flags).grade is QualityGrade.MARKED


def test_single_rows_whose_means_differ_five_fold_from_instants_are_believed() -> None:
    readings = apart(0.5, 0.52, 15, 12)
    for row in (2, 5, 6, 9):
        readings[row] = replace(readings[row], rate=0.104)
    assert doubted_in(readings, QualityFlag.POWERS_LOW) == []
    assert doubted_in(apart(0.01, 0.2, 15, 12), QualityFlag.POWERS_LOW) == [], "light: roofs cancel one another"
    assert doubted_in(apart(0.4, 0.9, 15, 12), QualityFlag.POWERS_LOW) == [], "less than 2.5 times"


def test_phases_that_feed_back_cancel_others_in_the_powers_and_are_no_contradiction() -> None:
    signed = [
        replace(r, values=(*r.values[:5], 550.0, -300.0, -240.0 + i)) for i, r in enumerate(apart(0.1, 0.6, 15, 8))
    ]
    assert doubted_in(signed, QualityFlag.POWERS_LOW) == []
    against = [replace(r, values=(*r.values[:5], -550.0, -551.0, -552.0)) for r in apart(0.1, 0.9, 15, 8)]
    assert doubted_in(against, QualityFlag.POWERS_LOW) == [3, 4, 5, 6, 7]


def test_powers_low_at_night_too_are_told_as_one_stay() -> None:
    evening = apart(0.003, 0.4, 15, 6)
    night = [replace(r, at=r.at + 90 * MINUTE_US, phases_rate=0.1) for r in apart(0.001, 0.1, 15, 90)]
    assert doubted_in(evening + night, QualityFlag.POWERS_LOW) == [*range(3, 96)]


def test_powers_that_phases_cannot_carry_are_in_doubt_once_it_lasts() -> None:
    assert doubted_in(apart(0.9, 0.5, 15, 8), QualityFlag.POWERS_HIGH) == [3, 4, 5, 6, 7]
    mixed = apart(0.9, 0.5, 15, 8)
    mixed[3] = replace(mixed[3], phases_rate=0.9)
    assert doubted_in(mixed, QualityFlag.POWERS_HIGH) == [7]
    assert doubted_in(apart(0.04, 0.01, 15, 8), QualityFlag.POWERS_HIGH) == []
    assert doubted_in(apart(0.9, NAN, 15, 8), QualityFlag.POWERS_HIGH) == []


def light_day(low: float, high: float, every_minutes: float = 15, hours: float = 24, **of: float) -> list[NaiveReading]:
    """Return a day that swings from `low` to `high`, smoothly, with noise of two per cent."""
    random, found = np.random.default_rng(5), []
    for i in range(round(hours * 60 / every_minutes)):
        swing = 0.5 - 0.5 * np.cos(2 * np.pi * i * every_minutes / 1440)
        rate = float(low + (high - low) * swing) * float(np.exp(random.normal(0.0, 0.01)))
        at = NOON + round(i * every_minutes * MINUTE_US)
        found.append(NaiveReading(at, rate, (rate, 0.0, 230.0, 231.0, 232.0, rate, rate, rate), **of))  # type: ignore[arg-type]
    return found


def test_a_ratio_wrong_from_the_first_day_is_suspected_after_a_day_and_once() -> None:
    day = light_day(0.0036, 0.0074, rated_kva=400.0)
    flagged = doubted_in(day, QualityFlag.ALWAYS_OFF)
    assert flagged == [*range(88, 96)]
    assert doubted_in(light_day(0.0036, 0.0074, hours=23.5, every_minutes=1), QualityFlag.ALWAYS_OFF)[0] == 1320
    two_days = light_day(0.0036, 0.0074, hours=72)
    evaluate, begun = QualityGrader(1), []
    for reading in two_days:
        block = block_of([reading])
        before = evaluate.ongoing(block.transformer)
        begun += newly_flagged(block, evaluate.advance(block), before).tolist()
    assert sum(bool(bits & QualityFlag.ALWAYS_OFF) for bits in begun) == 1


@pytest.mark.parametrize(
    ("what", "readings"),
    [
        ("an area of 5 % of its rating", light_day(0.02, 0.05)),
        ("a base station: the same by night and noon", light_day(0.0049, 0.0055)),
        ("next to nothing at night", light_day(0.0003, 0.0074)),
        ("a ratio that the ledger has", light_day(0.0036, 0.0074, ct_ratio=120.0)),
        ("a small transformer with few customers", light_day(0.03, 0.06, rated_kva=50.0)),
        ("large for its rating", light_day(0.0036, 0.0074, rated_kva=1000.0)),
        ("half a day", light_day(0.0036, 0.0074, hours=12)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_honest_light_load_is_not_suspected(what: str, readings: Any) -> None:
    assert doubted_in(readings, QualityFlag.ALWAYS_OFF) == [], what


def test_one_kettle_a_day_shows_that_few_customers_are_behind_a_light_load() -> None:
    day = light_day(0.0036, 0.0074, hours=48)
    for row in range(30, len(day), 80):
        day[row] = replace(day[row], rate=day[row].rate * 2)
    assert doubted_in(day, QualityFlag.ALWAYS_OFF) == []


def test_without_currents_a_light_load_is_suspected_only_where_it_is_very_smooth() -> None:
    def without_currents(day: list[NaiveReading]) -> list[NaiveReading]:
        return [replace(r, values=(*r.values[:5], NAN, NAN, NAN)) for r in day]

    smooth = light_day(0.0036, 0.0074)
    assert doubted_in(without_currents(smooth), QualityFlag.ALWAYS_OFF) == [*range(88, 96)]
    rough = [replace(r, rate=r.rate * (1.3 if i % 9 == 0 else 1.0)) for i, r in enumerate(smooth)]
    assert doubted_in(rough, QualityFlag.ALWAYS_OFF) == [*range(88, 96)]
    assert doubted_in(without_currents(rough), QualityFlag.ALWAYS_OFF) == []
    minutes = light_day(0.0036, 0.0074, every_minutes=1)
    assert doubted_in(without_currents(minutes), QualityFlag.ALWAYS_OFF) == [], "minutes are smooth whoever draws them"
    on_one_phase = [replace(r, values=(*r.values[:5], r.rate, 0.0, 0.1 * r.rate)) for r in smooth]
    assert doubted_in(on_one_phase, QualityFlag.ALWAYS_OFF) == []


def test_a_day_above_all_loads_is_a_ratio_or_a_rating_that_is_wrong() -> None:
    assert doubted_in(light_day(1.7, 3.0), QualityFlag.ALWAYS_OFF) == [*range(88, 96)]
    assert doubted_in(light_day(1.4, 3.0, hours=48), QualityFlag.ALWAYS_OFF) == []


def test_a_ratio_that_is_missing_keeps_readings_in_doubt_until_the_load_rate_leaves_the_zone() -> None:
    story = Story(80.0).then(0.8, 0.79, 0.01, 0.0098, 0.0102, 0.8, 0.79)
    assert story.flagged(QualityFlag.RATIO) == [2, 3, 4]
    assert Story(80.0).then(0.8, 0.79, 0.02).flagged(QualityFlag.RATIO) == []


def test_a_ratio_applied_twice_is_doubted_though_the_second_reading_confirms_the_jump() -> None:
    story = Story(5.0).then(0.6, 0.61, 3.1, 3.0, 2.9)
    assert story.flagged(QualityFlag.RATIO) == [2, 3, 4]
    assert story.flagged(QualityFlag.JUMP) == [2, 3, 4]
    assert story.then(0.6).flagged(QualityFlag.RATIO) == [2, 3, 4]


def test_watts_for_kilowatts_are_doubted_whatever_the_ratio() -> None:
    assert Story().then(0.004, 0.004, 4.1, 4.0, 0.004).flagged(QualityFlag.RATIO) == [2, 3]


def test_a_small_ratio_and_an_ordinary_fall_of_load_are_believed() -> None:
    assert Story(4.0).then(0.8, 0.2, 0.05).flagged(QualityFlag.RATIO) == []
    assert Story(80.0).then(0.8, 0.4, 0.2, 0.1, 0.05, 0.02, 0.012).flagged(QualityFlag.RATIO) == []


def test_doubt_of_the_ratio_lasts_a_day_and_crosses_gaps() -> None:
    story = Story(80.0).then(0.8, 0.01).then(*[0.011] * 49, every_minutes=30)
    assert story.flagged(QualityFlag.RATIO) == [*range(1, 50)]


def test_phases_that_changed_places_are_marked_where_it_happened_and_the_total_is_trusted() -> None:
    story = Story()
    story.then(0.6, currents=(300.0, 200.0, 100.0)).then(0.6, currents=(200.0, 300.0, 101.0)).then(
        0.6, currents=(201.0, 299.0, 101.0)
    )
    assert story.flagged(QualityFlag.PHASE_SWAP) == [1]
    assert grade(np.array(evaluate(story.readings), np.uint8)).grade is QualityGrade.MARKED


@pytest.mark.parametrize(
    ("before", "now"),
    [
        ((300.0, 290.0, 100.0), (290.0, 300.0, 100.0)),
        ((300.0, 200.0, 100.0), (200.0, 311.0, 100.0)),
        ((300.0, 200.0, 100.0), (300.0, 200.0, 100.0)),
        ((300.0, 200.0, 100.0), (210.0, 205.0, 203.0)),
        ((300.0, 200.0, NAN), (200.0, 300.0, NAN)),
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_phases_that_look_alike_or_moved_by_load_are_not_called_swapped(before: Any, now: Any) -> None:
    assert Story().then(0.6, currents=before).then(0.6, currents=now).flagged(QualityFlag.PHASE_SWAP) == []


def test_all_three_phases_can_move_on() -> None:
    story = Story().then(0.6, currents=(300.0, 200.0, 100.0)).then(0.6, currents=(100.0, 300.0, 200.0))
    assert story.flagged(QualityFlag.PHASE_SWAP) == [1]


def test_phases_that_differ_by_a_sixth_are_told_apart_when_they_change_places() -> None:
    story = Story().then(0.6, currents=(300.0, 250.0, 100.0)).then(0.6, currents=(257.0, 292.0, 100.0))
    assert story.flagged(QualityFlag.PHASE_SWAP) == [1]


def test_a_transformer_that_is_walked_anew_knows_nothing_of_its_past() -> None:
    story = Story().then(0.5).frozen(13)
    evaluate = QualityGrader(1)
    first = evaluate.advance(block_of(story.readings)).tolist()
    assert evaluate.ongoing(np.array([0], np.int32)).tolist() == [QualityFlag.STUCK]
    evaluate.forget(np.array([0], np.int32))
    assert evaluate.ongoing(np.array([0], np.int32)).tolist() == [0]
    assert evaluate.advance(block_of(story.readings)).tolist() == first


def test_a_doubt_begins_once_however_the_readings_are_cut() -> None:
    readings = Story().then(0.5).frozen(15).then(0.6, 0.6).readings
    readings.insert(14, NaiveReading(readings[13].at + 1, NAN, readings[13].values))
    for cut in range(len(readings) + 1):
        evaluate, begun = QualityGrader(1), []
        for part in (readings[:cut], readings[cut:]):
            block = block_of(part)
            before = evaluate.ongoing(block.transformer)
            begun += newly_flagged(block, evaluate.advance(block), before).tolist()
        assert [i for i, bits in enumerate(begun) if bits & QualityFlag.STUCK] == [11]


def test_readings_of_the_wire_are_sorted_and_rated_as_verdicts_see_them() -> None:
    transformers = [Transformer("T0", "", "S1", 100.0, ct_ratio=10.0), Transformer("T1", "", "S1", 200.0)]
    fleet = Fleet.of(transformers)
    batch = ReadingBatch.of(
        [1, 0, 1, 1],
        [NOON + 2, NOON, NOON + 1, NOON + 2],
        active_power_kw=[100.0, 5.0, 90.0, 999.0],
        reactive_power_kvar=[0.0, NAN, 0.0, 0.0],
    )
    block = RatedReadings.of(batch, LoadRates(batch, fleet), fleet.ct_ratio[batch.transformer])
    assert block.transformer.tolist() == [0, 1, 1]
    assert block.load_rate.tolist() == [0.5, 0.45, 0.5]
    assert block.ct_ratio.tolist() == [10.0, 1.0, 1.0]
    assert QualityGrader(2).advance(block).tolist() == [QualityFlag.ACTIVE_ONLY, 0, 0]


def test_readings_in_doubt_neither_open_nor_close_and_marked_ones_do() -> None:
    rates = trusted_load_rate(np.array([0.95, 0.96, 0.97, 0.98]), np.array([0, 1, 8, 20], np.uint8))
    np.testing.assert_array_equal(rates, [0.95, NAN, 0.97, NAN])


def test_the_grade_counts_each_doubt_and_a_reading_with_two_once() -> None:
    quality = grade(np.array([0, 1, 3, 3, 8, 16, 24], np.uint8))
    assert (quality.grade, quality.readings, quality.flagged) == (QualityGrade.DOUBTFUL, 7, 3)
    assert quality.counts == (
        (QualityFlag.STUCK, 3),
        (QualityFlag.JUMP, 2),
        (QualityFlag.PHASE_SWAP, 2),
        (QualityFlag.ACTIVE_ONLY, 2),
    )
    assert (quality.count(QualityFlag.JUMP), quality.count(QualityFlag.RATIO)) == (2, 0)
    assert grade(np.array([0, 16], np.uint8)).grade is QualityGrade.MARKED
    assert grade(np.array([0, 0], np.uint8)).grade is QualityGrade.GOOD
    assert grade(np.array([], np.uint8)).grade is QualityGrade.GOOD


def test_what_is_said_of_a_curve_names_each_doubt_with_its_number() -> None:
    said = quality_reason(grade(np.array([0] * 28 + [1, 1], np.uint8)))
    assert said.zh == "存疑：30 个读数中数据冻结 2 个"
    assert said.en == "doubtful: of 30 readings frozen values 2"
    assert quality_reason(grade(np.array([0], np.uint8))).zh == "可信"


def test_the_notice_says_where_since_when_why_and_what_to_check() -> None:
    transformer = Transformer("YX06", "永兴街 6 号台区", "S1", 400.0, ct_ratio=80.0)
    said = check_the_meter(QualityFlag.RATIO, transformer, NOON, 0.0102, SHANGHAI)
    assert said.zh.startswith("【核查表计】YX06 永兴街 6 号台区：7月24日 12:00 起倍率可疑，负载率 1.02%。")
    assert "台账综合倍率 80" in said.zh
    assert "铭牌变比" in said.zh
    assert "ledger: 80" in said.en
    assert "12:00 突变" in check_the_meter(QualityFlag.JUMP, transformer, NOON, 1.7, SHANGHAI).zh


@pytest.mark.parametrize("flag", FLAGS, ids=lambda flag: flag.name)
def test_every_doubt_has_its_words_in_both_languages(flag: Any) -> None:
    for said in (flag_name(flag), flag_reason(flag), what_to_check(flag)):
        assert said.zh
        assert said.en.isascii()
    assert what_to_check(flag).zh in check_the_meter(flag, Transformer("T", "", "S", 1.0), NOON, 0.5, SHANGHAI).zh


def test_every_grade_has_its_words() -> None:
    assert len({grade_name(one).zh for one in QualityGrade}) == len(QualityGrade)


def test_bits_are_told_apart() -> None:
    assert flags_in(0) == ()
    assert flags_in(5) == (QualityFlag.STUCK, QualityFlag.RATIO)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stuck_readings": 1},
        {"stuck_readings": 256},
        {"ct_ratio_min": 1.0},
        {"factor_tolerance": 1.0},
        {"swap_tolerance": 0.2},
    ],
)
def test_settings_that_contradict_one_another_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        QualitySettings(**wrong)


def test_the_reach_covers_each_doubt_by_itself() -> None:
    assert QualitySettings().reach_us == 26 * HOUR_US
    assert QualitySettings(ratio_hours_max=0, exchange_hours_max=0).reach_us == 26 * HOUR_US
    assert QualitySettings(ratio_hours_max=36).reach_us == 38 * HOUR_US
