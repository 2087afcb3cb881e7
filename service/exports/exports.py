"""Outreach lists to take along: a workbook, a page to print, a PDF. Phones masked, files for their owner alone."""

from __future__ import annotations

from pathlib import Path

from grid.text import Language
from service.exports.html import sheet_html
from service.exports.pdf import html_to_pdf
from service.exports.sheet import OutreachSheet, outreach_sheet
from service.exports.xlsx import sheet_xlsx
from service.queries.answers import IncidentPage
from stores.owner_file import write_owner_file

__all__ = ["OutreachSheet", "outreach_html", "outreach_pdf", "outreach_sheet", "outreach_xlsx", "outreach_xlsx_bytes"]


def outreach_xlsx(page: IncidentPage | OutreachSheet, path: Path, language: Language = Language.ZH) -> None:
    """Write the list as a workbook. Raises UsageError without a list, OSError when it cannot be written."""
    write_owner_file(path, outreach_xlsx_bytes(page, language))


def outreach_xlsx_bytes(page: IncidentPage | OutreachSheet, language: Language = Language.ZH) -> bytes:
    """Return the list as a workbook, for a download. Raises UsageError without a list."""
    return sheet_xlsx(_sheet(page), language)


def outreach_html(page: IncidentPage | OutreachSheet, language: Language = Language.ZH) -> str:
    """Return the list as one HTML page that prints on A4. Raises UsageError without a list."""
    return sheet_html(_sheet(page), language)


def outreach_pdf(page: IncidentPage | OutreachSheet, path: Path, language: Language = Language.ZH) -> None:
    """Write the list as a PDF by a Chromium on the path.

    Raises UsageError without a list, RedvestError without a browser, OSError when it cannot be written.
    """
    html_to_pdf(outreach_html(page, language), path)


def _sheet(page: IncidentPage | OutreachSheet) -> OutreachSheet:
    return page if isinstance(page, OutreachSheet) else outreach_sheet(page)
