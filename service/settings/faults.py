"""What is wrong with a settings file, in one line: key, what, how to mend it; from the findings of pydantic."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr, ValidationError

from grid.errors import SettingsError

VARIABLE_PREFIX = "REDVEST_"


def first_fault(error: ValidationError, file: Path | None, model: type[BaseModel]) -> SettingsError:
    """Return the first finding as one line; the keys of the others are named behind it. `model` knows the keys."""
    details = error.errors(include_url=False)
    key, what, remedy = _explained(details[0], model)
    variable = VARIABLE_PREFIX + key.replace(".", "__").upper()
    set_by = next((name for name in os.environ if name.upper() == variable), None)
    others = sorted({_key(detail) for detail in details[1:]} - {key})
    more = f" (faulty too: {', '.join(others)})" if others else ""
    where = f"environment variable {set_by}" if set_by else str(file or "settings")
    return SettingsError(f"key {key} {what}", where=where, remedy=remedy + more)


def _key(detail: Mapping[str, Any]) -> str:
    return ".".join(str(part) for part in detail["loc"])


def _explained(detail: Mapping[str, Any], model: type[BaseModel]) -> tuple[str, str, str]:
    """Return key, what is wrong and how to mend it, from pydantic's finding."""
    key, context, value = _key(detail), detail.get("ctx", {}), detail["input"]
    shown = "a secret" if isinstance(value, SecretStr) else repr(value)[:80]
    match detail["type"]:
        case "extra_forbidden":
            section = _section_at(detail["loc"][:-1], model)
            name = str(detail["loc"][-1])
            return key, "is unknown", meant(name, section) or f"the keys here are {', '.join(section)}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            bound = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
            name, limit = next((name, limit) for name, limit in context.items() if name in bound)
            return key, f"is {shown}", f"write a number {bound[name]} {limit:g}"
        case "literal_error" | "enum":
            return key, f"is {shown}", f"use one of {context.get('expected', '')}"
        case "int_parsing" | "int_type" | "int_from_float":
            return key, f"is {shown}", "write a whole number"
        case "float_parsing" | "float_type" | "finite_number":
            return key, f"is {shown}", "write a number"
        case "bool_parsing" | "bool_type":
            return key, f"is {shown}", "write true or false"
        case "string_type" | "path_type":
            return key, f"is {shown}", "write a text between quotation marks"
        case "tuple_type":
            return key, f"is {shown}", 'write a list such as ["one", "two"]'
        case "string_too_short":
            return key, "is empty", "give it a value"
        case "string_too_long":
            return key, "is too long", f"use at most {context.get('max_length')} characters"
        case "string_pattern_mismatch":
            remedy = (
                "write an address beginning with http:// or https://"
                if key.endswith("url")
                else "see redvest.sample.toml"
            )
            return key, f"is {shown}", remedy
        case "model_type" | "model_attributes_type" | "dict_type":
            return key, f"is {shown}, not a section", f"write [{key}] on a line of its own and its keys below"
        case _:
            message = detail["msg"].removeprefix("Value error, ")
            return key, message if message.startswith("is ") else f"is {shown}: {message}", "see redvest.sample.toml"


def _section_at(path: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in path:
        annotation = model.model_fields[str(part)].annotation
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)


def meant(word: str, known: Iterable[str]) -> str:
    """Return a question that names the known word most like a misspelt one, or nothing."""
    close = difflib.get_close_matches(word, list(known), 1, 0.6)
    return f"did you mean {close[0]}?" if close else ""
