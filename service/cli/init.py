"""`init`: the files of a new site, ready to be put to use."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from grid.assets import Ledger
from grid.errors import UsageError
from grid.text import Language, Text
from service.cli.options import AsJson, Speak
from service.cli.screen import Screen
from service.ledger_sheets import ledger_of


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder for the site's files.")],
    host: Annotated[
        str | None, typer.Option("--host", metavar="NAME", help="Name or address by which devices reach the broker.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help="Data folder; else /var/lib/redvest.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="DIR", help="Ledger sheets: each meter gets a password.")
    ] = None,
    device_port: Annotated[int, typer.Option("--device-port", help="Broker's port for devices, by TLS.")] = 8883,
    collector_port: Annotated[int, typer.Option("--collector-port", help="Broker's port on loopback.")] = 1883,
    dashboard_port: Annotated[int, typer.Option("--dashboard-port", help="Port of the pages.")] = 8501,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """建站 · Write settings, passwords, access list, certificates and services of a new site."""
    from service.site.files import SitePlan, write_site

    screen = Screen(language or Language.ZH, as_json)
    plan = SitePlan(
        folder=folder,
        host=host or _asked_host(screen),
        data_folder=(data or Path("/var/lib/redvest")).absolute(),
        device_port=device_port,
        collector_port=collector_port,
        dashboard_port=dashboard_port,
        language=screen.language.value,
    )
    files = write_site(plan, ledger_of(ledger) if ledger else Ledger())
    for file in files:
        screen.line(file=str(file)) if as_json else screen.say(Text(f"已写入 {file}", f"written: {file}"))
    at = folder.resolve()
    broker_reads = f"{at}/mosquitto/redvest.acl {at}/mosquitto/redvest.passwd {at}/certificates/broker.key"
    rights = (
        f"chown mosquitto {broker_reads}\n"
        f"chown -R redvest-collect: {at}/secrets && chown root: {at}/secrets/devices.csv"
    )
    screen.say(
        Text(
            f"接下来：\n{rights}\n把 {at}/mosquitto/redvest.conf 链接到 /etc/mosquitto/conf.d/，"
            f"把 {at}/systemd/ 中的文件复制到 /etc/systemd/system/，把 {at}/certificates/authority.crt "
            f"和 {at}/secrets/devices.csv 中的口令交给各终端；然后 redvest doctor --config {at}/redvest.toml",
            f"Next:\n{rights}\nLink {at}/mosquitto/redvest.conf into /etc/mosquitto/conf.d/, copy the files of "
            f"{at}/systemd/ to /etc/systemd/system/, give each device {at}/certificates/authority.crt and its password "
            f"in {at}/secrets/devices.csv; then redvest doctor --config {at}/redvest.toml",
        )
    )


def _asked_host(screen: Screen) -> str:
    """Ask for the broker's name where somebody can answer."""
    if screen.as_json or not sys.stdin.isatty():
        raise UsageError(
            Text("没有说明终端用什么名称连接消息服务器", "it is not said by which name devices reach the broker"),
            where="--host",
            remedy=Text("请写 --host 名称或地址", "write --host NAME, or an address"),
        )
    question = Text("终端用什么名称或地址连接消息服务器", "Name or address by which devices reach the broker")
    return str(typer.prompt(question.to(screen.language), default=socket.getfqdn(), err=True))
