"""What the types of a scenario's tables do not show: times that follow each other, names that lead somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from simulator.scenario.day import DayCurve, minute_of

if TYPE_CHECKING:
    from simulator.scenario.scenario import Scenario

Curve = tuple[tuple[str, float], ...]


def check_scenario(scenario: Scenario) -> None:
    """Raise ValueError, with the key and what to do, for what the types alone do not show."""
    _check_times(scenario)
    _check_names(scenario)
    weather = scenario.weather
    if not weather.temperature_c or not weather.clearness:
        raise ValueError("key `weather`: give temperature_c and clearness, or a file that has them")
    if any(not 0.0 <= share <= 1.0 for _, share in weather.humidity):
        raise ValueError("key `weather.humidity`: a fraction lies between 0 and 1, such as 0.65")
    if bool(scenario.ledger) == (scenario.census is not None):
        raise ValueError("give either `ledger`, a folder of sheets, or the table `census`, which makes them")
    for key, curve in _curves(scenario, ""):
        try:
            DayCurve.of(curve)
        except ValueError as error:
            raise ValueError(f"key `{key}`: {error}") from error


def _check_times(scenario: Scenario) -> None:
    timestamps = {"starts_at": scenario.starts_at, "ends_at": scenario.ends_at, "settles_from": scenario.settles_from}
    for key, timestamp in timestamps.items():
        if timestamp.tzinfo is None:
            raise ValueError(f"key `{key}` has no UTC offset; write 2021-07-24T09:30:00+08:00")
    if not scenario.settles_from <= scenario.starts_at < scenario.ends_at:
        raise ValueError("settles_from, starts_at and ends_at must follow each other")
    for i, outage in enumerate(scenario.outage):
        if minute_of(outage.off_from) >= minute_of(outage.off_until):
            raise ValueError(f"key `outage[{i}]`: off_from must lie before off_until")


def _check_names(scenario: Scenario) -> None:
    uses = {use.name for use in scenario.use}
    categories = {category.name for category in scenario.category}
    for category in scenario.category:
        unknown = {part.use for part in category.uses} - uses
        if unknown:
            raise ValueError(f"category {category.name} names the unknown use {sorted(unknown)[0]}")
    if not any(character.category == "*" for character in scenario.people.character):
        raise ValueError('key `people.character` lacks category = "*", which is everybody else')
    shops = {shop.category for shop in scenario.shop}
    for i, area in enumerate(scenario.census.area if scenario.census else ()):
        for name in area.shops:
            if name not in shops:
                raise ValueError(
                    f"key `census.area[{i}].shops`: there is no [[shop]] of the category {name}; "
                    f"add one, or use one of {', '.join(sorted(shops))}"
                )
    for name in sorted(shops - categories):
        raise ValueError(f"key `shop`: the category {name} has no [[category]]; add one, or drop the shop")


def _curves(part: msgspec.Struct, path: str) -> Iterator[tuple[str, Curve]]:
    """Yield every curve of the day in a table and the tables in it, with its key."""
    for name in part.__struct_fields__:
        value: Any = getattr(part, name)
        key = f"{path}{name}"
        if isinstance(value, msgspec.Struct):
            yield from _curves(value, f"{key}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            for i, row in enumerate(value):
                yield from _curves(row, f"{key}[{i}].")
        elif _is_curve(value):
            yield key, value


def _is_curve(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(isinstance(p, tuple) and len(p) == 2 and isinstance(p[0], str) for p in value)
        and not isinstance(value[0][1], str)
    )
