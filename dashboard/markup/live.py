"""What the browser watches by itself: the beat of a live part, and ages that go on growing (`dashboard/live.js`)."""

from __future__ import annotations

from html import escape
from pathlib import Path

import streamlit as st

from dashboard import words
from dashboard.figures import age
from dashboard.session import clock_speed, language, live_seconds, say
from grid.timestamps import SECOND_US

_SCRIPT = Path(__file__).parents[1] / "live.js"


def watch_in_browser() -> None:
    """Let the browser count ages and say when no news comes, whatever the server does."""
    st.html(f"<i hidden>·</i><script>{_SCRIPT.read_text(encoding='utf-8')}</script>", unsafe_allow_javascript=True)


def beat(now_us: int, every_seconds: float | None = None) -> str:
    """Return the mark of a live part: a browser that sees no new one for two refreshes, or 10 s, says so."""
    every = live_seconds() if every_seconds is None else every_seconds
    return (
        f'<i class="rv-beat" hidden data-beat="{now_us}" data-every="{every:.1f}" data-speed="{clock_speed():g}" '
        f'data-lang="{language().value}" data-said="{escape(say(words.NO_NEWS))}"></i>'
    )


def growing_age(timestamp: int | None, now_us: int) -> str:
    """Return how long ago a moment was, as HTML that the browser keeps true."""
    told = escape(say(age(timestamp, now_us)))
    if timestamp is None:
        return told
    seconds = max(now_us - timestamp, 0) / SECOND_US
    return f'<time class="rv-age" data-age="{seconds:.1f}" data-lang="{language().value}">{told}</time>'
