"""A saving is what lies outside of what days without outreach do by themselves; what was not measured is none."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from alerts.effect.effect import Effect, EffectVerdict, Weather, effect_of
from alerts.effect.power import MeasuredPower
from alerts.effect.similar_days import DayKind, is_weekend, usual
from alerts.effect.slots import PowerSeries, slots_of
from alerts.effect.student import student_factor
from alerts.effect.words import effect_sentence, effect_verdict_name
from alerts.quality.grading import QualityGrader
from alerts.quality.rated_readings import RatedReadings
from bench.effect.loads import DAYS, UTC_OFFSET_US, AreaLoad, area_load
from grid.assets import Transformer
from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US

LARGE = area_load(3, hot=True, large=True)
DAY = 60
ELEVEN = DAY * 1440 + 11 * 60


def series_of(power_kw: NDArray[np.float64], every: int = 15, area: AreaLoad = LARGE) -> PowerSeries:
    """Return the readings of an area at whole multiples of so many minutes."""
    power = power_kw[::every]
    return PowerSeries.of(area.at_us[: len(power_kw) : every], power, np.ones(len(power), bool))


def effect(power_kw: NDArray[np.float64], first: int = ELEVEN, minutes: int = 180, **more: object) -> Effect:
    from_us = int(LARGE.at_us[first])
    return effect_of(series_of(power_kw), from_us, from_us + minutes * MINUTE_US, utc_offset_us=UTC_OFFSET_US, **more)  # type: ignore[arg-type]


def asked(share: float, first: int = ELEVEN, minutes: int = 180) -> NDArray[np.float64]:
    power = LARGE.power_kw.copy()
    power[first : first + minutes] *= 1.0 - share
    return power


def test_a_fifth_less_for_three_hours_is_shown_with_an_interval_around_the_truth() -> None:
    found = effect(asked(0.2))
    truth = 0.2 * LARGE.power_kw[ELEVEN : ELEVEN + 180 : 15].mean()
    assert found.verdict is EffectVerdict.SHOWN
    assert found.saving_low_kw < truth < found.saving_high_kw
    assert found.smallest_shown_kw < truth
    assert found.saving_kw == pytest.approx(found.baseline_kw - found.measured_kw)
    assert found.placebo_windows >= 100
    assert abs(found.placebo_bias) < 0.02
    assert found.placebo_mape < 0.05
    assert 0.85 < found.placebo_coverage <= 1.0


def test_a_day_like_the_others_shows_nothing() -> None:
    assert effect(LARGE.power_kw).verdict is EffectVerdict.NOT_SHOWN


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_readings_in_the_window_only_measure_and_later_ones_do_nothing(factor: float) -> None:
    base = effect(LARGE.power_kw)
    inside = LARGE.power_kw.copy()
    inside[ELEVEN : ELEVEN + 180] *= factor
    found = effect(inside)
    assert (found.baseline_kw, found.low_kw, found.high_kw) == (base.baseline_kw, base.low_kw, base.high_kw)
    after = LARGE.power_kw.copy()
    after[ELEVEN + 180 :] *= factor
    assert effect(after) == base


def test_readings_in_the_window_of_donors_do_not_count_either() -> Any:
    donors = [area_load(seed, hot=True, large=True) for seed in (4, 5)]

    def found(factor: float) -> Effect:
        changed = []
        for donor in donors:
            power = donor.power_kw.copy()
            power[ELEVEN:] *= factor
            changed.append(series_of(power))
        return effect(LARGE.power_kw, donors=changed)

    assert found(1.0) == found(0.3)


def test_weather_that_is_known_makes_the_interval_of_a_hot_day_shorter_on_average() -> None:
    halves: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(8):
        area = area_load(seed, hot=True, large=True)
        from_us = int(area.at_us[ELEVEN])
        for known in halves:
            weather = Weather(area.at_us[::60], area.temperature_c[::60]) if known else None
            of_area = series_of(area.power_kw, area=area)
            found = effect_of(of_area, from_us, from_us + 3 * HOUR_US, utc_offset_us=UTC_OFFSET_US, weather=weather)
            halves[known].append(found.smallest_shown_kw)
    assert np.mean(halves[True]) < np.mean(halves[False])


def test_coverage_and_false_claims_hold_for_windows_that_begin_with_a_peak() -> None:
    covered, claimed = [], []
    for seed in range(40):
        area = area_load(seed, hot=True, large=True)
        peaks = area.power_kw.reshape(DAYS, 1440)[:, 540:1320]
        line = float(np.quantile(peaks.max(axis=1), 0.7))
        day = next((d for d in range(40, DAYS) if peaks[d].max() >= line), int(peaks[40:].max(axis=1).argmax()) + 40)
        first = day * 1440 + 540 + int(np.argmax(peaks[day] >= min(line, peaks[day].max()))) + 1
        from_us = int(area.at_us[first])
        of_area = series_of(area.power_kw, every=1, area=area)
        found = effect_of(of_area, from_us, from_us + 2 * HOUR_US, utc_offset_us=UTC_OFFSET_US)
        covered.append(found.saving_low_kw <= 0.0 <= found.saving_high_kw)
        claimed.append(found.verdict is EffectVerdict.SHOWN)
    assert np.mean(covered) >= 0.8
    assert np.mean(claimed) <= 0.075


def test_readings_that_are_missing_are_no_saving() -> None:
    half = LARGE.power_kw.copy()
    half[ELEVEN + 60 : ELEVEN + 180] = np.nan
    found = effect(half)
    assert found.verdict is EffectVerdict.NOT_MEASURABLE
    assert found.why == "too_few_readings_in_the_window"
    assert math.isnan(found.saving_kw)
    some = LARGE.power_kw.copy()
    some[ELEVEN + 60 : ELEVEN + 90] = np.nan
    assert effect(some).verdict is EffectVerdict.NOT_SHOWN


def test_too_few_days_and_windows_longer_than_a_day_are_not_measurable() -> None:
    assert effect(LARGE.power_kw, first=5 * 1440 + 660).why == "too_few_days_before"
    assert effect(LARGE.power_kw, minutes=1441).why == "window_too_long"
    assert effect(LARGE.power_kw[: ELEVEN - 60]).why == "too_few_readings_in_the_window"


def test_usual_days_are_earlier_ones_of_the_same_kind() -> None:
    power = np.repeat(np.where(np.arange(DAYS) % 7 >= 5, 50.0, 100.0), 1440)
    from_us = int(LARGE.at_us[35 * 1440 + 720])
    slots = slots_of(series_of(power), from_us, from_us + HOUR_US, 15 * MINUTE_US)
    at_us = from_us + (np.arange(len(slots.power_kw)) - slots.before) * slots.step_us
    weekend = is_weekend(at_us, UTC_OFFSET_US)
    assert usual(slots, slots.power_kw, weekend, DayKind.SAME)[slots.before] == 100.0
    assert usual(slots, slots.power_kw, weekend, DayKind.ALL)[slots.before] < 100.0
    assert bool(is_weekend(np.array([int(LARGE.at_us[5 * 1440])]), UTC_OFFSET_US)[0]), "29 May 2021 is a Saturday"


def readings_of(power_kw: NDArray[np.float64], voltage_v: NDArray[np.float64]) -> MeasuredPower:
    fleet = Fleet.of([Transformer("T1", "", "S1", 400.0)])
    rows = slice(0, len(power_kw), 15)
    power = power_kw[rows]
    batch = ReadingBatch.of(
        np.zeros(len(power)),
        LARGE.at_us[: len(power_kw)][rows],
        active_power_kw=power,
        reactive_power_kvar=power * 0.3,
        voltage_v=np.repeat(voltage_v[rows][:, None], 3, axis=1),
    )
    rated = RatedReadings.of(batch, LoadRates(batch, fleet), np.ones(len(power)))
    return MeasuredPower.of(rated, QualityGrader(1).advance(rated))


def measured(power_kw: NDArray[np.float64], voltage_v: NDArray[np.float64]) -> Effect:
    from_us = int(LARGE.at_us[ELEVEN])
    to_us = from_us + 3 * HOUR_US
    return effect_of(
        readings_of(power_kw, voltage_v).until(from_us, to_us), from_us, to_us, utc_offset_us=UTC_OFFSET_US
    )


def test_what_is_not_drawn_without_supply_is_no_saving() -> None:
    power, live = LARGE.power_kw.copy(), np.full(len(LARGE.power_kw), 231.0)
    usual_effect = measured(power, live)
    power[ELEVEN : ELEVEN + 60] = 0.0
    assert measured(power, live).verdict is EffectVerdict.NOT_MEASURABLE, "no load at all"
    power[ELEVEN : ELEVEN + 60] = LARGE.power_kw[ELEVEN : ELEVEN + 60] * 0.4
    dead = live.copy()
    dead[ELEVEN : ELEVEN + 60] = 80.0
    assert measured(power, dead).verdict is EffectVerdict.NOT_MEASURABLE, "a voltage that is none"
    power[ELEVEN + 30 : ELEVEN + 60] = LARGE.power_kw[ELEVEN + 30 : ELEVEN + 60]
    dead[ELEVEN + 30 : ELEVEN + 60] = 231.0
    found = measured(power, dead)
    assert found.verdict is EffectVerdict.NOT_SHOWN
    assert found.saving_kw == pytest.approx(usual_effect.saving_kw, abs=6.0)


def test_readings_of_a_frozen_meter_are_no_saving_from_the_first_of_them() -> None:
    power, live = LARGE.power_kw.copy(), np.full(len(LARGE.power_kw), 231.0)
    power[ELEVEN - 60 : ELEVEN + 180] = 61.237
    found = measured(power, live)
    assert found.verdict is EffectVerdict.NOT_MEASURABLE


def test_a_meter_that_froze_when_the_window_began_shows_nothing_though_nobody_can_know_it_yet() -> None:
    power, live = LARGE.power_kw.copy(), np.full(len(LARGE.power_kw), 231.0)
    power[ELEVEN : ELEVEN + 120] = 61.237
    from_us = int(LARGE.at_us[ELEVEN])
    series = readings_of(power, live).until(from_us, from_us + 2 * HOUR_US)
    found = effect_of(series, from_us, from_us + 2 * HOUR_US, utc_offset_us=UTC_OFFSET_US)
    assert found.verdict is EffectVerdict.NOT_MEASURABLE


def test_a_meter_without_powers_is_measured_by_voltages_and_currents_at_the_usual_power_factor() -> None:
    power = readings_of(LARGE.power_kw, np.full(len(LARGE.power_kw), 231.0))
    from_us = int(LARGE.at_us[ELEVEN])
    gone = power.measured_at_us >= from_us
    by_phases = replace(power, active_power_kw=np.where(gone, np.nan, power.active_power_kw), by_apparent=gone)
    np.testing.assert_allclose(
        by_phases.until(from_us, from_us + DAY_US).active_power_kw,
        power.until(from_us, from_us + DAY_US).active_power_kw,
        rtol=1e-9,
    )


@pytest.mark.parametrize(
    ("freedom", "coverage", "t"), [(4.0, 0.90, 2.132), (10.0, 0.90, 1.812), (30.0, 0.95, 2.042), (1e6, 0.90, 1.645)]
)
def test_the_factor_is_that_of_students_tables(freedom: float, coverage: float, t: float) -> None:
    assert student_factor(freedom, coverage) == pytest.approx(t, rel=0.01)


def test_what_is_said_gives_the_interval_and_the_least_that_could_be_shown() -> None:
    said = effect_sentence(effect(asked(0.2)))
    assert said.zh.startswith("已证实：比基线少")
    assert "90 % interval" in said.en
    for why in ("too_few_readings_in_the_window", "too_few_days_before", "window_too_long"):
        nothing = replace(effect(LARGE.power_kw, minutes=1441), why=why)
        assert effect_sentence(nothing).en.startswith("not measurable: ")
        assert effect_sentence(nothing).zh.startswith("无法测量：")
    assert len({effect_verdict_name(v).zh for v in EffectVerdict}) == len(EffectVerdict)
