"""A ledger as files again: CSV that opens well in a spreadsheet, or one workbook; both read back to the same ledger."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import xlsxwriter

from grid.assets import ApplianceKind, Ledger, Phase, Role
from grid.timestamps import format_utc
from stores.ledger_files.sheets import SHEETS, Sheet
from stores.owner_file import write_owner_file

_STARTS_A_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r]")
_CHOICES = {
    "role": [role.value for role in Role],
    "phase": [phase.value for phase in Phase],
    "appliance": [kind.value for kind in ApplianceKind],
    "indoor": ["yes", "no"],
    "protected": ["yes", "no"],
    "replays": ["yes", "no"],
}
_ROWS_WITH_CHOICES = 10_000


def write_ledger(ledger: Ledger, target: Path) -> tuple[Path, ...]:
    """Write a ledger into a folder (one CSV a sheet, UTF-8 with BOM) or into a workbook when `target` ends in .xlsx.

    Returns the files written, readable by their owner alone: they hold phone numbers. A text that a spreadsheet
    would calculate gets an apostrophe in front, which `read_ledger` takes away again. Raises OSError.
    """
    if target.suffix.lower() == ".xlsx":
        target.parent.mkdir(parents=True, exist_ok=True)
        write_owner_file(target, _workbook(ledger))
        return (target,)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for sheet in SHEETS:
        file = target / f"{sheet.name}.csv"
        write_owner_file(file, _csv(sheet, ledger).encode("utf-8-sig"))
        written.append(file)
    return tuple(written)


def formula_safe(text: str) -> str:
    """Return a text that no spreadsheet calculates."""
    return f"'{text}" if _STARTS_A_FORMULA.match(text) else text


def _rows(sheet: Sheet, ledger: Ledger) -> Iterable[list[Any]]:
    for asset in getattr(ledger, sheet.name):
        yield [
            format_utc(getattr(asset, column.name))
            if column.name.endswith("_us")
            else _value(getattr(asset, column.name))
            for column in fields(asset)
        ]


def _value(value: object) -> str | float | int:
    """Return text formula-safe, numbers as numbers, the missing as nothing."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return int(value)
        case int() | float():
            return value
        case Enum():
            return str(value.value)
        case _:
            return formula_safe(str(value))


def _csv(sheet: Sheet, ledger: Ledger) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(sheet.columns)
    writer.writerows([_plain(value) for value in row] for row in _rows(sheet, ledger))
    return text.getvalue()


def _plain(value: str | float | int) -> str | int:
    """Return a number without an exponent: 0.00001 and not 1e-05, which reads as damage."""
    return np.format_float_positional(value, trim="-") if isinstance(value, float) else value


def _workbook(ledger: Ledger) -> bytes:
    packed = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(packed, options) as book:
        heading = book.add_format({"bold": True, "bg_color": "#EEF2F5", "bottom": 1})
        as_text = book.add_format({"num_format": "@"})
        for sheet in SHEETS:
            page = book.add_worksheet(sheet.name)
            page.freeze_panes(1, 1)
            page.write_row(0, 0, sheet.columns, heading)
            for column, name in enumerate(sheet.columns):
                page.set_column(column, column, max(12, len(name) + 2), as_text)
                if name in _CHOICES:
                    page.data_validation(
                        1, column, _ROWS_WITH_CHOICES, column, {"validate": "list", "source": _CHOICES[name]}
                    )
            for line, row in enumerate(_rows(sheet, ledger), 1):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        page.write_string(line, column, value, as_text)
                    else:
                        page.write_number(line, column, value)
    return packed.getvalue()
