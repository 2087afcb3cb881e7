"""An outreach list as a workbook: facts on top, one row a door, results to choose from, ready to print."""

from __future__ import annotations

import io
from typing import Any

import xlsxwriter

from alerts.model.display_names import visit_result_name
from alerts.outreach.planner import VisitResult
from grid.text import Language, Text
from service.exports.sheet import NOBODY, OutreachSheet, PrintedDoor

_COLUMNS: tuple[tuple[Text, float], ...] = (
    (Text("序", "No."), 5),
    (Text("商户", "Merchant"), 24),
    (Text("地址", "Address"), 26),
    (Text("联系人", "Contact"), 10),
    (Text("电话（遮蔽）", "Phone (masked)"), 15),
    (Text("请他做什么", "What to ask"), 36),
    (Text("可降 kW", "Offer kW"), 9),
    (Text("预计 kW", "Expected kW"), 9),
    (Text("谁去", "Goes"), 12),
    (Text("结果", "Result"), 12),
    (Text("时间", "Time"), 9),
    (Text("理由", "Why this door"), 52),
    (Text("商户编号", "merchant_id"), 14),
)
_RESULT_COLUMN = 9
_NAME = Text("走访名单", "Outreach list")


def sheet_xlsx(sheet: OutreachSheet, language: Language) -> bytes:
    """Return the workbook. Texts are written as texts and marked so: no cell can become a formula."""
    packed = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(packed, options) as book:
        words = {"quote_prefix": True, "valign": "top", "text_wrap": True}
        looks = {
            "title": book.add_format({"bold": True, "font_size": 18, "quote_prefix": True}),
            "label": book.add_format({"font_color": "#444444", "quote_prefix": True}),
            "fact": book.add_format({"bold": True, "quote_prefix": True}),
            "note": book.add_format({"quote_prefix": True}),
            "head": book.add_format({**words, "bold": True, "bg_color": "#EEF2F5", "border": 1}),
            "cell": book.add_format({**words, "border": 1}),
            "strong": book.add_format({**words, "border": 1, "bold": True}),
            "number": book.add_format({"num_format": "0.0", "valign": "top", "border": 1}),
            "order": book.add_format({"num_format": "0", "valign": "top", "border": 1, "bold": True}),
        }
        page = book.add_worksheet(_NAME.to(language))
        head = _facts(page, sheet, language, looks)
        for column, (label, width) in enumerate(_COLUMNS):
            page.set_column(column, column, width)
            page.write_string(head, column, label.to(language), looks["head"])
        for line, door in enumerate((*sheet.doors, *sheet.answered_before), head + 1):
            _door(page, line, door, language, looks)
        last = head + max(1, len(sheet.doors) + len(sheet.answered_before))
        choices = [visit_result_name(result).to(language) for result in VisitResult]
        page.data_validation(head + 1, _RESULT_COLUMN, last, _RESULT_COLUMN, {"validate": "list", "source": choices})
        page.freeze_panes(head + 1, 2)
        page.set_landscape()
        page.set_paper(9)
        page.set_margins(0.4, 0.4, 0.5, 0.6)
        page.fit_to_pages(1, 0)
        page.repeat_rows(head)
        page.set_footer(f"&L{sheet.incident_id}&R&P / &N")
    return packed.getvalue()


def _facts(page: Any, sheet: OutreachSheet, language: Language, looks: dict[str, Any]) -> int:
    """Write title, facts and sentences; return the line of the table's head."""
    page.write_string(0, 0, f"{sheet.title.to(language)}  {sheet.incident_id}", looks["title"])
    page.set_row(0, 28)
    line = 1
    for fact in sheet.facts:
        page.write_string(line, 1, fact.label.to(language), looks["label"])
        page.write_string(line, 2, fact.value.to(language), looks["fact"])
        page.write_string(line, 5, fact.more.to(language), looks["note"])
        line += 1
    for text in (sheet.reason, sheet.need, sheet.advice):
        if text and text.to(language):
            page.write_string(line, 1, text.to(language), looks["note"])
            line += 1
    return line + 1


def _door(page: Any, line: int, door: PrintedDoor, language: Language, looks: dict[str, Any]) -> None:
    result = visit_result_name(door.result).to(language) if door.result else ""
    page.write_number(line, 0, door.order, looks["order"])
    page.write_string(line, 1, door.merchant, looks["strong"])
    for column, text in ((2, door.address), (3, door.contact), (4, door.phone)):
        page.write_string(line, column, text, looks["cell"])
    page.write_string(line, 5, door.ask.to(language), looks["strong"])
    page.write_number(line, 6, round(door.offer_kw, 1), looks["number"])
    page.write_number(line, 7, round(door.expected_relief_kw, 1), looks["number"])
    goes = door.goes or NOBODY.to(language)
    texts = (goes, result, door.result_time, door.reason.to(language), door.merchant_id)
    for column, text in enumerate(texts, 8):
        page.write_string(line, column, text, looks["cell"])
