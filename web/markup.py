"""The frame of our own small pages: no script, one style sheet, both languages, at phone width."""

from __future__ import annotations

from html import escape

from grid.text import Language, Text
from web import words


def page(title: Text, body: str, language: Language, base: str) -> bytes:
    """Return a whole page."""
    tag = "zh-CN" if language is Language.ZH else "en"
    name = escape(f"{title.to(language)} · {words.PRODUCT.to(language)}")
    return (
        f'<!doctype html><html lang="{tag}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{name}</title><link rel="stylesheet" href="{escape(base)}/login.css"></head>'
        f"<body><main>{body}</main></body></html>"
    ).encode()


def heading(title: Text, language: Language, other: str) -> str:
    """Return the top of a page, with the link `other` to the same page in the other language."""
    return (
        f'<p class="product">{escape(words.PRODUCT.to(language))}'
        f'<a class="other" href="{escape(other)}">{escape(words.OTHER_LANGUAGE.to(language))}</a></p>'
        f"<h1>{escape(title.to(language))}</h1>"
    )


def field(name: str, label: Text, language: Language, *, kind: str = "text", complete: str, value: str = "") -> str:
    """Return one labelled field of a form."""
    return (
        f'<label for="{name}">{escape(label.to(language))}</label>'
        f'<input id="{name}" name="{name}" type="{kind}" autocomplete="{complete}" value="{escape(value)}" '
        f'maxlength="256" autocapitalize="none" spellcheck="false" required>'
    )


def hidden(name: str, value: str) -> str:
    """Return a field that people do not see."""
    return f'<input type="hidden" name="{name}" value="{escape(value)}">'


def button(label: Text, language: Language, kind: str = "") -> str:
    """Return the button that sends a form."""
    return f'<button type="submit" class="{kind}">{escape(label.to(language))}</button>'


def alert(said: str) -> str:
    """Return what went wrong, so that a screen reader says it at once."""
    return f'<p class="alert" role="alert">{escape(said)}</p>' if said else ""
