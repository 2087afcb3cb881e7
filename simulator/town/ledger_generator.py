"""A ledger made from a scenario's census: station, grids, people, transformer areas, shops and what they have.

Everything is drawn by the seed and by name, so a shop stays the same when areas come or go. All names say that they
are simulated, and phone numbers are none that anybody has.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grid.assets import (
    Appliance,
    ApplianceKind,
    Ledger,
    Merchant,
    Person,
    Phase,
    Role,
    ServiceGrid,
    Station,
    Transformer,
)
from grid.errors import SettingsError
from grid.text import Text
from simulator.rng import rng
from simulator.scenario.census import AreaPart, CensusPart, ManyPart, ShopPart
from simulator.scenario.scenario import Scenario

STATION_ID = "ST01"
_LAMP_KW = 0.04
_OTHERS = 5
_PHONE_FROM = 13_800_000_000
_PHONES = 99
_SINGLE_PHASE_KW_MAX = 8.0
"""Above so much installed a shop is connected to three phases (practice)."""


def settle(scenario: Scenario, seed: int | None = None) -> Ledger:
    """Return the ledger of a scenario's census; without `seed`, by the scenario's own.

    Raises SettingsError when the scenario has no census, or more shops to draw than kinds of shops.
    """
    census = scenario.census
    if census is None:
        raise SettingsError(
            Text("没有用来生成台账的 [census]", "it has no [census] to make a ledger from"),
            where=Text(f"场景 {scenario.name}", f"scenario {scenario.name}"),
            remedy=Text("请补上，或指定台账", "give it one, or name its ledger"),
        )
    seed = scenario.seed if seed is None else seed
    areas = [*census.area, *(_many(census.many, scenario.shop, seed) if census.many else ())]
    if not areas:
        raise SettingsError(
            Text("它的 census 没有台区", "its census has no area"),
            where=Text(f"场景 {scenario.name}", f"scenario {scenario.name}"),
            remedy=Text("请补上 [[census.area]] 或 [census.many]", "add [[census.area]] or [census.many]"),
        )
    grid_ids = [f"G{i + 1:02d}" for i in range(census.grids)]
    kinds = {shop.category: shop for shop in scenario.shop}
    merchants: list[Merchant] = []
    appliances: list[Appliance] = []
    for area in areas:
        for merchant, has in _shops_of(area, kinds, len(merchants), seed):
            merchants.append(merchant)
            appliances += has
    return Ledger(
        stations=(Station(STATION_ID, census.station, census.timezone),),
        grids=tuple(
            ServiceGrid(grid_id, f"模拟第 {i + 1} 网格", STATION_ID, f"模拟第 {i + 1} 社区")
            for i, grid_id in enumerate(grid_ids)
        ),
        transformers=tuple(
            Transformer(
                area.transformer_id,
                area.name,
                STATION_ID,
                area.rated_power_kva,
                grid_ids[i * len(grid_ids) // len(areas)],
                f"F{i // 10 + 1:02d}",
                area.ct_ratio,
                area.indoor,
            )
            for i, area in enumerate(areas)
        ),
        people=tuple(_people(census, grid_ids, len(merchants))),
        merchants=tuple(merchants),
        appliances=tuple(appliances),
    )


def _many(many: ManyPart, shops: tuple[ShopPart, ...], seed: int) -> Iterator[AreaPart]:
    weights = np.array([shop.weight for shop in shops])
    if many.shops_per_kva and not weights.sum():
        raise SettingsError(
            Text("没有一个 [[shop]] 带权重", "no [[shop]] has a weight"),
            where="census.many",
            remedy=Text("请补上商户，或写 shops_per_kva = 0", "add shops, or shops_per_kva = 0"),
        )
    for i in range(many.count):
        transformer_id = f"{many.prefix}{i + 1:03d}"
        chance = rng(seed, "area", transformer_id)
        rated_kva = float(chance.choice(many.rated_power_kva))
        scatter = chance.lognormal(-0.5 * many.shops_scatter**2, many.shops_scatter)
        count = round(many.shops_per_kva * rated_kva * scatter)
        drawn = chance.multinomial(count, weights / weights.sum()).tolist() if count else [0] * len(shops)
        counts = {shop.category: n for shop, n in zip(shops, drawn, strict=True) if n}
        yield AreaPart(transformer_id, f"模拟台区 {i + 1:03d}", rated_kva, counts)


def _shops_of(
    area: AreaPart, kinds: dict[str, ShopPart], before: int, seed: int
) -> Iterator[tuple[Merchant, tuple[Appliance, ...]]]:
    categories = [category for category, count in area.shops.items() for _ in range(count)]
    rng(seed, "order", area.transformer_id).shuffle(categories)
    for i, category in enumerate(categories):
        shop, number = kinds[category], before + i + 1
        merchant_id = f"{area.transformer_id}-M{i + 1:02d}"
        has, installed_kw, phase = _appliances(merchant_id, shop, seed)
        yield (
            Merchant(
                merchant_id,
                f"模拟商户 {number:02d} · {category}",
                area.transformer_id,
                f"{area.name} {i + 1} 号",
                f"模拟联系人 {number:02d}",
                _phone(number),
                category,
                Phase.ABC if installed_kw > _SINGLE_PHASE_KW_MAX else phase,
                i + 1,
                bool(shop.protected_reason),
                shop.protected_reason,
            ),
            has,
        )


def _appliances(merchant_id: str, shop: ShopPart, seed: int) -> tuple[tuple[Appliance, ...], float, Phase]:
    """Return what a shop has, how much that is together [kW], and the phase it has if it has only one."""
    chance = rng(seed, "shop", merchant_id)
    units = int(chance.integers(shop.units[0], shop.units[1] + 1))
    unit_kw = round(float(chance.uniform(*shop.unit_kw)), 1)
    setpoint_c = float(round(chance.uniform(*shop.setpoint_c)))
    lamps = round(float(chance.uniform(*shop.lights_kw)) / _LAMP_KW)
    other_kw = round(float(chance.uniform(*shop.other_kw)) / _OTHERS, 2)
    phase = (Phase.A, Phase.B, Phase.C)[int(chance.integers(3))]
    has = []
    if units:
        spare = 0 if shop.protected_reason else units // 2
        has.append(Appliance(merchant_id, ApplianceKind.AIR_CONDITIONER, units, unit_kw, spare, setpoint_c))
    if lamps:
        has.append(Appliance(merchant_id, ApplianceKind.LIGHTING, lamps, _LAMP_KW, lamps // 2))
    if other_kw:
        has.append(Appliance(merchant_id, ApplianceKind.OTHER, _OTHERS, other_kw))
    return tuple(has), units * unit_kw + lamps * _LAMP_KW + _OTHERS * other_kw, phase


def _people(census: CensusPart, grid_ids: list[str], merchants: int) -> Iterator[Person]:
    posts = [
        (role, grid_id)
        for grid_id in grid_ids
        for role in (Role.COMMUNITY_LEAD, Role.GRID_LEAD, *[Role.MEMBER] * census.members)
    ]
    posts += [(Role.DUTY, ""), (Role.STATION_HEAD, "")]
    words = {
        Role.COMMUNITY_LEAD: "模拟社区书记",
        Role.GRID_LEAD: "模拟网格长",
        Role.MEMBER: "模拟队员",
        Role.DUTY: "模拟值班员",
        Role.STATION_HEAD: "模拟所长",
    }
    for i, (role, grid_id) in enumerate(posts):
        yield Person(f"P{i + 1:02d}", f"{words[role]} {i + 1}", role, grid_id, _phone(merchants + i + 1))


def _phone(number: int) -> str:
    """Return a number of the handful that are nobody's; none when they are used up."""
    return str(_PHONE_FROM + number) if number <= _PHONES else ""
