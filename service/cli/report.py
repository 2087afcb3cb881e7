"""`report`: what overran, what was asked and what it brought, for a day, a week or any span."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from grid.errors import RedvestError, UsageError
from grid.os_reasons import os_reason
from grid.text import Text
from grid.timestamps import as_datetime
from service.cli.options import AsJson, Config, Speak, opened, timestamp_of
from service.cli.screen import Column, Screen, utc
from service.reports.figures import Report, report_of
from service.reports.tables import report_html, report_xlsx, tables_of, title_of


def report(
    days: Annotated[int, typer.Option("--days", min=1, help="So many whole days up to today; 7 is a week.")] = 1,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="First moment, not --days.")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Last moment; else now.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write it as a page to print.")] = None,
    xlsx: Annotated[Path | None, typer.Option("--xlsx", metavar="FILE", help="Write it as a workbook.")] = None,
    config: Config = None,
    language: Speak = None,
    as_json: AsJson = False,
) -> None:
    """报告 · What overran, what was asked, what it brought, who was not reached: by grid, and the burden on shops."""
    with opened(config, language, as_json) as (container, screen):
        stations = container.records.ledger().stations
        zone = ZoneInfo(stations[0].timezone if stations else "Asia/Shanghai")
        last = timestamp_of(until, "--to")
        last = container.clock.now_us() if last is None else last
        first = timestamp_of(since, "--from")
        if first is None:
            today = as_datetime(last, zone).date()
            first = round(datetime.combine(today - timedelta(days=days - 1), time(), zone).timestamp() * 1e6)
        if first >= last:
            raise UsageError(
                Text("起始时间不早于结束时间", "the first moment is not before the last"),
                where="--from",
                remedy=Text("请把 --to 写得晚一些", "give a later --to"),
            )
        found = report_of(container.records, first, last)
        if as_json:
            _lines(found, screen)
        else:
            screen.say(title_of(found, zone))
            for table in tables_of(found, screen.language):
                screen.table(table.title, [Column(column) for column in table.columns], table.rows)
        if html is not None:
            _write(html, report_html(found, screen.language, zone).encode(), screen)
        if xlsx is not None:
            _write(xlsx, report_xlsx(found, screen.language, zone), screen)


def _lines(found: Report, screen: Screen) -> None:
    span = {"from": utc(found.from_us), "to": utc(found.to_us)}
    for grid in found.grids:
        screen.line(kind="grid", **span, **vars(grid))
    screen.line(
        kind="season",
        **span,
        visits=found.visits,
        successes=found.successes,
        visits_per_success=found.visits_per_success,
        merchants_asked=found.merchants_asked,
        agreed_kw=found.agreed_kw,
        kw_per_visit=found.kw_per_visit,
    )
    for burden in found.burdens:
        screen.line(kind="merchant", **span, **vars(burden))


def _write(file: Path, content: bytes, screen: Screen) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        raise RedvestError(
            Text(f"无法写入（{os_reason(error).zh}）", f"cannot be written ({error.strerror or error})"),
            where=str(file),
            remedy=Text("请换一个文件名", "name another file"),
        ) from error
    screen.say(Text(f"已写入 {file}", f"written: {file}"))
