"""The collector's figures as HTML: each with what it means, and what to do about it while it is bad."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard import words
from dashboard.session import say
from service.metrics.metric_help import ExplainedMetric


def metrics_table(figures: Sequence[ExplainedMetric]) -> str:
    """Return the figures, a row each."""
    return f'<table class="rv-table rv-explained"><tbody>{"".join(map(_row, figures))}</tbody></table>'


def _row(figure: ExplainedMetric) -> str:
    remedy = f"<p>{escape(say(words.WHAT_TO_DO, remedy=say(figure.remedy)))}</p>" if figure.is_bad else ""
    return (
        f"<tr{' class=warned' if figure.is_bad else ''}><th>{escape(say(figure.name))}</th>"
        f"<td><b>{escape(say(figure.value))}</b></td><td><small>{escape(say(figure.meaning))}</small>{remedy}</td></tr>"
    )
