"""`channels`: the ways that messages go, how each fares, a test message, and what was given up sent once more."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from alerts.model.kinds import LevelName, MessageKind
from alerts.notification.delivery_words import channel_test
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.on_duty import Roster
from grid.assets import Ledger
from grid.errors import UsageError
from grid.text import Text
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, utc
from service.container import Container
from service.notify.channels.make import Channel
from service.notify.channels.notice import NotDelivered, Notice
from service.notify.templates import filled, read_templates
from service.queries.channels import CHANNEL_STATES, DEAD_SHOWN_MAX

NOT_DELIVERED = 1
_TEST_NUMBER = 0
_COLUMNS = (
    Column(Text("渠道", "channel")),
    Column(Text("类型", "kind")),
    Column(Text("供电所", "stations")),
    Column(Text("状态", "state")),
    Column(Text("待发", "waiting"), right=True),
    Column(Text("送不到", "undeliverable"), right=True),
    Column(Text("最近的错误", "last error")),
)
_ALL = Text("全部", "all")

channels = typer.Typer(
    help="通知渠道 · How people are told: channels, their state, a test, what could not be delivered."
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Channel, as `redvest channels` lists it.")]


@channels.callback(invoke_without_command=True)
def list_channels(
    context: typer.Context, config: Config = None, language: Speak = None, as_json: AsJson = False
) -> None:
    """通知渠道 · The channels: kind, stations, state, what waits, what could not be delivered."""
    if context.invoked_subcommand is not None:
        return
    with opened(config, language, as_json) as (container, screen):
        rows = container.channel_rows()
        if as_json:
            for row in rows:
                screen.line(
                    channel=row.channel,
                    kind=row.kind,
                    stations=list(row.stations),
                    grids=list(row.grids),
                    state=row.state.value,
                    waiting=row.waiting,
                    dead=row.dead,
                    last_error=row.last_error,
                )
            return
        table: list[list[object]] = [
            [
                row.channel,
                row.kind,
                ", ".join((*row.stations, *row.grids)) or _ALL,
                CHANNEL_STATES[row.state],
                row.waiting,
                row.dead,
                row.last_error,
            ]
            for row in rows
        ]
        screen.table(Text("通知渠道", "Channels"), _COLUMNS, table)


@channels.command("test")
def send_test(name: NameArgument, config: Config = None, language: Speak = None, as_json: AsJson = False) -> None:
    """试发 · Send a test message on one channel now, and say whether it was taken; exit 1 if not."""
    with opened(config, language, as_json) as (container, screen):
        channel = _channel(container, name)
        notice = Notice(
            number=_TEST_NUMBER,
            kind=MessageKind.TEST,
            station_id="",
            incident_id=None,
            text=channel_test(name),
            link=container.settings.link,
            created_at_us=container.clock.now_us(),
        )
        error = ""
        try:
            channel.make(sys.stderr).send(notice)
        except NotDelivered as reason:
            error = reason.reason
        if as_json:
            screen.line(channel=name, kind=channel.kind, delivered=not error, error=error)
        elif error:
            screen.say(Text(f"{name}：没有送达（{error}）", f"{name}: not delivered ({error})"))
        else:
            screen.say(Text(f"{name}：已送达", f"{name}: delivered"))
        if error:
            raise typer.Exit(NOT_DELIVERED)


@channels.command("preview")
def preview(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="Only this kind of message.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """预览 · What a message of each kind says by the station's own words, with an example, in both languages."""
    with opened(config, language, as_json) as (container, screen):
        templates = read_templates(container.settings.notify.templates_file)
        ledger = container.records.ledger()
        names = {station.station_id: station.name for station in ledger.stations}
        known = [each for each in MessageKind if each not in (MessageKind.GROUP, MessageKind.DIGEST, MessageKind.OTHER)]
        rows: list[list[object]] = []
        for each in known:
            if kind is not None and each != kind:
                continue
            words = filled(_example(each, ledger, container.clock.now_us()), templates, Roster(ledger), names)
            if as_json:
                screen.line(kind=each.value, changed=each in templates, zh=words.zh, en=words.en)
            rows.append([each.value, "✓" if each in templates else "", words.zh, words.en])
        if kind is not None and not rows:
            raise UsageError(
                Text(f"没有 {kind} 这种通知", f"there is no kind of message {kind}"),
                where=Text("预览", "preview"),
                remedy=Text(f"可用的：{'、'.join(known)}", f"the kinds are {', '.join(known)}"),
            )
        if not as_json:
            titles = (Text("类别", "kind"), Text("自定义", "own"), Text("中文", "Chinese"), Text("英文", "English"))
            screen.table(Text("通知用语", "Words of messages"), tuple(Column(title) for title in titles), rows)


def _example(kind: MessageKind, ledger: Ledger, now_us: int) -> NotificationEvent:
    """Return an event to show a template with; about the ledger's first transformer, where there is one."""
    transformer = next(iter(ledger.transformers), None)
    transformer_id = transformer.transformer_id if transformer else "YX06"
    return NotificationEvent(
        key="preview",
        kind=kind,
        station_id=transformer.station_id if transformer else "",
        level=LevelName.SEVERE_HEAVY,
        urgency=Urgency.SEVERE_HEAVY,
        created_at_us=now_us,
        text=Text("（本产品的原话）", "(the product's own sentence)"),
        transformer_id=transformer_id,
        load_rate=0.9533,
        incident_id=f"{transformer_id}-20210724T0300Z-000000",
    )


@channels.command("dead")
def list_dead(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only of this channel.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """送不到的通知 · Messages that were given up, with the reason of each."""
    with opened(config, language, as_json) as (container, screen):
        rows = [
            (message, delivery)
            for message in container.records.dead_messages(name, DEAD_SHOWN_MAX)
            for delivery in message.deliveries
        ]
        if as_json:
            for message, delivery in rows:
                screen.line(
                    number=message.message_no,
                    channel=delivery.channel,
                    kind=message.kind,
                    station_id=message.station_id,
                    incident_id=message.incident_id,
                    created_at=utc(message.created_at_us),
                    attempts=delivery.attempts,
                    error=delivery.last_error,
                    text=message.text,
                )
            return
        header = tuple(
            Column(title)
            for title in (
                Text("编号", "number"),
                Text("渠道", "channel"),
                Text("时间", "time"),
                Text("原因", "reason"),
                Text("内容", "text"),
            )
        )
        table: list[list[object]] = [
            [message.message_no, delivery.channel, utc(message.created_at_us), delivery.last_error, message.text]
            for message, delivery in rows
        ]
        screen.table(Text("送不到的通知", "Undeliverable messages"), header, table)


@channels.command("resend")
def send_again(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only on this channel.")] = None,
    number: Annotated[
        list[int] | None, typer.Option("--message", metavar="NUMBER", help="Only this message; may be repeated.")
    ] = None,
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="Who asks for it; kept in the audit record.")] = "",
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """重发 · Let messages that were given up be tried again, in their old order; exit 1 when there are none."""
    with opened(config, language, as_json) as (container, screen):
        if name is not None:
            _channel(container, name)
        now_us = container.clock.now_us()
        sent = container.records.resend(now_us, by or "command line", name, tuple(number) if number else None)
        if as_json:
            screen.line(channel=name, resent=sent)
        else:
            screen.say(Text(f"{sent} 条通知将重发", f"{sent} messages will be sent again"))
        if not sent:
            raise typer.Exit(NOT_DELIVERED)


def _channel(container: Container, name: str) -> Channel:
    known = {channel.name: channel for channel in container.channels}
    if name not in known:
        raise UsageError(
            Text(f"没有渠道 {name}", f"there is no channel {name}"),
            where=Text("渠道", "channel"),
            remedy=Text(f"可用的渠道：{'、'.join(known)}", f"the channels are {', '.join(known)}"),
        )
    return known[name]
