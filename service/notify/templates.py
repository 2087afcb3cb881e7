"""The station's own words for messages: a TOML file of templates by kind, checked as a whole before anything starts.

    [incident_opened]
    zh = "{station_name}注意：{text}"
    en = "{station_name}, attention: {text}"

Placeholders are a closed list; none of them holds anything of a merchant. `{text}` is the product's own sentence. What
a template does not name is said as the product says it.
"""

from __future__ import annotations

import re
import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from alerts.figures import day_and_time, percent
from alerts.model.display_names import level_name
from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent
from alerts.notification.on_duty import Roster
from grid.errors import SettingsError
from grid.text import Text, same

PLACEHOLDERS = (
    "text",
    "station",
    "station_name",
    "transformer",
    "transformer_name",
    "level",
    "load_rate",
    "time",
    "incident",
)
LETTERS_MAX = 500
_KINDS = tuple(kind for kind in MessageKind if kind not in (MessageKind.GROUP, MessageKind.DIGEST, MessageKind.OTHER))
_LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Template:
    """The words of one kind in both languages; an empty one means the product's own."""

    zh: str = "{text}"
    en: str = "{text}"


Templates = Mapping[str, Template]
"""By kind of message."""


def read_templates(file: Path | None) -> Templates:
    """Return the templates of a file, none without one. Raises SettingsError with the line of the first fault."""
    if file is None:
        return {}
    try:
        source = file.read_text(encoding="utf-8-sig")
        tables = tomllib.loads(source)
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(file, 0, Text(f"无法读取（{error}）", f"cannot be read ({error})")) from error
    except tomllib.TOMLDecodeError as error:
        raise _fault(file, 0, Text(f"不是 TOML：{error}", f"not TOML: {error}")) from error
    return {kind: _template(file, source, kind, table) for kind, table in tables.items()}


def filled(event: NotificationEvent, templates: Templates, roster: Roster, station_names: Mapping[str, str]) -> Text:
    """Return an event's words by its template; its own where there is none."""
    template = templates.get(event.kind)
    if template is None:
        return event.text
    transformer = roster.transformer.get(event.transformer_id)
    zone = roster.zone.get(event.station_id)
    at = day_and_time(event.created_at_us, zone) if zone else same("")
    rate, level = percent(event.load_rate), level_name(event.level)
    values = {
        "station": same(event.station_id),
        "station_name": same(station_names.get(event.station_id, event.station_id)),
        "transformer": same(event.transformer_id),
        "transformer_name": same(transformer.name if transformer else ""),
        "level": level,
        "load_rate": rate,
        "time": at,
        "incident": same(event.incident_id or ""),
        "text": event.text,
    }
    return Text(
        template.zh.format_map({name: value.zh for name, value in values.items()}),
        template.en.format_map({name: value.en for name, value in values.items()}),
    )


def told_by_templates(
    event: NotificationEvent, templates: Templates, roster: Roster, station_names: Mapping[str, str]
) -> NotificationEvent:
    """Return an event with the station's own words."""
    return replace(event, text=filled(event, templates, roster, station_names)) if templates else event


def _template(file: Path, source: str, kind: str, table: object) -> Template:
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise _fault(
            file,
            _line(source, kind, ""),
            Text(f"没有 {kind} 这种通知", f"there is no kind of message {kind}"),
            Text(f"可用的：{known}", f"the kinds are {known}"),
        )
    if not isinstance(table, dict):
        raise _fault(file, _line(source, kind, ""), Text(f"{kind} 不是一节", f"{kind} is no table"))
    for language, words in table.items():
        line = _line(source, kind, str(language))
        if language not in _LANGUAGES:
            raise _fault(file, line, Text(f"{language} 不是 zh 或 en", f"{language} is neither zh nor en"))
        _check(file, line, words)
    return Template(**table)


def _check(file: Path, line: int, words: object) -> None:
    if not isinstance(words, str) or not words.strip():
        raise _fault(file, line, Text("不是文字", "is no text"))
    if len(words) > LETTERS_MAX:
        raise _fault(file, line, Text(f"超过 {LETTERS_MAX} 个字符", f"is longer than {LETTERS_MAX} characters"))
    try:
        parts = list(string.Formatter().parse(words))
    except ValueError as error:
        raise _fault(
            file,
            line,
            Text(f"大括号不成对（{error}）", f"its braces do not match ({error})"),
            Text("占位符写成 {text}，大括号本身写两个", "write a placeholder as {text}, and a brace itself twice"),
        ) from error
    for _, name, style, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or style or conversion):
            shown = name or "{}"
            known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
            raise _fault(
                file,
                line,
                Text(f"没有占位符 {shown[:40]}", f"there is no placeholder {shown[:40]}"),
                Text(f"可用的：{known}", f"the placeholders are {known}"),
            )


def _line(source: str, kind: str, language: str) -> int:
    """Return the line of a key, or of its table; 0 where it cannot be found."""
    inside = False
    table_line = 0
    for number, line in enumerate(source.splitlines(), start=1):
        head = re.fullmatch(r"\s*\[\s*[\"']?([^\]\"']+?)[\"']?\s*\]\s*(?:#.*)?", line)
        if head:
            inside = head[1] == kind
            table_line = number if inside else table_line
        elif inside and language and re.match(rf"\s*[\"']?{re.escape(language)}[\"']?\s*=", line):
            return number
    return table_line


def _fault(file: Path, line: int, what: Text, remedy: Text | None = None) -> SettingsError:
    return SettingsError(
        what,
        where=Text(f"{file} 第 {line} 行", f"{file} line {line}") if line else same(str(file)),
        remedy=remedy or Text("见 docs/notifications.md", "see docs/notifications.md"),
    )
