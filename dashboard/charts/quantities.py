"""Charts beside the load rate, on the same time axis: load rates of the phases, voltages with limits, imbalance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard import words
from dashboard.charts.curve import LOOK, time_format
from dashboard.charts.layers import Layer, wall_clock_ms
from grid.electrical import VOLTAGE_HIGH_V, VOLTAGE_LOW_V
from grid.text import Language, Text
from grid.timestamps import as_datetime
from service.queries.answers import Curve
from service.queries.curve import with_gaps

PHASE_COLOURS = ("#b8860b", "#1f7a4d", "#b3202c")
"""Phases A, B, C: yellow, green, red, as they are painted (GB/T 2893; practice)."""
_INK = "#16202c"
_HEIGHT = 200


@dataclass(frozen=True)
class Quantity:
    """What one chart draws: columns of a curve with their names, and the limits that they are held against."""

    title: Text
    names: tuple[str, ...]
    colours: tuple[str, ...]
    values: NDArray[np.float64]
    """(n, k)"""
    number: str
    """How a value is written, in the chart's own notation."""
    limits: tuple[float, ...] = ()
    from_zero: bool = False
    """Small changes are not to look large."""


def quantities_of(curve: Curve, asked: Sequence[str]) -> list[Quantity]:
    """Return what is to be drawn below the load rate, of `phases`, `voltage` and `imbalance`."""
    phases = ("A", "B", "C")
    found = {
        "phases": Quantity(words.PHASE_LOAD_RATES, phases, PHASE_COLOURS, curve.phase_load_rate, ".0%"),
        "voltage": Quantity(
            words.VOLTAGES, phases, PHASE_COLOURS, curve.voltage_v, ".0f", (VOLTAGE_LOW_V, VOLTAGE_HIGH_V)
        ),
        "imbalance": Quantity(words.IMBALANCE, ("",), (_INK,), curve.imbalance[:, None], ".0%", from_zero=True),
    }
    return [found[name] for name in found if name in asked]


def _date_time(wall_clock: int) -> Layer:
    """Return a moment as Vega-Lite takes it for an end of an axis; a bare number it would read as a year."""
    at = as_datetime(wall_clock * 1000)
    found: Layer = {"year": at.year, "month": at.month, "date": at.day, "hours": at.hour, "minutes": at.minute}
    return {**found, "utc": True}


def quantity_chart(
    curve: Curve, asked: str, *, from_us: int, to_us: int, zone: str, language: Language, gap_us: int
) -> Layer:
    """Return one of `phases`, `voltage` and `imbalance` over [from_us, to_us] as a Vega-Lite chart."""
    drawn = with_gaps(curve, gap_us)
    shown = quantities_of(drawn, [asked])[0]
    at_ms = wall_clock_ms(drawn.measured_at_us, zone)
    ends = [_date_time(ms) for ms in wall_clock_ms(np.array([from_us, to_us], np.int64), zone).tolist()]
    x: Layer = {
        "field": "at",
        "type": "temporal",
        "title": None,
        "scale": {"type": "utc", "domain": ends, "nice": False},
        "axis": {"format": time_format(to_us - from_us), "labelOverlap": True, "tickCount": 8},
    }
    axis = {"format": shown.number, "title": shown.title.to(language), "tickCount": 5}
    station = ZoneInfo(zone)
    when = [as_datetime(int(at), station).strftime("%m-%d %H:%M") for at in drawn.measured_at_us.tolist()]
    tables: dict[str, pd.DataFrame] = {}
    layers: list[Layer] = []
    for i, name in enumerate(shown.names):
        tables[f"q{i}"] = pd.DataFrame({"at": at_ms, "value": shown.values[:, i], "time": when})
        y = {"field": "value", "type": "quantitative", "scale": {"zero": shown.from_zero, "padding": 8}, "axis": axis}
        told = [
            {"field": "time", "title": words.MEASURED_AT.to(language)},
            {"field": "value", "title": f"{shown.title.to(language)} {name}".strip(), "format": ".3~f"},
        ]
        mark = {"type": "line", "color": shown.colours[i], "strokeWidth": 2, "clip": True}
        layers.append({"data": {"name": f"q{i}"}, "mark": mark, "encoding": {"x": x, "y": y, "tooltip": told}})
    for limit in shown.limits:
        named = f"limit{limit:g}"
        tables[named] = pd.DataFrame({"value": [limit]})
        rule = {"type": "rule", "color": "#b93a0e", "strokeDash": [6, 4]}
        y = {"field": "value", "type": "quantitative", "axis": axis}
        layers.append({"data": {"name": named}, "mark": rule, "encoding": {"y": y}})
    return {"layer": layers, "height": _HEIGHT, "datasets": tables, **LOOK}
