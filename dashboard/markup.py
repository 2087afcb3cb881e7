"""Small pieces of HTML that several pages use. Everything that is not ours is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import streamlit as st

from alerts.names import level_name
from dashboard import words
from dashboard.session import say
from grid.text import Text
from service.queries_answers import Freshness, TransformerNow

SHAPES = {"normal": "●", "heavy": "▲", "severe_heavy": "◆", "overload": "■", "blind": "○"}
"""Each state has a shape of its own, for those who do not see its colour."""


def draw(html: str) -> None:
    """Draw HTML in the house's look."""
    st.html(f'<div class="rv">{html}</div>')


def kind_of(level: str | None) -> str:
    """Return the colour class of a level; levels of a phase look like those of the total."""
    kind = (level or "normal").removeprefix("phase_")
    return kind if kind in SHAPES else "heavy"


def state_of(now: TransformerNow) -> tuple[str, Text]:
    """Return colour class and word of a transformer: its level, or that nothing can be said."""
    match now.freshness:
        case Freshness.NEVER:
            return "blind", words.NEVER_SEEN
        case Freshness.SILENT:
            return "blind", words.SILENT
        case Freshness.OLD:
            return "blind", words.OLD_DATA
        case Freshness.FRESH:
            level = now.level or now.phase_level
            return kind_of(level), level_name(level) if level else words.NORMAL


def badge(kind: str, word: str) -> str:
    """Return a small label with shape and word."""
    shape = SHAPES.get(kind)
    return f'<span class="rv-badge {kind}">{f"{shape} " if shape else ""}{escape(word)}</span>'


def head(title: str, place: str = "", clock: str = "", clock_word: str = "") -> str:
    """Return the head of a page: title, place, and the moment its figures are of."""
    told = f'<span class="rv-place">{escape(place)}</span>' if place else ""
    time = f'<span class="rv-clock"><small>{escape(clock_word)}</small>{escape(clock)}</span>' if clock else ""
    return f'<div class="rv-head"><h1><span class="rv-vest"></span>{escape(title)}</h1>{told}{time}</div>'


def figures(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return big figures: (value, label, colour class)."""
    cells = [
        f'<div class="rv-figure {kind}"><b>{escape(value)}</b><span>{escape(label)}</span></div>'
        for value, label, kind in rows
    ]
    return f'<div class="rv-figures">{"".join(cells)}</div>'


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return labels with values below them: (label, value)."""
    cells = [f'<div class="rv-pair"><span>{escape(label)}</span><b>{escape(value)}</b></div>' for label, value in rows]
    return f'<div class="pairs">{"".join(cells)}</div>'


def facts(rows: Iterable[tuple[str, str, str]]) -> str:
    """Return a table of facts: (label, value, small print)."""
    lines = [
        f"<tr><th>{escape(label)}</th><td>{escape(value)}{f'<small>{escape(small)}</small>' if small else ''}</td></tr>"
        for label, value, small in rows
    ]
    return f'<table class="rv-table"><tbody>{"".join(lines)}</tbody></table>'


def table(header: Sequence[Text], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of text."""
    top = "".join(f"<th>{escape(say(cell))}</th>" for cell in header)
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return (
        f'<div class="rv-scroll"><table class="rv-table"><thead><tr>{top}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def alarms(texts: Iterable[Text]) -> str:
    """Return what is wrong with the watching itself, in lines nobody overlooks."""
    return "".join(f'<div class="rv-alarm" role="alert">{escape(say(text))}</div>' for text in texts)


def note(text: str) -> str:
    """Return small print."""
    return f'<div class="rv-note">{escape(text)}</div>'


def section(title: str) -> str:
    """Return the heading of a part of a page."""
    return f"<h2>{escape(title)}</h2>"
