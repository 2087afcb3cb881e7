"""How far readings can be trusted, as HTML: the grade, how many readings each doubt concerns, what to check."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from alerts.quality.grading import UNTRUSTED, QualityFlag, QualityGrade
from alerts.quality.words import flag_name, flag_reason, grade_name, what_to_check
from dashboard import words
from dashboard.markup.elements import badge, name, note
from dashboard.markup.wall import when
from dashboard.session import language, link, say
from grid.text import Language
from service.queries.data_quality import FlaggedMeter, RecentQuality

_KINDS = {QualityGrade.GOOD: "normal", QualityGrade.MARKED: "active-only", QualityGrade.DOUBTFUL: "heavy"}


def quality_panel(found: RecentQuality | None) -> str:
    """Return the grade of a curve, how many readings each doubt concerns, and what somebody should look at."""
    if found is None or not found.quality.readings:
        return note(say(words.QUALITY_NOTHING))
    quality = found.quality
    top = badge(_KINDS[quality.grade], name(grade_name(quality.grade)))
    if quality.grade is QualityGrade.DOUBTFUL:
        top += _standing(found)
    said = say(words.QUALITY_READINGS, readings=quality.readings, doubtful=quality.flagged)
    panel = f'<div class="rv-trust">{top}<span class="rv-note">{escape(said)}</span></div>'
    lines = [
        f"<li><b>{escape(name(flag_name(flag)))}</b><time>{number} / {quality.readings}</time>"
        f"<span>{escape(_why_and_what(flag))}</span></li>"
        for flag, number in quality.counts
    ]
    return panel + (f'<ul class="rv-record rv-findings">{"".join(lines)}</ul>' if lines else "")


def flagged_meters(metrics: Sequence[FlaggedMeter], now_us: int, zone: str) -> str:
    """Return the meters to check, those whose newest reading is in doubt first, each with a link to its curve."""
    if not metrics:
        return note(say(words.NO_FLAGGED_METERS))
    lines = []
    for meter in metrics:
        transformer = meter.transformer
        flags = [flag for flag, _ in meter.found.quality.counts if flag & UNTRUSTED]
        names = "、".join(name(flag_name(flag)) for flag in flags)
        checks = "".join(_sentence(name(what_to_check(flag))) for flag in flags)
        address = escape(link("transformer", transformer=transformer.transformer_id))
        lines.append(
            f"<li><time>{escape(when(meter.noticed_at_us, now_us, zone))}</time><b>{escape(names)}</b><span>"
            f'<a class="rv-go" href="{address}" target="_self">'
            f"{escape(f'{transformer.transformer_id} {transformer.name}')} ›</a> "
            f"{_standing(meter.found)} {escape(checks)}</span></li>"
        )
    return f'<ul class="rv-record rv-findings">{"".join(lines)}</ul>'


def _standing(found: RecentQuality) -> str:
    if found.is_flagged:
        return badge("heavy", say(words.QUALITY_NEWEST_FLAGGED))
    return badge("quiet", say(words.QUALITY_PAST))


def _why_and_what(flag: QualityFlag) -> str:
    return (_sentence(name(flag_reason(flag))) + _sentence(name(what_to_check(flag)))).strip()


def _sentence(told: str) -> str:
    return f"{told}。" if language() is Language.ZH else f"{told}. "
