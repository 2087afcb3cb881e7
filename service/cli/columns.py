"""`columns`: what a file of another system is understood as; and `--columns` of the commands that read such files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated

import typer

from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from service.cli.options import AsJson, Config, Speak, Timezone, opened, zone_of
from service.cli.screen import Column, Screen

if TYPE_CHECKING:
    from service.foreign_files.conversion import Converted
    from service.foreign_files.mapping import FileMap

Columns = Annotated[
    Path | None,
    typer.Option("--columns", metavar="FILE.toml", help="What the columns of a file of another system mean."),
]
ROWS_SHOWN = 5
PROBLEMS_SHOWN = 10
_HEADERS = (Column(Text("表头", "header")), Column(Text("理解为", "understood as")))


def columns(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Readings of another system, CSV or XLSX.")],
    write: Annotated[
        Path | None, typer.Option("--write", metavar="OUT.toml", help="Write what was understood, for --columns.")
    ] = None,
    columns: Columns = None,
    transformer: Annotated[
        str, typer.Option("--transformer", metavar="ID", help="Whose readings they are, where no column says it.")
    ] = "",
    timezone: Timezone = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """列对照 · What a file of another system is understood as, and what is not; exit 1 when it cannot be read so."""
    from service.foreign_files.mapping import as_toml, read_file_map
    from service.foreign_files.recognition import recognise

    with opened(config, language, as_json) as (_, screen):
        _check_there(file)
        zone_of(timezone)
        if columns is None:
            found = recognise(file, timezone or "", transformer)
            _tell_headers(screen, found.headers, found.questions)
            file_map = found.file_map
        else:
            file_map = read_file_map(columns)
        if file_map is None:
            raise typer.Exit(1)
        told = _tell_first_rows(screen, file, file_map)
        if write is not None:
            _write(write, as_toml(file_map))
            screen.note(Text(f"已写出 {write}", f"{write} written"))
        if told.problem_count or not told.rows:
            raise typer.Exit(1)


@contextmanager
def readable(file: Path, columns: Path | None, screen: Screen) -> Iterator[Path]:
    """Give a file of readings as readings.csv: itself, or what the columns file makes of it, gone afterwards."""
    if columns is None:
        yield file
        return
    from service.foreign_files.conversion import converted
    from service.foreign_files.mapping import read_file_map

    _check_there(file)
    with converted(file, read_file_map(columns)) as (target, told):
        _tell_problems(screen, told)
        yield target


def _check_there(file: Path) -> None:
    if not file.is_file():
        raise UsageError(
            Text("没有这个文件", "there is no such file"),
            where=str(file),
            remedy=Text("请指定 CSV 或 XLSX 文件", "name a CSV or XLSX file"),
        )


def _tell_headers(screen: Screen, headers: dict[str, str], questions: list[Text]) -> None:
    if screen.as_json:
        for header, column in headers.items():
            screen.line(kind="header", header=header, column=column or None)
        for question in questions:
            screen.line(kind="question", question=question)
        return
    passed = Text("（不用）", "(passed over)").to(screen.language)
    screen.table(Text("表头", "Headers"), _HEADERS, [[header, column or passed] for header, column in headers.items()])
    for question in questions:
        screen.say(Text(f"请核对：{question.zh}", f"look at this: {question.en}"))


def _tell_first_rows(screen: Screen, file: Path, file_map: FileMap) -> Converted:
    """Show the first rows as readings.csv has them, and every cell that was not understood."""
    import csv

    from service.foreign_files.conversion import convert

    with TemporaryFile("w+", encoding="utf-8", newline="") as out:
        told = convert(file, file_map, out)
        out.seek(0)
        rows = (row for row in csv.reader(out) if row)
        names = next(rows, [])
        first = list(islice(rows, ROWS_SHOWN))
    if screen.as_json:
        for row in first:
            screen.line(kind="row", **dict(zip(names, row, strict=True)))
        screen.line(kind="summary", rows=told.rows, not_understood=told.problem_count)
    else:
        screen.table(Text("前几行", "First rows"), [Column(Text(name, name)) for name in names], first)
        screen.say(Text(f"共 {told.rows} 行读数", f"{told.rows} rows of readings in all"))
    _tell_problems(screen, told)
    return told


def _tell_problems(screen: Screen, told: Converted) -> None:
    """List the cells that were not understood: with `--json` all that were kept, else the first ones."""
    for problem in told.problems if screen.as_json else told.problems[:PROBLEMS_SHOWN]:
        if screen.as_json:
            screen.note_line(
                file=problem.file,
                row=problem.row,
                column=problem.column,
                problem=problem.problem,
                remedy=problem.remedy,
            )
            continue
        where = f"{problem.file}:{problem.row} {problem.column}"
        screen.note(
            Text(
                f"{where}：{problem.problem.zh}；{problem.remedy.zh}",
                f"{where}: {problem.problem.en}; {problem.remedy.en}",
            )
        )
    if told.problem_count > PROBLEMS_SHOWN and not screen.as_json:
        screen.note(
            Text(f"共 {told.problem_count} 个单元格没有读懂", f"{told.problem_count} cells were not understood in all")
        )


def _write(target: Path, text: str) -> None:
    try:
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(
            Text(f"无法写入：{os_reason(error).zh}", f"cannot be written: {error.strerror}"),
            where=str(target),
            remedy=Text("请指定可写的文件", "name a file that may be written"),
        ) from error
