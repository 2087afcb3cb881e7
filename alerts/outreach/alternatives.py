"""What else there is when asking will not be enough: what can be reached, whom to call, where load can go, how long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.figures import percent, whole_percent
from alerts.model.outreach_model import OutreachList
from grid.assets import Person, Role, Transformer
from grid.text import Text

EMERGENCY_MINUTES = ((1.30, 120.0, 60.0), (1.60, 30.0, 15.0), (1.75, 15.0, 8.0), (2.00, 7.5, 4.0))
"""Load rate, minutes outdoors, minutes indoors: emergency overload of oil-filled distribution transformers (practice of
Chinese utilities' operating rules; not a text of a standard)."""
SUMMER_SHORT_OVERLOAD = 1.15
"""In summer an ordinary short overload stays at or below this (practice)."""
NEIGHBOUR_LOAD_RATE_MAX = 0.80
"""A neighbour area takes load over up to here: it must not become the next one on the list."""


@dataclass(frozen=True)
class Neighbour:
    """An area that could take load over, and how much [kVA]."""

    transformer_id: str
    load_rate: float
    headroom_kva: float


@dataclass(frozen=True)
class Alternatives:
    """What the duty desk has to know when a list will not be enough."""

    reachable_load_rate: float
    """The load rate to expect when everybody listed was asked."""
    reached_probability: float
    call: tuple[str, ...]
    """person_id of whom to call: the desk, the head of the station, the leads of the grid."""
    neighbours: tuple[Neighbour, ...]
    permitted_minutes: float
    """How long the load of now may last; infinite at or below rated power."""
    above_summer_limit: bool


def permitted_minutes(load_rate: float, *, indoor: bool) -> float:
    """Return how long an emergency load may last [minutes]: infinite up to 1.0, 0 above the table, NaN for NaN.

    Between two rows the heavier one counts.
    """
    if math.isnan(load_rate):
        return math.nan
    if load_rate <= 1.0:
        return math.inf
    for rate, outdoors, indoors in EMERGENCY_MINUTES:
        if load_rate <= rate:
            return indoors if indoor else outdoors
    return 0.0


def alternatives(
    outreach_list: OutreachList,
    load_rate: float,
    open_relief_kw: float,
    *,
    transformer: Transformer,
    power_factor: float,
    transformers: Iterable[Transformer],
    load_rates: Mapping[str, float],
    people: Sequence[Person],
) -> Alternatives:
    """Return what there is beside asking.

    `open_relief_kw` is what doors and fresh promises should still bring; `load_rates` holds those of other areas, as
    far as they are known and fresh. Neighbours are of the same grid or feeder, the one with the most room first.
    """
    per_rate_kw = transformer.rated_power_kva * (1.0 if math.isnan(power_factor) else power_factor)
    beside = [
        Neighbour(
            other.transformer_id,
            load_rates[other.transformer_id],
            (NEIGHBOUR_LOAD_RATE_MAX - load_rates[other.transformer_id]) * other.rated_power_kva,
        )
        for other in transformers
        if other.transformer_id != transformer.transformer_id
        and load_rates.get(other.transformer_id, math.inf) < NEIGHBOUR_LOAD_RATE_MAX
        and _are_neighbours(transformer, other)
    ]
    return Alternatives(
        reachable_load_rate=load_rate - open_relief_kw / per_rate_kw,
        reached_probability=outreach_list.reached_probability,
        call=_whom_to_call(people, transformer),
        neighbours=tuple(sorted(beside, key=lambda n: (-n.headroom_kva, n.transformer_id))[:3]),
        permitted_minutes=permitted_minutes(load_rate, indoor=transformer.indoor),
        above_summer_limit=load_rate > SUMMER_SHORT_OVERLOAD,
    )


def _are_neighbours(one: Transformer, other: Transformer) -> bool:
    same_grid = bool(one.grid_id) and one.grid_id == other.grid_id
    same_feeder = bool(one.feeder_id) and one.feeder_id == other.feeder_id
    return one.station_id == other.station_id and (same_grid or same_feeder)


def _whom_to_call(people: Sequence[Person], transformer: Transformer) -> tuple[str, ...]:
    desk = [p.person_id for p in people if p.role is Role.DUTY]
    heads = [p.person_id for p in people if p.role is Role.STATION_HEAD]
    leads = [
        p.person_id
        for p in people
        if p.role in (Role.GRID_LEAD, Role.COMMUNITY_LEAD) and p.grid_id and p.grid_id == transformer.grid_id
    ]
    return (*sorted(desk), *sorted(heads), *sorted(leads))


def alternatives_text(found: Alternatives) -> Text:
    """Return it in words, for the desk. People are told by their number in people.csv, never by name."""
    reach, sure = percent(found.reachable_load_rate), whole_percent(found.reached_probability)
    zh = [f"走访预计能降到 {reach.zh}，达到目标的把握 {sure.zh}"]
    en = [f"asking should bring it to {reach.en}, {sure.en} sure to reach the target"]
    if found.call:
        zh.append(f"请联系 {'、'.join(found.call[:3])}")
        en.append(f"call {', '.join(found.call[:3])}")
    if found.neighbours:
        beside = [f"{n.transformer_id} 还可带 {n.headroom_kva:.0f} kVA" for n in found.neighbours]
        zh.append(f"可考虑转供：{'、'.join(beside)}")
        en.append(
            "load could go to " + ", ".join(f"{n.transformer_id} ({n.headroom_kva:.0f} kVA)" for n in found.neighbours)
        )
    else:
        zh.append("同网格、同线路没有可转供的台区")
        en.append("no area of the same grid or feeder has room")
    if math.isinf(found.permitted_minutes):
        zh.append("未超过额定容量，可以继续运行，注意油温")
        en.append("not above rated power: it may go on, watch the oil temperature")
    elif not math.isnan(found.permitted_minutes):
        minutes = f"{found.permitted_minutes:g}"
        zh.append(
            f"按事故过负荷惯例，当前负载最多持续 {minutes} 分钟" if minutes != "0" else "已超出事故过负荷允许范围"
        )
        en.append(
            f"by emergency-overload practice this load may last {minutes} minutes at most"
            if minutes != "0"
            else "this is above every permitted emergency load"
        )
    return Text("；".join(zh) + "。", "; ".join(en)[:1].upper() + "; ".join(en)[1:] + ".")
