"""The town: everything that draws power below its transformers, moved minute by minute, obeying visits.

The town knows no real clock. `advance_to` computes all minutes up to a moment and returns the readings
that fell due; `apply_answer` makes a merchant's units go off at a moment to come. The same ledger,
scenario, seed and answers give the same readings, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.assets import ApplianceKind, Ledger
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.moments import MINUTE_US
from grid.readings import ReadingBatch
from simulator.appliances import Appliances
from simulator.customers import Bools, Floats, townsfolk
from simulator.day import DayCurve
from simulator.example import Example
from simulator.people import Measures, People
from simulator.rooms import Rooms
from simulator.scenario import Scenario
from simulator.supply import Metered, Supply
from simulator.weather import Weather


@dataclass(frozen=True)
class MerchantNow:
    """One merchant as an all-knowing observer sees it."""

    merchant_id: str
    takes_part: bool
    active_power_kw: float
    cooling_kw: float
    room_c: float
    units_allowed: int
    units_running: int


class Town:
    """A town with its state. `Town.of` makes one; it starts at `scenario.settles_from` and settles by itself."""

    def __init__(self, ledger: Ledger, scenario: Scenario, seed: int) -> None:
        """Build customers, rooms and supply; see `of`."""
        self.scenario = scenario
        self.seed = seed
        self.fleet = Fleet.of(ledger.transformers)
        self.people = People(ledger, scenario, seed)
        self.merchant_row = {m.merchant_id: i for i, m in enumerate(ledger.merchants)}
        folk = townsfolk(ledger, scenario, seed, self.fleet)
        self._customers = folk.customers
        self._units = folk.units
        self._facades, self._facade = np.unique(folk.customers.facade_azimuth_deg, return_inverse=True)
        self._weather = Weather(
            scenario.starts_at.date(),
            scenario.weather.latitude_deg,
            scenario.weather.longitude_deg,
            scenario.utc_offset_hours,
            DayCurve.of(scenario.weather.temperature_c),
            DayCurve.of(scenario.weather.clearness),
        )
        self.now_us = scenario.settles_from_us
        outdoor_c = self._weather.temperature_c(scenario.minute(self.now_us))
        self._rooms = Rooms(
            folk.customers, folk.units, scenario.cooling, outdoor_c, scenario.people.setpoint_minutes_per_k
        )
        self._appliances = Appliances(folk.customers, folk.draws, seed)
        self._supply = Supply(folk.customers, self.fleet, scenario.supply, outdoor_c)
        self._example = Example(ledger, self.people, scenario.people.example_doors)
        merchants = len(ledger.merchants)
        self._takes_part: Bools = np.zeros(merchants, np.bool_)
        self._endures_c = np.array([self.people.temper(m.merchant_id).endures_c for m in ledger.merchants])
        self._too_warm_minutes: Floats = np.zeros(merchants)
        self._protected: Bools = np.array([m.protected for m in ledger.merchants], np.bool_)
        self._can_switch_off = np.zeros(merchants, np.int64)
        for appliance in ledger.appliances:
            if appliance.appliance is ApplianceKind.AIR_CONDITIONER:
                self._can_switch_off[self.merchant_row[appliance.merchant_id]] += appliance.can_switch_off
        self._promised: list[tuple[int, int, Measures]] = []
        self._last_asked: Measures | None = None
        self._active_kw: Floats = np.zeros(len(folk.customers))
        self._cooling_kw: Floats = np.zeros(len(folk.customers))
        self._sequence = 0

    @staticmethod
    def of(ledger: Ledger, scenario: Scenario, seed: int | None = None) -> Town:
        """Return a town of a ledger and a scenario; without `seed`, the scenario's own.

        Raises SettingsError when the two do not fit together.
        """
        if not ledger.transformers:
            raise SettingsError(
                "the ledger has no transformer", where=f"scenario {scenario.name}", remedy="fill transformers.csv"
            )
        return Town(ledger, scenario, scenario.seed if seed is None else seed)

    @property
    def is_over(self) -> bool:
        """Return whether the scenario's last reading has been given."""
        return self.now_us >= self.scenario.ends_at_us

    def advance_to(self, now_us: int) -> ReadingBatch:
        """Move to `now_us` [µs], minute by minute, at most to the scenario's end; return the readings due since.

        One reading per transformer and interval, in time order; `transformer` is the row in `fleet`.
        """
        end_us = min(now_us, self.scenario.ends_at_us)
        batches: list[ReadingBatch] = []
        while self.now_us + MINUTE_US <= end_us:
            metered = self._step()
            since_start_us = self.now_us - self.scenario.starts_at_us
            if since_start_us >= 0 and since_start_us % (self.scenario.interval_minutes * MINUTE_US) == 0:
                batches.append(self._readings(metered))
        return ReadingBatch.concatenate(batches)

    def apply_answer(self, merchant_id: str, measures: Measures, at_us: int) -> None:
        """Let a merchant do what was asked at `at_us` [µs] (now, when that is over). Raises KeyError for nobody."""
        self._promised.append((at_us, self.merchant_row[merchant_id], measures))
        self._promised.sort(key=lambda promise: promise[:2])

    def release(self, merchant_id: str) -> None:
        """Let a merchant go back to normal: all units, own set points, lights. Raises KeyError for nobody."""
        row = self.merchant_row[merchant_id]
        units = self._rooms.units_of(row)
        self._rooms.allowed[units] = True
        self._rooms.wanted_setpoint_c[units] = self._rooms.own_setpoint_c[units]
        self._appliances.lights_on_share[row] = 1.0
        self._takes_part[row] = False

    def merchant(self, merchant_id: str) -> MerchantNow:
        """Return one merchant's state. Raises KeyError for nobody."""
        row = self.merchant_row[merchant_id]
        units = self._rooms.units_of(row)
        return MerchantNow(
            merchant_id,
            bool(self._takes_part[row]),
            float(self._active_kw[row]),
            float(self._cooling_kw[row]),
            float(self._rooms.room_c[row]),
            int(self._rooms.allowed[units].sum()),
            int((self._rooms.fraction[units] > 0.0).sum()),
        )

    def _step(self) -> Metered:
        """Move by one minute."""
        customers = self._customers
        self._move_people()
        self.now_us += MINUTE_US
        minute = self.scenario.minute(self.now_us)
        outdoor_c = self._weather.temperature_c(minute)
        inside = self._inside(minute)
        drawn = self._appliances.step(inside, minute, outdoor_c, 1.0)
        sun_kw = self._weather.sun(minute).on_facades(self._facades)[self._facade] * customers.glass_m2 / 1000.0
        gains_w_m2 = np.array([gain.at(minute) for gain in customers.gains])[customers.gain]
        heat_kw = sun_kw + drawn.heat_kw + gains_w_m2 * customers.floor_m2 * inside / 1000.0
        cooling = self._rooms.step(inside, self._switched_on(minute), heat_kw, outdoor_c, 1.0)
        self._active_kw = drawn.active_kw + cooling.active_kw
        self._cooling_kw = cooling.active_kw
        self._outdoor_c = outdoor_c
        return self._supply.step(self._active_kw, drawn.reactive_kvar + cooling.reactive_kvar, outdoor_c, 1.0)

    def _inside(self, minute: float) -> Bools:
        """Return where somebody is in: shops that are open, homes whose people are at home (c,)."""
        customers = self._customers
        presence = np.array([curve.at(minute) for curve in customers.presences])[customers.presence]
        is_open = (customers.opens_minute <= minute) & (minute < customers.closes_minute)
        rests = (customers.rests_from_minute <= minute) & (minute < customers.rests_until_minute)
        return is_open & ~rests & (presence > customers.presence_rank)

    def _switched_on(self, minute: float) -> Bools:
        """Return which units are on by the habit of opening and closing (u,)."""
        customers, owner, lag = self._customers, self._units.customer, self._units.lag_minutes
        day = (customers.opens_minute[owner] + lag <= minute) & (minute < customers.closes_minute[owner] - lag)
        rest = (customers.rests_from_minute[owner] - lag <= minute) & (
            minute < customers.rests_until_minute[owner] + lag
        )
        return day & ~(rest & (customers.rests_until_minute[owner] > 0.0))

    def _move_people(self) -> None:
        """Let promises fall due, neighbours follow, and who cannot bear the heat take a unit back."""
        while self._promised and self._promised[0][0] <= self.now_us:
            _, row, measures = self._promised.pop(0)
            self._last_asked = measures
            self._do(row, measures)
        if self._last_asked is not None:
            for row in np.flatnonzero(self._example.follow(self._takes_part, 1.0)).tolist():
                units = int(self._can_switch_off[row])
                self._do(row, Measures(units, self._last_asked.setpoint_to_c, self._last_asked.lights_off))
        part = self.scenario.people
        too_warm = self._takes_part & (self._rooms.room_c[: len(self._takes_part)] > self._endures_c)
        self._too_warm_minutes = np.where(too_warm, self._too_warm_minutes + 1.0, 0.0)
        for row in np.flatnonzero(self._too_warm_minutes >= part.endures_minutes).tolist():
            self._too_warm_minutes[row] = 0.0
            off = [unit for unit in self._rooms.units_of(row) if not self._rooms.allowed[unit]]
            self._rooms.allowed[off[:1]] = True

    def _do(self, row: int, measures: Measures) -> None:
        """Make a merchant's units really go off."""
        units = self._rooms.units_of(row)
        self._rooms.allowed[units[: measures.switch_off_units]] = False
        if measures.setpoint_to_c is not None:
            own_c = self._rooms.own_setpoint_c[units]
            self._rooms.wanted_setpoint_c[units] = np.maximum(own_c, measures.setpoint_to_c)
        if measures.lights_off:
            self._appliances.lights_on_share[row] = 1.0 - self.scenario.people.lights_share_off
        self._takes_part[row] = True

    def _readings(self, metered: Metered) -> ReadingBatch:
        rows = len(self.fleet)
        self._sequence += 1
        return ReadingBatch.of(
            np.arange(rows),
            np.full(rows, self.now_us),
            voltage_v=metered.voltage_v,
            current_amp=metered.current_amp,
            active_power_kw=metered.active_power_kw,
            reactive_power_kvar=metered.reactive_power_kvar,
            neutral_current_amp=metered.neutral_current_amp,
            oil_temperature_c=metered.oil_temperature_c,
            ambient_temperature_c=np.full(rows, round(self._outdoor_c, 1)),
            sequence=np.full(rows, self._sequence),
        )
