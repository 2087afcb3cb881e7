"""How commands print: JSON lines for machines, tables in the chosen language for people, progress on a terminal."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text as Styled

from alerts.rules.rule_set import Level
from grid.text import Language, Text
from grid.timestamps import as_datetime, format_utc
from service.plain_text import one_line

_PIPE_COLUMNS = 200
"""Width of a table that goes into a pipe or a file."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    title: Text
    right: bool = False


class Screen:
    """Prints for one command, in one language."""

    def __init__(self, language: Language, as_json: bool = False) -> None:
        """Print to the standard output; with `as_json`, only `line` prints."""
        self.language = language
        self.as_json = as_json
        width = None if sys.stdout.isatty() else _PIPE_COLUMNS
        self._console = Console(width=width, highlight=False, soft_wrap=False)

    def line(self, **fields: Any) -> None:
        """Print one JSON object. A NaN becomes null, a `Text` its words in the chosen language."""
        sys.stdout.write(json.dumps({k: self._plain(v) for k, v in fields.items()}, ensure_ascii=False) + "\n")

    def note_line(self, **fields: Any) -> None:
        """Print one JSON object on the error output, where it spoils no data."""
        sys.stderr.write(json.dumps({k: self._plain(v) for k, v in fields.items()}, ensure_ascii=False) + "\n")

    def say(self, words: Text) -> None:
        """Print a sentence for people; nothing with `as_json`."""
        if not self.as_json:
            self._console.print(Styled(one_line(words.to(self.language))), soft_wrap=True)

    def note(self, words: Text) -> None:
        """Print a sentence for people on the error output, where it spoils no data."""
        Console(stderr=True, highlight=False).print(Styled(one_line(words.to(self.language))), soft_wrap=True)

    def table(self, title: Text, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
        """Print a table; cells are texts, `Styled` or None. Nothing in a cell is taken as markup."""
        table = Table(title=title.to(self.language), box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
        for column in columns:
            table.add_column(column.title.to(self.language), justify="right" if column.right else "left")
        for row in rows:
            table.add_row(*(self._cell(value) for value in row))
        self._console.print(table)

    def _plain(self, value: Any) -> Any:
        match value:
            case float() if not math.isfinite(value):
                return None
            case Text():
                return value.to(self.language)
            case list() | tuple():
                return [self._plain(part) for part in value]
            case _:
                return value

    def _cell(self, value: Any) -> Styled:
        match value:
            case Styled():
                return value
            case Text():
                return Styled(one_line(value.to(self.language)))
            case None:
                return Styled("–")
            case _:
                return Styled(one_line(str(value)))


def utc(timestamp_us: int | None) -> str | None:
    """Return a moment for JSON: ISO 8601 UTC, null when there is none."""
    return None if timestamp_us is None else format_utc(timestamp_us)


def local(timestamp_us: int | None, zone: str) -> str | None:
    """Return a moment for people, in the station's zone."""
    return None if timestamp_us is None else f"{as_datetime(timestamp_us, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S}"


def percent(load_rate: float, levels: Sequence[Level] = ()) -> Styled:
    """Return a load rate for people, in per cent; a dash for NaN.

    It is coloured from the lowest of a rule set's `levels` on, and strongly from the first that opens an incident, or
    from the second where none does.
    """
    if math.isnan(load_rate):
        return Styled("–")
    lines = sorted(level.enter for level in levels)
    grave = min((level.enter for level in levels if level.incident.opens), default=(lines[1:2] or [math.inf])[0])
    style = "bold red" if load_rate >= grave else "yellow" if lines and load_rate >= lines[0] else ""
    return Styled(f"{load_rate * 100:.2f} %", style)


@contextmanager
def progress(
    what: Text, language: Language, total: int | None = None, beside_lines: bool = False
) -> Iterator[Callable[[int], None]]:
    """Give a function to call with how much is done so far; it draws on a terminal and does nothing elsewhere.

    `beside_lines`: lines are printed meanwhile; nothing is drawn where they already run over the terminal.
    """
    if not sys.stderr.isatty() or (beside_lines and sys.stdout.isatty()):
        yield lambda done: None
        return
    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
    )
    with shown:
        task = shown.add_task(what.to(language), total=total, rate="")

        def tell(done: int) -> None:
            speed = shown.tasks[0].speed
            shown.update(task, completed=done, rate=f"{speed:,.0f}/s" if speed else "")

        yield tell
