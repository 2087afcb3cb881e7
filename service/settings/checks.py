"""Checks of the settings beyond single keys: secrets in the file, misspelt variables, keys that do not fit together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from grid.errors import SettingsError
from service.settings.faults import VARIABLE_PREFIX, meant
from service.settings.sections import ChannelName, ClockKind

if TYPE_CHECKING:
    from service.settings.settings import Settings


def refuse_secrets(table: dict[str, Any], file: Path | None, model: type[BaseModel]) -> None:
    """Raise SettingsError when a secret stands in the file's table."""
    for section, keys in sections_of(model).items():
        values = table.get(section)
        if not isinstance(values, dict):
            continue
        for key, field in keys.model_fields.items():
            extra = field.json_schema_extra
            if key in values and isinstance(extra, dict) and extra.get("env_only"):
                variable = f"{VARIABLE_PREFIX}{section}__{key}".upper()
                raise SettingsError(
                    f"key {section}.{key} is a secret and may not stand in the settings file",
                    where=str(file),
                    remedy=f"name a file with {key}_file, or set {variable}",
                )
    url = table.get("records", {}).get("url") if isinstance(table.get("records"), dict) else None
    if isinstance(url, str) and "@" in url and ":" in url.split("://", 1)[-1].split("@", 1)[0]:
        raise SettingsError(
            "key records.url holds a password, which may not stand in the settings file",
            where=str(file),
            remedy="put the whole URL into a file of its own and name it with url_file, or set REDVEST_RECORDS__URL",
        )


def refuse_unknown_variables(model: type[BaseModel]) -> None:
    """Raise SettingsError for a variable of ours whose section is misspelt: it would be passed over in silence."""
    sections = sections_of(model)
    for variable in os.environ:
        if not variable.upper().startswith(VARIABLE_PREFIX) or "__" not in variable:
            continue
        section = variable[len(VARIABLE_PREFIX) :].split("__", 1)[0].lower()
        if section not in sections:
            raise SettingsError(
                f"there is no section {section}",
                where=f"environment variable {variable}",
                remedy=meant(section, sections) or f"the sections are {', '.join(sections)}",
            )


def sections_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the sections of the settings by name."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = field.annotation
    return found


def check_together(settings: Settings) -> None:
    """Raise SettingsError for what one key alone cannot tell."""
    where = str(settings.file or "settings")
    clock = settings.clock
    if clock.kind is ClockKind.SCALED and not (clock.real_start and clock.start):
        raise SettingsError(
            'key clock.kind is "scaled" without real_start and start', where=where, remedy="give both, with an offset"
        )
    for station in settings.collector.stations:
        if not station or any(character in station for character in "/+#\0"):
            raise SettingsError(
                f"key collector.stations names {station!r}",
                where=where,
                remedy="write station ids as in stations.csv, without / + #",
            )
    if settings.records.url and not settings.records.url.startswith(("sqlite:///", "postgresql")):
        raise SettingsError(
            "key records.url is neither SQLite nor PostgreSQL",
            where=where,
            remedy="leave it empty for the embedded store, or write postgresql+psycopg://user@host/database",
        )
    if not settings.verdicts.rules:
        raise SettingsError("key verdicts.rules is empty", where=where, remedy='name at least "early-warning"')
    notify = settings.notify
    if ChannelName.WEBHOOK in notify.channels and not (notify.webhook.url or notify.webhook.url_file):
        raise SettingsError(
            'key notify.channels names "webhook" without an address',
            where=where,
            remedy="set url or url_file in [notify.webhook], or take it out of the channels",
        )
    if notify.retry_seconds_max < notify.retry_seconds_first:
        raise SettingsError(
            "key notify.retry_seconds_max is below notify.retry_seconds_first", where=where, remedy="raise it"
        )
