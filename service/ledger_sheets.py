"""Ledger sheets as the processes need them: the whole ledger, or one clear error."""

from __future__ import annotations

from pathlib import Path

from grid.assets import Ledger
from grid.errors import LedgerError, UsageError
from grid.text import Text
from stores.ledger_files import Fault, read_ledger


def read_sheets(sheets: Path, in_force: Ledger | None = None) -> tuple[Ledger | None, tuple[Fault, ...]]:
    """Return the ledger of a folder or an XLSX, or every fault of it. Raises UsageError when it is not there.

    `in_force`: the ledger whose rows stay for each sheet that is not there.
    """
    if not sheets.exists():
        raise UsageError(
            Text("没有这个文件夹或文件", "there is no such folder or file"),
            where=str(sheets),
            remedy=Text("请指定台账表格所在的文件夹", "name a folder of ledger sheets"),
        )
    return read_ledger(sheets, in_force)


def ledger_of(sheets: Path) -> Ledger:
    """Return the ledger of a folder or an XLSX. Raises UsageError when it is not there, LedgerError for faults."""
    found, faults = read_sheets(sheets)
    if found is None:
        first = faults[0]
        raise LedgerError(
            Text(
                f"台账有 {len(faults)} 处错误，第一处：{first.problem.zh}",
                f"the ledger has {len(faults)} faults, the first: {first.problem.en}",
            ),
            where=Text(f"{first.file} 第 {first.line} 行", f"{first.file} line {first.line}"),
            remedy=Text(f"全部列出：redvest ledger check {sheets}", f"list them: redvest ledger check {sheets}"),
        )
    return found
