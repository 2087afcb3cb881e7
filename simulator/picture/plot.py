"""A picture of a day: load rates against the lines of 80, 90 and 100 %, and the outdoor air.

Few transformers are a curve each, the worst phase of the most loaded one thin beside it; of many, the middle, the
band of nine in ten and the highest, and below how many are above 90 % at a time.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.electrical import LoadRates
from grid.fleet import Fleet
from grid.readings import ReadingBatch
from grid.text import Language, Text
from grid.timestamps import HOUR_US, MINUTE_US
from simulator.picture.svg import Drawing
from simulator.scenario.scenario import Scenario

CURVES_MAX = 6
"""More transformers than this are drawn as a band."""
_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 960.0, 56.0, 118.0, 98.0, 26.0
_PANEL, _STRIP, _STRIP_GAP = 300.0, 52.0, 34.0
_INK, _SOFT, _GRID, _AIR, _BACK = "#1b2733", "#5a6675", "#e3e7ec", "#2a7f9e", "#1f7a4d"
_BACK_RIM = "#a9dcc0"
_CURVES = ("#1f4e9c", "#8a8f98", "#6a4c93", "#b0651d", "#3d7a5f", "#a0466b")
_LINES = ((0.8, "#c99a1a", Text("重载", "heavy")), (0.9, "#d9661f", Text("严重重载", "severe heavy")),
          (1.0, "#b3202c", Text("过载", "overload")))  # fmt: skip
_LABEL = 14.0
"""From label to label."""
_GAP_US = 20 * MINUTE_US
_BACK_FEED_LOAD_RATE_MIN = 0.03
_LINE_WIDTH_MAX = 140
"""Of a sentence, in half-width characters."""

_LOAD_RATE = Text("负载率", "load rate")
_OUTDOOR = Text("气温 °C", "outdoor air °C")
_WORST = Text("最重的一相", "worst phase")
_FED_BACK = Text("倒送", "fed back")
_HIGHEST, _MIDDLE, _BAND = Text("最高", "highest"), Text("中位", "median"), Text("九成台区", "nine in ten")
_ABOVE = Text("≥ 90 % 的台区数", "areas at 90 % and above")


@dataclass(frozen=True)
class _Frame:
    """Where moments and load rates lie on the sheet."""

    from_us: int
    to_us: int
    highest: float

    def x(self, timestamp: float) -> float:
        return _LEFT + (timestamp - self.from_us) / (self.to_us - self.from_us) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, load_rate: float) -> float:
        return _TOP + _PANEL * (1.0 - load_rate / self.highest)

    def curve(self, at_us: NDArray[np.int64], values: NDArray[np.float64]) -> list[list[tuple[float, float]]]:
        """Return a curve in pieces, broken where readings are missing for longer than 20 min."""
        cuts = np.flatnonzero(np.diff(at_us) > _GAP_US) + 1
        return [
            [
                (self.x(timestamp), self.y(value))
                for timestamp, value in zip(piece.tolist(), height.tolist(), strict=True)
            ]
            for piece, height in zip(np.split(at_us, cuts), np.split(values, cuts), strict=True)
        ]


def plot_day(scenario: Scenario, fleet: Fleet, readings: ReadingBatch, language: Language) -> str:
    """Return the picture of a day as SVG text. Raises ValueError when there are no readings."""
    if not len(readings):
        raise ValueError("there are no readings to draw")
    rates = LoadRates(readings, fleet)
    many = len(fleet) > CURVES_MAX
    shown = rates.load_rate if many else rates.worst_phase_load_rate
    highest = max(1.1, np.ceil(10.0 * float(np.nanmax(shown)) + 0.3) / 10.0)
    frame = _Frame(int(readings.measured_at_us.min()), int(readings.measured_at_us.max()), highest)
    height = _floor_of_strip(1 if many else 0) + 14.0
    title = _plain(scenario.title, language)
    sheet = Drawing(_WIDTH, height, title)
    sheet.words((_LEFT, 26.0), title, _INK, 17.0, bold=True)
    for i, line in enumerate(_wrapped(_plain(scenario.sentence, language))[:2]):
        sheet.words((_LEFT, 47.0 + 17.0 * i), line, _SOFT, 12.5)
    _axes(sheet, frame, scenario, language)
    _air(sheet, frame, readings, language)
    if many:
        _band(sheet, frame, readings, rates, language)
        _count(sheet, frame, readings, rates, language)
    else:
        _each(sheet, frame, fleet, readings, rates, language)
    for load_rate, color, name in _LINES:
        words = f"{100 * load_rate:.0f} % {name.to(language)}"
        sheet.words((_LEFT + 6.0, frame.y(load_rate) - 4.0), words, color, 11.0)
    return sheet.text()


def _axes(sheet: Drawing, frame: _Frame, scenario: Scenario, language: Language) -> None:
    right = _WIDTH - _RIGHT
    for step in range(0, round(frame.highest * 10) + 1, 2):
        y = frame.y(step / 10)
        sheet.line((_LEFT, y), (right, y), _GRID)
        sheet.words((_LEFT - 8.0, y + 4.0), f"{step * 10} %", _SOFT, anchor="end")
    hours = (frame.to_us - frame.from_us) / HOUR_US
    step_us = HOUR_US * (1 if hours <= 13 else 2)
    first = scenario.midnight_us + -(-(frame.from_us - scenario.midnight_us) // step_us) * step_us
    for timestamp in range(first, frame.to_us + 1, step_us):
        x, hour = frame.x(timestamp), (timestamp - scenario.midnight_us) // HOUR_US % 24
        sheet.line((x, _TOP), (x, _TOP + _PANEL), _GRID)
        sheet.words((x, _TOP + _PANEL + 18.0), f"{hour:02d}:00", _SOFT, anchor="middle")
    for load_rate, color, _ in _LINES:
        sheet.line((_LEFT, frame.y(load_rate)), (right, frame.y(load_rate)), color, 1.4)
    sheet.words((_LEFT - 8.0, _TOP - 10.0), _LOAD_RATE.to(language), _SOFT, 11.5, "middle")


def _air(sheet: Drawing, frame: _Frame, readings: ReadingBatch, language: Language) -> None:
    """Draw the outdoor air in the first strip below the panel, its ends written beside it."""
    at_us, first = np.unique(readings.measured_at_us, return_index=True)
    air = readings.ambient_temperature_c[first]
    low, high = np.floor(float(np.nanmin(air))), np.ceil(float(np.nanmax(air)))
    floor, per_k = _floor_of_strip(0), _STRIP / max(high - low, 1.0)
    points = [
        (frame.x(timestamp), floor - (value - low) * per_k)
        for timestamp, value in zip(at_us.tolist(), air.tolist(), strict=True)
    ]
    for value in (low, high):
        y = floor - (value - low) * per_k
        sheet.line((_LEFT, y), (_WIDTH - _RIGHT, y), _GRID)
        sheet.words((_LEFT - 8.0, y + 4.0), f"{value:.0f}".replace("-", "−"), _SOFT, anchor="end")
    sheet.curve([points], _AIR, 1.6)
    sheet.words((_WIDTH - _RIGHT + 8.0, points[-1][1] + 4.0), _OUTDOOR.to(language), _AIR, 12.0, bold=True)


def _each(
    sheet: Drawing, frame: _Frame, fleet: Fleet, readings: ReadingBatch, rates: LoadRates, language: Language
) -> None:
    peaks = [float(np.nanmax(rates.load_rate[readings.transformer == row], initial=0.0)) for row in range(len(fleet))]
    order = sorted(range(len(fleet)), key=lambda row: -peaks[row])
    labels: list[tuple[float, str, str]] = []
    for place, row in reversed(list(enumerate(order))):
        rows = np.flatnonzero(readings.transformer == row)
        if not len(rows):
            continue
        at_us, load_rate, color = readings.measured_at_us[rows], rates.load_rate[rows], _CURVES[place]
        back = (readings.active_power_kw[rows] < 0.0) & (load_rate > _BACK_FEED_LOAD_RATE_MIN)
        if back.any():
            sheet.curve(frame.curve(at_us[back], load_rate[back]), _BACK_RIM, 9.0)
        if place == 0:
            phase = rates.worst_phase_load_rate[rows]
            sheet.curve(frame.curve(at_us, phase), color, 1.0, "4 3")
            if np.nanmean(phase - load_rate) > 0.02:
                labels.append((frame.y(float(phase[-1])) - 1.0, _WORST.to(language), color))
        sheet.curve(frame.curve(at_us, load_rate), color, 2.4 if place == 0 else 1.8)
        labels.append((frame.y(float(load_rate[-1])), fleet.transformer_ids[row], color))
        if back.any():
            middle = int(np.flatnonzero(back)[np.count_nonzero(back) // 2])
            x, y = frame.x(float(at_us[middle])), frame.y(float(load_rate[middle]))
            if load_rate[middle] > 0.3:
                sheet.words((x, y + 26.0), _FED_BACK.to(language), _BACK, 12.0, "middle", bold=True)
    _labels(sheet, labels)


def _band(sheet: Drawing, frame: _Frame, readings: ReadingBatch, rates: LoadRates, language: Language) -> None:
    at_us = np.unique(readings.measured_at_us)
    levels = np.array(
        [np.nanquantile(rates.load_rate[readings.measured_at_us == m], [0.05, 0.5, 0.95, 1.0]) for m in at_us]
    )
    x = [frame.x(float(timestamp)) for timestamp in at_us]
    upper = [(x[i], frame.y(float(levels[i, 2]))) for i in range(len(x))]
    lower = [(x[i], frame.y(float(levels[i, 0]))) for i in reversed(range(len(x)))]
    sheet.area([*upper, *lower], _CURVES[0], 0.18)
    sheet.curve(frame.curve(at_us, levels[:, 1]), _CURVES[0], 2.4)
    sheet.curve(frame.curve(at_us, levels[:, 3]), _INK, 1.2)
    middle = float(levels[-1, 2] + levels[-1, 1]) / 2.0
    _labels(
        sheet,
        [
            (frame.y(float(levels[-1, 3])), _HIGHEST.to(language), _INK),
            (frame.y(middle), _BAND.to(language), _CURVES[0]),
            (frame.y(float(levels[-1, 1])), _MIDDLE.to(language), _CURVES[0]),
        ],
    )


def _count(sheet: Drawing, frame: _Frame, readings: ReadingBatch, rates: LoadRates, language: Language) -> None:
    at_us, place = np.unique(readings.measured_at_us, return_inverse=True)
    counts = np.bincount(place, weights=rates.load_rate >= 0.9, minlength=len(at_us))
    floor, most = _floor_of_strip(1), max(float(counts.max()), 1.0)
    tops = [
        (frame.x(float(timestamp)), floor - _STRIP * count / most)
        for timestamp, count in zip(at_us, counts.tolist(), strict=True)
    ]
    color = _LINES[1][1]
    sheet.area([(tops[0][0], floor), *tops, (tops[-1][0], floor)], color, 0.75)
    sheet.line((_LEFT, floor), (_WIDTH - _RIGHT, floor), _SOFT)
    sheet.words((_LEFT + 6.0, floor - _STRIP + 10.0), _ABOVE.to(language), color, 11.5)
    peak = int(counts.argmax())
    sheet.words((tops[peak][0], tops[peak][1] - 4.0), f"{most:.0f}", color, 12.0, "middle", bold=True)


def _floor_of_strip(number: int) -> float:
    """Return where a strip below the panel stands on."""
    return _TOP + _PANEL + _BOTTOM + (number + 1) * (_STRIP + _STRIP_GAP) - 14.0


def _labels(sheet: Drawing, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write labels right of the panel, moved apart where they would lie on each other, none below its floor."""
    ordered = sorted(labels)
    heights: list[float] = []
    for y, _, _ in ordered:
        heights.append(max(y + 4.0, heights[-1] + _LABEL if heights else -np.inf))
    floor = _TOP + _PANEL
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], floor)
        floor = heights[i] - _LABEL
    for height, (_, text, color) in zip(heights, ordered, strict=True):
        sheet.words((_WIDTH - _RIGHT + 8.0, height), text, color, 12.0, bold=True)


def _plain(words: object, language: Language) -> str:
    return str(getattr(words, language.value))


def _wrapped(sentence: str) -> list[str]:
    """Return a sentence in lines; between Chinese characters anywhere, elsewhere at blanks."""
    lines, width, blank = [""], 0, -1
    for character in sentence:
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        lines[-1] += character
        blank = len(lines[-1]) if character == " " or ord(character) > 0x2E80 else blank
        if width > _LINE_WIDTH_MAX and blank > 0 and character not in "，。；、：":
            lines[-1:] = [lines[-1][:blank], lines[-1][blank:]]
            width, blank = sum(2 if ord(c) > 0x2E80 else 1 for c in lines[-1]), -1
    return [line.strip() for line in lines]
