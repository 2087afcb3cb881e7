"""From ledger sheets and a scenario to customers as columns: floors, hours, phases, units, draws. Chance by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from grid.assets import Appliance, ApplianceKind, Ledger, Merchant, Phase
from grid.errors import SettingsError
from grid.fleet import Fleet
from simulator.customers import CoolingUnits, Customers, Draws, Floats, HeatingUnits, Townsfolk
from simulator.day import DAY_MINUTES, DayCurve, DayTable, minute_of
from simulator.dice import dice
from simulator.scenario import Scenario
from simulator.scenario_equipment import HeaterKind, HeatersPart
from simulator.scenario_parts import Block, Category, Street, Use

_PHASE_SHARE = {Phase.A: (1.0, 0.0, 0.0), Phase.B: (0.0, 1.0, 0.0), Phase.C: (0.0, 0.0, 1.0)}
_ALL_PHASES = (1 / 3, 1 / 3, 1 / 3)
_SHUT_K = 8.0
"""So much cooler a shop may get while it is shut."""
_IDS_NAMED_MAX = 12
EVERY_TRANSFORMER = "*"
_ALWAYS = DayCurve.of([("00:00", 1.0)])


@dataclass
class _Row:
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


class _Gathering:
    """Collects customers, units and draws row by row."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.seed = seed
        self.rows: list[_Row] = []
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

    def add_merchant(self, merchant: Merchant, has: Sequence[Appliance], fleet: Fleet) -> None:
        """Add one merchant of the ledger with its appliances."""
        category = self._category(merchant)
        chance = dice(self.seed, "merchant", merchant.merchant_id)
        street = self.streets.get(merchant.transformer_id, Street(merchant.transformer_id, (180.0, 180.0)))
        side = 0 if (merchant.walk_order or 1) % 2 else 1
        cooling_kw = sum(a.count * a.rated_kw for a in has if a.appliance is ApplianceKind.AIR_CONDITIONER)
        floor_m2 = 1000.0 * cooling_kw * self.scenario.cooling.rated_cop / category.installed_w_per_m2
        scatter = chance.normal(0.0, category.hours_scatter_minutes, 2) if category.hours_scatter_minutes else (0, 0)
        opens, closes = minute_of(category.opens), minute_of(category.closes)
        rests_from, rests_until = _rest(category, chance)
        self.rows.append(
            _Row(
                transformer=fleet.number[merchant.transformer_id],
                phase_share=_PHASE_SHARE.get(merchant.phase, _ALL_PHASES),
                floor_m2=floor_m2,
                loss_w_per_m2_k=category.loss_w_per_m2_k,
                mass_wh_per_m2_k=category.mass_wh_per_m2_k,
                glass_m2=floor_m2 * category.glass * (1.0 - street.shade[side]),
                facade_azimuth_deg=street.facade_azimuth_deg[side],
                opens_minute=opens + float(scatter[0]) if opens > 0 else 0.0,
                closes_minute=closes + float(scatter[1]) if closes < DAY_MINUTES else float(DAY_MINUTES),
                rests_from_minute=rests_from,
                rests_until_minute=rests_until,
                presence=0,
                presence_rank=-1.0,
                gain=self.category_number[category.name],
                lighting_kw=sum(a.count * a.rated_kw for a in has if a.appliance is ApplianceKind.LIGHTING),
                cools_above_c=-np.inf,
            )
        )
        for appliance in has:
            if appliance.appliance is ApplianceKind.AIR_CONDITIONER:
                self.add_units(
                    appliance.count, appliance.rated_kw, appliance.setpoint_c or 26.0, category.units_minutes, chance
                )
                if category.heats_to_c is not None:
                    pump = HeatersPart(
                        kind=HeaterKind.HEAT_PUMP,
                        rated_kw=appliance.rated_kw,
                        setpoint_c=category.heats_to_c,
                        count=appliance.count,
                        away_k=_SHUT_K,
                    )
                    self.add_heater(pump, dice(self.seed, "heats", merchant.merchant_id))
            elif appliance.appliance is ApplianceKind.OTHER:
                total_kw = appliance.count * appliance.rated_kw
                self.draws += [
                    (len(self.rows) - 1, self.use_number[part.use], total_kw * part.share) for part in category.uses
                ]

    def add_block(self, block: Block, fleet: Fleet) -> None:
        """Add the similar customers of one block."""
        chance = dice(self.seed, "block", block.name)
        transformer = _transformers_of(block, fleet, dice(self.seed, "block counts", block.name))
        warm = dice(self.seed, "block heaters", block.name)
        block = msgspec.structs.replace(block, count=len(transformer))
        self.presences.append(DayCurve.of(block.present))
        self.gains.append(DayCurve.of([("00:00", block.gains_w_per_m2)]))
        self.uses.append(
            Use(block.name, block.draw_kw, block.power_factor, while_open=False, scatter=0.35, scatter_minutes=10.0)
        )
        weights = np.array(block.phase_weights) / sum(block.phase_weights)
        phases = chance.choice(3, block.count, p=weights)
        size = chance.lognormal(-0.5 * block.draw_scatter**2, block.draw_scatter, block.count)
        rank = (chance.permutation(block.count) + 0.5) / max(block.count, 1)
        floor_m2 = block.floor_area_m2 * chance.lognormal(
            -0.5 * block.floor_scatter**2, block.floor_scatter, block.count
        )
        cools_above_c = chance.normal(block.cools_above_c, block.cools_above_scatter_k, block.count)
        for i in range(block.count):
            share = _ALL_PHASES if block.three_phase else _PHASE_SHARE[(Phase.A, Phase.B, Phase.C)[phases[i]]]
            self.rows.append(
                _Row(
                    transformer=int(transformer[i]),
                    phase_share=share,
                    floor_m2=float(floor_m2[i]),
                    loss_w_per_m2_k=block.loss_w_per_m2_k,
                    mass_wh_per_m2_k=block.mass_wh_per_m2_k,
                    glass_m2=float(floor_m2[i]) * block.glass,
                    facade_azimuth_deg=block.facade_azimuth_deg,
                    opens_minute=0.0,
                    closes_minute=float(DAY_MINUTES),
                    rests_from_minute=0.0,
                    rests_until_minute=0.0,
                    presence=len(self.presences) - 1,
                    presence_rank=float(rank[i]),
                    gain=len(self.gains) - 1,
                    lighting_kw=0.0,
                    cools_above_c=float(cools_above_c[i]),
                )
            )
            self.draws.append((len(self.rows) - 1, len(self.uses) - 1, float(size[i])))
            self.add_units(block.units, block.rated_kw, block.setpoint_c, 0.0, chance)
            if block.heaters is not None:
                self.add_heater(block.heaters, warm)

    def _category(self, merchant: Merchant) -> Category:
        number = self.category_number.get(merchant.category)
        if number is None:
            raise SettingsError(
                f"merchant {merchant.merchant_id} is of the category {merchant.category!r}, which has no [[category]]",
                where=f"scenario {self.scenario.name}",
                remedy=f"add it, or use one of {', '.join(self.category_number)}",
            )
        return self.scenario.category[number]

    def result(self, merchant_ids: tuple[str, ...]) -> Townsfolk:
        """Return the columns."""
        column = {name: np.array([getattr(row, name) for row in self.rows]) for name in _Row.__dataclass_fields__}
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


def row_of(transformer_id: str, what: str, fleet: Fleet, scenario_name: str) -> int:
    """Return the fleet row of a transformer. Raises SettingsError saying what hangs on one that is not there."""
    if transformer_id not in fleet.number:
        known, more = fleet.transformer_ids[:_IDS_NAMED_MAX], len(fleet) > _IDS_NAMED_MAX
        raise SettingsError(
            f"{what} hangs on {transformer_id}, which the ledger does not know",
            where=f"scenario {scenario_name}",
            remedy=f"use one of {', '.join(known)}{' …' if more else ''}",
        )
    return fleet.number[transformer_id]


def _transformers_of(block: Block, fleet: Fleet, chance: np.random.Generator) -> Floats:
    """Return the fleet row of each customer of a block, one transformer after the other."""
    rows = range(len(fleet)) if block.transformer_id == EVERY_TRANSFORMER else [fleet.number[block.transformer_id]]
    counts = [block.count] * len(rows)
    if block.count_per_kva:
        scatter = chance.lognormal(-0.5 * block.count_scatter**2, block.count_scatter, len(rows))
        per_transformer = block.count_per_kva * fleet.rated_power_kva[list(rows)] * scatter
        counts = np.round(per_transformer).astype(int).tolist()
    return np.repeat(np.array(rows, np.float64), counts)


def _rest(category: Category, chance: np.random.Generator) -> tuple[float, float]:
    """Return from when until when a merchant of a category rests; (0, 0) if it does not."""
    rest = category.rest
    if rest is None or chance.random() >= rest.share:
        return 0.0, 0.0
    shift = chance.normal(0.0, rest.scatter_minutes, 2)
    return minute_of(rest.closes) + float(shift[0]), minute_of(rest.opens) + float(shift[1])


def townsfolk(ledger: Ledger, scenario: Scenario, seed: int, fleet: Fleet) -> Townsfolk:
    """Build all customers of a ledger and a scenario.

    Raises SettingsError when a merchant's category or a block's transformer is unknown.
    """
    gathering = _Gathering(scenario, seed)
    appliances: dict[str, list[Appliance]] = {merchant.merchant_id: [] for merchant in ledger.merchants}
    for appliance in ledger.appliances:
        appliances[appliance.merchant_id].append(appliance)
    for merchant in ledger.merchants:
        gathering.add_merchant(merchant, appliances[merchant.merchant_id], fleet)
    for block in scenario.block:
        if block.transformer_id != EVERY_TRANSFORMER:
            row_of(block.transformer_id, f"block {block.name}", fleet, scenario.name)
        gathering.add_block(block, fleet)
    return gathering.result(tuple(merchant.merchant_id for merchant in ledger.merchants))
