"""Every parameter of a scenario that its transformer's load could hang on, each moved a step down and a step up.

Shares and amounts move by a tenth; temperatures, clock times and angles by a step that people would call small.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from simulator.scenario.day import DAY_MINUTES, minute_of
from simulator.scenario.parts import CoolingPart
from simulator.scenario.scenario import Scenario

TENTH = "10 %"
_STREET = "YX06"
_CELSIUS = ("cools_above_c", "endures_c", "setpoint_c")
_MINUTES = {"opens": 10, "closes": 10, "starts_at": 5}
_CHARACTER = ("does", "does_later", "promises_only", "refuses", "absent")
_BOUNDED = (
    "absent", "clearness", "fixed_power_factor", "fraction_lowest", "glass", "heat_to_room", "inverter_power_factor",
    "inverter_share", "lights_share_off", "power_factor", "present", "sensible_share", "shade",
)  # fmt: skip
"""Keys that cannot go above 1."""


@dataclass(frozen=True)
class Change:
    """One parameter, and the scenario with it moved by -1 or +1 step."""

    key: str
    step: str
    moved: Callable[[int], Scenario]
    people_only: bool
    """Nothing of it is seen before somebody is visited."""


def changes(scenario: Scenario) -> Iterator[Change]:
    """Yield every change, in the order of the scenario file."""
    yield from _of_part(scenario, "weather", ("temperature_c", "clearness"), {"temperature_c": 1.0})
    yield from _of_rows(scenario, "street", ("facade_azimuth_deg", "shade"), {"facade_azimuth_deg": 20.0})
    cooling = [field for field in CoolingPart.__struct_fields__ if getattr(scenario.cooling, field)]
    yield from _of_part(scenario, "cooling", cooling)
    yield from _of_part(scenario, "supply", ("source_voltage_v", "short_circuit_voltage", "resistance"))
    for use in scenario.use:
        moving = ("share", "power_factor", "heat_to_room", "per_k", "scatter", "scatter_minutes")
        yield from _of_rows(scenario, "use", [key for key in moving if getattr(use, key)], only=use.name)
    keys = [
        "opens", "closes", "gains_w_per_m2", "hours_scatter_minutes", "units_minutes", "installed_w_per_m2",
        "loss_w_per_m2_k", "mass_wh_per_m2_k", "glass",
    ]  # fmt: skip
    yield from _of_rows(scenario, "category", keys)
    yield Change("category.uses.share", TENTH, partial(_uses, scenario), False)
    yield Change("category.rest.share", TENTH, partial(_rest, scenario, "share"), False)
    yield Change("category.rest.closes, opens", "10 min", partial(_rest, scenario, "times"), False)
    for category in scenario.category:
        yield from _of_rows(scenario, "category", ("opens", "gains_w_per_m2"), only=category.name)
    for block in scenario.block:
        if block.transformer_id == _STREET:
            keys = [
                "count", "floor_area_m2", "rated_kw", "setpoint_c", "cools_above_c", "present", "draw_kw",
                "draw_scatter", "cools_above_scatter_k", "floor_scatter", "power_factor", "phase_weights",
                "loss_w_per_m2_k", "mass_wh_per_m2_k", "glass", "facade_azimuth_deg", "gains_w_per_m2",
            ]  # fmt: skip
            yield from _of_rows(scenario, "block", keys, {"facade_azimuth_deg": 20.0}, only=block.name)
    keys = [
        "later_minutes", "asked_again_factor", "setpoint_minutes_per_k", "lights_share_off", "endures_c",
        "endures_minutes", "example_doors", "example_hours",
    ]  # fmt: skip
    yield from _of_part(scenario, "people", keys, {"example_doors": 1})
    for character in scenario.people.character:
        for key in _CHARACTER:
            name = f"people.character[{character.category}].{key}"
            yield Change(name, "0.05", partial(_character, scenario, character.category, key), True)
    keys = [
        "starts_at", "pairs_apart_minutes", "walking_m_per_minute", "metres_per_door", "greeting_minutes",
        "lights_minutes", "minutes_per_unit", "refusal_minutes", "absent_minutes", "length",
    ]  # fmt: skip
    yield from _of_part(scenario, "visit", keys)


def _of_part(scenario: Scenario, table: str, keys: Any, steps: dict[str, float] | None = None) -> Iterator[Change]:
    for key in keys:
        step, words = _step_of(key, steps)

        def moved(way: int, key: str = key, step: float | None = step) -> Scenario:
            part = _with_moved(getattr(scenario, table), key, way, step)
            return msgspec.structs.replace(scenario, **{table: part})

        yield Change(f"{table}.{key}", words, moved, table in ("people", "visit", "supply"))


def _of_rows(
    scenario: Scenario, table: str, keys: Any, steps: dict[str, float] | None = None, only: str | None = None
) -> Iterator[Change]:
    for key in keys:
        step, words = _step_of(key, steps)

        def moved(way: int, key: str = key, step: float | None = step) -> Scenario:
            rows = tuple(
                _with_moved(row, key, way, step) if only is None or row.name == only else row
                for row in getattr(scenario, table)
            )
            return msgspec.structs.replace(scenario, **{table: rows})

        named = f"[{only}]" if only else ""
        yield Change(f"{table}{named}.{key}", words, moved, False)


def _step_of(key: str, steps: dict[str, float] | None) -> tuple[float | None, str]:
    """Return the step of a key, None for a tenth of itself, and the step in words."""
    if steps and key in steps:
        return steps[key], {"temperature_c": "1 °C", "facade_azimuth_deg": "20°"}.get(key, f"{steps[key]:g}")
    if key in _CELSIUS:
        return 1.0, "1 °C"
    if key in _MINUTES:
        return float(_MINUTES[key]), f"{_MINUTES[key]} min"
    return None, TENTH


def _with_moved(part: Any, key: str, way: int, step: float | None) -> Any:
    return msgspec.structs.replace(part, **{key: _moved(getattr(part, key), key, way, step)})


def _moved(value: Any, key: str, way: int, step: float | None) -> Any:
    """Return a number, clock time, pair or curve moved by `way` steps; curves move in their values."""
    if isinstance(value, str):
        minute = min(max(minute_of(value) + way * round(step or 0.0), 0), DAY_MINUTES)
        return value if value in ("00:00", "24:00") else f"{minute // 60:02d}:{minute % 60:02d}"
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        return tuple((at, _moved(number, key, way, step)) for at, number in value)
    if isinstance(value, tuple):
        if key == "phase_weights":
            return (_moved(value[0], key, way, step), *value[1:])
        return tuple(_moved(number, key, way, step) for number in value)
    moved = value * (1.0 + 0.1 * way) if step is None else value + way * step
    if key in _BOUNDED or key.endswith("share"):
        moved = min(moved, 1.0)
    return round(moved) if isinstance(value, int) else moved


def _uses(scenario: Scenario, way: int) -> Scenario:
    def shifted(category: Any) -> Any:
        uses = tuple(msgspec.structs.replace(use, share=min(use.share * (1 + 0.1 * way), 1.0)) for use in category.uses)
        return msgspec.structs.replace(category, uses=uses)

    return msgspec.structs.replace(scenario, category=tuple(shifted(c) for c in scenario.category))


def _rest(scenario: Scenario, what: str, way: int) -> Scenario:
    def shifted(category: Any) -> Any:
        if category.rest is None:
            return category
        rest = category.rest
        for key in ("share",) if what == "share" else ("closes", "opens"):
            rest = _with_moved(rest, key, way, None if what == "share" else 10.0)
        return msgspec.structs.replace(category, rest=rest)

    return msgspec.structs.replace(scenario, category=tuple(shifted(c) for c in scenario.category))


def _character(scenario: Scenario, category: str, key: str, way: int) -> Scenario:
    shifted = tuple(
        msgspec.structs.replace(c, **{key: max(getattr(c, key) + 0.05 * way, 0.0)}) if c.category == category else c
        for c in scenario.people.character
    )
    return msgspec.structs.replace(scenario, people=msgspec.structs.replace(scenario.people, character=shifted))
