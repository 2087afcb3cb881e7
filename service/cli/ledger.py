"""`ledger check`, `ledger import` and `ledger export`: the sheets of the ledger, into the records and out again."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from grid.assets import Ledger
from grid.errors import LedgerError, UsageError
from grid.os_reasons import os_reason
from grid.text import Language, Text
from service.cli.columns import Columns
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, Screen
from service.container import Container
from service.ledger_sheets import read_sheets
from stores.ledger_files import Fault, LedgerDifference, difference, much_retired, write_ledger

Sheets = Annotated[Path, typer.Argument(metavar="DIR", help="Folder with ledger sheets, or one XLSX.")]

_FAULTS = (
    Column(Text("文件", "file")),
    Column(Text("行", "line"), right=True),
    Column(Text("列", "column")),
    Column(Text("问题", "problem")),
    Column(Text("处理办法", "remedy")),
)
_DIFFERENCES = (
    Column(Text("动作", "action")),
    Column(Text("表", "sheet")),
    Column(Text("编号", "id")),
    Column(Text("变更的列", "columns that differ")),
)
_ACTIONS = {
    "add": Text("新增", "add"),
    "change": Text("变更", "change"),
    "retire": Text("停用", "retire"),
}
_ROWS_SHOWN_MAX = 200

ledger = typer.Typer(help="台账 · Check, import and export the ledger sheets.", no_args_is_help=True)


@ledger.command()
def check(
    sheets: Sheets,
    columns: Columns = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """检查 · List every fault of the sheets; exit 1 if there is any."""
    with opened(config, language, as_json) as (_, screen):
        found, faults = _read(sheets, columns)
        _show_faults(faults, screen)
        if found is None:
            raise typer.Exit(1)
        _tell_size(found, screen)


@ledger.command("import")
def take(
    sheets: Sheets,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what it would do.")] = False,
    columns: Columns = None,
    retire: Annotated[
        bool,
        typer.Option("--retire", help="Retire also the rows of sheets that are not there, and any number of rows."),
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="PERSON", help="Who does it, for the audit record; else the user.")
    ] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """导入 · Take the sheets, all or nothing, and show what is added, changed and retired."""
    with opened(config, language, as_json) as (container, screen):
        in_force = container.records.ledger()
        found, faults = _read(sheets, columns, None if retire else in_force)
        if found is None:
            _show_faults(faults, screen)
            screen.note(Text("未导入任何内容。", "Nothing was imported."))
            raise typer.Exit(1)
        changes = difference(in_force, found)
        _show_difference(changes, screen)
        many = () if retire else much_retired(in_force, changes)
        for sheet in many:
            screen.note(
                Text(
                    f"{sheet.sheet}：现有 {sheet.in_force} 行中的 {sheet.retired} 行将停用；文件完整吗？",
                    f"{sheet.sheet}: {sheet.retired} of {sheet.in_force} rows would be retired; is the file whole?",
                )
            )
        if not dry_run and many and not _is_confirmed(screen):
            screen.note(
                Text(
                    "未导入任何内容；确实要停用，请加 --retire。",
                    "Nothing was imported; if they are to be retired, add --retire.",
                )
            )
            raise typer.Exit(1)
        if dry_run:
            screen.note(Text("只是预览，未导入。", "This was only a look; nothing was imported."))
            return
        done = container.records.replace_ledger(found, by or getpass.getuser(), container.clock.now_us())
        screen.say(
            Text(
                f"台账第 {done.version} 版：新增 {done.added}，变更 {done.changed}，停用 {done.retired}",
                f"ledger version {done.version}: {done.added} added, {done.changed} changed, {done.retired} retired",
            )
        )


@ledger.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for CSV sheets, or a file ending in .xlsx.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """导出 · Write the ledger in force as sheets, readable by their owner alone."""
    with opened(config, language, as_json) as (container, screen):
        kept = container.records.ledger()
        if not kept.stations:
            raise LedgerError(
                Text("台账是空的", "the ledger is empty"),
                remedy=Text("请先导入：redvest ledger import 目录", "import one first: redvest ledger import DIR"),
            )
        _note_contacts(kept, container)
        try:
            files = write_ledger(kept, target)
        except OSError as error:
            raise UsageError(
                Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror or error})"),
                where=str(target),
                remedy=Text("请换一个文件夹", "name another folder"),
            ) from error
        for file in files if as_json else ():
            screen.line(file=str(file))
        screen.say(Text(f"已写入 {target}", f"written: {target}"))
        _tell_size(kept, screen)


def _note_contacts(kept: Ledger, container: Container) -> None:
    """Leave a line in the audit record before names and phones go out: of how many people and merchants."""
    of_people = sum(bool(person.phone) for person in kept.people)
    of_merchants = sum(bool(merchant.phone or merchant.contact_name) for merchant in kept.merchants)
    if of_people or of_merchants:
        container.records.record_export(getpass.getuser(), of_people, of_merchants, container.clock.now_us())


def _read(
    sheets: Path, columns: Path | None, in_force: Ledger | None = None
) -> tuple[Ledger | None, tuple[Fault, ...]]:
    """Return the ledger, or every fault; of sheets of another system too, by a file of columns."""
    if columns is None:
        return read_sheets(sheets, in_force)
    from service.foreign_files.ledger_map import converted_sheets, read_ledger_map

    with converted_sheets(sheets, read_ledger_map(columns)) as (folder, not_understood):
        found, faults = read_sheets(folder, in_force)
    return (None, (*not_understood, *faults)) if not_understood else (found, faults)


def _show_faults(faults: Sequence[Fault], screen: Screen) -> None:
    if screen.as_json:
        for fault in faults:
            screen.line(
                file=fault.file, line=fault.line, column=fault.column, problem=fault.problem, remedy=fault.remedy
            )
    elif faults:
        rows = [[fault.file, fault.line, fault.column, fault.problem, fault.remedy] for fault in faults]
        screen.table(Text(f"{len(faults)} 处问题", f"{len(faults)} faults"), _FAULTS, rows)


def _is_confirmed(screen: Screen) -> bool:
    """Ask, where somebody sits at a terminal; nobody there has not said yes."""
    if screen.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    question = Text("仍要停用这些行并导入吗？", "Retire them and import all the same?")
    return typer.confirm(question.zh if screen.language is Language.ZH else question.en, err=True)


def _show_difference(found: LedgerDifference, screen: Screen) -> None:
    rows = [
        (action, entry)
        for action, entries in (("add", found.add), ("change", found.change), ("retire", found.retire))
        for entry in entries
    ]
    if screen.as_json:
        for action, entry in rows:
            screen.line(action=action, sheet=entry.sheet, id=entry.key, columns=entry.columns)
    elif rows:
        shown = [[_ACTIONS[act], e.sheet, e.key, ", ".join(e.columns)] for act, e in rows[:_ROWS_SHOWN_MAX]]
        screen.table(Text("与现有台账的差别", "Difference to the ledger in force"), _DIFFERENCES, shown)
        if len(rows) > _ROWS_SHOWN_MAX:
            more = len(rows) - _ROWS_SHOWN_MAX
            screen.say(Text(f"另有 {more} 行。", f"{more} rows more."))
    else:
        screen.say(Text("与现有台账相同。", "The same as the ledger in force."))


def _tell_size(kept: Ledger, screen: Screen) -> None:
    sizes = _sizes(kept)
    words = ", ".join(f"{sheet} {rows}" for sheet, rows in sizes)
    screen.say(Text(f"台账无误：{words}", f"the ledger is sound: {words}"))


def _sizes(kept: Ledger) -> list[tuple[str, int]]:
    return [
        ("stations", len(kept.stations)),
        ("grids", len(kept.grids)),
        ("transformers", len(kept.transformers)),
        ("people", len(kept.people)),
        ("merchants", len(kept.merchants)),
        ("appliances", len(kept.appliances)),
    ]
