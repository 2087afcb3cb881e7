"""The town: everything that draws power below its transformers, moved minute by minute, obeying visits.

The town knows no real clock. `advance_to` computes all minutes up to a moment and returns the readings
that fell due; `apply_answer` makes a merchant's units go off at a moment to come. The same ledger,
scenario, seed and answers give the same readings, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grid.assets import Ledger
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Text
from grid.timestamps import MINUTE_US
from simulator.customers import Floats
from simulator.physics.appliances import Appliances
from simulator.physics.equipment import Connections, Now
from simulator.physics.heating import Heating
from simulator.physics.outages import Outages
from simulator.physics.rooms import Rooms
from simulator.physics.supply import Metered, Supply
from simulator.rng import rng
from simulator.scenario.scenario import Scenario
from simulator.scenario.weather import Weather
from simulator.town.actions import MerchantActions
from simulator.town.census_generator import townsfolk
from simulator.town.installations import Installations
from simulator.town.people import Measures, People

STEP_MINUTES = 1.0


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
        self.now_us = scenario.settles_from_us
        self._merchant_row = {m.merchant_id: i for i, m in enumerate(ledger.merchants)}
        folk = townsfolk(ledger, scenario, seed, self.fleet)
        self._customers, self._units = folk.customers, folk.units
        self._unit_hours = folk.customers.unit_hours(folk.units)
        self._facades, self._facade = np.unique(folk.customers.facade_azimuth_deg, return_inverse=True)
        self._weather = Weather.of(scenario.starts_at.date(), scenario.utc_offset_hours, scenario.weather)
        self._outdoor_c = self._weather.temperature_c(scenario.minute(self.now_us))
        self._rooms = Rooms(
            self._customers, self._units, scenario.cooling, self._outdoor_c, scenario.people.setpoint_minutes_per_k
        )
        self._heating = Heating(folk.heaters, scenario.heating, len(folk.customers))
        self._rooms.room_c[folk.heaters.customer] = np.maximum(folk.heaters.setpoint_c, self._outdoor_c)
        self._appliances = Appliances(self._customers, folk.draws, seed)
        self._installations = Installations(scenario, self.fleet, seed)
        connections = Connections.together(
            [Connections(folk.customers.transformer, folk.customers.phase_share), self._installations.connections]
        )
        self._outages = Outages(
            scenario.outage, self.fleet.transformer_ids, connections.transformer, rng(seed, "outages")
        )
        self._supply = Supply(connections, self.fleet, scenario.supply, self._outdoor_c)
        self._actions = MerchantActions(ledger, self.people, scenario.people, self._rooms, self._appliances)
        self._inside = self._customers.inside(scenario.minute(self.now_us))
        self._active_kw: Floats = np.zeros(len(self._customers))
        self._cooling_kw: Floats = np.zeros(len(self._customers))
        self._sequence = 0

    @staticmethod
    def of(ledger: Ledger, scenario: Scenario, seed: int | None = None) -> Town:
        """Return a town of a ledger and a scenario; without `seed`, the scenario's own.

        Raises SettingsError when the two do not fit together.
        """
        if not ledger.transformers:
            raise SettingsError(
                Text("台账里没有台区", "the ledger has no transformer"),
                where=Text(f"场景 {scenario.name}", f"scenario {scenario.name}"),
                remedy=Text("请填写 transformers.csv", "fill transformers.csv"),
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
        self._actions.promise(merchant_id, measures, at_us)

    def release(self, merchant_id: str) -> None:
        """Let a merchant go back to normal: all units, own set points, lights. Raises KeyError for nobody."""
        self._actions.release(merchant_id)

    def merchant(self, merchant_id: str) -> MerchantNow:
        """Return one merchant's state. Raises KeyError for nobody."""
        row = self._merchant_row[merchant_id]
        units = self._rooms.units_of(row)
        return MerchantNow(
            merchant_id,
            bool(self._actions.takes_part[row]),
            float(self._active_kw[row]),
            float(self._cooling_kw[row]),
            float(self._rooms.room_c[row]),
            int(self._rooms.allowed[units].sum()),
            int((self._rooms.fraction[units] > 0.0).sum()),
        )

    def _step(self) -> Metered:
        """Move by one step."""
        customers, c = self._customers, len(self._customers)
        self._actions.step(self.now_us, self._inside, STEP_MINUTES)
        self.now_us += round(STEP_MINUTES * MINUTE_US)
        minute = self.scenario.minute(self.now_us)
        self._outdoor_c = self._weather.temperature_c(minute)
        inside = self._inside = customers.inside(minute)
        sun = self._weather.sun(minute)
        now = Now(minute, self._minutes_since_midnight, STEP_MINUTES, self._outdoor_c, sun)
        has_supply = self._outages.has_supply(now.minutes_since_midnight)
        drawn = self._appliances.step(inside, minute, self._outdoor_c, STEP_MINUTES, has_supply[:c])
        heated = self._heating.step(self._rooms.room_c, inside, has_supply[:c], self._outdoor_c)
        sun_kw = sun.on_facades(self._facades)[self._facade] * customers.glass_m2 / 1000.0
        gains_w_m2 = customers.gains.at(minute)[customers.gain]
        heat_kw = sun_kw + drawn.heat_kw + gains_w_m2 * customers.floor_m2 * inside / 1000.0 + heated.heat_kw
        switched_on = self._unit_hours.switched_on(minute) & has_supply[self._units.customer]
        moisture = self._weather.moisture_g_kg(minute)
        cooling = self._rooms.step(inside, switched_on, heat_kw, self._outdoor_c, STEP_MINUTES, moisture)
        self._active_kw = drawn.active_kw + cooling.active_kw + heated.active_kw
        self._cooling_kw = cooling.active_kw
        reactive_kvar = drawn.reactive_kvar + cooling.reactive_kvar + heated.reactive_kvar
        others = self._installations.step(now, has_supply[c:])
        return self._supply.step(
            np.concatenate([self._active_kw, others.active_kw]),
            np.concatenate([reactive_kvar, others.reactive_kvar]),
            self._outdoor_c,
            STEP_MINUTES,
        )

    @property
    def _minutes_since_midnight(self) -> float:
        return (self.now_us - self.scenario.midnight_us) / MINUTE_US

    def _readings(self, metered: Metered) -> ReadingBatch:
        """Return what the devices with supply send: secondary values where the ledger has a CT ratio."""
        rows, ratio = len(self.fleet), self.fleet.ct_ratio
        can_send = self._outages.can_send(self._minutes_since_midnight)
        self._sequence += 1
        readings = ReadingBatch.of(
            np.arange(rows),
            np.full(rows, self.now_us),
            voltage_v=metered.voltage_v,
            current_amp=metered.current_amp / ratio[:, None],
            active_power_kw=metered.active_power_kw / ratio,
            reactive_power_kvar=metered.reactive_power_kvar / ratio,
            neutral_current_amp=metered.neutral_current_amp / ratio,
            oil_temperature_c=metered.oil_temperature_c,
            ambient_temperature_c=np.full(rows, round(self._outdoor_c, 1)),
            sequence=np.full(rows, self._sequence),
        )
        return readings if can_send.all() else readings.take(can_send)
