"""The audit record: who did what, newest first. It holds ids only, no personal data."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.figures import day_and_time
from dashboard.markup.elements import draw, head, note, table
from dashboard.session import keep_address, live_seconds, queries, say

_ROWS_MAX = 200


def page() -> None:
    """Draw the page."""
    keep_address()
    draw(head(say(words.AUDIT)))
    st.fragment(_live, run_every=live_seconds() * 5)()


def _live() -> None:
    entries = queries().audit(_ROWS_MAX)
    zone = queries().first_zone()
    header = (
        words.COLUMN_NUMBER,
        words.COLUMN_TIME,
        words.COLUMN_BY,
        words.COLUMN_ACTION,
        words.COLUMN_SUBJECT,
        words.COLUMN_DETAIL,
    )
    rows = [(str(e.no), day_and_time(e.at_us, zone), e.by, e.action, e.subject, e.detail) for e in entries]
    draw(note(say(words.AUDIT_NOTE, count=len(entries))) + table(header, rows, tight=(0, 1), cards=True))


page()
