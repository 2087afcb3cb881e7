"""Ledger sheets as the processes need them: the whole ledger, or one clear error."""

from __future__ import annotations

from pathlib import Path

from grid.assets import Ledger
from grid.errors import LedgerError, UsageError
from stores.ledger_files import Fault, read_ledger


def read_sheets(sheets: Path) -> tuple[Ledger | None, tuple[Fault, ...]]:
    """Return the ledger of a folder or an XLSX, or every fault of it. Raises UsageError when it is not there."""
    if not sheets.exists():
        raise UsageError("there is no such folder or file", where=str(sheets), remedy="name a folder of ledger sheets")
    return read_ledger(sheets)


def ledger_of(sheets: Path) -> Ledger:
    """Return the ledger of a folder or an XLSX. Raises UsageError when it is not there, LedgerError for faults."""
    found, faults = read_sheets(sheets)
    if found is None:
        first = faults[0]
        raise LedgerError(
            f"the ledger has {len(faults)} faults, the first: {first.problem.en}",
            where=f"{first.file} line {first.line}",
            remedy=f"list them: redvest ledger check {sheets}",
        )
    return found
