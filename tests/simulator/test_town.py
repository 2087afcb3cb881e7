"""The town's physics: what is drawn follows from weather, rooms and people, and the meter tells it consistently."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import msgspec
import numpy as np
import pytest

from grid.assets import Appliance, ApplianceKind, Ledger, Merchant, Phase, Station, Transformer
from grid.electrical import VOLTAGE_HIGH_V, VOLTAGE_LOW_V, LoadRates, power_factor
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US
from simulator.customers import Townsfolk
from simulator.physics.rooms import Rooms
from simulator.physics.supply import Supply
from simulator.scenario.parts import CoolingPart, SupplyPart
from simulator.scenario.scenario import load_scenario
from simulator.town.census_generator import townsfolk
from simulator.town.people import Measures
from simulator.town.town import Town
from stores.ledger_files import read_ledger

SCENARIO = load_scenario("yx06-24-july")
NO_BLOCKS = msgspec.structs.replace(SCENARIO, block=())
NOON_US = SCENARIO.starts_at_us + 150 * MINUTE_US
ASK = Measures(switch_off_units=2, setpoint_to_c=26.0, lights_off=True)
SHOP = "YX06-M07"
"""Three air conditioners, two of which it can do without."""


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found, faults = read_ledger(SCENARIO.ledger_folder)
    assert found is not None and not faults
    return found


@pytest.fixture(scope="module")
def day(ledger: Ledger) -> tuple[Town, ReadingBatch]:
    town = Town.of(ledger, SCENARIO)
    return town, town.advance_to(SCENARIO.ends_at_us)


def bytes_of(readings: ReadingBatch) -> str:
    return sha256(b"".join(getattr(readings, name).tobytes() for name in readings.__dataclass_fields__)).hexdigest()


def test_the_same_seed_gives_the_same_bytes_however_the_day_is_cut(
    ledger: Ledger, day: tuple[Town, ReadingBatch]
) -> None:
    town = Town.of(ledger, SCENARIO)
    cuts = [SCENARIO.starts_at_us + m * MINUTE_US for m in (-30, 0, 1, 200)] + [SCENARIO.ends_at_us + HOUR_US]
    pieces = [town.advance_to(timestamp) for timestamp in cuts]
    assert bytes_of(ReadingBatch.concatenate(pieces)) == bytes_of(day[1])
    assert bytes_of(Town.of(ledger, SCENARIO, seed=25).advance_to(NOON_US)) != bytes_of(
        Town.of(ledger, SCENARIO, seed=24).advance_to(NOON_US)
    )


def test_there_is_one_reading_per_transformer_and_minute_of_the_scenario(day: tuple[Town, ReadingBatch]) -> None:
    town, readings = day
    minutes = (SCENARIO.ends_at_us - SCENARIO.starts_at_us) // MINUTE_US + 1
    assert len(readings) == minutes * len(town.fleet)
    assert len(set(zip(readings.transformer, readings.measured_at_us, strict=True))) == len(readings)
    assert readings.measured_at_us.min() == SCENARIO.starts_at_us
    assert readings.measured_at_us.max() == SCENARIO.ends_at_us
    assert town.is_over and len(town.advance_to(SCENARIO.ends_at_us + HOUR_US)) == 0


def test_powers_voltages_and_currents_tell_the_same_apparent_power(day: tuple[Town, ReadingBatch]) -> None:
    _, readings = day
    from_powers = np.hypot(readings.active_power_kw, readings.reactive_power_kvar)
    from_phases = (readings.voltage_v * readings.current_amp).sum(axis=1) / 1000.0
    assert np.abs(from_phases / from_powers - 1.0).max() < 0.01


def test_voltage_is_within_limits_and_sinks_with_the_load_of_its_phase(day: tuple[Town, ReadingBatch]) -> None:
    town, readings = day
    assert readings.voltage_v.min() > VOLTAGE_LOW_V and readings.voltage_v.max() < VOLTAGE_HIGH_V
    street = readings.take(readings.transformer == town.fleet.number["YX06"])
    for phase in range(3):
        assert np.corrcoef(street.voltage_v[:, phase], street.current_amp[:, phase])[0, 1] < -0.95


def test_the_phases_of_a_street_differ_and_the_neutral_carries_the_rest(day: tuple[Town, ReadingBatch]) -> None:
    town, readings = day
    rates = LoadRates(readings, town.fleet)
    street = readings.transformer == town.fleet.number["YX06"]
    ratio = rates.worst_phase_load_rate[street] / rates.load_rate[street]
    assert 1.01 < np.median(ratio) < 1.25
    assert (readings.neutral_current_amp[street] > 5.0).all()
    factor = power_factor(readings)[street]
    assert factor.min() > 0.90 and factor.max() < 0.99


def test_the_oil_lags_the_load(day: tuple[Town, ReadingBatch]) -> None:
    town, readings = day
    street = readings.take(readings.transformer == town.fleet.number["YX06"])
    assert street.oil_temperature_c.argmax() > street.active_power_kw.argmax() + 30


@pytest.mark.parametrize(
    ("load_rate", "steady_rise_k"), [(0.0, 60.0 * (1 / 8.5) ** 0.8), (0.9533, 56.3), (1.0, 60.0), (1.5, 107.3)]
)
def test_the_oil_goes_to_the_standard_s_steady_rise_in_its_own_time(load_rate: float, steady_rise_k: float) -> None:
    """IEC 60076-7:2018, distribution ONAN: 60 K at rated load, R 7.5, x 0.8, 180 min; 63 % of the way in that time."""
    ledger, folk = one_shop()
    supply = Supply(folk.customers, Fleet.of(ledger.transformers), SupplyPart(), 36.0)
    start_c = float(supply.oil_c[0])
    at_three_hours = [supply.step(np.array([100.0 * load_rate]), np.zeros(1), 36.0, 1.0) for _ in range(180)]
    way = (float(supply.oil_c[0]) - start_c) / (36.0 + steady_rise_k - start_c)
    assert way == pytest.approx(1.0 - np.exp(-1.0), abs=0.01)
    assert at_three_hours[-1].oil_temperature_c[0] == pytest.approx(supply.oil_c[0], abs=0.05)


def one_shop(units: int = 3, rated_kw: float = 2.0, phase: Phase = Phase.ABC) -> tuple[Ledger, Townsfolk]:
    ledger = Ledger(
        stations=(Station("S", "模拟站", "Asia/Shanghai"),),
        transformers=(Transformer("T", "模拟台区", "S", 100.0),),
        merchants=(Merchant("M", "模拟商户", "T", category="服装", phase=phase, walk_order=1),),
        appliances=(Appliance("M", ApplianceKind.AIR_CONDITIONER, units, rated_kw, 2, 22.0),),
    )
    return ledger, townsfolk(ledger, NO_BLOCKS, 1, Fleet.of(ledger.transformers))


def rooms_of(folk: Townsfolk, outdoor_c: float = 36.0) -> Rooms:
    return Rooms(folk.customers, folk.units, CoolingPart(inverter_share=1.0), outdoor_c, 0.0)


def test_a_room_keeps_its_energy_balance() -> None:
    _, folk = one_shop()
    rooms, heat = rooms_of(folk), np.array([3.0])
    people, on = np.array([True]), np.ones(3, np.bool_)
    start_c, into_room_kwh, removed_kwh = rooms.room_c.copy(), 0.0, 0.0
    for _ in range(240):
        before_c = rooms.room_c.copy()
        cooling = rooms.step(people, on, heat, 36.0, 1.0)
        mean_c = (before_c + rooms.room_c) / 2.0
        into_room_kwh += float((heat + folk.customers.loss_kw_per_k * (36.0 - mean_c))[0]) / 60.0
        removed_kwh += float(cooling.sensible_kw[0]) / 60.0
    stored_kwh = float((folk.customers.mass_kwh_per_k * (rooms.room_c - start_c))[0])
    assert removed_kwh > 1.0
    assert into_room_kwh - removed_kwh == pytest.approx(stored_kwh, abs=0.01 * removed_kwh)


def test_an_empty_room_without_heat_goes_to_the_outdoor_temperature() -> None:
    _, folk = one_shop()
    rooms = rooms_of(folk, 20.0)
    for _ in range(24 * 60):
        rooms.step(np.array([False]), np.ones(3, np.bool_), np.zeros(1), 36.0, 1.0)
    assert rooms.room_c[0] == pytest.approx(36.0, abs=0.1)


def test_the_thermostat_keeps_the_set_point_where_the_units_are_strong_enough() -> None:
    _, folk = one_shop()
    rooms = rooms_of(folk)
    draws = [
        float(rooms.step(np.array([True]), np.ones(3, np.bool_), np.zeros(1), 30.0, 1.0).active_kw[0])
        for _ in range(300)
    ]
    assert 21.0 < rooms.room_c[0] < 24.5
    assert 0.0 < np.mean(draws[-60:]) < 6.0


def test_a_hotter_day_or_a_lower_set_point_costs_more() -> None:
    def mean_draw(outdoor_c: float, setpoint_c: float) -> float:
        _, folk = one_shop()
        rooms = rooms_of(folk, outdoor_c)
        rooms.wanted_setpoint_c[:] = setpoint_c
        rooms.setpoint_c[:] = setpoint_c
        steps = [
            rooms.step(np.array([True]), np.ones(3, np.bool_), np.array([1.0]), outdoor_c, 1.0) for _ in range(400)
        ]
        return float(np.mean([step.active_kw[0] for step in steps[-120:]]))

    assert mean_draw(30.0, 26.0) < mean_draw(30.0, 24.0) < mean_draw(34.0, 24.0)


def test_a_single_phase_customer_loads_its_own_phase_only() -> None:
    ledger, folk = one_shop(phase=Phase.B)
    supply = Supply(folk.customers, Fleet.of(ledger.transformers), SupplyPart(), 30.0)
    metered = supply.step(np.array([6.0]), np.array([2.0]), 30.0, 1.0)
    assert metered.current_amp[0, 1] > 0.0
    assert metered.current_amp[0, [0, 2]].tolist() == [0.0, 0.0]
    assert metered.neutral_current_amp[0] == pytest.approx(metered.current_amp[0, 1], abs=0.1)


def test_who_agrees_really_switches_off_and_the_room_grows_warmer(ledger: Ledger) -> None:
    asked, left_alone = Town.of(ledger, SCENARIO), Town.of(ledger, SCENARIO)
    asked.apply_answer(SHOP, ASK, NOON_US)
    for town in (asked, left_alone):
        town.advance_to(NOON_US)
    assert asked.merchant(SHOP) == left_alone.merchant(SHOP)
    for town in (asked, left_alone):
        town.advance_to(NOON_US + HOUR_US)
    then, otherwise = asked.merchant(SHOP), left_alone.merchant(SHOP)
    assert then.takes_part and not otherwise.takes_part
    assert (then.units_allowed, otherwise.units_allowed) == (1, 3)
    assert then.active_power_kw < otherwise.active_power_kw - 2.0
    assert then.room_c > otherwise.room_c + 2.0


def test_after_release_the_units_make_up_for_the_heat(ledger: Ledger) -> None:
    asked, left_alone = Town.of(ledger, SCENARIO), Town.of(ledger, SCENARIO)
    asked.apply_answer(SHOP, ASK, NOON_US)
    asked.advance_to(NOON_US + HOUR_US)
    asked.release(SHOP)
    for town in (asked, left_alone):
        town.advance_to(NOON_US + HOUR_US + 5 * MINUTE_US)
    assert asked.merchant(SHOP).cooling_kw > left_alone.merchant(SHOP).cooling_kw * 1.02
    for town in (asked, left_alone):
        town.advance_to(NOON_US + 3 * HOUR_US)
    assert asked.merchant(SHOP).room_c == pytest.approx(left_alone.merchant(SHOP).room_c, abs=0.3)


def test_who_is_asked_first_changes_nothing_for_the_others(ledger: Ledger) -> None:
    town, alone = Town.of(ledger, SCENARIO), Town.of(ledger, SCENARIO)
    town.apply_answer(SHOP, ASK, NOON_US)
    far_away = "YX06-M40"
    for timestamp in (NOON_US, NOON_US + 30 * MINUTE_US):
        town.advance_to(timestamp)
        alone.advance_to(timestamp)
        assert town.merchant(far_away) == alone.merchant(far_away)


def test_a_device_behind_a_current_transformer_sends_secondary_values(ledger: Ledger) -> None:
    ratio = replace(ledger, transformers=tuple(replace(t, ct_ratio=80.0) for t in ledger.transformers))
    sent, plain = (Town.of(given, SCENARIO).advance_to(SCENARIO.starts_at_us) for given in (ratio, ledger))
    np.testing.assert_allclose(sent.active_power_kw * 80.0, plain.active_power_kw)
    np.testing.assert_allclose(sent.current_amp * 80.0, plain.current_amp)
    np.testing.assert_allclose(sent.voltage_v, plain.voltage_v)


def test_a_ledger_that_does_not_fit_the_scenario_is_refused_with_the_remedy(ledger: Ledger) -> None:
    stranger = replace(ledger.merchants[0], category="铁匠铺")
    with pytest.raises(SettingsError, match=r"铁匠铺.*no \[\[category\]\].*add it, or use one of 茶饮"):
        Town.of(replace(ledger, merchants=(stranger, *ledger.merchants[1:])), SCENARIO)
    with pytest.raises(SettingsError, match=r"block .* hangs on YX05"):
        Town.of(replace(ledger, transformers=ledger.transformers[1:], merchants=(), appliances=()), SCENARIO)
    with pytest.raises(SettingsError, match="no transformer"):
        Town.of(Ledger(), SCENARIO)
