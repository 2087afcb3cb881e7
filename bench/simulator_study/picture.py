"""Draws the three runs of the 24 July day as one SVG: load rates, the lines of the rules, and who set out when."""

from __future__ import annotations

import math

from bench.simulator_study.stories import CALLED, STORY, Stories
from grid.text import Language, Text
from service.demo.scenario_day import clock_time
from simulator.picture.svg import Drawing
from simulator.scenario.day import minute_of

WIDTH, HEIGHT = 1200, 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 1130, 96, 570
_LOW, _HIGH = 50.0, 104.0
_FIRST, _LAST = 9 * 60 + 30, 16 * 60 + 30
_INK, _SOFT, _GRID = "#1d2733", "#5b6674", "#e6e9ed"
_COLOURS = ("#8a94a0", "#c0392b", "#12715b")
LINES = (
    (80.0, "#b58900", Text("重载 80 %", "heavy 80 %")),
    (90.0, "#d2691e", Text("告警 90 %", "call 90 %")),
    (100.0, "#a40020", Text("过载 100 %", "overload 100 %")),
)
"""Of the rules: load rate [%], colour, name."""
_TITLE = Text(
    "一接到告警就出发，早十分钟：同一台区、同一天的三次模拟",
    "Out on the call, ten minutes earlier: one street, one day, three simulated runs",
)
_SUBTITLE = Text(
    "YX06（400 kVA），2021 年 7 月 24 日的天气，11 时室外 36 °C；菱形为当年记录的三个数",
    "YX06 (400 kVA) in the weather of 24 July 2021, 36 °C at 11:00; diamonds: the three figures on record",
)
_HEADS = (Text("峰值", "peak"), Text("≥ 90 % 的分钟数", "minutes ≥ 90 %"), Text("少用电量", "kept off"))
_OPENS, _SETS_OUT, _CLOSED = Text("事件开启", "incident opens"), Text("出发", "team out"), Text("解除", "closed")

_Point = tuple[float, float]


def picture_of(told: Stories, language: Language) -> str:
    """Return the picture as SVG text."""
    drawing = Drawing(WIDTH, HEIGHT, _TITLE.to(language))
    drawing.words((_LEFT, 38), _TITLE.to(language), _INK, 25, bold=True)
    drawing.words((_LEFT, 66), _SUBTITLE.to(language), _SOFT, 16)
    _axes(drawing, language)
    start = told.scenario.minute(told.scenario.starts_at_us)
    for run, rates in enumerate(told.runs):
        points = [_at(start + i, 100.0 * rate) for i, rate in enumerate(rates.tolist())]
        drawing.curve([points], _COLOURS[run], 3.5 if run else 3.0)
    _timestamps(drawing, told, language)
    for clock, percent in STORY.items():
        x, y = _at(minute_of(clock), percent)
        _mark(drawing, (x, y), 9.0, 4, _INK)
        drawing.words((x + 13, y + 26 if clock == "16:00" else y - 9), f"{percent:.2f} %", _INK, 16, bold=True)
    _legend(drawing, told, language)
    return drawing.text()


def _at(minute: float, percent: float) -> _Point:
    return (
        _LEFT + (minute - _FIRST) / (_LAST - _FIRST) * (_RIGHT - _LEFT),
        _BOTTOM - (percent - _LOW) / (_HIGH - _LOW) * (_BOTTOM - _TOP),
    )


def _mark(drawing: Drawing, centre: _Point, radius: float, corners: int, colour: str) -> None:
    """Draw a white mark with a coloured rim: a diamond of four corners, of many a circle."""
    x, y = centre
    turns = [2.0 * math.pi * corner / corners for corner in range(corners + 1)]
    rim = [(x + radius * math.cos(turn), y + radius * math.sin(turn)) for turn in turns]
    drawing.area(rim, "#ffffff")
    drawing.curve([rim], colour, 2.5)


def _axes(drawing: Drawing, language: Language) -> None:
    for tenth in range(50, 101, 10):
        y = _at(_FIRST, tenth)[1]
        drawing.line((_LEFT, y), (_RIGHT, y), _GRID)
        drawing.words((_LEFT - 10, y + 5), f"{tenth} %", _SOFT, 15, "end")
    for hour in range(10, 17):
        x = _at(60 * hour, _LOW)[0]
        drawing.line((x, _BOTTOM), (x, _BOTTOM + 6), _SOFT)
        drawing.words((x, _BOTTOM + 26), f"{hour}:00", _SOFT, 15, "middle")
    for percent, colour, name in LINES:
        y = _at(_FIRST, percent)[1]
        drawing.curve([[(_LEFT, y), (_RIGHT, y)]], colour, 1.8, "7 5")
        drawing.words((_RIGHT, y - 7), name.to(language), colour, 15, "end", bold=True)


def _timestamps(drawing: Drawing, told: Stories, language: Language) -> None:
    """Draw when the incident opened, when the teams set out, and when each incident closed."""
    opens = clock_time(told.scenario, told.incidents[1].opened_at_us)
    timestamps = ((opens, _INK, _OPENS), (CALLED, _COLOURS[2], _SETS_OUT), ("11:00", _COLOURS[1], _SETS_OUT))
    for row, (clock, colour, what) in enumerate(timestamps):
        x, y = _at(minute_of(clock), told.percent(1, clock) - 1.0)
        foot = _at(_FIRST, 61.5)[1] + 24 * row
        drawing.curve([[(x, y), (x, foot + 6)]], colour, 1.4, "2 3")
        drawing.words((x + 6, foot + 4), f"{clock} {what.to(language)}", colour, 15, bold=True)
    for run, (dx, dy, anchor) in ((1, (12, -8, "start")), (2, (-12, 22, "end"))):
        closed_at_us = told.incidents[run].closed_at_us
        if closed_at_us is not None:
            clock = clock_time(told.scenario, closed_at_us)
            x, y = _at(minute_of(clock), told.percent(run, clock))
            _mark(drawing, (x, y), 6.5, 24, _COLOURS[run])
            words = f"{clock} {_CLOSED.to(language)}"
            drawing.words((x + dx, y + dy), words, _COLOURS[run], 15, anchor, bold=True)


def _legend(drawing: Drawing, told: Stories, language: Language) -> None:
    """Draw the key of the curves, with what each run came to."""
    left, top = _at(minute_of("12:05"), 70.5)
    columns = ((330.0, "end"), (420.0, "middle"), (560.0, "end"))
    box = [(left - 14, top - 22), (left + 592, top - 22), (left + 592, top + 106), (left - 14, top + 106)]
    drawing.area(box, "#ffffff")
    drawing.curve([[*box, box[0]]], "#d5dae1", 1.0)
    for (offset, anchor), head in zip(columns, _HEADS, strict=True):
        drawing.words((left + offset, top), head.to(language), _SOFT, 15, anchor)
    for run, name in enumerate(Stories.NAMES):
        y = top + 30 + 30 * run
        minutes = int((told.runs[run] >= 0.90).sum())
        kept = f"{told.kept_kwh(run):.0f} kWh" if run else "–"
        drawing.line((left, y - 5), (left + 34, y - 5), _COLOURS[run], 4.0)
        drawing.words((left + 44, y), name.to(language), _COLOURS[run] if run else _SOFT, 15, bold=True)
        for (offset, anchor), cell in zip(columns, (f"{told.peak(run):.1f} %", str(minutes), kept), strict=True):
            drawing.words((left + offset, y), cell, _INK, 15, anchor)
