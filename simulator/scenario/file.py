"""A scenario file's text as one table: TOML, with the habits it names filled in, and its faults in words.

Habits are tables that many scenarios share: how shops of each category live, how people answer. What a scenario
says itself comes before what its habits say, row by row where rows have names.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from grid.errors import NOTHING, SettingsError
from grid.text import Text

HABITS_FOLDER = Path(__file__).parents[1] / "habits"
_NAMES = ("name", "category", "transformer_id")
"""Keys that name a row of an array of tables, the first that is there."""

Table = dict[str, Any]


def text_of_scenario(file: Path) -> str:
    """Return a file's text. Raises SettingsError when it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(
            Text(f"无法读取：{error}", f"cannot be read: {error}"),
            where=str(file),
            remedy=Text("请指定 UTF-8 文件", "name a UTF-8 file"),
        ) from error


def habit_names() -> tuple[str, ...]:
    """Return the names of the habits that are shipped."""
    return tuple(sorted(file.stem for file in HABITS_FOLDER.glob("*.toml")))


def scenario_table(text: str, where: str) -> Table:
    """Return the table of a scenario, habits filled in and their key gone. Raises SettingsError."""
    table = _toml(text, where)
    habits = table.pop("habits", None)
    if habits is None:
        return table
    if habits not in habit_names():
        raise SettingsError(
            Text(f"键 `habits`：没有作息 {habits!r}", f"key `habits`: there are no habits {habits!r}"),
            where=where,
            remedy=Text(
                f"请写 {'、'.join(habit_names())} 之一，或去掉这个键",
                f"name one of {', '.join(habit_names())}, or leave the key out",
            ),
        )
    return _filled(table, _habits(habits))


def habit_keys(name: str) -> tuple[str, ...]:
    """Return the keys that habits give. Raises SettingsError when they cannot be read."""
    return tuple(_habits(name))


def fault_in_words(fault: str, kind: type) -> Text:
    """Return what msgspec found wrong with a `kind`: the key first, no regular expressions, the key that was meant."""
    problem, at, key = fault.partition(" - at `$")
    unknown = re.search(r"unknown field `(.+)`", problem)
    path = key.rstrip("`").lstrip(".") if at else ""
    if unknown:
        known = _keys_at(kind, path)
        meant = difflib.get_close_matches(unknown[1], known, 1)
        name, keys = ".".join(filter(None, (path, unknown[1]))), ", ".join(sorted(known))
        hint = (
            Text(f"是否应为 {meant[0]}？", f"did you mean {meant[0]}?")
            if meant
            else Text(f"那里可用的键：{keys}", f"the keys there are {keys}")
        )
        return Text(f"键 `{name}`：没有这个键；{hint.zh}", f"key `{name}`: there is no such key; {hint.en}")
    problem = re.sub(r"`str` matching regex .*A-Za-z.*", "letters, digits, - and _ only", problem)
    problem = re.sub(r"`str` matching regex .*", "a clock time such as 09:30", problem)
    missing = re.search(r"missing required field `(.+)`", problem)
    if missing:
        name = ".".join(filter(None, (path, missing[1])))
        return Text(f"键 `{name}`：缺失", f"key `{name}`: it is missing")
    if not at:
        return Text(f"不合要求（{problem}）", problem)
    return Text(f"键 `{path}`：不合要求（{problem}）", f"key `{path}`: {problem[0].lower()}{problem[1:]}")


_QUOTES = Text('，非 ASCII 的键要加引号："餐饮" = 6', ', and put keys that are not plain ASCII in quotes: "餐饮" = 6')


def _habits(name: str) -> Table:
    file = HABITS_FOLDER / f"{name}.toml"
    return _toml(text_of_scenario(file), str(file))


def _toml(text: str, where: str) -> Table:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        bare = not text.isascii() and re.search("key|statement", str(error))
        quotes = _QUOTES if bare else NOTHING
        raise SettingsError(
            Text(f"不是 TOML：{error}", f"not TOML: {error}"),
            where=where,
            remedy=Text(f"请改正那里的语法{quotes.zh}", f"mend the syntax there{quotes.en}"),
        ) from error


def _filled(own: Table, habits: Table) -> Table:
    """Return `own` with what only the habits have: keys of tables, and rows whose name `own` does not have."""
    filled = {**habits, **own}
    for key in own.keys() & habits.keys():
        mine, theirs = own[key], habits[key]
        if isinstance(mine, dict) and isinstance(theirs, dict):
            filled[key] = _filled(mine, theirs)
        elif _is_rows(mine) and _is_rows(theirs):
            taken = {_name_of(row) for row in mine}
            filled[key] = [*mine, *(row for row in theirs if _name_of(row) not in taken)]
    return filled


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _name_of(row: Table) -> object:
    return next((row[key] for key in _NAMES if key in row), None)


def _keys_at(kind: type, path: str) -> set[str]:
    """Return the keys of the table that a msgspec path such as `category[1].uses[0]` leads to."""
    here: Any = msgspec.inspect.type_info(kind)
    for name in re.findall(r"[^.\[\]]+|\[", path):
        here = _inner(here, name)
    here = _inner(here, "")
    return {field.encode_name for field in getattr(here, "fields", ())}


def _inner(here: Any, step: str) -> Any:
    """Return the type one step in: a field by name, `[` for what is in a row of values, nothing for itself."""
    if isinstance(here, msgspec.inspect.UnionType):
        here = next((t for t in here.types if not isinstance(t, msgspec.inspect.NoneType)), here)
    if step == "[":
        return getattr(here, "item_type", here)
    return next((field.type for field in getattr(here, "fields", ()) if field.encode_name == step), here)
