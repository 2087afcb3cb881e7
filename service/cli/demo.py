"""`demo`, `dashboard` and `version`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import socket
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import typer

from grid.errors import SettingsError
from grid.os_reasons import os_reason
from grid.text import Text
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Screen
from service.settings.settings import CONFIG_VARIABLE, load_settings


def demo(
    headless: Annotated[
        bool,
        typer.Option("--headless", help="No browser: tell the story as lines; exit 0 only when all of it happened."),
    ] = False,
    speed: Annotated[float, typer.Option("--speed", min=1.0, help="Seconds of the day in one real second.")] = 180.0,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Keep the data here; else they are thrown away.")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="N", min=0.01, help="Stop by itself after so many real minutes."),
    ] = None,
    language: Speak = None,
) -> None:
    """演示 · Broker, simulator, collector and dashboard in one command: the 24 July day in a few minutes."""
    from service.demo.demo import DemoOptions, run_demo

    chosen = language or load_settings().language
    options = DemoOptions(headless=headless, speed=speed, folder=data, minutes_max=minutes, language=chosen)
    screen = Screen(chosen)
    raise typer.Exit(run_demo(options, lambda line: screen.say(Text(line, line))))


def dashboard(config: Config = None, language: Speak = None) -> None:
    """大屏 · The pages for the duty desk and the team; until Ctrl-C."""
    with opened(config, language) as (container, screen):
        values = container.settings.dashboard
        _claim(values.host, values.port)
        container.records.ledger_version()
        screen.say(Text(f"大屏：{container.settings.link}", f"dashboard: {container.settings.link}"))
        token = container.accounts.set_up_token()
        if token is not None:
            address = f"http://127.0.0.1:{values.port}/setup?token={token}"
            screen.say(
                Text(
                    f"还没有账号。请在本机打开一次，建立管理员：{address}",
                    f"there are no accounts yet. Open this once on this computer to make an administrator: {address}",
                )
            )
        command = [sys.executable, "-m", "web.serve"]
        environment = {**os.environ, "REDVEST_LANGUAGE": container.settings.language.value}
        if container.settings.file is not None:
            environment[CONFIG_VARIABLE] = str(container.settings.file)
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)


def version(as_json: AsJson = False) -> None:
    """版本 · Versions of the product and of what it stands on."""
    versions = {
        "redvest": importlib.metadata.version("redvest"),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
    }
    if as_json:
        sys.stdout.write("{" + ", ".join(f'"{name}": "{number}"' for name, number in versions.items()) + "}\n")
    else:
        sys.stdout.write(", ".join(f"{name} {number}" for name, number in versions.items()) + "\n")


def _claim(host: str, port: int) -> None:
    """Raise SettingsError when the port cannot be had: Streamlit would silently say much less."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                Text(
                    f"页面服务无法使用 {host} 的端口 {port}（{os_reason(error).zh}）",
                    f"the dashboard cannot use port {port} of {host} ({error.strerror or error})",
                ),
                where="dashboard.port",
                remedy=Text(
                    "是否已有一个在运行？否则请换一个端口，例如 REDVEST_DASHBOARD__PORT=8502",
                    "is another one running? Else set another port, such as REDVEST_DASHBOARD__PORT=8502",
                ),
            ) from error
