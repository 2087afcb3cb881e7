"""The layers of a load-rate chart: incidents as spans, the rule set's lines, visits as signs, the newest reading.

Charts are Vega-Lite, written as the plain dictionaries that they are: building and checking the same chart as
objects took 280 ms of a core for every refresh of every page, this takes a few.

Vega draws times in the viewer's zone or in UTC. The axis has to show the station's zone whatever the viewer's
computer thinks, so moments are shifted by the zone's offset (`wall_clock_ms`) and drawn on a UTC scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alerts.model.display_names import level_name
from alerts.outreach.planner import VisitResult
from alerts.rules.rule_set import Level
from dashboard import words
from grid.text import Language, Text
from grid.timestamps import HOUR_US, MINUTE_US, as_datetime
from service.queries.answers import BaselineBand, Curve, IncidentMark
from service.queries.curve import with_gaps

Layer = dict[str, Any]
INK, HEAVY, SEVERE, OVERLOAD = "#16202c", "#8a5a00", "#b93a0e", "#7d0f36"
TARGET, SPAN, BASELINE = "#0f6b4f", "#f6d5c6", "#17497d"
_VISIT_COLOURS = {
    VisitResult.ASKED: "#17497d",
    VisitResult.AGREED: "#0f6b4f",
    VisitResult.REFUSED: "#b93a0e",
    VisitResult.ABSENT: "#5b6470",
    VisitResult.DONE: "#0f6b4f",
}
_VISIT_ROWS = {
    VisitResult.AGREED: 0,
    VisitResult.DONE: 0,
    VisitResult.REFUSED: 1,
    VisitResult.ABSENT: 2,
    VisitResult.ASKED: 2,
}
"""Visits stand in rows above the axis, one for each kind of answer, so that they do not hide each other."""
_LEVEL_COLOURS = {"heavy": HEAVY, "severe_heavy": SEVERE, "overload": OVERLOAD}
"""A level of a station's own rule set is drawn like the heavy line."""


@dataclass(frozen=True)
class Frame:
    """What all layers of one chart share, and the tables that they draw."""

    x: Layer
    """Encoding of the time axis, field `at`."""
    low: float
    high: float
    """Ends of the load-rate axis, fractions."""
    axis: Layer
    from_ms: int
    to_ms: int
    """Ends of the time axis, as drawn."""
    zone: str
    language: Language
    levels: tuple[Level, ...] = ()
    """Load-rate levels whose enter lines are drawn, the lowest first."""
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)

    def y(self, column: str) -> Layer:
        """Return the encoding of the load-rate axis for a column."""
        scale = {"domain": [self.low, self.high], "nice": False, "zero": False}
        return {"field": column, "type": "quantitative", "scale": scale, "axis": self.axis}

    def at(self, column: str, **more: Any) -> Layer:
        """Return the encoding of a column over time."""
        return {"x": self.x, "y": self.y(column), **more}


@dataclass(frozen=True)
class Beside:
    """The curve of another day, to be drawn at the hours of the shown one."""

    label: Text
    curve: Curve
    shift_us: int
    """Added to its moments."""


BESIDE_COLOURS = ("#7a5195", "#2f7f9e", "#9a6a2f")
"""Other days, in the order asked for."""


def beside_lines(others: Sequence[Beside], frame: Frame, gap_us: int) -> list[Layer]:
    """Return the curves of other days, thin and each in a colour of its own."""
    found: list[Layer] = []
    for i, other in enumerate(others):
        drawn = with_gaps(other.curve, gap_us)
        named, at_us = f"beside{i}", drawn.measured_at_us + other.shift_us
        frame.tables[named] = pd.DataFrame({"at": wall_clock_ms(at_us, frame.zone), "rate": drawn.load_rate})
        mark = {"type": "line", "color": BESIDE_COLOURS[i % len(BESIDE_COLOURS)], "strokeWidth": 1.7, "clip": True}
        found.append({"data": {"name": named}, "mark": mark, "encoding": frame.at("rate")})
    return found


def wall_clock_ms(timestamps: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return moments [µs] as milliseconds that read as the station's time when drawn as UTC."""
    if len(timestamps) == 0:
        return timestamps
    station = ZoneInfo(zone)
    hours, place = np.unique(timestamps // HOUR_US, return_inverse=True)
    offsets = np.array([_offset_us(int(hour) * HOUR_US, station) for hour in hours], np.int64)
    return (timestamps + offsets[place]) // 1000


def whole_minute(timestamp: int) -> int:
    """Return the next whole minute: a chart whose edge moved every second would be built anew every second."""
    return -(-timestamp // MINUTE_US) * MINUTE_US


def spans(marks: Sequence[IncidentMark], frame: Frame) -> list[Layer]:
    """Return incidents as shaded spans."""
    own = [mark for mark in marks if mark.kind == "incident"]
    start = wall_clock_ms(np.array([m.from_us for m in own], np.int64), frame.zone)
    end = wall_clock_ms(np.array([whole_minute(m.to_us) for m in own], np.int64), frame.zone)
    at, until = (np.clip(side, frame.from_ms, frame.to_ms) for side in (start, end))
    table = pd.DataFrame({"at": at, "until": until})
    frame.tables["spans"] = table[table["until"] > table["at"]]
    mark = {"type": "rect", "color": SPAN, "opacity": 0.6}
    return [{"data": {"name": "spans"}, "mark": mark, "encoding": {"x": frame.x, "x2": {"field": "until"}}}]


def baseline(band: BaselineBand | None, frame: Frame) -> list[Layer]:
    """Return what the load would have been like without the visits: a band, and a dashed line in its middle."""
    if band is None or not len(band.at_us):
        return []
    frame.tables["baseline"] = pd.DataFrame(
        {
            "at": wall_clock_ms(band.at_us, frame.zone),
            "low": np.clip(band.low, frame.low, frame.high),
            "high": np.clip(band.high, frame.low, frame.high),
            "baseline": band.baseline,
        }
    ).dropna()
    data = {"name": "baseline"}
    area = {"type": "area", "color": BASELINE, "opacity": 0.16, "clip": True}
    line = {"type": "line", "color": BASELINE, "strokeWidth": 2, "strokeDash": [6, 4], "clip": True}
    return [
        {"data": data, "mark": area, "encoding": frame.at("low", y2={"field": "high"})},
        {"data": data, "mark": line, "encoding": frame.at("baseline")},
    ]


def lines(frame: Frame, target: float | None) -> tuple[list[Layer], list[Layer]]:
    """Return the lines of the station's rule set and the target, and their labels, which are drawn above the curve."""
    rules: list[Layer] = []
    labels: list[Layer] = []
    for level in frame.levels:
        line, colour = level.enter, _LEVEL_COLOURS.get(level.name, HEAVY)
        if not frame.low < line < frame.high:
            continue
        also = f" · {words.TARGET.to(frame.language)}" if target is not None and abs(target - line) < 0.005 else ""
        named, word = f"line{level.name}", level_name(level.name).to(frame.language)
        label = f"{line * 100:g} % {word[:1].upper()}{word[1:]}{also}"
        frame.tables[named] = pd.DataFrame({"rate": [line], "at": [frame.from_ms], "label": [label]})
        rules.append(_rule(frame, named, {"color": colour, "strokeWidth": 1.5}))
        labels += _with_halo(named, frame.at("rate", text={"field": "label"}), colour)
    if target is not None:
        frame.tables["target"] = pd.DataFrame({"rate": [target]})
        rules.append(_rule(frame, "target", {"color": TARGET, "strokeWidth": 2.5, "strokeDash": [8, 5]}))
    return rules, labels


def newest(curve: Curve, at_ms: NDArray[np.int64], frame: Frame) -> list[Layer]:
    """Return the newest reading as a point with its load rate beside it."""
    known = np.flatnonzero(~np.isnan(curve.load_rate))[-1:]
    rate = curve.load_rate[known]
    label = [f"{r * 100:.1f} %" for r in rate.tolist()]
    frame.tables["newest"] = pd.DataFrame({"at": at_ms[known], "rate": rate, "label": label})
    mark = {"type": "point", "color": INK, "filled": True, "size": 110, "opacity": 1.0, "clip": True}
    point = {"data": {"name": "newest"}, "mark": mark, "encoding": frame.at("rate")}
    beside = {"baseline": "middle", "dx": 9, "dy": 0, "fontSize": 16, "clip": False}
    return [point, *_with_halo("newest", frame.at("rate", text={"field": "label"}), INK, **beside)]


def visits(marks: Sequence[IncidentMark], frame: Frame) -> list[Layer]:
    """Return visits as the signs they have in the list, near the bottom of the chart."""
    found: list[Layer] = []
    for result in VisitResult:
        own = [mark for mark in marks if mark.kind == result.value]
        height = 0.04 + 0.055 * _VISIT_ROWS[result]
        frame.tables[result.value] = pd.DataFrame(
            {
                "at": wall_clock_ms(np.array([m.from_us for m in own], np.int64), frame.zone),
                "rate": np.full(len(own), frame.low + height * (frame.high - frame.low)),
                "label": [m.label.to(frame.language) for m in own],
            }
        )
        told = [{"field": "label", "title": words.LEGEND_VISIT.to(frame.language)}]
        sign = {"value": words.RESULT_SHAPES[result]}
        encoding = frame.at("rate", text=sign, tooltip=told)
        size = 12 if result is VisitResult.DONE else 17
        middle = {"align": "center", "baseline": "middle", "dx": 0, "dy": 0, "fontSize": size}
        found += _with_halo(result.value, encoding, _VISIT_COLOURS[result], **middle)
    return found


def _rule(frame: Frame, named: str, look: Layer) -> Layer:
    return {"data": {"name": named}, "mark": {"type": "rule", **look}, "encoding": {"y": frame.y("rate")}}


def _with_halo(named: str, encoding: Layer, colour: str, **place: Any) -> list[Layer]:
    """Return a text on a white halo, so that a line behind it does not spoil it."""
    text = {"type": "text", "align": "left", "baseline": "bottom", "dx": 6, "dy": -3, "fontSize": 13, "clip": True}
    text = {**text, "fontWeight": 600, **place}
    halo = {**text, "stroke": "#ffffff", "strokeWidth": 4, "strokeJoin": "round"}
    return [{"data": {"name": named}, "mark": mark, "encoding": encoding} for mark in (halo, {**text, "color": colour})]


def _offset_us(timestamp: int, zone: ZoneInfo) -> int:
    offset = as_datetime(timestamp, zone).utcoffset()
    return round(offset.total_seconds() * 1e6) if offset else 0
