"""`account`: who may come in over HTTP."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from grid.errors import UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from service.access.rights import ROLE_NAMES, AccountRole
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, local, utc

account = typer.Typer(help="账号 · Who may come in: accounts, passwords, sign-ins.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="The account.")]
PasswordFile = Annotated[
    str | None,
    typer.Option("--password-file", metavar="FILE", help="File whose first line is the password; - reads the input."),
]
_LOGIN = Text("账号", "account")


@account.command("add")
def add(
    name: Name,
    role: Annotated[AccountRole, typer.Option("--role", help="What it may see and do: docs/security.md.")],
    person: Annotated[
        str, typer.Option("--person", metavar="ID", help="The person of people.csv that it belongs to.")
    ] = "",
    station: Annotated[
        list[str] | None,
        typer.Option("--station", metavar="ID", help="A station that it sees; may be repeated; all without it."),
    ] = None,
    password_file: PasswordFile = None,
    config: Config = None,
    language: Speak = None,
) -> None:
    """添加 · Add an account; a wall gets an address that signs it in, everybody else a password."""
    with opened(config, language) as (container, screen):
        is_wall = role is AccountRole.WALL
        if is_wall and password_file is not None:
            raise UsageError(
                Text("大屏没有密码，用地址登录", "a wall has no password, it signs in by an address"),
                where="--password-file",
                remedy=Text("请去掉这个选项", "leave it out"),
            )
        password = None if is_wall else _password(password_file)
        accounts = container.accounts
        accounts.add(name, role, who_runs_this(), person_id=person, stations=tuple(station or ()), password=password)
        screen.note(
            Text(f"已添加账号 {name}（{ROLE_NAMES[role].zh}）", f"account {name} added ({ROLE_NAMES[role].en})")
        )
        if is_wall:
            address = f"{container.settings.link}/enter?token={accounts.wall_token(name, who_runs_this())}"
            screen.say(Text(address, address))


@account.command("list")
def list_accounts(as_json: AsJson = False, config: Config = None, language: Speak = None) -> None:
    """列出 · Every account, disabled ones included."""
    with opened(config, language, as_json) as (container, screen):
        found = container.accounts.all()
        open_now: dict[str, int] = {}
        for session in container.sessions.of(None):
            open_now[session.account] = open_now.get(session.account, 0) + 1
        if as_json:
            for each in found:
                screen.line(
                    name=each.name,
                    role=each.role.value,
                    person_id=each.person_id,
                    station_ids=list(each.station_ids),
                    disabled=each.disabled_at_us is not None,
                    created_at=utc(each.created_at_us),
                    sessions=open_now.get(each.name, 0),
                )
            return
        rows = [
            (
                each.name,
                ROLE_NAMES[each.role],
                each.person_id or None,
                "、".join(each.station_ids) or Text("全部", "all"),
                Text("可用", "active") if each.disabled_at_us is None else Text("已停用", "disabled"),
                str(open_now.get(each.name, 0)),
            )
            for each in found
        ]
        columns = (
            Column(_LOGIN),
            Column(Text("角色", "role")),
            Column(Text("人员", "person")),
            Column(Text("供电所", "stations")),
            Column(Text("状态", "state")),
            Column(Text("登录数", "sign-ins"), right=True),
        )
        screen.table(Text("账号", "accounts"), columns, rows)


@account.command("disable")
def disable(name: Name, config: Config = None, language: Speak = None) -> None:
    """停用 · Let an account in no more; its sign-ins end within two seconds."""
    with opened(config, language) as (container, screen):
        container.accounts.disable(name, who_runs_this())
        screen.note(Text(f"账号 {name} 已停用", f"account {name} is disabled"))


@account.command("enable")
def enable(name: Name, config: Config = None, language: Speak = None) -> None:
    """启用 · Let an account in again."""
    with opened(config, language) as (container, screen):
        container.accounts.enable(name, who_runs_this())
        screen.note(Text(f"账号 {name} 已启用", f"account {name} is enabled"))


@account.command("password")
def password(name: Name, password_file: PasswordFile = None, config: Config = None, language: Speak = None) -> None:
    """密码 · Give an account another password, or a wall another address; its sign-ins end."""
    with opened(config, language) as (container, screen):
        accounts = container.accounts
        if accounts.find(name).role is AccountRole.WALL and password_file is None:
            address = f"{container.settings.link}/enter?token={accounts.wall_token(name, who_runs_this())}"
            screen.say(Text(address, address))
            return
        accounts.set_password(name, _password(password_file), who_runs_this())
        screen.note(Text(f"账号 {name} 的密码已修改", f"the password of account {name} is changed"))


@account.command("sessions")
def sessions(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The account; all without it.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    language: Speak = None,
) -> None:
    """登录 · Who is signed in, from where, until when."""
    with opened(config, language, as_json) as (container, screen):
        if name is not None:
            container.accounts.find(name)
        found = container.sessions.of(name)
        if as_json:
            for each in found:
                screen.line(
                    session_id=each.session_id,
                    account=each.account,
                    opened_at=utc(each.opened_at_us),
                    seen_at=utc(each.seen_at_us),
                    ends_at=utc(each.ends_at_us),
                    address=each.address,
                    agent=each.agent,
                )
            return
        zone = container.queries.first_zone()
        rows = [
            (
                each.session_id,
                each.account,
                local(each.opened_at_us, zone),
                local(each.seen_at_us, zone),
                local(each.ends_at_us, zone),
                each.address,
            )
            for each in found
        ]
        columns = (
            Column(Text("编号", "session")),
            Column(_LOGIN),
            Column(Text("开始", "since")),
            Column(Text("最近使用", "seen")),
            Column(Text("最迟结束", "ends")),
            Column(Text("来自", "from")),
        )
        screen.table(Text("登录", "sign-ins"), columns, rows)


@account.command("end")
def end(
    name: Name,
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="Only this one of `account sessions`.")
    ] = None,
    config: Config = None,
    language: Speak = None,
) -> None:
    """结束 · End the sign-ins of an account; exit 1 when there was none."""
    with opened(config, language) as (container, screen):
        container.accounts.find(name)
        ended = container.sessions.end(name, session, who_runs_this(), "ended by command")
        screen.note(Text(f"结束了 {ended} 个登录", f"{ended} sign-ins ended"))
    if not ended:
        raise typer.Exit(1)


def who_runs_this() -> str:
    """Return who runs the command, as the audit record names them."""
    try:
        return f"command/{getpass.getuser()}"
    except (KeyError, OSError):
        return f"command/{os.getuid()}"


def _password(file: str | None) -> str:
    """Return a password from a file, the input, or a terminal that does not show it. Raises UsageError."""
    if file is None:
        if not sys.stdin.isatty():
            raise UsageError(
                Text("没有给出密码", "no password is given"),
                where="--password-file",
                remedy=Text("请用 --password-file 文件，或 - 从输入读", "name a file, or - to read the input"),
            )
        return getpass.getpass("")
    try:
        text = sys.stdin.read(4096) if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            Text(f"无法读取（{os_reason(error).zh}）", f"cannot be read ({error.strerror})"),
            where=file,
            remedy=Text("请指定可读的文件", "name a readable file"),
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            Text("不是 UTF-8", "is not UTF-8"), where=file, remedy=Text("请存为 UTF-8", "save it as UTF-8")
        ) from error
    return text.split("\n", 1)[0].rstrip("\r")
