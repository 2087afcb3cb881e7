"""From ledger sheets and a scenario to customers as columns: floors, hours, phases, units, draws. Chance by name."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from grid.assets import Appliance, ApplianceKind, Ledger, Merchant, Phase
from grid.errors import SettingsError
from grid.fleet import Fleet
from grid.text import Text
from simulator.customers import Floats, Townsfolk
from simulator.rng import rng
from simulator.scenario.day import DAY_MINUTES, DayCurve, minute_of
from simulator.scenario.equipment import HeaterKind, HeatersPart
from simulator.scenario.parts import Block, Category, Street, Use
from simulator.scenario.scenario import Scenario
from simulator.town.assembly import Gathering, Row

_PHASE_SHARE = {Phase.A: (1.0, 0.0, 0.0), Phase.B: (0.0, 1.0, 0.0), Phase.C: (0.0, 0.0, 1.0)}
_ALL_PHASES = (1 / 3, 1 / 3, 1 / 3)
_SHUT_K = 8.0
"""How much cooler a shop may get while it is shut [K]."""
_IDS_NAMED_MAX = 12
EVERY_TRANSFORMER = "*"


def townsfolk(ledger: Ledger, scenario: Scenario, seed: int, fleet: Fleet) -> Townsfolk:
    """Build all customers of a ledger and a scenario.

    Raises SettingsError when a merchant's category or a block's transformer is unknown.
    """
    gathering = Gathering(scenario, seed)
    appliances: dict[str, list[Appliance]] = {merchant.merchant_id: [] for merchant in ledger.merchants}
    for appliance in ledger.appliances:
        appliances[appliance.merchant_id].append(appliance)
    resting = _resting(ledger, scenario, seed)
    for merchant in ledger.merchants:
        _add_merchant(
            gathering, merchant, appliances[merchant.merchant_id], fleet, rests=merchant.merchant_id in resting
        )
    for block in scenario.block:
        if block.transformer_id != EVERY_TRANSFORMER:
            row_of(block.transformer_id, f"block {block.name}", fleet, scenario.name)
        _add_block(gathering, block, fleet)
    return gathering.result(tuple(merchant.merchant_id for merchant in ledger.merchants))


def _resting(ledger: Ledger, scenario: Scenario, seed: int) -> frozenset[str]:
    """Return who closes between two meals: of each street and category the same share in every town."""
    alike: dict[tuple[str, str], list[str]] = {}
    for merchant in ledger.merchants:
        alike.setdefault((merchant.transformer_id, merchant.category), []).append(merchant.merchant_id)
    shares = {category.name: category.rest.share for category in scenario.category if category.rest is not None}
    resting: set[str] = set()
    for (_, category), merchant_ids in alike.items():
        drawn = sorted(merchant_ids, key=lambda m: float(rng(seed, "rests", m).random()))
        resting.update(drawn[: round(shares.get(category, 0.0) * len(drawn))])
    return frozenset(resting)


def _add_merchant(
    gathering: Gathering, merchant: Merchant, has: Sequence[Appliance], fleet: Fleet, *, rests: bool
) -> None:
    """Add one merchant of the ledger with its appliances."""
    category = _category(gathering, merchant)
    chance = rng(gathering.seed, "merchant", merchant.merchant_id)
    street = gathering.streets.get(merchant.transformer_id, Street(merchant.transformer_id, (180.0, 180.0)))
    side = 0 if (merchant.walk_order or 1) % 2 else 1
    cooling_kw = sum(a.count * a.rated_kw for a in has if a.appliance is ApplianceKind.AIR_CONDITIONER)
    floor_m2 = 1000.0 * cooling_kw * gathering.scenario.cooling.rated_cop / category.installed_w_per_m2
    scatter = chance.normal(0.0, category.hours_scatter_minutes, 2) if category.hours_scatter_minutes else (0, 0)
    opens, closes = minute_of(category.opens), minute_of(category.closes)
    rests_from, rests_until = _rest(category, chance) if rests else (0.0, 0.0)
    gathering.rows.append(
        Row(
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
            gain=gathering.category_number[category.name],
            lighting_kw=sum(a.count * a.rated_kw for a in has if a.appliance is ApplianceKind.LIGHTING),
            cools_above_c=-np.inf,
        )
    )
    for appliance in has:
        if appliance.appliance is ApplianceKind.AIR_CONDITIONER:
            gathering.add_units(
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
                gathering.add_heater(pump, rng(gathering.seed, "heats", merchant.merchant_id))
        elif appliance.appliance is ApplianceKind.OTHER:
            total_kw = appliance.count * appliance.rated_kw
            gathering.draws += [
                (len(gathering.rows) - 1, gathering.use_number[part.use], total_kw * part.share)
                for part in category.uses
            ]


def _add_block(gathering: Gathering, block: Block, fleet: Fleet) -> None:
    """Add the similar customers of one block."""
    chance = rng(gathering.seed, "block", block.name)
    transformer = _transformers_of(block, fleet, rng(gathering.seed, "block counts", block.name))
    warm = rng(gathering.seed, "block heaters", block.name)
    block = msgspec.structs.replace(block, count=len(transformer))
    gathering.presences.append(DayCurve.of(block.present))
    gathering.gains.append(DayCurve.of([("00:00", block.gains_w_per_m2)]))
    gathering.uses.append(
        Use(block.name, block.draw_kw, block.power_factor, while_open=False, scatter=0.35, scatter_minutes=10.0)
    )
    weights = np.array(block.phase_weights) / sum(block.phase_weights)
    phases = chance.choice(3, block.count, p=weights)
    size = chance.lognormal(-0.5 * block.draw_scatter**2, block.draw_scatter, block.count)
    rank = (chance.permutation(block.count) + 0.5) / max(block.count, 1)
    floor_m2 = block.floor_area_m2 * chance.lognormal(-0.5 * block.floor_scatter**2, block.floor_scatter, block.count)
    cools_above_c = chance.normal(block.cools_above_c, block.cools_above_scatter_k, block.count)
    for i in range(block.count):
        share = _ALL_PHASES if block.three_phase else _PHASE_SHARE[(Phase.A, Phase.B, Phase.C)[phases[i]]]
        gathering.rows.append(
            Row(
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
                presence=len(gathering.presences) - 1,
                presence_rank=float(rank[i]),
                gain=len(gathering.gains) - 1,
                lighting_kw=0.0,
                cools_above_c=float(cools_above_c[i]),
            )
        )
        gathering.draws.append((len(gathering.rows) - 1, len(gathering.uses) - 1, float(size[i])))
        gathering.add_units(block.units, block.rated_kw, block.setpoint_c, 0.0, chance)
        if block.heaters is not None:
            gathering.add_heater(block.heaters, warm)


def _category(gathering: Gathering, merchant: Merchant) -> Category:
    number = gathering.category_number.get(merchant.category)
    if number is None:
        raise SettingsError(
            Text(
                f"商户 {merchant.merchant_id} 的类别 {merchant.category!r} 没有对应的 [[category]]",
                f"merchant {merchant.merchant_id} is of the category {merchant.category!r}, which has no [[category]]",
            ),
            where=Text(f"场景 {gathering.scenario.name}", f"scenario {gathering.scenario.name}"),
            remedy=Text(
                f"请补上，或使用 {'、'.join(gathering.category_number)} 之一",
                f"add it, or use one of {', '.join(gathering.category_number)}",
            ),
        )
    return gathering.scenario.category[number]


def row_of(transformer_id: str, what: str, fleet: Fleet, scenario_name: str) -> int:
    """Return the fleet row of a transformer. Raises SettingsError saying what hangs on one that is not there."""
    if transformer_id not in fleet.number:
        known, more = fleet.transformer_ids[:_IDS_NAMED_MAX], len(fleet) > _IDS_NAMED_MAX
        raise SettingsError(
            Text(
                f"{what} 接在 {transformer_id} 上，而台账里没有这个台区",
                f"{what} hangs on {transformer_id}, which the ledger does not know",
            ),
            where=Text(f"场景 {scenario_name}", f"scenario {scenario_name}"),
            remedy=Text(
                f"请使用 {'、'.join(known)}{' …' if more else ''} 之一",
                f"use one of {', '.join(known)}{' …' if more else ''}",
            ),
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
    """Return from when until when a merchant of a category closes between two meals."""
    rest = category.rest
    if rest is None:
        return 0.0, 0.0
    shift = chance.normal(0.0, rest.scatter_minutes, 2)
    return minute_of(rest.closes) + float(shift[0]), minute_of(rest.opens) + float(shift[1])
