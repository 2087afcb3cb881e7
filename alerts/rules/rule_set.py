"""Rule sets: named, versioned lines that a load rate crosses. A rule set is a TOML file; this reads its text."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from typing import Any, NoReturn, TypeVar

from grid.errors import RuleError
from grid.text import Text


class Quantity(Enum):
    """What a level looks at."""

    LOAD_RATE = "load_rate"
    WORST_PHASE_LOAD_RATE = "worst_phase_load_rate"
    NO_VOLTAGE = "no_voltage"
    """1 for a reading without voltage on any phase, 0 for any other (`grid.supply`)."""


class IncidentPart(Enum):
    """What a level does to the people's object, the incident."""

    NONE = "none"
    OPENS = "opens"
    RAISES = "raises"

    @property
    def opens(self) -> bool:
        """Return whether an episode of such a level opens an incident."""
        return self is IncidentPart.OPENS


@dataclass(frozen=True)
class Level:
    """One line of a rule set: enters at `enter` after `hold_minutes`, leaves below `leave` after `leave_minutes`."""

    name: str
    quantity: Quantity
    enter: float
    leave: float
    hold_minutes: float = 0.0
    leave_minutes: float = 0.0
    strict: bool = False
    """A reading exactly at a line is below it: enters above `enter`, leaves at or below `leave`."""
    unbroken_hold: bool = False
    """Only unbroken time at or above `enter` counts towards the hold: a reading below it begins the run anew."""
    incident: IncidentPart = IncidentPart.NONE
    incident_hold_minutes: float | None = None
    """How long a stay must have been at or above `enter`, unbroken, to open an incident; None: as the level holds."""

    @property
    def opens_incidents_after_minutes(self) -> float:
        """Return how long a run must have held to open an incident."""
        return self.hold_minutes if self.incident_hold_minutes is None else self.incident_hold_minutes


@dataclass(frozen=True)
class RuleSet:
    """A named, versioned set of levels, each judged on its own."""

    name: str
    version: int
    title: Text
    source: str
    levels: tuple[Level, ...]
    points_minutes: int = 0
    """Time is cut into slots of so many minutes of the hour; the first reading of each is its point, and only points
    count, each as long as a slot. 0: every reading counts."""
    cut_at_midnight: bool = False
    """A day is judged by itself: midnight of the station's zone ends every run."""

    @property
    def cited(self) -> str:
        """Return how verdicts cite this set, such as `early-warning@1`."""
        return f"{self.name}@{self.version}"

    def level(self, name: str) -> Level:
        """Return the level of that name. Raises KeyError when there is none."""
        for level in self.levels:
            if level.name == name:
                return level
        raise KeyError(name)

    @property
    def ladder(self) -> tuple[Level, ...]:
        """Return the levels of the total load rate, the lowest line first."""
        of_total = (level for level in self.levels if level.quantity is Quantity.LOAD_RATE)
        return tuple(sorted(of_total, key=lambda level: level.enter))

    def opening_level_of(self, highest: str) -> Level | None:
        """Return the level that opens an incident whose highest level is `highest`; None where this set opens none.

        Levels of one quantity are one ladder: what was raised to overload was opened by severe heavy load.
        """
        reached = next((level for level in self.levels if level.name == highest), None)
        opening = [level for level in self.levels if level.incident.opens]
        alike = [level for level in opening if reached is not None and level.quantity is reached.quantity]
        if reached in opening:
            return reached
        return max(alike or opening, key=lambda level: level.enter, default=None)


_E = TypeVar("_E", bound=Enum)

_SET_KEYS = {"name", "version", "title", "source", "points_minutes", "cut_at_midnight", "level"}
_LEVEL_KEYS = {"name", "quantity", "enter", "leave", "hold_minutes", "leave_minutes", "strict", "unbroken_hold"}
_LEVEL_KEYS |= {"incident", "incident_hold_minutes"}
_POINTS_MINUTES = {0, 5, 10, 15, 20, 30, 60}
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_LEVEL_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def parse_rule_set(text: str, where: str) -> RuleSet:
    """Read a rule set from TOML text. Raises RuleError naming `where`, the key and the remedy."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(
            Text(f"不是 TOML：{error}", f"not TOML: {error}"),
            where=where,
            remedy=Text("请改正那里的语法", "mend the syntax there"),
        ) from error
    _only_known(table, _SET_KEYS, where)
    name = _text(table, "name", where)
    if not _NAME.fullmatch(name):
        _refuse(
            where,
            "name",
            Text(f"为 {name!r}", f"is {name!r}"),
            Text("请用小写字母、数字和连字符", "use small letters, digits and hyphens"),
        )
    version = table.get("version")
    if type(version) is not int or version < 1:
        _refuse(
            where,
            "version",
            Text(f"为 {version!r}", f"is {version!r}"),
            Text("请写从 1 开始的整数", "write a whole number from 1"),
        )
    title = table.get("title")
    if not isinstance(title, dict) or not all(isinstance(title.get(k), str) for k in ("zh", "en")):
        _refuse(
            where,
            "title",
            Text("缺少一种语言", "lacks a language"),
            Text('请写 title = { zh = "…", en = "…" }', 'write title = { zh = "…", en = "…" }'),
        )
    rows = table.get("level")
    if not isinstance(rows, list) or not rows:
        _refuse(
            where, "level", Text("缺失", "is missing"), Text("请至少写一个 [[level]]", "write at least one [[level]]")
        )
    levels = tuple(_level(row, f"{where} [[level]] {i}") for i, row in enumerate(rows, 1))
    names = [level.name for level in levels]
    if len(set(names)) != len(names):
        _refuse(
            where,
            "level",
            Text(f"名称重复：{names}", f"names repeat: {names}"),
            Text("请给每个等级单独的名称", "give each level a name of its own"),
        )
    points_minutes = table.get("points_minutes", 0)
    if type(points_minutes) is not int or points_minutes not in _POINTS_MINUTES:
        _refuse(
            where,
            "points_minutes",
            Text(f"为 {points_minutes!r}", f"is {points_minutes!r}"),
            Text(f"请用 {sorted(_POINTS_MINUTES)} 之一", f"use one of {sorted(_POINTS_MINUTES)}"),
        )
    return RuleSet(
        name=name,
        version=version,
        title=Text(title["zh"], title["en"]),
        source=_text(table, "source", where),
        levels=levels,
        points_minutes=points_minutes,
        cut_at_midnight=_yes_or_no(table, "cut_at_midnight", where),
    )


def _level(row: Any, where: str) -> Level:
    if not isinstance(row, dict):
        _refuse(
            where,
            "level",
            Text("不是表", "is no table"),
            Text("请写 [[level]]，各键写在下面", "write [[level]] with its keys below"),
        )
    _only_known(row, _LEVEL_KEYS, where)
    name = _text(row, "name", where)
    if not _LEVEL_NAME.fullmatch(name):
        _refuse(
            where,
            "name",
            Text(f"为 {name!r}", f"is {name!r}"),
            Text("请用小写字母、数字和下划线", "use small letters, digits and underscores"),
        )
    enter = _number(row, "enter", where, 0.01, 10.0)
    leave = _number(row, "leave", where, 0.01, 10.0)
    if leave > enter:
        _refuse(
            where,
            "leave",
            Text(f"{leave} 高于进入线 {enter}", f"{leave} is above enter {enter}"),
            Text("解除线不得高于进入线", "leave at or below the enter line"),
        )
    return Level(
        name=name,
        quantity=_choice(row, "quantity", Quantity, Quantity.LOAD_RATE, where),
        enter=enter,
        leave=leave,
        hold_minutes=_number(row, "hold_minutes", where, 0.0, 1440.0, 0.0),
        leave_minutes=_number(row, "leave_minutes", where, 0.0, 1440.0, 0.0),
        strict=_yes_or_no(row, "strict", where),
        unbroken_hold=_yes_or_no(row, "unbroken_hold", where),
        incident=_choice(row, "incident", IncidentPart, IncidentPart.NONE, where),
        incident_hold_minutes=(
            _number(row, "incident_hold_minutes", where, 0.0, 1440.0) if "incident_hold_minutes" in row else None
        ),
    )


def _only_known(table: dict[str, Any], known: set[str], where: str) -> None:
    for key in table:
        if key not in known:
            _refuse(
                where,
                key,
                Text("不认识", "is unknown"),
                Text(f"请用 {'、'.join(sorted(known))} 之一", f"use one of {', '.join(sorted(known))}"),
            )


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        _refuse(
            where, key, Text("缺失或不是文字", "is missing or no text"), Text(f'请写 {key} = "…"', f'write {key} = "…"')
        )
    return value


def _number(
    table: dict[str, Any], key: str, where: str, low: float, high: float, default: float | None = None
) -> float:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        _refuse(
            where,
            key,
            Text(f"为 {value!r}", f"is {value!r}"),
            Text(f"请写 {low:g} 到 {high:g} 的数", f"write a number from {low:g} to {high:g}"),
        )
    return float(value)


def _yes_or_no(table: dict[str, Any], key: str, where: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        _refuse(where, key, Text(f"为 {value!r}", f"is {value!r}"), Text("请写 true 或 false", "write true or false"))
    return value


def _choice(table: dict[str, Any], key: str, kind: type[_E], default: _E, where: str) -> _E:
    value = table.get(key, default.value)
    try:
        return kind(value)
    except ValueError:
        _refuse(
            where,
            key,
            Text(f"为 {value!r}", f"is {value!r}"),
            Text(
                f"请用 {'、'.join(str(e.value) for e in kind)} 之一",
                f"use one of {', '.join(str(e.value) for e in kind)}",
            ),
        )


def _refuse(where: str, key: str, problem: Text, remedy: Text) -> NoReturn:
    raise RuleError(Text(f"键 {key} {problem.zh}", f"key {key} {problem.en}"), where=where, remedy=remedy)
