"""How far readings can be trusted, as HTML: the grade with its reason, and what to check at the meter."""

from __future__ import annotations

from html import escape

from alerts.trust import UNTRUSTED, Doubt, TrustGrade
from alerts.trust_words import doubt_name, doubt_reason, grade_name, trust_reason, what_to_check
from dashboard import words
from dashboard.markup import badge, name, note, table
from dashboard.session import language, say
from grid.text import Language
from service.queries_trust import TrustOfLate

_KINDS = {TrustGrade.GOOD: "normal", TrustGrade.MARKED: "active-only", TrustGrade.DOUBTFUL: "heavy"}


def trust_panel(found: TrustOfLate | None) -> str:
    """Return the grade of a curve, how many readings each doubt concerns, and what somebody should look at."""
    if found is None or not found.trust.readings:
        return note(say(words.TRUST_NOTHING))
    trust = found.trust
    top = badge(_KINDS[trust.grade], name(grade_name(trust.grade)))
    if trust.grade is TrustGrade.DOUBTFUL:
        standing = any(doubt & UNTRUSTED for doubt in found.standing)
        told = words.TRUST_STANDING if standing else words.TRUST_PAST
        top += badge("heavy" if standing else "quiet", name(told))
    said = f'<span class="rv-note">{escape(say(trust_reason(trust)))}</span>'
    panel = f'<div class="rv-trust">{top}{said}</div>'
    if trust.counts:
        header = (words.COLUMN_DOUBT, words.COLUMN_READINGS, words.COLUMN_CHECK)
        rows = [
            (name(doubt_name(doubt)), f"{number} / {trust.readings}", _why_and_what(doubt))
            for doubt, number in trust.counts
        ]
        panel += table(header, rows, tight=(0, 1)) + note(say(words.TRUST_NOTE))
    return panel


def _why_and_what(doubt: Doubt) -> str:
    why, check = name(doubt_reason(doubt)), name(what_to_check(doubt))
    return f"{why}。{check}。" if language() is Language.ZH else f"{why}. {check}."
