"""A report as tables: for the terminal, a page to print and a workbook, in one language. Nothing in it is markup."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import tzinfo
from html import escape

import xlsxwriter

from alerts.figures import day_and_time, kilowatts, percent
from grid.text import Language, Text
from service.reports.figures import Report

_BY_GRID = Text("各网格", "By service grid")
_SEASON = Text("走访情况", "Asking")
_BURDEN = Text("被走访最多的商户", "Merchants asked most")
_GRID_COLUMNS = (
    Text("网格", "grid"),
    Text("责任人", "responsible"),
    Text("事件", "incidents"),
    Text("其中过载", "overload"),
    Text("有人处理", "taken"),
    Text("越限分钟", "minutes above"),
    Text("峰值", "peak"),
    Text("峰值台区", "at"),
    Text("名单户数", "doors"),
    Text("已走访", "visited"),
    Text("同意", "agreed"),
    Text("拒绝", "refused"),
    Text("不在", "absent"),
    Text("未见到", "not reached"),
    Text("承诺 kW", "promised kW"),
)
_SEASON_COLUMNS = (Text("指标", "figure"), Text("数值", "value"))
_BURDEN_COLUMNS = (Text("商户编号", "merchant"), Text("被走访", "asked"), Text("同意", "agreed"))
_NOTE = Text(
    "承诺 kW 是商户答复时的预计值；实际效果见 redvest effect。有数据中断的事件，时长只算到最后一次读数。",
    "Promised kW are expectations from the answers; what was measured: redvest effect. The time of an incident whose "
    "readings stopped ends with its last reading.",
)
_STYLE = (
    "body{font-family:'Noto Sans','Noto Sans CJK SC','PingFang SC','Microsoft YaHei',sans-serif;margin:1.5cm;"
    "color:#16202c}table{border-collapse:collapse;margin:.4rem 0 1.2rem;font-size:.85rem}"
    "th,td{border:1px solid #9aa5b1;padding:.2rem .5rem;text-align:left;vertical-align:top}th{background:#eef2f5}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}@page{size:A4 landscape;margin:1.2cm}"
)


@dataclass(frozen=True)
class ReportTable:
    """One table of a report."""

    title: Text
    columns: tuple[Text, ...]
    rows: tuple[tuple[str | float | int, ...], ...]


def title_of(report: Report, zone: tzinfo) -> Text:
    """Return what a report is of."""
    start, end = day_and_time(report.from_us, zone), day_and_time(report.to_us, zone)
    return Text(f"负荷走访报告：{start.zh} 至 {end.zh}", f"Load and outreach, {start.en} to {end.en}")


def tables_of(report: Report, language: Language) -> tuple[ReportTable, ...]:
    """Return the tables of a report."""
    grids = tuple(
        (
            grid.grid_name or grid.grid_id or "—",
            grid.responsible or "—",
            grid.incidents,
            grid.overloads,
            grid.taken,
            round(grid.minutes_above),
            percent(grid.peak_load_rate).to(language),
            grid.peak_transformer_id,
            grid.doors,
            grid.asked,
            grid.agreed,
            grid.refused,
            grid.absent,
            grid.not_reached,
            round(grid.agreed_kw, 1),
        )
        for grid in report.grids
    )
    per_success, kw_per_visit = report.visits_per_success, report.kw_per_visit
    season = (
        (Text("走访次数", "visits").to(language), report.visits),
        (Text("同意次数", "agreements").to(language), report.successes),
        (
            Text("每次同意需走访", "visits per agreement").to(language),
            "—" if per_success is None else f"{per_success:.2f}",
        ),
        (Text("涉及商户", "merchants asked").to(language), report.merchants_asked),
        (Text("承诺合计", "promised in all").to(language), kilowatts(report.agreed_kw)),
        (
            Text("每次走访承诺", "promised per visit").to(language),
            "—" if kw_per_visit is None else kilowatts(kw_per_visit),
        ),
    )
    burden = tuple((each.merchant_id, each.asks, each.agreed) for each in report.burdens)
    return (
        ReportTable(_BY_GRID, _GRID_COLUMNS, grids),
        ReportTable(_SEASON, _SEASON_COLUMNS, season),
        ReportTable(_BURDEN, _BURDEN_COLUMNS, burden),
    )


def report_html(report: Report, language: Language, zone: tzinfo) -> str:
    """Return a report as one page to print: no script, nothing fetched from anywhere."""
    title = escape(title_of(report, zone).to(language))
    parts = []
    for table in tables_of(report, language):
        head = "".join(f"<th>{escape(column.to(language))}</th>" for column in table.columns)
        rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
        parts.append(f"<h2>{escape(table.title.to(language))}</h2><table><tr>{head}</tr>{rows}</table>")
    return (
        f'<!doctype html><html lang="{language.value}"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{''.join(parts)}"
        f"<p>{escape(_NOTE.to(language))}</p></body></html>"
    )


def _cell(value: str | float | int) -> str:
    return f"<td>{escape(value)}</td>" if isinstance(value, str) else f'<td class="n">{value:,}</td>'


def report_xlsx(report: Report, language: Language, zone: tzinfo) -> bytes:
    """Return a report as a workbook, a sheet for each table. No cell can become a formula."""
    packed = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(packed, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#EEF2F5", "border": 1, "text_wrap": True})
        cell = book.add_format({"border": 1, "valign": "top", "quote_prefix": True})
        number = book.add_format({"border": 1, "valign": "top"})
        for table in tables_of(report, language):
            page = book.add_worksheet(table.title.to(language))
            page.set_landscape()
            page.fit_to_pages(1, 0)
            page.write_string(0, 0, title_of(report, zone).to(language), book.add_format({"bold": True}))
            for column, called in enumerate(table.columns):
                page.write_string(2, column, called.to(language), head)
                page.set_column(column, column, 14)
            for line, row in enumerate(table.rows, 3):
                for column, value in enumerate(row):
                    if isinstance(value, str):
                        page.write_string(line, column, value, cell)
                    else:
                        page.write_number(line, column, value, number)
            page.freeze_panes(3, 1)
    return packed.getvalue()
