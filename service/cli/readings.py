"""`curve`, `rejects` and `gaps`: what the readings store has, what it refused, and what it lacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from alerts.model.display_names import basis_name
from grid.electrical import Basis
from grid.errors import LedgerError, UsageError
from grid.text import Text
from grid.timestamps import DAY_US
from service.cli.options import AsJson, Config, Speak, opened, span_of, timestamp_of
from service.cli.screen import Column, Screen, local, percent, utc
from service.container import Container

_CURVE = (
    Column(Text("量测时间", "measured")),
    Column(Text("负载率", "load rate"), right=True),
    Column(Text("A 相", "phase A"), right=True),
    Column(Text("B 相", "phase B"), right=True),
    Column(Text("C 相", "phase C"), right=True),
    Column(Text("视在功率 kVA", "apparent power kVA"), right=True),
    Column(Text("依据", "basis")),
)
_REJECTS = (
    Column(Text("收到", "received")),
    Column(Text("主题", "topic")),
    Column(Text("原因", "reason")),
    Column(Text("字段", "field")),
    Column(Text("说明", "detail")),
    Column(Text("摘要", "sha256")),
)
_GAPS = (
    Column(Text("台区", "transformer")),
    Column(Text("最后一个读数", "last reading before")),
    Column(Text("下一个读数", "first reading behind")),
    Column(Text("缺", "missing"), right=True),
    Column(Text("当时", "what happened then")),
    Column(Text("已补齐", "filled")),
)
_CAUSES = {
    "by_the_clock": Text("每小时核对", "the hourly search"),
    "collector_started": Text("采集服务启动", "the collector started"),
    "reconnected": Text("重新连上消息服务器", "connected to the broker again"),
    "broker_lost_session": Text("消息服务器丢失会话", "the broker lost our session"),
}


def curve(
    transformer: Annotated[str, typer.Argument(metavar="TRANSFORMER", help="transformer_id of the ledger.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="First moment, such as 2021-07-24T11:00:00+08:00.")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last moment.")] = None,
    step: Annotated[
        str | None,
        typer.Option("--step", metavar="SPAN", help="One row per 90s, 15m, 2h …: the heaviest reading in it."),
    ] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """负载率曲线 · Load-rate curve from the store; without times, the last 24 hours that have readings."""
    with opened(config, language, as_json) as (container, screen):
        first, last = timestamp_of(since, "--from"), timestamp_of(until, "--to")
        step_us = span_of(step, "--step") if step else None
        zone = _zone_of(container, transformer)
        if last is None:
            last = _newest_reading_us(container, transformer) if first is None else container.clock.now_us()
        if first is None:
            first = last - DAY_US
        if first > last:
            raise UsageError(
                Text("起始时间晚于结束时间", "the first moment is after the last"),
                where="--from",
                remedy=Text("请对调 --from 和 --to", "swap --from and --to"),
            )
        found = container.queries.curve(transformer, first, last, step_us)
        levels = container.queries.ladder
        rows = []
        for i, measured_at_us in enumerate(found.measured_at_us.tolist()):
            basis = Basis(int(found.basis[i]))
            phases = [float(rate) for rate in found.phase_load_rate[i]]
            if as_json:
                screen.line(
                    transformer_id=transformer,
                    measured_at=utc(measured_at_us),
                    load_rate=float(found.load_rate[i]),
                    phase_load_rate=phases,
                    apparent_power_kva=float(found.apparent_power_kva[i]),
                    basis=basis.label,
                )
                continue
            rows.append(
                [
                    local(measured_at_us, zone),
                    percent(float(found.load_rate[i]), levels),
                    *(percent(rate, levels) for rate in phases),
                    f"{found.apparent_power_kva[i]:.1f}",
                    basis_name(basis),
                ]
            )
        if rows:
            screen.table(Text(f"{transformer} 负载率曲线", f"Load rate of {transformer}"), _CURVE, rows)
        elif not len(found):
            screen.note(Text("这段时间没有读数。", "There are no readings in this time."))


def rejects(
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most, newest first.")] = 100,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Only those received since this moment.")
    ] = None,
    take: Annotated[
        bool, typer.Option("--take", help="Have the collector take refused messages again, whatever their age.")
    ] = False,
    reason: Annotated[
        list[str] | None,
        typer.Option("--reason", metavar="REASON", help="With --take: of these reasons; else time_too_old."),
    ] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """拒收记录 · What was refused and why, newest first; single values too that are missing in readings taken."""
    with opened(config, language, as_json) as (container, screen):
        if take:
            _take_again(container, screen, timestamp_of(since, "--since"), reason or [])
            return
        zone = _first_zone(container)
        rows = []
        for reject in container.queries.rejects(limit, timestamp_of(since, "--since"), with_values=True):
            if as_json:
                screen.line(
                    received_at=utc(reject.received_at_us),
                    topic=reject.topic,
                    reason=reject.reason,
                    field=reject.field,
                    sha256=reject.sha256,
                    taken=reject.taken,
                    detail=reject.detail,
                )
                continue
            rows.append(
                [
                    local(reject.received_at_us, zone),
                    reject.topic,
                    reject.words,
                    reject.field,
                    reject.detail,
                    reject.sha256[:12],
                ]
            )
        if rows:
            screen.table(Text("拒收记录", "Refused payloads"), _REJECTS, rows)
        else:
            screen.say(Text("没有拒收记录。", "Nothing was refused."))


def _take_again(container: Container, screen: Screen, since_us: int | None, reasons: Sequence[str]) -> None:
    """Leave the request to the collector, the one process that writes the journal."""
    from service.collecting.rejects_again import TakeRequest, ask_to_take, reasons_of
    from stores.journal.journal import REJECTS_ROWS_MAX

    journal = container.journal_reader()
    from_us = since_us if since_us is not None else -(2**62)
    wanted = reasons_of(reasons)
    up_to_no = journal.last_reject() if journal else 0
    found = len(journal.rejects_between(0, up_to_no, wanted, from_us, REJECTS_ROWS_MAX)) if journal else 0
    if screen.as_json:
        screen.line(asked=found)
    screen.say(
        Text(
            f"将重新接收 {found} 条被拒收的消息（由采集程序进行，未运行则在下次启动时）",
            f"{found} refused messages will be taken again, by the collector or when it is started next",
        )
    )
    if not found:
        raise typer.Exit(1)
    ask_to_take(container.records, TakeRequest(wanted, from_us, 0, up_to_no))


def gaps(
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many at most, newest first.")] = 1000,
    everything: Annotated[bool, typer.Option("--all", help="Those too that were filled since.")] = False,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """缺数清单 · Readings that are missing between others since broker or collector was away."""
    with opened(config, language, as_json) as (container, screen):
        zone = _first_zone(container)
        journal = container.journal_reader()
        listed = journal.gaps(limit, open_only=not everything) if journal else ()
        name_of = {number: name for name, number in journal.all_numbers().items()} if journal and listed else {}
        rows = []
        for gap in listed:
            name = name_of[gap.transformer]
            if as_json:
                screen.line(
                    transformer_id=name,
                    after=utc(gap.after_us),
                    before=utc(gap.before_us),
                    missing=gap.missing,
                    cause=gap.cause,
                    found_at=utc(gap.found_at_us),
                    filled_at=utc(gap.filled_at_us),
                )
                continue
            after, before = local(gap.after_us, zone), local(gap.before_us, zone)
            cause = _CAUSES.get(gap.cause, Text(gap.cause, gap.cause))
            rows.append([name, after, before, gap.missing, cause, local(gap.filled_at_us, zone)])
        if rows:
            screen.table(Text("缺数清单", "Missing readings"), _GAPS, rows)
        elif not listed:
            screen.say(Text("没有发现缺数。", "No readings are known to be missing."))


def _zone_of(container: Container, transformer_id: str) -> str:
    ledger = container.records.ledger()
    if not ledger.transformers:
        raise LedgerError(
            Text("台账里没有台区", "the ledger has no transformer"),
            remedy=Text("请导入：redvest ledger import 目录", "import one: redvest ledger import DIR"),
        )
    transformer = ledger.transformer(transformer_id)
    if transformer is None:
        some = ", ".join(t.transformer_id for t in ledger.transformers[:5])
        raise UsageError(
            Text(f"台账里没有台区 {transformer_id!r}", f"the ledger knows no transformer {transformer_id!r}"),
            remedy=Text(f"台账里有 {some} 等", f"it knows such as {some}"),
        )
    return next(s.timezone for s in ledger.stations if s.station_id == transformer.station_id)


def _first_zone(container: Container) -> str:
    stations = container.records.ledger().stations
    return stations[0].timezone if stations else "UTC"


def _newest_reading_us(container: Container, transformer_id: str) -> int:
    journal = container.journal_reader()
    if journal is not None:
        number = journal.numbers([transformer_id]).get(transformer_id)
        latest = journal.latest()
        mine = latest.measured_at_us[latest.transformer == number] if number is not None else []
        if len(mine):
            return int(mine[0])
    return container.clock.now_us()
