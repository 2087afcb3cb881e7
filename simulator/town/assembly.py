"""Customers row by row while a town is being built, and the columns that become of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.customers import CoolingUnits, Customers, Draws, HeatingUnits, Townsfolk
from simulator.scenario.day import DayCurve, DayTable
from simulator.scenario.equipment import HeaterKind, HeatersPart
from simulator.scenario.scenario import Scenario

_ALWAYS = DayCurve.of([("00:00", 1.0)])


@dataclass
class Row:
    """One customer while the columns are being gathered."""

    transformer: int
    phase_share: tuple[float, float, float]
    floor_m2: float
    loss_w_per_m2_k: float
    mass_wh_per_m2_k: float
    glass_m2: float
    facade_azimuth_deg: float
    opens_minute: float
    closes_minute: float
    rests_from_minute: float
    rests_until_minute: float
    presence: int
    presence_rank: float
    gain: int
    lighting_kw: float
    cools_above_c: float


class Gathering:
    """Collects customers, units and draws row by row."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.rows: list[Row] = []
        self.units: list[tuple[int, float, bool, float, float, float]] = []
        self.draws: list[tuple[int, int, float]] = []
        self.heaters: list[tuple[int, bool, float, float, float, float, float]] = []
        self.uses = list(scenario.use)
        self.presences = [_ALWAYS]
        self.gains = [DayCurve.of(category.gains_w_per_m2) for category in scenario.category]
        self.use_number = {use.name: i for i, use in enumerate(scenario.use)}
        self.category_number = {category.name: i for i, category in enumerate(scenario.category)}
        self.streets = {street.transformer_id: street for street in scenario.street}

    def add_units(
        self, count: int, rated_kw: float, setpoint_c: float, lag_minutes: float, chance: np.random.Generator
    ) -> None:
        """Give the customer added last `count` air conditioners, switched on one after another within the lag."""
        cooling = self.scenario.cooling
        inverter = chance.random(count) < cooling.inverter_share
        error = chance.normal(0.0, cooling.sensor_scatter_k, count)
        lag = chance.uniform(0.0, lag_minutes, count)
        self.units += [
            (len(self.rows) - 1, rated_kw, bool(inverter[i]), float(error[i]), setpoint_c, float(lag[i]))
            for i in range(count)
        ]

    def add_heater(self, heaters: HeatersPart, chance: np.random.Generator) -> None:
        """Give the customer added last its heaters, as one row."""
        self.heaters.append(
            (
                len(self.rows) - 1,
                heaters.kind is HeaterKind.HEAT_PUMP,
                heaters.count * heaters.rated_kw,
                heaters.count * heaters.auxiliary_kw,
                float(chance.normal(heaters.setpoint_c, heaters.setpoint_scatter_k)),
                heaters.away_k,
                heaters.power_factor,
            )
        )

    def result(self, merchant_ids: tuple[str, ...]) -> Townsfolk:
        """Return the columns."""
        column = {name: np.array([getattr(row, name) for row in self.rows]) for name in Row.__dataclass_fields__}
        units = np.array(self.units, np.float64).reshape(-1, 6)
        draws = np.array(self.draws, np.float64).reshape(-1, 3)
        heaters = np.array(self.heaters, np.float64).reshape(-1, 7)
        customers = Customers(
            merchant_ids=merchant_ids,
            transformer=column["transformer"].astype(np.int32),
            phase_share=column["phase_share"].reshape(-1, 3),
            floor_m2=column["floor_m2"],
            loss_kw_per_k=column["floor_m2"] * column["loss_w_per_m2_k"] / 1000.0,
            mass_kwh_per_k=np.maximum(column["floor_m2"] * column["mass_wh_per_m2_k"] / 1000.0, 0.1),
            glass_m2=column["glass_m2"],
            facade_azimuth_deg=column["facade_azimuth_deg"],
            opens_minute=column["opens_minute"],
            closes_minute=column["closes_minute"],
            rests_from_minute=column["rests_from_minute"],
            rests_until_minute=column["rests_until_minute"],
            presence=column["presence"].astype(np.int32),
            presence_rank=column["presence_rank"],
            presences=DayTable(self.presences),
            gain=column["gain"].astype(np.int32),
            gains=DayTable(self.gains),
            lighting_kw=column["lighting_kw"],
            cools_above_c=column["cools_above_c"],
        )
        return Townsfolk(
            customers,
            CoolingUnits(
                customer=units[:, 0].astype(np.int32),
                rated_kw=units[:, 1],
                inverter=units[:, 2].astype(np.bool_),
                sensor_error_k=units[:, 3],
                setpoint_c=units[:, 4],
                lag_minutes=units[:, 5],
            ),
            Draws(draws[:, 0].astype(np.int32), draws[:, 1].astype(np.int32), draws[:, 2], tuple(self.uses)),
            HeatingUnits(
                customer=heaters[:, 0].astype(np.int32),
                heat_pump=heaters[:, 1].astype(np.bool_),
                rated_kw=heaters[:, 2],
                auxiliary_kw=heaters[:, 3],
                setpoint_c=heaters[:, 4],
                away_k=heaters[:, 5],
                power_factor=heaters[:, 6],
            ),
        )
