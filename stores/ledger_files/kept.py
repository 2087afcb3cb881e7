"""Sheets that are not there: their rows of the ledger in force stay, as far as what they belong to stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from grid.assets import Ledger, Shift
from stores.ledger_files.sheet_reading import SheetRead
from stores.ledger_files.sheets import SHEETS, Sheet


def kept_sheets(reads: Mapping[str, SheetRead], in_force: Ledger) -> dict[str, SheetRead]:
    """Return all sheets in their order: those that were read, and those in force for the ones that are not there.

    A kept row that belongs to something that is no longer there goes with it: a merchant with its transformer.
    """
    found: dict[str, SheetRead] = {}
    for sheet in SHEETS:
        if sheet.name in reads:
            found[sheet.name] = reads[sheet.name]
        elif not sheet.required:
            found[sheet.name] = _kept(sheet, getattr(in_force, sheet.name), found)
    return found


def _kept(sheet: Sheet, rows: tuple[Any, ...], found: Mapping[str, SheetRead]) -> SheetRead:
    read = SheetRead(sheet, f"{sheet.name} (in force)")
    for line, row in enumerate(rows, start=2):
        asset = row
        if isinstance(asset, Shift) and asset.substitute_id and asset.substitute_id not in found["people"].keys:
            asset = replace(asset, substitute_id="")
        if all(_is_there(getattr(asset, column), found.get(target)) for column, target in sheet.references):
            read.assets[line] = asset
            if sheet.key:
                read.keys[getattr(asset, sheet.key)] = line
    return read


def _is_there(key: str, target: SheetRead | None) -> bool:
    return not key or target is None or target.unread or key in target.keys
