"""`alarms`: what people were told, held against EEMUA 191."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from alerts.figures import whole_percent
from alerts.notification.audit import (
    FLOOD_ALARMS_MIN,
    STEADY_ALARMS_MAX,
    AuditedIncident,
    FlappingTransformer,
    LateAlarm,
    OperatorLoad,
    RepeatedAlarm,
)
from alerts.notification.audit_words import FORMULA, audit_summary, finding
from grid.errors import UsageError
from grid.text import Text
from service.cli.options import AsJson, Config, Speak, opened, timestamp_of
from service.cli.screen import Column, Screen, local, utc
from service.queries.alarm_audit import AUDITED_US, AuditedAlarms

FOUND = 1
"""Exit code when something is to be mended."""
_OPERATORS = (
    Column(Text("供电所", "station")),
    Column(Text("通知", "messages"), right=True),
    Column(Text("平均每 10 分钟", "mean per 10 min"), right=True),
    Column(Text("最多每 10 分钟", "most in 10 min"), right=True),
    Column(Text("最忙时段", "busiest from")),
    Column(Text(f"超过 {STEADY_ALARMS_MAX} 条的时段", f"above {STEADY_ALARMS_MAX}"), right=True),
    Column(Text(f"洪泛（≥ {FLOOD_ALARMS_MIN} 条）", f"flood (≥ {FLOOD_ALARMS_MIN})"), right=True),
)
_CLEAN = Text("没有发现问题。", "Nothing to mend.")


def alarms(
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First moment; else 24 hours before the last.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last moment; else now.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """告警自查 · What people were told, against EEMUA 191: how much, how steady, how late, what was never told."""
    with opened(config, language, as_json) as (container, screen):
        last = timestamp_of(until, "--to") or container.clock.now_us()
        first = timestamp_of(since, "--from")
        first = last - AUDITED_US if first is None else first
        if first >= last:
            raise UsageError(
                Text("起始时间不早于结束时间", "the first moment is not before the last"),
                where="--from",
                remedy=Text("请把 --to 写得晚一些", "give a later --to"),
            )
        found = container.queries.alarms(first, last)
        if as_json:
            _lines(found, screen)
        else:
            _table(found, screen)
        if not found.audit.is_clean:
            raise typer.Exit(FOUND)


def _lines(found: AuditedAlarms, screen: Screen) -> None:
    audit, zone = found.audit, ZoneInfo(found.zone)
    for load in audit.operators:
        screen.line(
            kind="operator",
            station_id=load.operator,
            **{"from": utc(audit.from_us), "to": utc(audit.to_us)},
            alarms=load.messages,
            windows=audit.windows,
            mean_per_10_minutes=load.mean_per_window,
            most_in_10_minutes=load.most_in_window,
            most_from=utc(load.worst_window_at_us),
            share_above_1=load.share_above_steady,
            share_flood=load.share_flood,
        )
    for flapping in audit.flapping:
        screen.line(
            kind="flapping",
            transformer_id=flapping.transformer_id,
            openings=flapping.openings,
            first_at=utc(flapping.first_at_us),
            reason=finding(flapping, zone),
        )
    for repeated in audit.repeated:
        screen.line(
            kind="repeated",
            station_id=repeated.operator,
            key=repeated.key,
            times=repeated.times,
            reason=finding(repeated, zone),
        )
    for late in audit.late:
        screen.line(
            kind="late",
            incident_id=late.incident_id,
            transformer_id=late.transformer_id,
            opened_at=utc(late.opened_at_us),
            told_at=utc(late.told_at_us),
            reason=finding(late, zone),
        )
    for missed in audit.missed:
        screen.line(
            kind="missed",
            incident_id=missed.incident_id,
            transformer_id=missed.transformer_id,
            station_id=missed.operator,
            opened_at=utc(missed.opened_at_us),
            reason=finding(missed, zone),
        )


def _table(found: AuditedAlarms, screen: Screen) -> None:
    audit, zone = found.audit, ZoneInfo(found.zone)
    rows = [_row(load, found) for load in audit.operators]
    screen.table(Text("告警自查", "Alarm audit"), _OPERATORS, rows)
    screen.say(audit_summary(audit, zone))
    screen.say(FORMULA)
    findings: list[FlappingTransformer | RepeatedAlarm | LateAlarm | AuditedIncident] = [
        *audit.flapping,
        *audit.repeated,
        *audit.late,
        *audit.missed,
    ]
    for one in findings:
        screen.say(finding(one, zone))
    if audit.is_clean:
        screen.say(_CLEAN)


def _row(load: OperatorLoad, found: AuditedAlarms) -> list[object]:
    return [
        found.station_names.get(load.operator, load.operator),
        load.messages,
        f"{load.mean_per_window:.2f}",
        load.most_in_window,
        local(load.worst_window_at_us, found.zone),
        whole_percent(load.share_above_steady),
        whole_percent(load.share_flood),
    ]
