"""Laws of rooms, thermostats and meters, on streets drawn at random; each law notices a simulator broken on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from simulator.customers import Bools, Floats
from simulator.physics.rooms import Cooling, Rooms
from simulator.physics.supply import Metered, Supply
from tests.support.simulator_properties import (
    DrawnStreet,
    Trace,
    check_energy_balance,
    check_meter,
    check_room_bounds,
    check_thermostats,
    streets,
    trace_of,
)

DRAWN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
FOUND = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""For builds broken on purpose: the first street that shows it is enough."""


@DRAWN
@given(streets())
def test_stored_heat_changes_by_the_sum_of_the_flows(street: DrawnStreet) -> None:
    check_energy_balance(street, trace_of(street))


@DRAWN
@given(streets())
def test_no_unit_cools_below_its_stop_line_or_starts_before_it_has_rested(street: DrawnStreet) -> None:
    check_thermostats(street, trace_of(street))


@DRAWN
@given(streets())
def test_a_room_stays_between_its_bounds(street: DrawnStreet) -> None:
    check_room_bounds(street, trace_of(street))


@DRAWN
@given(streets())
def test_meter_values_are_the_sums_over_customers_and_phases(street: DrawnStreet) -> None:
    check_meter(street)


@pytest.mark.soak
@settings(DRAWN, max_examples=1500)
@given(streets())
def test_all_laws_hold_on_many_more_streets(street: DrawnStreet) -> None:
    trace = trace_of(street, steps=240)
    for law in (check_energy_balance, check_thermostats, check_room_bounds):
        law(street, trace)
    check_meter(street)


class ByEuler(Rooms):
    """Loses heat at the rate of the step's beginning."""

    def _warm(self, gain_kw: Floats, outdoor_c: float, minutes: float) -> None:
        loss, mass = self._customers.loss_kw_per_k, self._customers.mass_kwh_per_k
        self.room_c = self.room_c + (gain_kw - loss * (self.room_c - outdoor_c)) / mass * minutes / 60.0


class ColdFromNowhere(Rooms):
    """Takes out more heat than it says."""

    def _warm(self, gain_kw: Floats, outdoor_c: float, minutes: float) -> None:
        super()._warm(gain_kw - 3.0, outdoor_c, minutes)


class WithoutRest(Rooms):
    """Starts a compressor again at once."""

    def _turn_on_and_off(self, inside: Bools, switched_on: Bools, minutes: float) -> None:
        self._rest_minutes[:] = 0.0
        super()._turn_on_and_off(inside, switched_on, minutes)


class WithoutStopLine(Rooms):
    """Keeps cooling what runs."""

    def _turn_on_and_off(self, inside: Bools, switched_on: Bools, minutes: float) -> None:
        ran = self.fraction > 0.0
        super()._turn_on_and_off(inside, switched_on, minutes)
        self.fraction = np.where(ran & switched_on & self.allowed, np.maximum(self.fraction, 0.6), self.fraction)


class Disobedient(Rooms):
    """Runs what its merchant has switched off."""

    def step(self, *given: Any, **named: Any) -> Cooling:
        allowed, self.allowed = self.allowed, np.ones_like(self.allowed)
        cooling = super().step(*given, **named)
        self.allowed = allowed
        return cooling


class Miswired(Supply):
    """A meter that is wrong in one value."""

    wrong: Callable[[dict[str, Any]], None]

    def step(self, active_kw: Floats, reactive_kvar: Floats, ambient_c: float, minutes: float) -> Metered:
        shown = dict(vars(super().step(active_kw, reactive_kvar, ambient_c, minutes)))
        type(self).wrong(shown)
        return Metered(**shown)


def arithmetic_neutral(shown: dict[str, Any]) -> None:
    """Add the phase currents as numbers."""
    shown["neutral_current_amp"] = shown["current_amp"].sum(axis=1)


def phases_swapped(shown: dict[str, Any]) -> None:
    """Show the currents of A at B."""
    shown["current_amp"] = shown["current_amp"][:, [1, 0, 2]]


def total_of_two(shown: dict[str, Any]) -> None:
    """Lose a little of the total."""
    shown["active_power_kw"] = shown["active_power_kw"] * 0.99


def at_nominal(shown: dict[str, Any]) -> None:
    """Show the nominal voltage."""
    shown["voltage_v"] = np.full_like(shown["voltage_v"], 220.0)


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (ByEuler, check_energy_balance),
        (ColdFromNowhere, check_energy_balance),
        (ColdFromNowhere, check_room_bounds),
        (WithoutRest, check_thermostats),
        (WithoutStopLine, check_thermostats),
        (Disobedient, check_thermostats),
    ],
)
def test_the_laws_notice_rooms_that_are_broken_on_purpose(
    make: type[Rooms], check: Callable[[DrawnStreet, Trace], None]
) -> None:
    @FOUND
    @given(streets())
    def law(street: DrawnStreet) -> None:
        check(street, trace_of(street, make=make))

    with pytest.raises(AssertionError):
        law()


@pytest.mark.parametrize("wrong", [arithmetic_neutral, phases_swapped, total_of_two, at_nominal])
def test_the_laws_notice_a_meter_that_is_broken_on_purpose(wrong: Callable[[dict[str, Any]], None]) -> None:
    broken = type("Broken", (Miswired,), {"wrong": staticmethod(wrong)})

    @FOUND
    @given(streets())
    def law(street: DrawnStreet) -> None:
        check_meter(street, broken)

    with pytest.raises(AssertionError):
        law()
