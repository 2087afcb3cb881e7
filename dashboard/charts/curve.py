"""The load-rate curve as a chart: the total thick, the worst phase thin, holes left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alerts.model.display_names import basis_name
from alerts.rules.rule_set import Level
from dashboard import words
from dashboard.charts.layers import (
    INK,
    Beside,
    Frame,
    Layer,
    baseline,
    beside_lines,
    lines,
    newest,
    spans,
    visits,
    wall_clock_ms,
    whole_minute,
)
from grid.electrical import Basis
from grid.text import Language
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, as_datetime
from service.queries.answers import BaselineBand, Curve, IncidentMark
from service.queries.curve import with_gaps

_PHASE, _AIR, _ACTIVE_ONLY = "#6a4c93", "#2a7f9e", "#c27c00"
_INK_SOFT, _LINE = "#4a5666", "#d5dae1"
_FONT = '"Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", Arial, sans-serif'
_ROOM_AT_RIGHT, _ROOM_BEFORE_AXIS = 0.02, 0.09
"""Share of the width between the newest reading and the edge: more where a second axis stands there."""
_LABEL_PIXELS = 10
"""Room right of the newest load rate, which stands beside its point and on no line."""
_TOUCHABLE_MAX = 180
"""Points that tell their numbers when touched: each is an element of the page, so not all of a week."""
_STEPS_DRAWN = 900
_STEP_MINUTES = (5, 10, 15, 30, 60)


def load_rate_chart(  # noqa: PLR0913
    curve: Curve,
    marks: Sequence[IncidentMark],
    *,
    from_us: int,
    to_us: int,
    zone: str,
    language: Language,
    gap_us: int,
    levels: tuple[Level, ...],
    target_load_rate: float | None = None,
    phase: bool = True,
    air: bool = False,
    band: BaselineBand | None = None,
    height: int = 340,
    beside: Sequence[Beside] = (),
) -> Layer:
    """Return the curve in [from_us, to_us] as a Vega-Lite chart. A hole longer than `gap_us` is drawn as a hole.

    Curves of other days lie `beside` it, moved to the same hours.
    """
    drawn = with_gaps(curve, gap_us)
    at_ms = wall_clock_ms(drawn.measured_at_us, zone)
    room = _ROOM_BEFORE_AXIS if air else _ROOM_AT_RIGHT
    shown_us = (from_us, whole_minute(to_us), room)
    ends = _range_of(drawn, target_load_rate, phase, levels, [*_others(beside), *([band.baseline] if band else [])])
    frame = _frame(shown_us, zone, language, ends, levels)
    frame.tables["readings"] = readings = _readings(drawn, at_ms, zone, language)
    frame.tables["touchable"] = readings.iloc[:: max(1, len(readings) // _TOUCHABLE_MAX)]
    rules, labels = lines(frame, target_load_rate)
    layers = [*spans(marks, frame), *baseline(band, frame), *rules, *beside_lines(beside, frame, gap_us)]
    if phase:
        layers.append(_line(frame, "phase", color=_PHASE, strokeWidth=1.5, strokeDash=[5, 3]))
    layers.append(_line(frame, "rate", color=INK, strokeWidth=3))
    layers.append(_line(frame, "active_only", color=_ACTIVE_ONLY, strokeWidth=3, strokeDash=[3, 3]))
    layers += [*labels, *newest(drawn, at_ms, frame), _touchable(frame), *visits(marks, frame)]
    chart: Layer = {"layer": layers}
    if air:
        chart = {"layer": [chart, _air(frame)], "resolve": {"scale": {"y": "independent"}}}
    return {**chart, "height": height, "datasets": frame.tables, **LOOK}


def step_us_of(span_us: int) -> int | None:
    """Return the step [µs] at which a long range is thinned for drawing; None for one that is drawn whole."""
    if span_us <= 25 * HOUR_US:
        return None
    wanted = span_us / _STEPS_DRAWN
    return next((m * MINUTE_US for m in _STEP_MINUTES if m * MINUTE_US >= wanted), 60 * MINUTE_US)


def _frame(
    shown: tuple[int, int, float],
    zone: str,
    language: Language,
    load_rates: tuple[float, float],
    levels: tuple[Level, ...],
) -> Frame:
    """Return the axes: `shown` is from, to [µs] and the share of room behind; `load_rates` the ends of that axis."""
    from_us, to_us, room = shown
    until_us = to_us + round(room * (to_us - from_us))
    ends = wall_clock_ms(np.array([from_us, until_us], np.int64), zone)
    from_ms, to_ms = int(ends[0]), int(ends[1])
    low, high = load_rates
    return Frame(
        x={
            "field": "at",
            "type": "temporal",
            "title": None,
            "scale": {"type": "utc", "domain": [from_ms, to_ms], "nice": False},
            "axis": {"format": time_format(to_us - from_us), "labelOverlap": True, "tickCount": 8},
        },
        low=low,
        high=high,
        axis={"format": ".0%", "title": words.LOAD_RATE.to(language), "tickCount": 6},
        from_ms=from_ms,
        to_ms=to_ms,
        zone=zone,
        language=language,
        levels=levels,
    )


def _readings(curve: Curve, at_ms: NDArray[np.int64], zone: str, language: Language) -> pd.DataFrame:
    station = ZoneInfo(zone)
    return pd.DataFrame(
        {
            "at": at_ms,
            "rate": curve.load_rate,
            "phase": curve.worst_phase_load_rate,
            "air": curve.ambient_temperature_c,
            "active_only": np.where(curve.basis == Basis.ACTIVE_ONLY, curve.load_rate, np.nan),
            "basis": [basis_name(Basis(basis)).to(language) for basis in curve.basis.tolist()],
            "time": [as_datetime(int(m), station).strftime("%m-%d %H:%M") for m in curve.measured_at_us],
        }
    )


def _line(frame: Frame, column: str, **look: Any) -> Layer:
    mark = {"type": "line", "clip": True, **look}
    return {"data": {"name": "readings"}, "mark": mark, "encoding": frame.at(column)}


def _touchable(frame: Frame) -> Layer:
    told = [
        {"field": "time", "title": words.MEASURED_AT.to(frame.language)},
        {"field": "rate", "title": words.LOAD_RATE.to(frame.language), "format": ".2%"},
        {"field": "basis", "title": words.BASIS.to(frame.language)},
        {"field": "phase", "title": words.WORST_PHASE.to(frame.language), "format": ".2%"},
        {"field": "air", "title": words.AIR_TEMPERATURE.to(frame.language), "format": ".1f"},
    ]
    mark = {"type": "point", "opacity": 0, "size": 120, "clip": True}
    return {"data": {"name": "touchable"}, "mark": mark, "encoding": frame.at("rate", tooltip=told)}


def _air(frame: Frame) -> Layer:
    title = f"{words.AIR_TEMPERATURE.to(frame.language)} °C"
    axis = {"title": title, "titleColor": _AIR, "grid": False}
    y = {"field": "air", "type": "quantitative", "scale": {"zero": False, "padding": 12}, "axis": axis}
    mark = {"type": "line", "color": _AIR, "strokeWidth": 1.5, "clip": True}
    return {"data": {"name": "readings"}, "mark": mark, "encoding": {"x": frame.x, "y": y}}


def time_format(span_us: int) -> str:
    """Return how times on an axis of so long [µs] are written."""
    if span_us <= 26 * HOUR_US:
        return "%H:%M"
    return "%m-%d %H:%M" if span_us <= 4 * DAY_US else "%m-%d"


def _others(beside: Sequence[Beside]) -> list[NDArray[np.float64]]:
    return [other.curve.load_rate for other in beside]


def _range_of(
    curve: Curve,
    target: float | None,
    phase: bool,
    levels: tuple[Level, ...],
    others: Sequence[NDArray[np.float64]],
) -> tuple[float, float]:
    """Return the ends of the load-rate axis: all that is drawn, the lines, and room for labels; whole tenths."""
    values = np.concatenate([curve.load_rate, curve.worst_phase_load_rate]) if phase else curve.load_rate
    values = np.concatenate([values, *others])
    known = values[~np.isnan(values)]
    lines = [*(level.enter for level in levels), *([] if target is None else [target])] or [1.0]
    lowest = min(float(known.min()) if len(known) else min(lines) - 0.3, min(lines) - _ROOM_BELOW_LINES)
    highest = max(float(known.max()) + 0.03 if len(known) else 0.0, max(lines) + _ROOM_ABOVE_LINES)
    return float(max(np.floor((lowest - 0.05) * 10) / 10, 0.0)), float(np.ceil(round(highest * 10, 6)) / 10)


_ROOM_BELOW_LINES, _ROOM_ABOVE_LINES = 0.1, 0.1
"""Load rate below the lowest line and above the highest, for their labels."""


LOOK: Layer = {
    "background": "#ffffff",
    "padding": {"left": 6, "right": _LABEL_PIXELS, "top": 10, "bottom": 4},
    "autosize": {"type": "fit", "contains": "padding"},
    "config": {
        "font": _FONT,
        "view": {"stroke": _LINE},
        "axis": {
            "labelColor": _INK_SOFT,
            "titleColor": _INK_SOFT,
            "labelFontSize": 13,
            "titleFontSize": 13,
            "titleFontWeight": "normal",
            "gridColor": "#e8ebef",
            "domainColor": _LINE,
            "tickColor": _LINE,
        },
    },
}
