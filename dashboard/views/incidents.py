"""All incidents: open ones first in mind, the others to look back on."""

from __future__ import annotations

import streamlit as st

from alerts.model.incidents import IncidentState
from dashboard import words
from dashboard.markup.elements import draw, head, note
from dashboard.markup.live import beat
from dashboard.markup.wall import incident_line
from dashboard.session import keep_address, live_seconds, queries, say

_ROWS_MAX = 100
_FILTERS = {"open": words.FILTER_OPEN, "over": words.FILTER_CLOSED, "all": words.FILTER_ALL}


def page() -> None:
    """Draw the page."""
    keep_address()
    draw(head(say(words.INCIDENTS)))
    labels = {key: say(text) for key, text in _FILTERS.items()}
    chosen = st.segmented_control(
        say(words.FILTER),
        options=list(_FILTERS),
        format_func=lambda key: labels[key],
        default="all",
        required=True,
        label_visibility="collapsed",
        key="incident_filter",
    )
    st.fragment(_live, run_every=live_seconds())(chosen or "all")


def _live(chosen: str) -> None:
    now_us = queries().now_us()
    draw(beat(now_us))
    every = queries().incidents(open_only=chosen == "open")
    if chosen == "over":
        every = tuple(row for row in every if row.incident.state is not IncidentState.OPEN)
    if not every:
        draw(note(say(words.NO_INCIDENTS)))
        return
    shown = every[:_ROWS_MAX]
    draw(f'<div class="rv-rows">{"".join(incident_line(row, now_us) for row in shown)}</div>')
    draw(note(say(words.INCIDENTS_SHOWN, shown=len(shown), count=len(every))))


page()
