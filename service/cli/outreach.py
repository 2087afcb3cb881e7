"""`incidents`, `outreach` and `visit`: what is heavy, whose door, and what the visit brought."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text as Styled

from alerts.model.display_names import level_name, state_name, visit_result_name
from alerts.model.outreach_model import VisitResult
from alerts.outreach.ask import ask_state_name
from grid.errors import RedvestError
from grid.os_reasons import os_reason
from grid.text import Language, Text
from service.cli.options import AsJson, Config, Speak, opened
from service.cli.screen import Column, Screen, local, percent, utc
from service.queries.answers import DoorRow, IncidentPage

_INCIDENTS = (
    Column(Text("事件", "incident")),
    Column(Text("台区", "transformer")),
    Column(Text("等级", "level")),
    Column(Text("状态", "state")),
    Column(Text("发现", "opened")),
    Column(Text("发现时", "at opening"), right=True),
    Column(Text("峰值", "peak"), right=True),
    Column(Text("最近", "last"), right=True),
    Column(Text("结束", "closed")),
)
_DOORS = (
    Column(Text("序", "no."), right=True),
    Column(Text("商户", "merchant")),
    Column(Text("名称", "name")),
    Column(Text("地址", "address")),
    Column(Text("请其", "ask")),
    Column(Text("预计 kW", "expected kW"), right=True),
    Column(Text("谁去", "goes")),
    Column(Text("结果", "result")),
)
_BLIND = Text("读数中断", "no readings")
_NO_VOLTAGE = Text("停电", "no voltage")


class NoList(RedvestError):
    """The incident has no outreach list. The answer is "no"."""


def incidents(
    open_only: Annotated[bool, typer.Option("--open", help="Only those that are open.")] = False,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """事件 · Incidents, newest first."""
    with opened(config, language, as_json) as (container, screen):
        rows = []
        for row in container.queries.incidents(open_only=open_only):
            incident = row.incident
            if as_json:
                screen.line(
                    incident_id=incident.incident_id,
                    transformer_id=incident.transformer_id,
                    level=incident.level,
                    state=incident.state.value,
                    opened_at=utc(incident.opened_at_us),
                    opened_load_rate=incident.opened_load_rate,
                    peak_load_rate=incident.peak_load_rate,
                    peak_at=utc(incident.peak_at_us),
                    last_load_rate=incident.last_load_rate,
                    closed_at=utc(incident.closed_at_us),
                    blind=incident.blind,
                    no_voltage_since=utc(incident.no_voltage_since_us),
                )
                continue
            level = level_name(incident.level)
            if row.active_only:
                level = Text(f"{level.zh}（仅有功）", f"{level.en} (active only)")
            state = _BLIND if incident.blind else state_name(incident.state)
            if incident.no_voltage_since_us is not None:
                state = _NO_VOLTAGE
            rows.append(
                [
                    incident.incident_id,
                    row.transformer.name,
                    level,
                    state,
                    local(incident.opened_at_us, row.zone),
                    percent(incident.opened_load_rate, container.queries.ladder),
                    percent(incident.peak_load_rate, container.queries.ladder),
                    percent(incident.last_load_rate, container.queries.ladder),
                    local(incident.closed_at_us, row.zone),
                ]
            )
        if rows:
            screen.table(Text("事件", "Incidents"), _INCIDENTS, rows)
        else:
            screen.say(Text("没有未结事件。" if open_only else "没有事件。", "There is no incident."))


def outreach(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="incident_id, or a part that fits only one.")],
    xlsx: Annotated[
        Path | None, typer.Option("--xlsx", metavar="FILE", help="Write the list as an Excel sheet.")
    ] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the list for printing.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """走访名单 · Whose door, what to ask, why, and what came of it."""
    with opened(config, language, as_json) as (container, screen):
        page = container.queries.incident(incident)
        if page.outreach is None:
            raise NoList(
                Text(
                    f"事件 {page.row.incident.incident_id} 还没有走访名单",
                    f"incident {page.row.incident.incident_id} has no outreach list yet",
                ),
                remedy=Text("采集程序在运行吗？名单由它生成", "is the collector running? It makes the list"),
            )
        if as_json:
            _lines(page, screen)
        else:
            _table(page, screen)
        if xlsx:
            _write(page, xlsx, screen, "xlsx")
        if pdf:
            _write(page, pdf, screen, "pdf")


def visit(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="incident_id, or a part that fits only one.")],
    merchant: Annotated[str, typer.Argument(metavar="MERCHANT", help="merchant_id of the list.")],
    result: Annotated[VisitResult, typer.Option("--result", help="What the visit brought.")],
    by: Annotated[str, typer.Option("--by", metavar="PERSON", help="person_id of who was there.")],
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """登记走访 · Record what a visit brought."""
    with opened(config, language, as_json) as (container, screen):
        found = container.queries.find_incident(incident)
        recorded = container.visit_recorder.record_visit(found.incident_id, merchant, result, by)
        if as_json:
            screen.line(
                incident_id=recorded.incident_id,
                merchant_id=recorded.merchant_id,
                result=recorded.result.value,
                recorded_at=utc(recorded.recorded_at_us),
            )
        words = visit_result_name(recorded.result)
        screen.say(
            Text(
                f"已登记：{recorded.merchant_id}，{words.zh}（事件 {recorded.incident_id}）",
                f"recorded: {recorded.merchant_id} {words.en} (incident {recorded.incident_id})",
            )
        )


def _lines(page: IncidentPage, screen: Screen) -> None:
    made = page.outreach
    assert made is not None
    screen.line(
        incident_id=made.incident_id,
        needed_kw=made.needed_kw,
        target_load_rate=made.target_load_rate,
        probability=made.probability,
        reached_probability=made.reached_probability,
        load_rate=made.load_rate,
        made_at=utc(made.made_at_us),
        revision=made.revision,
        ask_state=page.ask.state.value if page.ask else None,
        ask_since=utc(page.ask.since_us) if page.ask else None,
        advice=page.advice.kind.value if page.advice else None,
        advice_text=page.advice.text if page.advice else None,
        wait_minutes=page.advice.wait_minutes if page.advice else None,
        released={one.merchant_id: utc(one.released_at_us) for one in page.releases},
    )
    for row in page.doors:
        screen.line(
            incident_id=row.incident_id,
            order=row.door.order,
            merchant_id=row.door.merchant_id,
            ask=row.ask,
            expected_relief_kw=row.door.expected_relief_kw,
            assigned_to=row.door.assigned_to or None,
            reason=row.door.reason,
            result=row.result.value if row.result else None,
        )


def _table(page: IncidentPage, screen: Screen) -> None:
    made = page.outreach
    assert made is not None
    title = Text(f"走访名单 {page.row.called}", f"Outreach list {page.row.called}")
    screen.table(title, _DOORS, [_door(row) for row in page.doors])
    screen.say(page.reason)
    screen.say(
        Text(
            f"需降 {made.needed_kw:.1f} kW，目标负载率 {made.target_load_rate:.0%}；"
            f"名单达标概率 {made.reached_probability:.0%}（要求 {made.probability:.0%}）",
            f"{made.needed_kw:.1f} kW needed, target load rate {made.target_load_rate:.0%}; "
            f"the list reaches it with {made.reached_probability:.0%} (asked for: {made.probability:.0%})",
        )
    )
    if made.reason.en:
        screen.say(made.reason)
    if page.ask is not None:
        state = ask_state_name(page.ask.state)
        count = len(page.releases)
        told_zh, told_en = (f"；已通知 {count} 户恢复", f"; {count} told to switch back") if count else ("", "")
        screen.say(Text(f"走访状态：{state.zh}{told_zh}", f"asking: {state.en}{told_en}"))
    if page.advice is not None:
        screen.say(page.advice.text)


def _door(row: DoorRow) -> list[object]:
    return [
        row.door.order,
        row.door.merchant_id,
        row.merchant_name,
        row.address,
        row.ask,
        f"{row.door.expected_relief_kw:.1f}",
        row.assigned_to_name,
        visit_result_name(row.result) if row.result else Styled("–"),
    ]


def _write(page: IncidentPage, file: Path, screen: Screen, kind: str) -> None:
    from service.exports.exports import outreach_pdf, outreach_xlsx

    language: Language = screen.language
    try:
        if kind == "xlsx":
            outreach_xlsx(page, file, language)
        else:
            outreach_pdf(page, file, language)
    except OSError as error:
        raise RedvestError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror or error})"),
            where=str(file),
            remedy=Text("请换一个文件名", "name another file"),
        ) from error
    screen.say(Text(f"已写入 {file}", f"written: {file}"))
