"""Keys that were renamed: the old one is accepted for one version, and said.

A key is found in the settings file and in the environment (`REDVEST_SECTION__KEY`). Old and new together are a fault.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from grid.errors import SettingsError
from grid.text import Text
from service.settings.faults import VARIABLE_PREFIX

RENAMED = {("data", "ballast_mib"): "disk_reserve_mib"}
"""New key by section and old key. An entry goes with the version after the one that renamed it."""

log = logging.getLogger("redvest.settings")


def with_new_names(table: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """Return the file's table under the new keys, and do the same to the environment; log each old key met.

    Raises SettingsError where a key is given under both names.
    """
    renamed = dict(table)
    for (section, old), new in RENAMED.items():
        values = renamed.get(section)
        if isinstance(values, dict) and old in values:
            if new in values:
                raise _both(f"{section}.{old}", f"{section}.{new}", str(file))
            renamed[section] = {new if key == old else key: value for key, value in values.items()}
            log.warning(
                "%s: %s.%s is now called %s.%s; the old key ends with the next version",
                file,
                section,
                old,
                section,
                new,
            )
        old_variable, new_variable = (f"{VARIABLE_PREFIX}{section}__{key}".upper() for key in (old, new))
        if old_variable in os.environ:
            if new_variable in os.environ:
                raise _both(old_variable, new_variable, "environment")
            os.environ[new_variable] = os.environ.pop(old_variable)
            log.warning("%s is now called %s; the old name ends with the next version", old_variable, new_variable)
    return renamed


def _both(old: str, new: str, where: str) -> SettingsError:
    return SettingsError(
        Text(f"键 {old} 与 {new} 是同一个设置", f"keys {old} and {new} are one setting"),
        where=where,
        remedy=Text(f"请只保留 {new}", f"keep {new} alone"),
    )
