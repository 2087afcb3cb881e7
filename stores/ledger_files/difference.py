"""What taking a new ledger would do to the one in force: add, change, retire. Ids and columns, no contents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from grid.assets import Appliance, CustomerLink, Ledger, Rating, Shift
from grid.timestamps import format_utc
from stores.ledger_files.sheets import SHEETS


@dataclass(frozen=True)
class Entry:
    """One row that would change. `columns`: which of its values differ; empty for a new or a retired row."""

    sheet: str
    key: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class LedgerDifference:
    """Rows in the order of the sheets, then by key."""

    add: tuple[Entry, ...]
    change: tuple[Entry, ...]
    retire: tuple[Entry, ...]

    def __bool__(self) -> bool:
        """Return whether anything would change."""
        return bool(self.add or self.change or self.retire)


@dataclass(frozen=True)
class Retired:
    """How many of a sheet's rows in force would be retired."""

    sheet: str
    retired: int
    in_force: int


RETIRED_SHARE_MAX = 0.2
"""Where more than this of a sheet goes, somebody is asked: files that were cut off look so (practice)."""
_THINGS_AND_PEOPLE = ("stations", "grids", "transformers", "devices", "people", "merchants")
"""Sheets whose rows stay for years; a roster's go every week."""


def much_retired(old: Ledger, found: LedgerDifference) -> tuple[Retired, ...]:
    """Return the sheets of which more than `RETIRED_SHARE_MAX` would be retired."""
    counted = [
        Retired(name, sum(entry.sheet == name for entry in found.retire), len(_by_key(getattr(old, name))))
        for name in _THINGS_AND_PEOPLE
    ]
    return tuple(sheet for sheet in counted if sheet.retired > RETIRED_SHARE_MAX * sheet.in_force)


def difference(old: Ledger, new: Ledger) -> LedgerDifference:
    """Return what taking `new` in place of `old` would add, change and retire.

    Appliances have no id of their own: all of one merchant and kind are one entry, `merchant_id/kind`.
    """
    add: list[Entry] = []
    change: list[Entry] = []
    retire: list[Entry] = []
    for sheet in SHEETS:
        before, after = _by_key(getattr(old, sheet.name)), _by_key(getattr(new, sheet.name))
        add += [Entry(sheet.name, key) for key in sorted(after.keys() - before.keys())]
        retire += [Entry(sheet.name, key) for key in sorted(before.keys() - after.keys())]
        change += [
            Entry(sheet.name, key, _changed_columns(before[key], after[key]))
            for key in sorted(before.keys() & after.keys())
            if before[key] != after[key]
        ]
    return LedgerDifference(tuple(add), tuple(change), tuple(retire))


def _by_key(assets: tuple[Any, ...]) -> Mapping[str, tuple[Any, ...]]:
    rows: dict[str, list[Any]] = {}
    for asset in assets:
        if isinstance(asset, Appliance):
            rows.setdefault(f"{asset.merchant_id}/{asset.appliance.value}", []).append(asset)
        elif isinstance(asset, CustomerLink):
            rows.setdefault(f"{asset.merchant_id}/{format_utc(asset.valid_from_us)}", []).append(asset)
        elif isinstance(asset, Rating):
            rows.setdefault(f"{asset.transformer_id}/{format_utc(asset.valid_from_us)}", []).append(asset)
        elif isinstance(asset, Shift):
            when = f"{asset.weekdays or asset.date} {asset.starts}"
            rows.setdefault(f"{asset.person_id}/{when}", []).append(asset)
        else:
            rows.setdefault(str(getattr(asset, fields(asset)[0].name)), []).append(asset)
    return {key: tuple(sorted(same, key=repr)) for key, same in rows.items()}


def _changed_columns(before: tuple[Any, ...], after: tuple[Any, ...]) -> tuple[str, ...]:
    names = [column.name for column in fields(before[0])]
    return tuple(
        name for name in names if [getattr(row, name) for row in before] != [getattr(row, name) for row in after]
    )
