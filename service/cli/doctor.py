"""`doctor`: whether everything that this installation stands on is all right."""

from __future__ import annotations

import typer
from rich.text import Text as Styled

from grid.errors import SettingsError
from grid.text import Language, Text
from service.cli.options import AsJson, Config, Speak
from service.cli.screen import Column, Screen

_COLUMNS = (
    Column(Text("检查项", "check")),
    Column(Text("结论", "state")),
    Column(Text("情况", "detail")),
    Column(Text("处理办法", "remedy")),
)
_OK, _NOT_OK = Text("正常", "ok"), Text("有问题", "not ok")


def doctor(config: Config = None, language: Speak = None, as_json: AsJson = False) -> None:
    """体检 · Settings, broker, stores, channels, clock, versions: ok or not ok, and the remedy."""
    from service.doctor.doctor import examine
    from service.settings.settings import load_settings

    if language is None:
        try:
            language = load_settings(config).language
        except SettingsError:
            language = Language.ZH
    screen = Screen(language, as_json)
    rows, all_ok = [], True
    for check in examine(config):
        all_ok = all_ok and check.ok
        if as_json:
            screen.line(check=check.name, ok=check.ok, detail=check.detail, remedy=check.remedy)
        style = "green" if check.ok else "bold red"
        state = Styled((_OK if check.ok else _NOT_OK).to(language), style)
        rows.append([check.name, state, check.detail, check.remedy])
    if not as_json:
        screen.table(Text("体检", "Doctor"), _COLUMNS, rows)
    raise typer.Exit(0 if all_ok else 1)
