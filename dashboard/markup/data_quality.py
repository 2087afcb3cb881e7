"""How far readings can be trusted, as HTML: the grade, how many readings each doubt concerns, what to check."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from alerts.quality.grading import UNTRUSTED, Doubt, TrustGrade
from alerts.quality.words import doubt_name, doubt_reason, grade_name, what_to_check
from dashboard import words
from dashboard.markup.elements import badge, name, note
from dashboard.markup.wall import when
from dashboard.session import language, link, say
from grid.text import Language
from service.queries.data_quality import DoubtfulMeter, TrustOfLate

_KINDS = {TrustGrade.GOOD: "normal", TrustGrade.MARKED: "active-only", TrustGrade.DOUBTFUL: "heavy"}


def trust_panel(found: TrustOfLate | None) -> str:
    """Return the grade of a curve, how many readings each doubt concerns, and what somebody should look at."""
    if found is None or not found.trust.readings:
        return note(say(words.TRUST_NOTHING))
    trust = found.trust
    top = badge(_KINDS[trust.grade], name(grade_name(trust.grade)))
    if trust.grade is TrustGrade.DOUBTFUL:
        top += _standing(found)
    said = say(words.TRUST_READINGS, readings=trust.readings, doubtful=trust.doubtful)
    panel = f'<div class="rv-trust">{top}<span class="rv-note">{escape(said)}</span></div>'
    lines = [
        f"<li><b>{escape(name(doubt_name(doubt)))}</b><time>{number} / {trust.readings}</time>"
        f"<span>{escape(_why_and_what(doubt))}</span></li>"
        for doubt, number in trust.counts
    ]
    return panel + (f'<ul class="rv-record rv-findings">{"".join(lines)}</ul>' if lines else "")


def doubtful_meters(meters: Sequence[DoubtfulMeter], now_us: int, zone: str) -> str:
    """Return the meters to check, those whose newest reading is in doubt first, each with a link to its curve."""
    if not meters:
        return note(say(words.NO_DOUBTFUL_METERS))
    lines = []
    for meter in meters:
        transformer = meter.transformer
        doubts = [doubt for doubt, _ in meter.found.trust.counts if doubt & UNTRUSTED]
        names = "、".join(name(doubt_name(doubt)) for doubt in doubts)
        checks = "".join(_sentence(name(what_to_check(doubt))) for doubt in doubts)
        address = escape(link("transformer", transformer=transformer.transformer_id))
        lines.append(
            f"<li><time>{escape(when(meter.noticed_at_us, now_us, zone))}</time><b>{escape(names)}</b><span>"
            f'<a class="rv-go" href="{address}" target="_self">'
            f"{escape(f'{transformer.transformer_id} {transformer.name}')} ›</a> "
            f"{_standing(meter.found)} {escape(checks)}</span></li>"
        )
    return f'<ul class="rv-record rv-findings">{"".join(lines)}</ul>'


def _standing(found: TrustOfLate) -> str:
    if found.is_in_doubt:
        return badge("heavy", say(words.TRUST_STANDING))
    return badge("quiet", say(words.TRUST_PAST))


def _why_and_what(doubt: Doubt) -> str:
    return (_sentence(name(doubt_reason(doubt))) + _sentence(name(what_to_check(doubt)))).strip()


def _sentence(told: str) -> str:
    return f"{told}。" if language() is Language.ZH else f"{told}. "
