"""`redvest doctor`: looks at everything an installation stands on, and says what is wrong and how to mend it."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from grid.errors import NOTHING, RedvestError, SettingsError
from grid.text import Text, same
from service.container import Container
from service.doctor.checks import looks
from service.metrics.health import ask_collector
from service.metrics.metric_help import explained_metrics
from service.queries.answers_system import CollectorState
from service.settings.settings import load_settings

SQLITE_VERSION_MIN = (3, 37, 0)
PYTHON_VERSION_MIN = (3, 11)
_TOOL_SECONDS_MAX = 5.0
_MOSQUITTO_FOLDERS = "/usr/sbin:/usr/local/sbin"
_FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.fonts", "~/.local/share/fonts")
_FONT_NAMES = ("cjk", "wqy", "sourcehan", "notosanssc", "notoserifsc", "simsun", "simhei", "msyh", "uming", "ukai")


NO_REMEDY = NOTHING
_SEE_DOCUMENTS = Text("请查阅文档", "see the documentation")


@dataclass(frozen=True)
class Check:
    """One thing looked at. `remedy` is empty when it is ok."""

    name: str
    ok: bool
    detail: Text
    remedy: Text = NO_REMEDY


def examine(config: Path | None) -> Iterator[Check]:
    """Yield the checks of an installation, one after another. Sends no message to anybody."""
    try:
        settings = load_settings(config)
    except SettingsError as error:
        yield _fault("settings", error)
        return
    where = str(settings.file) if settings.file else ""
    yield Check("settings", True, Text(where or "全部默认值", where or "all defaults"))
    yield _versions()
    yield _mosquitto()
    container = Container(settings)
    try:
        for name, look in looks(settings, container):
            yield _looked(name, look)
        yield from _figures(ask_collector(settings))
    finally:
        container.close()
    yield _font()


def _figures(collector: CollectorState) -> Iterator[Check]:
    """Yield what a running collector measures of itself, each figure with what it means."""
    for figure in explained_metrics(dict(collector.details)):
        told = Text(
            f"{figure.name.zh} {figure.value.zh}。{figure.meaning.zh}", f"{figure.value.en}. {figure.meaning.en}"
        )
        name = f"collector: {figure.name.en.lower()}"
        yield Check(name, not figure.is_bad, told, figure.remedy)


def _looked(name: str, look: Callable[[], Text]) -> Check:
    try:
        return Check(name, True, look())
    except RedvestError as error:
        return _fault(name, error)


def _fault(name: str, error: RedvestError) -> Check:
    what, where = error.what, error.where
    detail = what if where == NOTHING else Text(f"{where.zh}：{what.zh}", f"{where.en}: {what.en}")
    return Check(name, False, detail, error.remedy if error.remedy != NO_REMEDY else _SEE_DOCUMENTS)


def _versions() -> Check:
    sqlite = tuple(int(part) for part in sqlite3.sqlite_version.split("."))
    ok = sqlite >= SQLITE_VERSION_MIN and sys.version_info[:2] >= PYTHON_VERSION_MIN
    words = (
        f"redvest {importlib.metadata.version('redvest')}, python {platform.python_version()}, "
        f"sqlite {sqlite3.sqlite_version}"
    )
    remedy = Text(
        "请使用 Python 3.11 及以上（SQLite 3.37 及以上）", "use Python 3.11 or later with SQLite 3.37 or later"
    )
    return Check("versions", ok, same(words), NO_REMEDY if ok else remedy)


def _mosquitto() -> Check:
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_MOSQUITTO_FOLDERS)
    if program is None:
        return Check(
            "mosquitto",
            True,
            Text("本机未安装；演示改用内置代理", "not on this machine; the demo uses the embedded broker"),
        )
    first = (_output(program, "-h").splitlines() or [program])[0]
    return Check("mosquitto", True, same(f"{first} ({program})"))


def _output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TOOL_SECONDS_MAX, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout


def _font() -> Check:
    listed = _output("fc-list", ":lang=zh-cn", "family") if shutil.which("fc-list") else ""
    found = next((line.strip() for line in listed.splitlines() if line.strip()), "") or _font_file()
    if found:
        return Check("font", True, same(found))
    return Check(
        "font",
        False,
        Text("没有中文字体，打印名单会缺字", "no Chinese font: printed lists lack characters"),
        Text("安装 fonts-noto-cjk", "install fonts-noto-cjk"),
    )


def _font_file() -> str:
    for folder in _FONT_FOLDERS:
        for file in Path(folder).expanduser().rglob("*.[ot]t[cf]"):
            if any(name in file.name.lower().replace("-", "") for name in _FONT_NAMES):
                return file.name
    return ""
