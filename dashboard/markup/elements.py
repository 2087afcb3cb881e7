"""Small pieces of HTML that several pages use. Everything that is not ours is escaped here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from html import escape
from urllib.parse import urlencode

import streamlit as st

from alerts.model.display_names import level_name
from alerts.model.kinds import LevelName, known_level
from dashboard import words
from dashboard.figures import day_and_time
from dashboard.session import language, queries, say, signed_in
from grid.supply import Supply
from grid.text import Language, Text
from service.queries.answers import Freshness, TransformerNow

SHAPES = {"normal": "●", "heavy": "▲", "severe_heavy": "◆", "overload": "■", "blind": "○", "dark": "✕"}
"""Each state has a shape of its own, for those who do not see its colour."""


def draw(html: str) -> None:
    """Draw HTML in the house's look."""
    st.html(f'<div class="rv">{html}</div>')


_MARKDOWN_SIGNS = {ord(sign): f"\\{sign}" for sign in "\\`*_{}[]()#+-.!|<>$:~&@/"}


def plain(text: str) -> str:
    """Return text from outside for a widget that takes Markdown, as text alone: no picture, link, formula or icon."""
    return " ".join(text.split()).translate(_MARKDOWN_SIGNS)


def trouble(text: str) -> None:
    """Say what went wrong in one calm line; nothing in it is taken for Markdown."""
    st.html(f'<div class="rv"><div class="rv-trouble" role="alert">{escape(text)}</div></div>')


def name(text: Text) -> str:
    """Return a name as it stands alone: with a capital where the language has them."""
    told = say(text)
    return told[:1].upper() + told[1:]


def kind_of(level: str | None) -> str:
    """Return the colour class of a level; levels of a phase look like those of the total."""
    if level is None:
        return "normal"
    known = known_level(level)
    return known.of_total.value if known else LevelName.HEAVY.value


def state_of(now: TransformerNow) -> tuple[str, Text]:
    """Return colour class and word of a transformer: its level, or that nothing can be said."""
    if now.is_without_voltage:
        return "dark", words.NO_VOLTAGE
    match now.freshness:
        case Freshness.NEVER:
            return "blind", words.NEVER_SEEN
        case Freshness.SILENT:
            return "blind", words.SILENT
        case Freshness.OLD:
            return "blind", words.OLD_DATA
        case Freshness.FRESH if now.supply is Supply.UNSEEN:
            return "blind", words.VOLTAGE_UNSEEN
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
    return (
        f'<div class="rv-head"><h1><span class="rv-vest"></span>{escape(title)}</h1>{told}'
        f'<span class="rv-right">{time}{_who()}{_other_language()}</span></div>'
    )


def _who() -> str:
    """Return who is signed in and until when, with the way out."""
    me = signed_in()
    if me is None:
        return ""
    until = (
        f" {escape(say(words.UNTIL, time=day_and_time(me.until_us, queries().first_zone())))}" if me.until_us else ""
    )
    return (
        f'<a class="rv-me" href="./session?lang={language().value}" target="_self"><b>{escape(me.account.name)}</b>'
        f"<small>{until}</small> · {escape(say(words.SIGN_OUT))}</a>"
    )


def _other_language() -> str:
    other = next(known for known in Language if known is not language())
    address = escape(f"?{urlencode({**st.query_params.to_dict(), 'lang': other.value})}")
    return f'<a class="rv-lang" href="{address}" target="_self">{words.LANGUAGES[other]}</a>'


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


def facts(rows: Iterable[tuple[str, str, str]], warned: Collection[str] = ()) -> str:
    """Return a table of facts: (label, value, small print). Labels in `warned` have a value out of its limits."""
    lines = [
        f"<tr{' class=warned' if label in warned else ''}><th>{escape(label)}</th>"
        f"<td>{escape(value)}{f'<small>{escape(small)}</small>' if small else ''}</td></tr>"
        for label, value, small in rows
    ]
    return f'<table class="rv-table"><tbody>{"".join(lines)}</tbody></table>'


def table(header: Sequence[Text], rows: Iterable[Sequence[str]], tight: Sequence[int] = (), cards: bool = False) -> str:
    """Return a table of text; columns whose number is in `tight` do not break their lines.

    With `cards` a phone, on which it would be too wide, shows each row as a card, each value behind its column's name.
    """
    names = [escape(say(cell)) for cell in header]
    lines = [
        "<tr>"
        + "".join(
            f'<td{" class=tight" if i in tight else ""} data-name="{names[i]}">{escape(cell)}</td>'
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    ]
    top = "".join(f"<th>{each}</th>" for each in names)
    return (
        f'<div class="rv-scroll"><table class="rv-table{" rv-cards" if cards else ""}"><thead><tr>{top}</tr></thead>'
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
