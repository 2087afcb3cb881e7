"""The audit of our own alarms: how much people had to hear, how steady, how late, and what nobody was told."""

from __future__ import annotations

import streamlit as st

from alerts.notification.audit_words import FORMULA
from dashboard import words
from dashboard.figures import time_of_day
from dashboard.markup.alarms import audit_figures, findings, operators, promises, verdict
from dashboard.markup.elements import draw, head, note, section
from dashboard.markup.live import beat
from dashboard.session import alarm_audit, keep_address, live_seconds, queries, say
from grid.timestamps import HOUR_US, MINUTE_US

_REFRESHES_MISSED = 10
_FINDINGS_MAX = 100


def page() -> None:
    """Draw the page."""
    keep_address()
    draw(head(say(words.ALARM_AUDIT)))
    ranges = {length: say(text) for length, text in words.ALARM_RANGES.items()}
    hours = st.segmented_control(
        say(words.RANGE),
        options=list(words.ALARM_RANGES),
        default=24,
        required=True,
        format_func=lambda length: ranges[length],
        label_visibility="collapsed",
        key="alarm_hours",
    )
    st.fragment(_live, run_every=live_seconds() * _REFRESHES_MISSED)(hours or 24)


def _live(hours: int) -> None:
    # Whole minutes: sessions that look in the same minute share one audit.
    to_us = queries().now_us() // MINUTE_US * MINUTE_US + MINUTE_US
    found = alarm_audit(to_us - hours * HOUR_US, to_us)
    audit = found.audit
    draw(beat(queries().now_us(), live_seconds() * _REFRESHES_MISSED) + verdict(found) + audit_figures(audit))
    draw(section(say(words.FINDINGS)) + findings(found, _FINDINGS_MAX))
    draw(section(say(words.STATIONS_AGAINST_LIMITS)) + operators(found))
    draw(note(say(FORMULA)) + note(say(words.AUDIT_FORMULA, windows=audit.windows)) + promises())
    draw(note(say(words.NOT_LIVE, time=time_of_day(to_us, found.zone))))


page()
