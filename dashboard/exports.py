"""The list to take along: as a workbook, as a page to print, as a PDF. Links to a route that asks for the rights."""

from __future__ import annotations

from html import escape

from dashboard import words
from dashboard.markup.elements import draw, note, section
from dashboard.session import language, say
from service.queries.answers import IncidentPage

_KINDS = ((words.EXPORT_XLSX, "xlsx"), (words.EXPORT_PDF, "pdf"), (words.EXPORT_PRINT, "html"))


def export_links(shown: IncidentPage) -> None:
    """Draw the links; without a list there is nothing to take along."""
    if shown.outreach is None:
        return
    incident_id = shown.row.incident.incident_id
    links = "".join(
        f'<a class="rv-go" role="button" download target="_self" '
        f'href="./exports/{escape(incident_id)}.{ending}?lang={language().value}">{escape(say(word))}</a> '
        for word, ending in _KINDS
    )
    draw(section(say(words.EXPORT)) + f'<div class="rv-exports">{links}</div>' + note(say(words.EXPORT_NOTE)))
