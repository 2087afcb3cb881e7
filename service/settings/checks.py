"""Checks of the settings beyond single keys: secrets in the file, misspelt variables, keys that do not fit together."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from grid.errors import SettingsError
from grid.text import Text
from service.settings.faults import VARIABLE_PREFIX, meant
from service.settings.sections import ChannelName, ClockKind, NotifySection

if TYPE_CHECKING:
    from service.settings.settings import Settings


def refuse_secrets(table: dict[str, Any], file: Path | None, model: type[BaseModel]) -> None:
    """Raise SettingsError when a secret stands in the file's table."""
    _refuse_secrets_below(table, file, model, ())
    url = table.get("records", {}).get("url") if isinstance(table.get("records"), dict) else None
    if isinstance(url, str) and "@" in url and ":" in url.split("://", 1)[-1].split("@", 1)[0]:
        raise SettingsError(
            Text(
                "键 records.url 含有口令，不允许写在设置文件里",
                "key records.url holds a password, which may not stand in the settings file",
            ),
            where=str(file),
            remedy=Text(
                "请把整个 URL 放进单独的文件并用 url_file 指定，或设置 REDVEST_RECORDS__URL",
                "put the whole URL into a file of its own and name it with url_file, or set REDVEST_RECORDS__URL",
            ),
        )


def _refuse_secrets_below(
    table: dict[str, Any], file: Path | None, model: type[BaseModel], at: tuple[str, ...]
) -> None:
    for key, field in model.model_fields.items():
        if key not in table:
            continue
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get("env_only"):
            name = ".".join((*at, key))
            variable = VARIABLE_PREFIX + "__".join((*at, key)).upper()
            raise SettingsError(
                Text(
                    f"键 {name} 是密钥，不允许写在设置文件里",
                    f"key {name} is a secret and may not stand in the settings file",
                ),
                where=str(file),
                remedy=Text(
                    f"请用 {key}_file 指定文件，或设置 {variable}",
                    f"name a file with {key}_file, or set {variable}",
                ),
            )
        section, below = field.annotation, table[key]
        if isinstance(section, type) and issubclass(section, BaseModel) and isinstance(below, dict):
            _refuse_secrets_below(below, file, section, (*at, key))


def refuse_unknown_variables(model: type[BaseModel]) -> None:
    """Raise SettingsError for a variable of ours whose section is misspelt: it would be passed over in silence."""
    sections = sections_of(model)
    for variable in os.environ:
        if not variable.upper().startswith(VARIABLE_PREFIX) or "__" not in variable:
            continue
        section = variable[len(VARIABLE_PREFIX) :].split("__", 1)[0].lower()
        if section not in sections:
            raise SettingsError(
                Text(f"没有 {section} 这一节", f"there is no section {section}"),
                where=Text(f"环境变量 {variable}", f"environment variable {variable}"),
                remedy=meant(section, sections)
                or Text(f"可用的节：{'、'.join(sections)}", f"the sections are {', '.join(sections)}"),
            )


def sections_of(model: type[BaseModel]) -> dict[str, type[BaseModel]]:
    """Return the sections of the settings by name."""
    found: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            found[name] = field.annotation
    return found


def check_together(settings: Settings) -> None:
    """Raise SettingsError for what one key alone cannot tell."""
    where = str(settings.file or "settings")
    clock = settings.clock
    if clock.kind is ClockKind.SCALED and not (clock.real_start and clock.start):
        raise SettingsError(
            Text(
                '键 clock.kind 为 "scaled"，但缺少 real_start 和 start',
                'key clock.kind is "scaled" without real_start and start',
            ),
            where=where,
            remedy=Text("请两个都写，并带时区偏移", "give both, with an offset"),
        )
    for station in settings.collector.stations:
        if not station or any(character in station for character in "/+#\0"):
            raise SettingsError(
                Text(f"键 collector.stations 中有 {station!r}", f"key collector.stations names {station!r}"),
                where=where,
                remedy=Text(
                    "请按 stations.csv 写供电所编号，不含 / + #", "write station ids as in stations.csv, without / + #"
                ),
            )
    if settings.records.url and not settings.records.url.startswith(("sqlite:///", "postgresql")):
        raise SettingsError(
            Text("键 records.url 既不是 SQLite，也不是 PostgreSQL", "key records.url is neither SQLite nor PostgreSQL"),
            where=where,
            remedy=Text(
                "使用内置存储请留空，或写 postgresql+psycopg://user@host/database",
                "leave it empty for the embedded store, or write postgresql+psycopg://user@host/database",
            ),
        )
    if not settings.verdicts.rules:
        raise SettingsError(
            Text("键 verdicts.rules 是空的", "key verdicts.rules is empty"),
            where=where,
            remedy=Text('至少写上 "early-warning"', 'name at least "early-warning"'),
        )
    _check_who_listens(settings, where)
    _check_notify(settings.notify, where)


def _check_notify(notify: NotifySection, where: str) -> None:
    if ChannelName.WEBHOOK in notify.channels and not (notify.webhook.url or notify.webhook.url_file):
        raise SettingsError(
            Text(
                '键 notify.channels 写了 "webhook"，却没有地址',
                'key notify.channels names "webhook" without an address',
            ),
            where=where,
            remedy=Text(
                "请在 [notify.webhook] 中设置 url 或 url_file，或从渠道中去掉",
                "set url or url_file in [notify.webhook], or take it out of the channels",
            ),
        )
    smtp = notify.smtp
    if ChannelName.SMTP in notify.channels and not (smtp.host and smtp.sender and smtp.recipients):
        raise SettingsError(
            Text(
                '键 notify.channels 写了 "smtp"，却缺少 host、sender 或 recipients',
                'key notify.channels names "smtp" without host, sender or recipients',
            ),
            where=where,
            remedy=Text("请在 [notify.smtp] 中三个都写", "set all three in [notify.smtp]"),
        )
    for number, robot in enumerate(notify.robots, start=1):
        if robot.url_file is None:
            raise SettingsError(
                Text(
                    f"第 {number} 个 [[notify.robots]] 没有 url_file",
                    f"[[notify.robots]] number {number} has no url_file",
                ),
                where=where,
                remedy=Text(
                    "请把机器人的地址写进单独的文件，并用 url_file 指定",
                    "put the robot's address into a file of its own and name it with url_file",
                ),
            )
    names = notify.channel_names()
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingsError(
            Text(f"渠道名 {twice} 出现两次", f"two channels are called {twice}"),
            where=where,
            remedy=Text("请给每个机器人不同的 name", "give each robot a name of its own"),
        )
    if notify.retry_seconds_max < notify.retry_seconds_first:
        raise SettingsError(
            Text(
                "键 notify.retry_seconds_max 小于 notify.retry_seconds_first",
                "key notify.retry_seconds_max is below notify.retry_seconds_first",
            ),
            where=where,
            remedy=Text("请调大", "raise it"),
        )


def _check_who_listens(settings: Settings, where: str) -> None:
    """Raise SettingsError where passwords would cross a network in the clear."""
    values = settings.dashboard
    if (values.tls_certificate_file is None) != (values.tls_key_file is None):
        raise SettingsError(
            Text(
                "键 dashboard.tls_certificate_file 和 tls_key_file 只写了一个",
                "of the keys dashboard.tls_certificate_file and tls_key_file one is missing",
            ),
            where=where,
            remedy=Text("请两个都写，或都不写", "give both or neither"),
        )
    if is_loopback(values.host) or values.tls_certificate_file or values.plain_http_allowed:
        return
    raise SettingsError(
        Text(
            f"键 dashboard.host 为 {values.host!r}，但没有 TLS：密码会在网络上明文传输",
            f"key dashboard.host is {values.host!r} without TLS: passwords would cross the network in the clear",
        ),
        where=where,
        remedy=Text(
            "请设置 tls_certificate_file 和 tls_key_file；或留 127.0.0.1 并放在反向代理之后（见 deploy/）；"
            "自担风险时 plain_http_allowed = true",
            "set tls_certificate_file and tls_key_file; or stay on 127.0.0.1 behind a proxy (see deploy/); "
            "at your own risk plain_http_allowed = true",
        ),
    )


def is_loopback(host: str) -> bool:
    """Return whether only this computer can reach a host or come from an address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, True, False)
    """
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
