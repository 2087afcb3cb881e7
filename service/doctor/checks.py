"""What the doctor looks at in one installation: each look returns its detail, or raises what is wrong."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collector.mqtt.connection_errors import PASSWORD_SHOWN, PASSWORD_SHOWN_REMEDY
from grid.errors import BrokerError, SettingsError, StoreError
from grid.os_reasons import os_reason
from grid.text import Text, same
from grid.timestamps import DAY_US, SECOND_US, format_utc, parse_timestamp_us
from service.audit_check import check_audit
from service.clock import SystemClock
from service.container import Container
from service.doctor.broker_probe import probe
from service.metrics.health import ask_collector
from service.monitors.stray_topics import SHOWN_FOR_US, read_stray_topics
from service.notify.channels.make import Channel
from service.settings.sections import ChannelName, ClockKind
from service.settings.settings import Settings, read_secret

FREE_BYTES_MIN = 500 * 1024 * 1024
_TRUSTED_FROM_US = parse_timestamp_us("2024-01-01T00:00:00Z")
_TOPICS_NAMED = 3
_TRUSTED_TO_US = parse_timestamp_us("2100-01-01T00:00:00Z")


def looks(settings: Settings, container: Container) -> Iterator[tuple[str, Callable[[], Text]]]:
    """Yield the checks that need the settings: each returns its detail or raises what is wrong."""
    yield "clock", lambda: _clock(settings, container)
    yield "data folder", lambda: _data_folder(settings)
    yield "journal", lambda: _journal(container)
    yield "records", lambda: _records(container)
    yield "ledger", lambda: _ledger(container)
    yield "rules", lambda: same(", ".join(rule_set.cited for rule_set in container.rule_sets()))
    yield "broker", lambda: _broker(container)
    yield "topics", lambda: _topics(settings, container)
    yield "collector", lambda: _collector(settings)
    yield "outbox", lambda: _outbox(container)
    if settings.influx.enabled:
        yield "influx", lambda: _reachable(settings.influx.url, "influx.url")
    for channel in container.channels:
        yield f"channel {channel.name}", partial(_channel, settings, channel)


def _clock(settings: Settings, container: Container) -> Text:
    real_us = SystemClock().now_us()
    if not _TRUSTED_FROM_US < real_us < _TRUSTED_TO_US:
        raise SettingsError(
            Text(f"本机时间为 {format_utc(real_us)}", f"the computer says it is {format_utc(real_us)}"),
            remedy=Text("请校准时钟，最好使用 NTP", "set its clock, best by NTP"),
        )
    now_us = container.clock.now_us()
    if settings.clock.kind is ClockKind.SCALED:
        told = f"{format_utc(now_us - now_us % SECOND_US)}, x{settings.clock.speed:g}"
        return Text(f"演练时钟：{told}", f"scaled clock: {told}")
    newest = _newest_received_us(container)
    if newest is not None and newest > now_us + DAY_US:
        raise SettingsError(
            Text(
                f"现在是 {format_utc(now_us)}，却有 {format_utc(newest)} 收到的读数",
                f"it is {format_utc(now_us)}, but readings were received at {format_utc(newest)}",
            ),
            remedy=Text("时钟被拨回过吗？请校准，最好使用 NTP", "has the clock been set back? Set it, best by NTP"),
        )
    return same(format_utc(now_us - now_us % SECOND_US))


def _newest_received_us(container: Container) -> int | None:
    try:
        journal = container.journal_reader()
        received = journal.last_received().received_at_us.tolist() if journal else []
    except StoreError:
        return None
    return max(received, default=None)


def _data_folder(settings: Settings) -> Text:
    folder = settings.data.folder
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with TemporaryFile(dir=existing) as file:
            file.write(b"redvest")
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise SettingsError(
            Text(f"{existing} 无法写入（{os_reason(error).zh}）", f"{existing} cannot be written ({error.strerror})"),
            remedy=Text("请给予写权限，或改设 data.folder", "give us the right to, or set data.folder"),
        ) from error
    if free < FREE_BYTES_MIN:
        raise SettingsError(
            Text(f"{folder}：只剩 {free / 1e6:.0f} MB", f"{folder}: only {free / 1e6:.0f} MB free"),
            remedy=Text("请腾出空间，或改设 data.folder", "free some space, or set data.folder"),
        )
    return Text(f"{folder}，可用 {free / 1e9:.1f} GB", f"{folder}, {free / 1e9:.1f} GB free")


def _journal(container: Container) -> Text:
    journal = container.journal_reader()
    if journal is None:
        return Text("尚无读数（采集尚未运行过）", "no readings yet (no collector has run)")
    counts = journal.counts()
    return Text(
        f"{counts.readings} 条读数，{counts.bytes / 1e6:.1f} MB",
        f"{counts.readings} readings, {counts.bytes / 1e6:.1f} MB",
    )


def _records(container: Container) -> Text:
    version = container.records.schema_version()
    container.records.refuse_damaged()
    broken = next(iter(check_audit(container.records, container.audit_anchors).findings), None)
    if broken is not None:
        raise StoreError(
            Text(f"审计记录第 {broken.no} 行被改动过", f"the audit record was changed at row {broken.no}"),
            where=Text("业务记录", "records"),
            remedy=Text(
                "请保留该文件的副本，并查明是谁绕过 redvest 写入的",
                "keep a copy of the file, and find out who wrote to it other than by redvest",
            ),
        )
    # What is looked at, and what nobody can see: a bit that flips inside a value leaves the structure whole.
    return Text(
        f"库结构版本 {version}，文件结构完整，审计链完整；其他表的单个数值没有校验和，其中的位翻转查不出来",
        f"schema version {version}, structure whole, audit chain whole; values of other tables carry no checksum, "
        "a bit that flipped in one is not seen",
    )


def _ledger(container: Container) -> Text:
    ledger = container.records.ledger()
    if not ledger.transformers:
        raise StoreError(
            Text("台账里没有台区", "the ledger has no transformer"),
            remedy=Text("请导入：redvest ledger import 目录", "import one: redvest ledger import DIR"),
        )
    for station in ledger.stations:
        try:
            ZoneInfo(station.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise StoreError(
                Text(
                    f"本机不认识时区 {station.timezone}", f"the computer does not know the time zone {station.timezone}"
                ),
                remedy=Text("请安装 tzdata", "install tzdata"),
            ) from error
    transformers, merchants, people = len(ledger.transformers), len(ledger.merchants), len(ledger.people)
    return Text(
        f"{transformers} 个台区，{merchants} 户商户，{people} 名人员",
        f"{transformers} transformers, {merchants} merchants, {people} people",
    )


def _broker(container: Container) -> Text:
    address = container.broker_address()
    probe(address)
    if address.shows_its_password:
        raise SettingsError(PASSWORD_SHOWN, where=str(address), remedy=PASSWORD_SHOWN_REMEDY)
    return same(f"{address}, MQTT {address.protocol}")


def _topics(settings: Settings, container: Container) -> Text:
    strays = read_stray_topics(settings.data.folder, container.clock.now_us() - SHOWN_FOR_US)
    if not strays:
        return Text("没有发到错误主题的报文", "nothing came on topics that nobody reads")
    named = ", ".join(f"{stray.topic!r} ({stray.messages})" for stray in strays[:_TOPICS_NAMED])
    raise BrokerError(
        Text(
            f"{len(strays)} 个主题有报文，但没有订阅：{named}",
            f"messages came on {len(strays)} topics that no subscription covers: {named}",
        ),
        remedy=Text(
            "请改正设备主题：redvest/v1/{供电所}/{台区}/reading，小写，前面没有斜杠",
            "mend the devices' topics: redvest/v1/{station}/{transformer}/reading, lower case, no slash in front",
        ),
    )


def _collector(settings: Settings) -> Text:
    state = ask_collector(settings)
    if not state.answers:
        return Text("未运行", "not running")
    told = dict(state.details)
    if not state.healthy:
        raise BrokerError(
            Text(f"不正常：{told.get('reasons', '原因不明')}", told.get("reasons", "not healthy")),
            remedy=Text("请查看它的日志；它会自行重试", "see its log; it tries again by itself"),
        )
    return Text(
        f"运行正常，已存 {told.get('stored', '?')} 条读数", f"running, {told.get('stored', '?')} readings stored"
    )


def _outbox(container: Container) -> Text:
    counts = container.records.channel_counts()
    dead = {channel: of for channel, of in counts.items() if of.dead}
    waiting = sum(of.waiting for of in counts.values())
    if dead:
        number = sum(of.dead for of in dead.values())
        where = [f"{channel}: {of.last_error}" for channel, of in dead.items()]
        raise StoreError(
            Text(
                f"{number} 条通知送不到（{'；'.join(where)}）",
                f"{number} messages were given up ({'; '.join(where)})",
            ),
            remedy=Text(
                "请修复该渠道，然后 redvest channels resend 重发；清单见 redvest channels dead",
                "mend the channel, then redvest channels resend; redvest channels dead lists them",
            ),
        )
    return Text(f"{waiting} 条待发", f"{waiting} messages waiting")


def _channel(settings: Settings, channel: Channel) -> Text:
    match channel.kind:
        case ChannelName.TERMINAL.value:
            return Text("采集进程的终端", "the collector's terminal")
        case ChannelName.FILE.value:
            return _file_channel(settings)
        case ChannelName.WEBHOOK.value:
            return _reachable(settings.webhook_url(), "notify.webhook.url")
        case ChannelName.SMTP.value:
            values = settings.notify.smtp
            settings.smtp_password()
            return _reachable(f"smtp://{values.host}:{values.port}", "notify.smtp.host")
        case _:
            channel.make(sys.stderr)  # reads address and secret
            robot = settings.notify.robots[settings.notify.robot_names().index(channel.name)]
            url = read_secret(robot.url_file, "notify.robots url_file") if robot.url_file else ""
            return _reachable(url, f"notify.robots ({channel.name})")


def _file_channel(settings: Settings) -> Text:
    path = settings.notifications_file
    existing = next(part for part in (path, *path.parents) if part.exists())
    if not _may_write(existing):
        raise SettingsError(
            Text(f"{path} 无法写入", f"{path} cannot be written"),
            remedy=Text("请给予写权限，或改设 notify.file.path", "give us the right to, or set notify.file.path"),
        )
    return same(str(path))


def _may_write(path: Path) -> bool:
    try:
        if path.is_dir():
            with TemporaryFile(dir=path):
                return True
        with path.open("ab"):
            return True
    except OSError:
        return False


def _reachable(url: str, key: str) -> Text:
    """Return host and port of an address that takes connections; its path may hold a key and is not shown."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((host, port), 3.0).close()
    except OSError as error:
        raise SettingsError(
            Text(
                f"无法连上 {host}:{port}（{os_reason(error).zh}）",
                f"{host}:{port} cannot be reached ({error.strerror or error})",
            ),
            where=key,
            remedy=Text("请检查对方和网络", "check it and the network"),
        ) from error
    return Text(f"{host}:{port} 可达（未发送消息）", f"{host}:{port} reachable (no message sent)")
