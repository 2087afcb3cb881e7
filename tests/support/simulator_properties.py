"""What holds of every simulated room and meter whatever the weather, and the chance to draw such streets from.

Each `check_…` raises AssertionError where its law is broken. The laws are computed here again, slowly and by other
means: they share no formula's code with the simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from grid.assets import Appliance, ApplianceKind, Ledger, Merchant, Phase, Station, Transformer
from grid.fleet import Fleet
from simulator.customers import CoolingUnits, Customers, Townsfolk
from simulator.physics.rooms import Rooms
from simulator.physics.supply import Supply
from simulator.scenario.parts import CoolingPart
from simulator.scenario.scenario import load_scenario
from simulator.town.census_generator import townsfolk

SCENARIO = load_scenario("yx06-24-july")
ROUNDING = 1e-9
_RATED_KVA = (100.0, 400.0)
_SUBSTEPS = 200
"""Of the slow integration of one step; its error is below rounding for the rooms drawn here."""

Floats = NDArray[np.float64]
RoomsOf = Callable[[Customers, CoolingUnits, CoolingPart, float, float], Rooms]
SupplyOf = Callable[..., Supply]


@dataclass(frozen=True)
class DrawnStreet:
    """A few merchants with their units, and a seed for what happens to them."""

    ledger: Ledger
    folk: Townsfolk
    cooling: CoolingPart
    minutes_per_k: float
    step_minutes: float
    seed: int


@st.composite
def streets(draw: st.DrawFn) -> DrawnStreet:
    """Draw a street of up to six merchants on two transformers, with units of any kind."""
    share = st.floats(0.0, 1.0)
    merchants, appliances = [], []
    for number in range(draw(st.integers(1, 6))):
        merchant_id = f"M{number}"
        category = draw(st.sampled_from([category.name for category in SCENARIO.category]))
        transformer_id = draw(st.sampled_from(["T0", "T1"]))
        phase = draw(st.sampled_from(list(Phase)))
        merchants.append(Merchant(merchant_id, "模拟商户", transformer_id, category=category, phase=phase))
        for _ in range(draw(st.integers(0, 2))):
            units, rated_kw = draw(st.integers(1, 4)), draw(st.floats(0.5, 6.0))
            setpoint_c = float(draw(st.integers(18, 30)))
            air_conditioner = ApplianceKind.AIR_CONDITIONER
            appliances.append(Appliance(merchant_id, air_conditioner, units, rated_kw, units, setpoint_c))
    cooling = CoolingPart(
        inverter_share=draw(share),
        part_load_gain=draw(st.floats(0.0, 1.0)),
        fraction_lowest=draw(st.floats(0.05, 0.6)),
        band_k=draw(st.floats(1.0, 4.0)),
        swing_k=draw(st.floats(0.2, 1.0)),
        rest_minutes=draw(st.floats(0.0, 8.0)),
    )
    ledger = Ledger(
        stations=(Station("S", "模拟站", "Asia/Shanghai"),),
        transformers=tuple(Transformer(f"T{i}", "模拟台区", "S", kva) for i, kva in enumerate(_RATED_KVA)),
        merchants=tuple(merchants),
        appliances=tuple(appliances),
    )
    scenario = msgspec.structs.replace(SCENARIO, block=(), cooling=cooling)
    seed = draw(st.integers(0, 2**32 - 1))
    folk = townsfolk(ledger, scenario, seed, Fleet.of(ledger.transformers))
    return DrawnStreet(
        ledger, folk, cooling, draw(st.sampled_from([0.0, 5.0])), draw(st.sampled_from([1.0, 2.0, 5.0])), seed
    )


@dataclass(frozen=True)
class Trace:
    """What rooms and units did in n steps: c customers, u units."""

    step_minutes: float
    outdoor_c: Floats
    """(n,)"""
    heat_kw: Floats
    """(n, c)"""
    room_c: Floats
    """(n + 1, c) before the first step and after each."""
    sensible_kw: Floats
    """(n, c)"""
    active_kw: Floats
    """(n, c)"""
    setpoint_c: Floats
    """(n, u) as it stood in the step."""
    fraction: Floats
    """(n, u)"""
    may_run: NDArray[np.bool_]
    """(n, u) switched on by habit, allowed by its merchant, somebody inside."""


def trace_of(street: DrawnStreet, steps: int = 90, make: RoomsOf = Rooms) -> Trace:
    """Let a street live through changing air, heat, habits and requests; rooms and units are the simulator's own."""
    rng = np.random.default_rng(street.seed)
    folk, step_minutes = street.folk, street.step_minutes
    owner, count = folk.units.customer, len(folk.customers)
    rooms = make(folk.customers, folk.units, street.cooling, float(rng.uniform(20.0, 38.0)), street.minutes_per_k)
    outdoor_c = 30.0 + np.cumsum(rng.normal(0.0, 0.3, steps))
    moisture_g_kg = rng.uniform(4.0, 26.0, steps)
    heat_kw = rng.uniform(0.0, 0.06, (steps, count)) * folk.customers.floor_m2
    inside, switched_on = np.ones(count, np.bool_), np.ones(len(owner), np.bool_)
    column: dict[str, list[NDArray[Any]]] = {name: [] for name in ("sensible", "active", "setpoint", "fraction", "may")}
    room_c = [rooms.room_c.copy()]
    for step in range(steps):
        inside ^= rng.random(count) < 0.02
        switched_on ^= rng.random(len(owner)) < 0.02
        rooms.allowed ^= rng.random(len(owner)) < 0.02
        if rng.random() < 0.05:
            rooms.wanted_setpoint_c = rooms.own_setpoint_c + rng.integers(0, 5, len(owner))
        outside = float(outdoor_c[step]), step_minutes, float(moisture_g_kg[step])
        cooled = rooms.step(inside, switched_on, heat_kw[step], *outside)
        column["sensible"].append(cooled.sensible_kw)
        column["active"].append(cooled.active_kw)
        column["setpoint"].append(rooms.setpoint_c.copy())
        column["fraction"].append(rooms.fraction.copy())
        column["may"].append(switched_on & rooms.allowed & inside[owner])
        room_c.append(rooms.room_c.copy())
    return Trace(
        step_minutes,
        outdoor_c,
        heat_kw,
        np.array(room_c),
        np.array(column["sensible"]),
        np.array(column["active"]),
        np.array(column["setpoint"]),
        np.array(column["fraction"]),
        np.array(column["may"]),
    )


def check_energy_balance(street: DrawnStreet, trace: Trace) -> None:
    """Stored heat changes by what flows in less what is cooled and lost, in every step of every room, to rounding.

    The loss of a step is integrated by Runge and Kutta's fourth-order rule in small substeps.
    """
    loss, mass = street.folk.customers.loss_kw_per_k, street.folk.customers.mass_kwh_per_k
    hours = trace.step_minutes / 60.0
    room_c, lost_kwh = trace.room_c[:-1].copy(), np.zeros_like(trace.heat_kw)
    gain_kw, outdoor_c, by = trace.heat_kw - trace.sensible_kw, trace.outdoor_c[:, None], hours / _SUBSTEPS

    def losing(temperature_c: Floats) -> Floats:
        return np.asarray(loss * (temperature_c - outdoor_c))

    for _ in range(_SUBSTEPS):
        first = losing(room_c)
        second = losing(room_c + 0.5 * by * (gain_kw - first) / mass)
        third = losing(room_c + 0.5 * by * (gain_kw - second) / mass)
        fourth = losing(room_c + by * (gain_kw - third) / mass)
        loss_kw = (first + 2.0 * second + 2.0 * third + fourth) / 6.0
        lost_kwh += by * loss_kw
        room_c = room_c + by * (gain_kw - loss_kw) / mass
    stored_kwh = mass * np.diff(trace.room_c, axis=0)
    flows_kwh = gain_kw * hours - lost_kwh
    np.testing.assert_allclose(stored_kwh, flows_kwh, rtol=0.0, atol=ROUNDING * (1.0 + np.abs(flows_kwh).max()))


def check_thermostats(street: DrawnStreet, trace: Trace) -> None:
    """No unit cools below its stop line, starts below its start line, or starts again before it has rested."""
    units, part = street.folk.units, street.cooling
    above_k = trace.room_c[:-1][:, units.customer] + units.sensor_error_k - trace.setpoint_c
    runs = trace.fraction > 0.0
    assert (above_k[runs] > -part.swing_k).all(), "a unit cools below its stop line"
    assert not (runs & ~trace.may_run).any(), "a unit runs that its merchant has switched off"
    before = np.vstack([np.zeros((1, runs.shape[1]), np.bool_), runs[:-1]])
    assert (above_k[runs & ~before] > part.swing_k).all(), "a unit starts below its start line"
    in_part = runs & units.inverter
    assert (trace.fraction[in_part] >= part.fraction_lowest).all() and (trace.fraction <= 1.0).all()
    assert (trace.fraction[runs & ~units.inverter] == 1.0).all(), "a fixed-speed unit runs in part"
    for unit in range(runs.shape[1]):
        turned = np.flatnonzero(np.diff(runs[:, unit].astype(np.int8)))
        stops = [step for step in turned if runs[step, unit]]
        for stop in stops:
            later = [step for step in turned if step > stop]
            rested_minutes = (later[0] - stop) * trace.step_minutes if later else np.inf
            assert rested_minutes >= part.rest_minutes - ROUNDING, "a unit starts before it has rested"


def check_room_bounds(street: DrawnStreet, trace: Trace) -> None:
    """A room stays between the outdoor air or one step of cooling below a stop line, and its hottest steady state."""
    customers, units, hours = street.folk.customers, street.folk.units, trace.step_minutes / 60.0
    runs = trace.fraction > 0.0
    for row in range(len(customers)):
        own = units.customer == row
        before_c, after_c = trace.room_c[:-1, row], trace.room_c[1:, row]
        floor_c = np.minimum(before_c, trace.outdoor_c)
        if own.any():
            stop_c = trace.setpoint_c[:, own] - units.sensor_error_k[own] - street.cooling.swing_k
            lowest_c = np.where(runs[:, own], stop_c, np.inf).min(axis=1)
            step_k = trace.sensible_kw[:, row] * hours / customers.mass_kwh_per_k[row]
            floor_c = np.where(np.isinf(lowest_c), floor_c, np.minimum(lowest_c, trace.outdoor_c) - step_k)
        if customers.loss_kw_per_k[row] > 0.0:
            ceiling_c = np.maximum(before_c, trace.outdoor_c + trace.heat_kw[:, row] / customers.loss_kw_per_k[row])
            assert (after_c >= floor_c - ROUNDING).all(), "a room gets colder than anything can make it"
            assert (after_c <= ceiling_c + ROUNDING).all(), "a room gets hotter than anything can make it"


def check_meter(street: DrawnStreet, make: SupplyOf = Supply) -> None:
    """Meter values are what a slow sum over customers and phases gives, to the meter's own rounding."""
    rng = np.random.default_rng(street.seed)
    customers, part = street.folk.customers, SCENARIO.supply
    fleet = Fleet.of(street.ledger.transformers)
    active_kw, reactive_kvar = rng.uniform(-8.0, 25.0, len(customers)), rng.uniform(-3.0, 9.0, len(customers))
    metered = make(customers, fleet, part, 36.0).step(active_kw, reactive_kvar, 36.0, 1.0)
    reactance = (part.short_circuit_voltage**2 - part.resistance**2) ** 0.5
    for transformer in range(len(fleet)):
        total, neutral_amp = 0j, 0j
        for phase in range(3):
            power = sum(
                complex(active_kw[row], reactive_kvar[row]) * customers.phase_share[row, phase]
                for row in range(len(customers))
                if customers.transformer[row] == transformer
            )
            total += power
            rated_kva = float(fleet.rated_power_kva[transformer]) / 3.0
            voltage_v = part.source_voltage_v * (
                1.0 - (part.resistance * power.real + reactance * power.imag) / rated_kva
            )
            shown_v, shown_amp = metered.voltage_v[transformer, phase], metered.current_amp[transformer, phase]
            assert abs(shown_v - voltage_v) <= 0.05 + ROUNDING
            assert abs(shown_amp * shown_v / 1000.0 - abs(power)) <= 0.005 * shown_v / 1000.0 + ROUNDING, "S = U·I"
            angle = -2.0 * np.pi * phase / 3.0 - np.angle(power)
            neutral_amp += shown_amp * np.exp(1j * angle)
        assert abs(metered.active_power_kw[transformer] - total.real) <= 0.005 + ROUNDING
        assert abs(metered.reactive_power_kvar[transformer] - total.imag) <= 0.005 + ROUNDING
        assert abs(metered.neutral_current_amp[transformer] - abs(neutral_amp)) <= 0.05 + 3 * 0.005 + ROUNDING
