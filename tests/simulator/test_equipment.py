"""Heat, cold, sun, cars, motors, markets, outages: each draws what its own physics says, and nothing else."""

from __future__ import annotations

from datetime import date

import msgspec
import numpy as np
import pytest

from simulator.customers import HeatingUnits
from simulator.physics.charging import Charging
from simulator.physics.equipment import Now
from simulator.physics.heating import Heating
from simulator.physics.machines import Machines
from simulator.physics.outages import Outages
from simulator.physics.outdoors import Outdoors
from simulator.physics.refrigeration import ColdStores
from simulator.physics.roofs import Roofs
from simulator.physics.rooms import Rooms
from simulator.scenario.day import DayCurve, minute_of
from simulator.scenario.equipment import (
    ChargingPart,
    HeatingPart,
    MachinesPart,
    OutagePart,
    OutdoorPart,
    RoofPart,
)
from simulator.scenario.parts import CoolingPart
from simulator.scenario.weather import Weather
from tests.simulator.test_town import one_shop

SKY = DayCurve.of([("00:00", 1.0)])
MAY = Weather(date(2021, 5, 4), 40.3, 116.6, 8.0, SKY, SKY)


def rng_of_the_test() -> np.random.Generator:
    return np.random.default_rng(1)


def at(clock_time: str, outdoor_c: float = 20.0, weather: Weather = MAY, step_minutes: float = 1.0) -> Now:
    minute = minute_of(clock_time)
    return Now(minute, minute, step_minutes, outdoor_c, weather.sun(minute))


def day(step_minutes: int = 1, outdoor_c: float = 20.0) -> list[Now]:
    return [Now(m, m, step_minutes, outdoor_c, MAY.sun(m)) for m in range(0, 1440, step_minutes)]


# Damp air


@pytest.mark.parametrize(("air_c", "share", "g_kg"), [(35.0, 0.4, 14.1), (20.0, 0.5, 7.2), (30.0, 1.0, 27.2)])
def test_moisture_of_the_air_is_that_of_the_psychrometric_chart(air_c: float, share: float, g_kg: float) -> None:
    damp = DayCurve.of([("00:00", share)])
    weather = Weather(date(2021, 7, 24), 40.3, 116.6, 8.0, DayCurve.of([("00:00", air_c)]), SKY, damp)
    assert weather.moisture_g_kg(0.0) == pytest.approx(g_kg, abs=0.3)


def test_damp_air_leaves_less_of_a_unit_s_capacity_for_cooling() -> None:
    def room_after(moisture_g_kg: float | None) -> float:
        _, folk = one_shop()
        rooms = Rooms(folk.customers, folk.units, CoolingPart(inverter_share=1.0), 36.0, 0.0)
        for _ in range(240):
            rooms.step(np.array([True]), np.ones(3, np.bool_), np.array([6.0]), 36.0, 1.0, moisture_g_kg)
        return float(rooms.room_c[0])

    assert room_after(14.2) == pytest.approx(room_after(None))
    assert room_after(8.0) < room_after(None) - 0.3 < room_after(22.0) - 0.9


# Winter


def heating_of(heat_pump: bool, auxiliary_kw: float = 0.0) -> Heating:
    one = np.ones(1)
    units = HeatingUnits(
        np.zeros(1, np.int32), one.astype(np.bool_) & heat_pump, 3.0 * one, auxiliary_kw * one, 20.0 * one, 4.0 * one,
        0.97 * one,
    )  # fmt: skip
    return Heating(units, HeatingPart(), 1)


def test_the_colder_it_is_the_less_heat_a_heat_pump_gives_for_a_kilowatt_hour() -> None:
    yes, cold_room = np.array([True]), np.array([15.0])
    cops = []
    for outdoor_c in (7.0, 0.0, -10.0, -20.0):
        heated = heating_of(True).step(cold_room, yes, yes, outdoor_c)
        cops.append(float(heated.heat_kw[0] / heated.active_kw[0]))
    assert cops[0] == pytest.approx(3.3)
    assert cops == sorted(cops, reverse=True) and cops[-1] > 1.0


def test_resistance_gives_a_kilowatt_hour_for_each_and_an_auxiliary_helps_only_when_it_is_too_cold() -> None:
    yes = np.array([True])
    resistance = heating_of(False).step(np.array([15.0]), yes, yes, -10.0)
    assert resistance.heat_kw[0] == resistance.active_kw[0] == 3.0
    with_auxiliary = heating_of(True, 1.5)
    almost_warm = with_auxiliary.step(np.array([19.0]), yes, yes, -10.0)
    assert with_auxiliary.step(np.array([17.0]), yes, yes, -10.0).active_kw[0] > almost_warm.active_kw[0] + 1.5


def test_a_heated_room_keeps_its_set_point_and_less_where_nobody_is_in() -> None:
    _, folk = one_shop()
    held = {}
    for inside in (True, False):
        rooms = Rooms(folk.customers, folk.units, CoolingPart(), -5.0, 0.0)
        heating, there = heating_of(False), np.array([inside])
        rooms.room_c[:] = 20.0
        track = []
        for _ in range(600):
            heated = heating.step(rooms.room_c, there, np.array([True]), -5.0)
            rooms.step(there, np.zeros(3, np.bool_), heated.heat_kw * 9.0, -5.0, 1.0)
            track.append(float(rooms.room_c[0]))
        held[inside] = np.mean(track[300:])
    assert held[True] == pytest.approx(20.0, abs=1.5)
    assert held[False] == pytest.approx(16.0, abs=1.5)


def test_no_heater_runs_without_supply() -> None:
    heated = heating_of(True).step(np.array([5.0]), np.array([True]), np.array([False]), -10.0)
    assert heated.active_kw[0] == heated.heat_kw[0] == 0.0


# Cold stores


def test_a_cold_store_s_compressor_runs_the_share_of_time_that_it_needs() -> None:
    stores, duty, on = ColdStores(np.full(400, 150.0), rng_of_the_test()), np.full(400, 0.4), np.ones(400, np.bool_)
    runs = np.array([stores.step(duty, on, 1.0).mean() for _ in range(600)])
    assert runs[120:].mean() == pytest.approx(0.4, abs=0.03)
    assert np.abs(stores.warmth).max() < 0.1


def test_after_an_outage_all_compressors_run_at_once_and_later_fall_out_of_step() -> None:
    stores, duty = ColdStores(np.full(400, 150.0), rng_of_the_test()), np.full(400, 0.4)
    on, off = np.ones(400, np.bool_), np.zeros(400, np.bool_)
    for _ in range(200):
        stores.step(duty, on, 1.0)
    assert not any(stores.step(duty, off, 1.0).any() for _ in range(90))
    assert stores.warmth.min() > 0.3
    at_return = [stores.step(duty, on, 1.0).mean() for _ in range(20)]
    assert min(at_return) == 1.0
    assert np.mean([stores.step(duty, on, 1.0).mean() for _ in range(1200)][-300:]) < 0.5


# Cars


CARS = ChargingPart("cars", "T", 200, arrives=(("16:00", 0.0), ("18:30", 1.0), ("22:00", 0.0)), energy_kwh=(8.0, 30.0))


def test_every_car_gets_what_it_needs_and_no_more_power_than_its_charger() -> None:
    charging, on = Charging(CARS, 0, rng_of_the_test()), np.ones(200, np.bool_)
    needs_kwh = charging.needs_kwh.copy()
    two_days = [Now(m % 1440, m, 1.0, 20.0, MAY.sun(0)) for m in range(2880)]
    loads = np.array([charging.step(now, on).active_kw for now in two_days])
    assert loads.max() == 7.0
    np.testing.assert_allclose(loads.sum(axis=0) / 60.0, needs_kwh)
    assert not loads[: minute_of("16:00")].any()
    busiest = int(loads.sum(axis=1).argmax())
    assert minute_of("18:30") < busiest < minute_of("21:30")
    np.testing.assert_array_equal(charging.connections.phase_share.sum(axis=1), 1.0)
    assert (charging.connections.phase_share.max(axis=1) == 1.0).all()


def test_an_outage_interrupts_a_session_and_takes_nothing_from_it() -> None:
    charging = Charging(msgspec.structs.replace(CARS, energy_kwh=(30.0, 30.0)), 0, rng_of_the_test())
    on = np.ones(200, np.bool_)
    for now in day()[: minute_of("20:00")]:
        charging.step(now, on)
    left_kwh = charging.needs_kwh.copy()
    assert not charging.step(at("20:00"), ~on).active_kw.any()
    np.testing.assert_array_equal(charging.needs_kwh, left_kwh)
    assert charging.step(at("20:01"), on).active_kw.any()


# Roofs


def test_a_roof_feeds_in_by_day_most_at_noon_and_never_more_than_its_peak() -> None:
    roofs = Roofs(RoofPart("roofs", "T", 50, 10.0, peak_scatter=0.0), 0, rng_of_the_test())
    fed_kw = -np.array([roofs.step(now, np.ones(50, np.bool_)).active_kw.sum() for now in day(5)]) / 50
    assert fed_kw.min() == 0.0 and not fed_kw[: 4 * 12].any()
    assert abs(fed_kw.argmax() * 5 - minute_of("12:10")) < 30
    assert 6.5 < fed_kw.max() < 9.0
    hot = -roofs.step(at("12:00", 40.0), np.ones(50, np.bool_)).active_kw.sum() / 50
    cool = -roofs.step(at("12:00", 5.0), np.ones(50, np.bool_)).active_kw.sum() / 50
    assert hot == pytest.approx(cool * (1.0 - 0.0035 * 35.0), rel=0.03)
    assert not roofs.step(at("12:00"), np.zeros(50, np.bool_)).active_kw.any()


def test_a_level_plane_gets_what_falls_on_the_ground() -> None:
    sun = MAY.sun(minute_of("10:00"))
    level, upright = sun.on_plane(np.array([0.0, 90.0]), np.array([180.0, 180.0]))
    assert level == pytest.approx(sun.on_ground_w_m2)
    assert upright == pytest.approx(sun.on_facades(np.array([180.0]))[0])


# Motors


LINE = MachinesPart("line", "T", 40, 11.0, shifts=(("08:00", "12:00"), ("13:00", "17:30")), scatter_minutes=5.0)


def test_motors_run_in_their_shifts_and_have_a_power_factor_as_poor_as_their_load() -> None:
    machines = Machines(LINE, 0, rng_of_the_test())
    loads = [machines.step(now, np.ones(41, np.bool_)) for now in day()]
    active_kw = np.array([load.active_kw.sum() for load in loads])
    reactive_kvar = np.array([load.reactive_kvar.sum() for load in loads])
    assert not active_kw[minute_of("12:00") : minute_of("13:00")].any() and not active_kw[: minute_of("08:00")].any()
    working = slice(minute_of("09:00"), minute_of("11:30"))
    factor = active_kw[working] / np.hypot(active_kw[working], reactive_kvar[working])
    assert 0.70 < factor.mean() < 0.83
    assert active_kw[working].mean() == pytest.approx(40 * 11.0 / 0.9 * (0.7 * 0.75 + 0.3 * 0.12), rel=0.06)


def test_capacitors_take_reactive_power_off_the_transformer_and_no_active_power() -> None:
    bare, helped = (
        Machines(msgspec.structs.replace(LINE, compensation_kvar=kvar), 0, rng_of_the_test()) for kvar in (0.0, 120.0)
    )
    without, with_them = (m.step(at("10:00"), np.ones(41, np.bool_)) for m in (bare, helped))
    assert with_them.reactive_kvar.sum() == pytest.approx(without.reactive_kvar.sum() - 120.0)
    assert with_them.active_kw.sum() == without.active_kw.sum()


# Stalls


def test_stalls_open_one_by_one_and_lamps_burn_after_sunset() -> None:
    part = OutdoorPart("market", "T", 80, "17:00", "22:00", lamps_kw=0.3, draw_kw=(("00:00", 1.0),))
    stalls = Outdoors(part, 0, rng_of_the_test())
    active_kw = np.array([stalls.step(now, np.ones(80, np.bool_)).active_kw.sum() for now in day()])
    assert not active_kw[: minute_of("15:30")].any()
    assert active_kw[minute_of("17:00")] < active_kw[minute_of("18:00")]
    by_day, by_night = active_kw[minute_of("18:00")], active_kw[minute_of("20:30")]
    assert by_night == pytest.approx(by_day + 80 * 0.3, rel=0.2)


# Outages


def test_in_an_outage_nobody_draws_and_no_meter_sends_and_everybody_is_back_within_minutes() -> None:
    part = OutagePart("10:00", "12:00", ("A",), back_within_minutes=5.0)
    transformer = np.array([0, 0, 0, 1], np.int32)
    outages = Outages([part], ("A", "B"), transformer, rng_of_the_test())
    assert outages.has_supply(minute_of("09:59")).all() and outages.can_send(minute_of("09:59")).all()
    for clock_time in ("10:00", "11:59"):
        assert outages.has_supply(minute_of(clock_time)).tolist() == [False, False, False, True]
        assert outages.can_send(minute_of(clock_time)).tolist() == [False, True]
    assert outages.can_send(minute_of("12:00")).all()
    assert not outages.has_supply(minute_of("12:00")).all()
    assert outages.has_supply(minute_of("12:05")).all()
