"""The list to take along: as a workbook, as a page to print, as a PDF. Each is made when it is asked for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import streamlit as st

from dashboard import words
from dashboard.markup.elements import draw, note, section
from dashboard.session import language, queries, say
from service.exports.exports import outreach_html, outreach_pdf, outreach_xlsx_bytes
from service.queries.answers import IncidentPage

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def export_buttons(shown: IncidentPage) -> None:
    """Draw the buttons; without a list there is nothing to take along."""
    if shown.outreach is None:
        return
    incident_id = shown.row.incident.incident_id
    # What is made in another thread later must not ask the session for anything.
    asked, chosen = queries(), language()

    def workbook() -> bytes:
        return outreach_xlsx_bytes(asked.incident(incident_id), chosen)

    def page() -> str:
        return outreach_html(asked.incident(incident_id), chosen)

    def pdf() -> bytes:
        with tempfile.TemporaryDirectory(prefix="redvest-pdf-") as folder:
            file = Path(folder) / "list.pdf"
            outreach_pdf(asked.incident(incident_id), file, chosen)
            return file.read_bytes()

    draw(section(say(words.EXPORT)))
    kinds = (
        (words.EXPORT_XLSX, workbook, "xlsx", _XLSX, ":material/table:"),
        (words.EXPORT_PDF, pdf, "pdf", "application/pdf", ":material/picture_as_pdf:"),
        (words.EXPORT_PRINT, page, "html", "text/html", ":material/print:"),
    )
    with st.container(horizontal=True):
        for word, make, ending, mime, icon in kinds:
            st.download_button(
                say(word),
                data=make,
                file_name=f"outreach-{incident_id}.{ending}",
                mime=mime,
                icon=icon,
                on_click="ignore",
                key=f"export-{ending}-{incident_id}",
            )
    draw(note(say(words.EXPORT_NOTE)))
