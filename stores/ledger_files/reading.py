"""A whole ledger: a folder of CSV files or one workbook, read to the last fault."""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from grid.assets import Ledger
from grid.text import Text
from stores.ledger_files.csv_tables import csv_tables
from stores.ledger_files.faults import Fault, SheetBrokenError
from stores.ledger_files.kept import kept_sheets
from stores.ledger_files.references import check_together
from stores.ledger_files.sheet_reading import SheetRead, read_sheet
from stores.ledger_files.sheets import OTHER_SHEETS, SHEETS, Sheet
from stores.ledger_files.table import Table
from stores.ledger_files.xlsx_tables import Workbook

_WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")


def read_ledger(path: Path, in_force: Ledger | None = None) -> tuple[Ledger | None, tuple[Fault, ...]]:
    """Read a ledger from a folder of CSV files or from one XLSX workbook.

    `in_force`: the ledger whose rows stay for each sheet that is not there; without it such a sheet has no rows.
    Returns the ledger and no fault, or None and every fault: in the order of the sheets, then of their lines.
    Never raises for what is in the files.
    """
    try:
        if path.is_dir():
            reads, faults = _read_folder(path)
        elif path.suffix.lower() in _WORKBOOK_SUFFIXES and path.is_file():
            reads, faults = _read_workbook(path)
        else:
            return None, (_no_ledger(path),)
    except OSError as error:
        return None, (_unreadable(path.name, error),)
    if in_force is not None:
        reads = kept_sheets(reads, in_force)
    check_together(reads)
    for read in reads.values():
        faults += sorted(read.faults, key=lambda fault: fault.line)
    return (None, tuple(faults)) if faults else (_ledger(reads), ())


def _read_folder(folder: Path) -> tuple[dict[str, SheetRead], list[Fault]]:
    faults = [
        _misnamed(file.name, close)
        for file in sorted(folder.iterdir())
        if file.suffix.lower() == ".csv" and (close := _meant(file.stem, file.suffix))
    ]
    reads = {}
    files = {sheet.name: folder / f"{sheet.name}.csv" for sheet in SHEETS}
    tables = csv_tables([file for file in files.values() if file.is_file()])
    for sheet in SHEETS:
        file = files[sheet.name]
        match tables.get(file):
            case SheetBrokenError() as broken:
                reads[sheet.name] = _broken(sheet, file.name, broken)
            case OSError() as error:
                reads[sheet.name] = _broken_by_system(sheet, file.name, error)
            case Table() as table:
                reads[sheet.name] = read_sheet(sheet, table)
            case None if sheet.required:
                faults.append(_missing(file.name))
    return reads, faults


def _read_workbook(path: Path) -> tuple[dict[str, SheetRead], list[Fault]]:
    faults: list[Fault] = []
    reads: dict[str, SheetRead] = {}
    try:
        with Workbook(path) as book:
            for sheet in SHEETS:
                if sheet.name in book.sheets:
                    try:
                        reads[sheet.name] = read_sheet(sheet, book.table(sheet.name))
                    except SheetBrokenError as broken:
                        reads[sheet.name] = _broken(sheet, f"{path.name}[{sheet.name}]", broken)
                elif sheet.required:
                    faults.append(_missing(f"{path.name}[{sheet.name}]"))
            faults += [_misnamed(f"{path.name}[{t}]", close) for t in book.sheets if (close := _meant(t))]
    except SheetBrokenError as broken:
        faults = [Fault(path.name, broken.line, "", broken.problem, broken.remedy)]
    return reads, faults


def _ledger(reads: dict[str, SheetRead]) -> Ledger:
    def assets(name: str) -> tuple[Any, ...]:
        read = reads.get(name)
        return tuple(read.assets.values()) if read else ()

    return Ledger(
        stations=assets("stations"),
        grids=assets("grids"),
        transformers=assets("transformers"),
        ratings=assets("ratings"),
        devices=assets("devices"),
        people=assets("people"),
        merchants=assets("merchants"),
        links=assets("links"),
        appliances=assets("appliances"),
        roster=assets("roster"),
    )


def _meant(name: str, suffix: str = ".csv") -> str | None:
    """Return the sheet that a file or sheet of another name was probably meant to be: `Merchants`, `merchants (1)`."""
    known = [sheet.name for sheet in SHEETS]
    if name in (*known, *OTHER_SHEETS) and suffix == ".csv":
        return None
    plain = re.sub(r"[^a-z]", "", name.lower())
    close = get_close_matches(plain, known, 1, 0.8)
    return close[0] if close else None


def _misnamed(file: str, meant: str) -> Fault:
    return Fault(
        file,
        0,
        "",
        Text(f"名称不对，不会被读取；是否应为 {meant}？", f"is not read under this name; did you mean {meant}?"),
        Text(f"改名为 {meant}，或移到别处", f"rename it to {meant}, or move it elsewhere"),
    )


def _missing(file: str) -> Fault:
    return Fault(
        file,
        0,
        "",
        Text("缺少这张必需的表", "is missing, and there is no ledger without it"),
        Text("补上；格式见 docs/ledger.md", "add it; docs/ledger.md tells its columns"),
    )


def _broken(sheet: Sheet, file: str, broken: SheetBrokenError) -> SheetRead:
    return SheetRead(sheet, file, faults=[Fault(file, broken.line, "", broken.problem, broken.remedy)], unread=True)


def _broken_by_system(sheet: Sheet, file: str, error: OSError) -> SheetRead:
    return SheetRead(sheet, file, faults=[_unreadable(file, error)], unread=True)


def _unreadable(file: str, error: OSError) -> Fault:
    reason = error.strerror or str(error)
    return Fault(
        file,
        0,
        "",
        Text(f"无法读取（{reason}）", f"cannot be read ({reason})"),
        Text("检查文件权限，并关闭正在打开它的程序", "check its rights, and close the program that holds it open"),
    )


def _no_ledger(path: Path) -> Fault:
    there = path.exists()
    return Fault(
        path.name or str(path),
        0,
        "",
        Text("不是文件夹，也不是 .xlsx", "is neither a folder nor an .xlsx")
        if there
        else Text("没有这个文件夹或文件", "there is no such folder or file"),
        Text("给出放 CSV 的文件夹，或一个 .xlsx 工作簿", "name the folder of the CSV files, or one .xlsx workbook"),
    )
