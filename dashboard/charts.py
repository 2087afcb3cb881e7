"""The load-rate curve as a chart: lines at 80, 90 and 100 %, incidents shaded, visits marked, holes left open.

Vega draws times in the viewer's zone or in UTC. The axis has to show the station's zone whatever the viewer's
computer thinks, so moments are shifted by the zone's offset and drawn on a UTC scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alerts.names import visit_result_name
from alerts.outreach import VisitResult
from dashboard import words
from grid.electrical import Basis
from grid.moments import DAY_US, HOUR_US, MINUTE_US, as_datetime
from grid.text import Language
from service.queries_answers import Curve, IncidentMark
from service.queries_curve import with_gaps

INK, INK_SOFT, LINE = "#16202c", "#4a5666", "#d5dae1"
HEAVY, SEVERE, OVERLOAD = "#8a5a00", "#b93a0e", "#7d0f36"
PHASE, AIR, TARGET, SPAN, ACTIVE_ONLY = "#6a4c93", "#2a7f9e", "#0f6b4f", "#f6d5c6", "#c27c00"
FONT = '"Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", Arial, sans-serif'
_VISIT_COLOURS = {
    VisitResult.ASKED: "#17497d",
    VisitResult.AGREED: "#0f6b4f",
    VisitResult.REFUSED: "#b93a0e",
    VisitResult.ABSENT: "#5b6470",
    VisitResult.DONE: "#0f6b4f",
}
_VISIT_SHAPES = {
    VisitResult.ASKED: "circle",
    VisitResult.AGREED: "triangle-down",
    VisitResult.REFUSED: "cross",
    VisitResult.ABSENT: "stroke",
    VisitResult.DONE: "square",
}
_TOUCHABLE_MAX = 180
_ROOM_FOR_LABEL = 0.09
_LINES = ((0.8, HEAVY), (0.9, SEVERE), (1.0, OVERLOAD))


def load_rate_chart(
    curve: Curve,
    marks: Sequence[IncidentMark],
    *,
    from_us: int,
    to_us: int,
    zone: str,
    language: Language,
    gap_us: int,
    target_load_rate: float | None = None,
    phase: bool = True,
    air: bool = False,
    height: int = 340,
) -> alt.LayerChart:
    """Return the curve in [from_us, to_us]. A hole longer than `gap_us` is drawn as a hole."""
    drawn = with_gaps(curve, gap_us)
    at = wall_clock_ms(drawn.measured_at_us, zone)
    low, high = _range_of(drawn, target_load_rate, phase)
    # Whole minutes: a chart whose edge moved with every second would be built anew with every second.
    to_us = _whole_minute(to_us)
    # Room at the right, so that the newest load rate stands beside its point and on no line.
    shown_until_us = to_us + round(_ROOM_FOR_LABEL * (to_us - from_us))
    ends = wall_clock_ms(np.array([from_us, shown_until_us], np.int64), zone)
    x = alt.X(
        "at:T",
        title=None,
        scale=alt.Scale(type="utc", domain=[int(ends[0]), int(ends[1])], nice=False),
        axis=alt.Axis(format=_time_format(to_us - from_us), labelOverlap=True, tickCount=8),
    )
    y_scale = alt.Scale(domain=[low, high], nice=False, zero=False)
    axis = alt.Axis(format=".0%", title=words.LOAD_RATE.to(language), tickCount=6)
    readings = pd.DataFrame(
        {
            "at": at,
            "rate": drawn.load_rate,
            "phase": drawn.worst_phase_load_rate,
            "air": drawn.ambient_temperature_c,
            "active_only": np.where(drawn.basis == Basis.ACTIVE_ONLY, drawn.load_rate, np.nan),
            "time": [as_datetime(int(m), ZoneInfo(zone)).strftime("%m-%d %H:%M") for m in drawn.measured_at_us],
        }
    )
    y = alt.Y("rate:Q", scale=y_scale, axis=axis)
    tooltip = [
        alt.Tooltip("time:N", title=words.MEASURED_AT.to(language)),
        alt.Tooltip("rate:Q", title=words.LOAD_RATE.to(language), format=".2%"),
        alt.Tooltip("phase:Q", title=words.WORST_PHASE.to(language), format=".2%"),
        alt.Tooltip("air:Q", title=words.AIR_TEMPERATURE.to(language), format=".1f"),
    ]
    base = alt.Chart(readings)
    rules, labels = _rules(low, high, ends, x, y_scale, axis, language, target_load_rate)
    layers: list[alt.Chart] = [_spans(marks, zone, x, ends), *rules]
    if target_load_rate is not None:
        layers.append(_target(target_load_rate, y_scale, axis))
    if phase:
        layers.append(
            base.mark_line(color=PHASE, strokeWidth=1.5, strokeDash=[5, 3], clip=True).encode(
                x, alt.Y("phase:Q", scale=y_scale, axis=axis)
            )
        )
    layers.append(base.mark_line(color=INK, strokeWidth=3, clip=True).encode(x, y))
    layers.append(
        base.mark_line(color=ACTIVE_ONLY, strokeWidth=3, strokeDash=[3, 3], clip=True).encode(
            x, alt.Y("active_only:Q", scale=y_scale, axis=axis)
        )
    )
    layers.extend(labels)
    layers.extend(_newest(drawn, at, x, y))
    layers.append(_touchable(readings).mark_point(opacity=0, size=120, clip=True).encode(x, y, tooltip=tooltip))
    layers.append(_visits(marks, zone, x, low, high, y_scale, axis, language))
    chart = alt.layer(*layers)
    if air:
        warm = base.mark_line(color=AIR, strokeWidth=1.5, clip=True).encode(
            x,
            alt.Y(
                "air:Q",
                scale=alt.Scale(zero=False, padding=12),
                axis=alt.Axis(title=f"{words.AIR_TEMPERATURE.to(language)} °C", titleColor=AIR, grid=False),
            ),
        )
        chart = alt.layer(chart, warm).resolve_scale(y="independent")
    return _styled(chart.properties(height=height))


def _touchable(readings: pd.DataFrame) -> alt.Chart:
    """Return the points that tell their numbers when touched: each is an element of the page, so not all of a week."""
    return alt.Chart(readings.iloc[:: max(1, len(readings) // _TOUCHABLE_MAX)])


def wall_clock_ms(moments: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return moments [µs] as milliseconds that read as the station's time when drawn as UTC."""
    if len(moments) == 0:
        return moments
    station = ZoneInfo(zone)
    hours, place = np.unique(moments // HOUR_US, return_inverse=True)
    offsets = np.array([_offset_us(int(hour) * HOUR_US, station) for hour in hours], np.int64)
    return (moments + offsets[place]) // 1000


def _whole_minute(moment: int) -> int:
    return -(-moment // MINUTE_US) * MINUTE_US


def _offset_us(moment: int, zone: ZoneInfo) -> int:
    offset = as_datetime(moment, zone).utcoffset()
    return round(offset.total_seconds() * 1e6) if offset else 0


def _time_format(span_us: int) -> str:
    if span_us <= 26 * HOUR_US:
        return "%H:%M"
    return "%m-%d %H:%M" if span_us <= 4 * DAY_US else "%m-%d"


def _range_of(curve: Curve, target: float | None, phase: bool) -> tuple[float, float]:
    """Return the ends of the load-rate axis: all that is drawn, the lines, and room for labels; whole tenths."""
    columns = [curve.load_rate, *([curve.worst_phase_load_rate] if phase else [])]
    values = np.concatenate(columns) if columns else np.array([])
    known = values[~np.isnan(values)]
    lowest = float(known.min()) if len(known) else 0.5
    highest = float(known.max()) if len(known) else 1.0
    low = min(lowest, 0.7, target if target is not None else 0.7)
    return max(np.floor((low - 0.05) * 10) / 10, 0.0), max(np.ceil((highest + 0.03) * 10) / 10, 1.1)


def _spans(marks: Sequence[IncidentMark], zone: str, x: alt.X, ends: NDArray[np.int64]) -> alt.Chart:
    spans = [mark for mark in marks if mark.kind == "incident"]
    start = wall_clock_ms(np.array([m.from_us for m in spans], np.int64), zone)
    end = wall_clock_ms(np.array([_whole_minute(m.to_us) for m in spans], np.int64), zone)
    table = pd.DataFrame({"at": np.clip(start, ends[0], ends[1]), "until": np.clip(end, ends[0], ends[1])})
    table = table[table["until"] > table["at"]]
    spans_drawn: alt.Chart = alt.Chart(table).mark_rect(color=SPAN, opacity=0.6).encode(x, x2="until:T")
    return spans_drawn


def _rules(
    low: float,
    high: float,
    ends: NDArray[np.int64],
    x: alt.X,
    y_scale: alt.Scale,
    axis: alt.Axis,
    language: Language,
    target: float | None,
) -> tuple[list[alt.Chart], list[alt.Chart]]:
    """Return the lines at 80, 90 and 100 %, and their labels, which are drawn above the curve."""
    names = {0.8: words.HEAVY_COUNT, 0.9: words.SEVERE_COUNT, 1.0: words.OVERLOAD_COUNT}
    rules, labels = [], []
    for line, colour in _LINES:
        if not low < line < high:
            continue
        also = f" · {words.TARGET.to(language)}" if target is not None and abs(target - line) < 0.005 else ""
        table = pd.DataFrame(
            {"rate": [line], "at": [ends[0]], "label": [f"{line:.0%} {names[line].to(language)}{also}"]}
        )
        y = alt.Y("rate:Q", scale=y_scale, axis=axis)
        rules.append(alt.Chart(table).mark_rule(color=colour, strokeWidth=1.5).encode(y))
        labels.extend(_labels(alt.Chart(table), x, y, colour))
    return rules, labels


def _labels(chart: alt.Chart, x: alt.X, y: alt.Y, colour: str, **place: Any) -> list[alt.Chart]:
    """Return a text on a white halo, so that a line behind it does not spoil it."""
    look = {"align": "left", "baseline": "bottom", "dx": 6, "dy": -3, "fontSize": 13, "fontWeight": 600, **place}
    halo = chart.mark_text(stroke="#ffffff", strokeWidth=4, strokeJoin="round", **look)
    text = chart.mark_text(color=colour, **look)
    return [each.encode(x, y, text="label:N") for each in (halo, text)]


def _newest(drawn: Curve, at: NDArray[np.int64], x: alt.X, y: alt.Y) -> list[alt.Chart]:
    """Return the newest reading as a point with its load rate."""
    known = np.flatnonzero(~np.isnan(drawn.load_rate))[-1:]
    rate = drawn.load_rate[known]
    table = pd.DataFrame({"at": at[known], "rate": rate, "label": [f"{r * 100:.1f} %" for r in rate.tolist()]})
    chart = alt.Chart(table)
    point = chart.mark_point(color=INK, filled=True, size=110, opacity=1.0, clip=True).encode(x, y)
    return [point, *_labels(chart, x, y, INK, align="left", baseline="middle", dx=9, dy=0, fontSize=16)]


def _target(target: float, y_scale: alt.Scale, axis: alt.Axis) -> alt.Chart:
    rule: alt.Chart = (
        alt.Chart(pd.DataFrame({"rate": [target]}))
        .mark_rule(color=TARGET, strokeWidth=2.5, strokeDash=[8, 5])
        .encode(alt.Y("rate:Q", scale=y_scale, axis=axis))
    )
    return rule


def _visits(
    marks: Sequence[IncidentMark],
    zone: str,
    x: alt.X,
    low: float,
    high: float,
    y_scale: alt.Scale,
    axis: alt.Axis,
    language: Language,
) -> alt.Chart:
    """Return visits as marks near the bottom of the chart, each result with its own shape and colour."""
    results = {result.value: result for result in VisitResult}
    visits = [mark for mark in marks if mark.kind in results]
    table = pd.DataFrame(
        {
            "at": wall_clock_ms(np.array([m.from_us for m in visits], np.int64), zone),
            "rate": np.full(len(visits), low + 0.05 * (high - low)),
            "kind": [m.kind for m in visits],
            "label": [m.label.to(language) for m in visits],
            "result": [visit_result_name(results[m.kind]).to(language) for m in visits],
        }
    )
    order = [result.value for result in VisitResult]
    points: alt.Chart = (
        alt.Chart(table)
        .mark_point(filled=True, size=90, opacity=0.95, clip=True)
        .encode(
            x,
            alt.Y("rate:Q", scale=y_scale, axis=axis),
            shape=alt.Shape(
                "kind:N", scale=alt.Scale(domain=order, range=[_VISIT_SHAPES[r] for r in VisitResult]), legend=None
            ),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=order, range=[_VISIT_COLOURS[r] for r in VisitResult]), legend=None
            ),
            tooltip=[alt.Tooltip("label:N", title=words.LEGEND_VISIT.to(language))],
        )
    )
    return points


def _styled(chart: Any) -> alt.LayerChart:
    styled: alt.LayerChart = (
        chart.configure(font=FONT, background="#ffffff", padding={"left": 6, "right": 14, "top": 10, "bottom": 4})
        .configure_axis(
            labelColor=INK_SOFT,
            titleColor=INK_SOFT,
            labelFontSize=13,
            titleFontSize=13,
            titleFontWeight="normal",
            gridColor="#e8ebef",
            domainColor=LINE,
            tickColor=LINE,
        )
        .configure_view(stroke=LINE)
    )
    return styled


_MINUTE_STEPS = (5, 10, 15, 30, 60)


def step_us_of(span_us: int) -> int | None:
    """Return the step [µs] at which a long range is thinned for drawing; None for one that is drawn whole."""
    if span_us <= 25 * HOUR_US:
        return None
    wanted = span_us / 900
    return next((m * MINUTE_US for m in _MINUTE_STEPS if m * MINUTE_US >= wanted), 60 * MINUTE_US)
