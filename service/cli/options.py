"""What several commands share: options, the opened house, and times and spans as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple
from zoneinfo import ZoneInfo

import typer

from grid.errors import UsageError
from grid.text import Language, Text
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US, parse_timestamp_us
from service.cli.screen import Screen
from service.container import Container
from service.settings.settings import Settings, load_settings
from stores.ledger_files.cells import timezone
from stores.ledger_files.faults import CellError

Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings file; else $REDVEST_CONFIG, else ./redvest.toml when it is there.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines, one object each, and nothing else.")]
Speak = Annotated[
    Language | None, typer.Option("--language", help="Language of words, instead of the one in the settings.")
]

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|d)?", re.ASCII)
_UNITS_US = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": 24 * HOUR_US}


class Desktop(NamedTuple):
    """What a command works with: the parts, and where it prints."""

    container: Container
    screen: Screen


@contextmanager
def opened(
    config: Path | None,
    language: Language | None,
    as_json: bool = False,
    change: Callable[[Settings], Settings] | None = None,
) -> Iterator[Desktop]:
    """Load the settings, `change` them if asked to, and give the house and the screen; close what was opened."""
    settings = load_settings(config)
    if change is not None:
        settings = change(settings)
    if language is not None:
        settings = settings.model_copy(update={"language": language})
    container = Container(settings)
    try:
        yield Desktop(container, Screen(settings.language, as_json))
    finally:
        container.close()


Timezone = Annotated[
    str | None,
    typer.Option("--timezone", metavar="ZONE", help="Zone of times without an offset, such as Asia/Shanghai."),
]


def zone_of(name: str | None) -> ZoneInfo | None:
    """Return the time zone that `--timezone` names, None when it was not given. Raises UsageError."""
    if name is None:
        return None
    try:
        return ZoneInfo(timezone(name))
    except CellError as error:
        raise UsageError(error.problem, where="--timezone", remedy=error.remedy) from error


def timestamp_of(text: str | None, option: str) -> int | None:
    """Return the moment [µs] that an option names, None when it was not given. Raises UsageError."""
    if text is None:
        return None
    try:
        return parse_timestamp_us(text.strip())
    except ValueError as error:
        raise UsageError(
            Text(f"{text.strip()[:40]!r} 不是带时区偏移的时间", str(error)),
            where=option,
            remedy=Text("请写成 2021-07-24T11:00:00+08:00", "write it like 2021-07-24T11:00:00+08:00"),
        ) from error


def span_of(text: str, option: str) -> int:
    """Return a span of time [µs] written as 90s, 15m, 2h or 1d; a bare number is minutes. Raises UsageError."""
    match = _SPAN.fullmatch(text.strip())
    span = round(float(match[1]) * _UNITS_US[match[2] or "m"]) if match and len(match[1]) < 12 else 0
    if span <= 0:
        raise UsageError(
            Text(f"{text!r} 不是一段时间", f"{text!r} is no span of time"),
            where=option,
            remedy=Text("请写成 90s、15m、2h 或 1d", "write it like 90s, 15m, 2h or 1d"),
        )
    return span
