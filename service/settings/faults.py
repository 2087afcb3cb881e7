"""What is wrong with a settings file, in one line: key, what, how to mend it; from the findings of pydantic."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from grid.errors import NOTHING, SettingsError
from grid.text import Text, same

VARIABLE_PREFIX = "REDVEST_"


def first_fault(error: ValidationError, file: Path | None, model: type[BaseModel]) -> SettingsError:
    """Return the first finding as one line; the keys of the others are named behind it. `model` knows the keys."""
    details = error.errors(include_url=False)
    key, what, remedy = _explained(details[0], model)
    variable = VARIABLE_PREFIX + key.replace(".", "__").upper()
    set_by = next((name for name in os.environ if name.upper() == variable), None)
    others = sorted({_key(detail) for detail in details[1:]} - {key})
    more = Text(f"（另有错误：{'、'.join(others)}）", f" (faulty too: {', '.join(others)})") if others else NOTHING
    where = (
        Text(f"环境变量 {set_by}", f"environment variable {set_by}")
        if set_by
        else same(str(file))
        if file
        else Text("设置", "settings")
    )
    return SettingsError(
        Text(f"键 {key} {what.zh}", f"key {key} {what.en}"),
        where=where,
        remedy=Text(remedy.zh + more.zh, remedy.en + more.en),
    )


def _key(detail: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in detail["loc"])


def _explained(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, Text, Text]:
    """Return key, what is wrong and how to mend it, from pydantic's finding."""
    key, context, value = _key(detail), detail.get("ctx", {}), detail["input"]
    is_secret = isinstance(value, SecretStr)
    shown = Text("一个密钥", "a secret") if is_secret else same(repr(value)[:80])
    what = Text(f"为 {shown.zh}", f"is {shown.en}")
    match detail["type"]:
        case "extra_forbidden":
            section = _section_at(detail["loc"][:-1], model)
            known = Text(f"这里可用的键：{'、'.join(section)}", f"the keys here are {', '.join(section)}")
            return key, Text("不认识", "is unknown"), meant(str(detail["loc"][-1]), section) or known
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            name, limit = next((name, limit) for name, limit in context.items() if name in _BOUNDS)
            bound = _BOUNDS[name]
            return key, what, Text(f"请写{bound.zh} {limit:g} 的数", f"write a number {bound.en} {limit:g}")
        case "literal_error" | "enum":
            expected = context.get("expected", "")
            return key, what, Text(f"请用 {expected.replace(' or ', ' 或 ')} 之一", f"use one of {expected}")
        case "string_too_short":
            return key, Text("是空的", "is empty"), Text("请写上值", "give it a value")
        case "string_too_long":
            most = context.get("max_length")
            return key, Text("太长", "is too long"), Text(f"最多 {most} 个字符", f"use at most {most} characters")
        case "string_pattern_mismatch" if key.endswith("url"):
            return key, what, _WRITE_AN_ADDRESS
        case "model_type" | "model_attributes_type" | "dict_type":
            return (
                key,
                Text(f"{what.zh}，不是一节", f"{what.en}, not a section"),
                Text(f"请单独一行写 [{key}]，各键写在下面", f"write [{key}] on a line of its own and its keys below"),
            )
        case known_type if known_type in _WANTED:
            return key, what, _WANTED[known_type]
        case _:
            message = detail["msg"].removeprefix("Value error, ")
            en = message if message.startswith("is ") else f"is {shown.en}: {message}"
            return key, Text(f"{what.zh}，不合要求（{message}）", en), _SEE_SAMPLE


def _section_at(path: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in path:
        if isinstance(part, int):
            continue  # the number of a table in a list: its keys are those of its kind
        annotation = model.model_fields[part].annotation
        items = [item for item in get_args(annotation) if item is not Ellipsis]
        annotation = items[0] if len(items) == 1 else annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def meant(word: str, known: Iterable[str]) -> Text | None:
    """Return a question that names the known word most like a misspelt one, None where none is like it."""
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return Text(f"是否应为 {close[0]}？", f"did you mean {close[0]}?") if close else None


_BOUNDS = {
    "gt": Text("大于", "above"),
    "ge": Text("不小于", "at least"),
    "lt": Text("小于", "below"),
    "le": Text("不大于", "at most"),
}
_SEE_SAMPLE = Text("见 redvest.sample.toml", "see redvest.sample.toml")
_WRITE_AN_ADDRESS = Text("请写以 http:// 或 https:// 开头的地址", "write an address beginning with http:// or https://")
_WHOLE_NUMBER, _NUMBER = Text("请写整数", "write a whole number"), Text("请写数字", "write a number")
_YES_OR_NO = Text("请写 true 或 false", "write true or false")
_QUOTED = Text("请写在引号里的文字", "write a text between quotation marks")
_WANTED = {
    "int_parsing": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "int_from_float": _WHOLE_NUMBER,
    "float_parsing": _NUMBER,
    "float_type": _NUMBER,
    "finite_number": _NUMBER,
    "bool_parsing": _YES_OR_NO,
    "bool_type": _YES_OR_NO,
    "string_type": _QUOTED,
    "path_type": _QUOTED,
    "tuple_type": Text('请写成列表，如 ["one", "two"]', 'write a list such as ["one", "two"]'),
    "string_pattern_mismatch": _SEE_SAMPLE,
}
"""By pydantic's name of a finding: what is to be written instead."""
