"""What the transformer page shows: live hours or one day, which lines, beside which days; all of it in its address."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

import streamlit as st

from dashboard import words
from dashboard.session import say
from grid.text import Text
from grid.timestamps import HOUR_US, MINUTE_US, as_datetime

QUANTITIES = ("phases", "voltage", "imbalance")
"""What has a chart of its own below the load rate."""
_LINES = {
    "phase": words.SHOW_PHASE,
    "air": words.SHOW_AIR,
    "phases": words.SHOW_PHASES,
    "voltage": words.SHOW_VOLTAGE,
    "imbalance": words.SHOW_IMBALANCE,
}
_DAYS_BACK = {"yesterday": 1, "weekday": 7}
_HOURS_DEFAULT = 6


@dataclass(frozen=True)
class View:
    """What is shown of one transformer."""

    day: date | None
    """A whole day of the station; None for live hours."""
    hours: int
    lines: tuple[str, ...]
    beside: tuple[str, ...]
    """Of `yesterday` and `weekday`."""
    other: date | None
    """Another day beside it."""
    zone: tzinfo

    @property
    def address(self) -> dict[str, str]:
        """Return what stands in the address beside the transformer; what is usual is left out."""
        found = {
            "day": self.day.isoformat() if self.day else "",
            "hours": "" if self.hours == _HOURS_DEFAULT or self.day else str(self.hours),
            "lines": "" if self.lines == ("phase",) else ",".join(self.lines) or "none",
            "beside": ",".join((*self.beside, *([self.other.isoformat()] if self.other else []))),
        }
        return {name: value for name, value in found.items() if value}

    def span(self, now_us: int) -> tuple[int, int]:
        """Return from and to [µs] of what is shown."""
        if self.day is not None:
            return midnight_us(self.day, self.zone), midnight_us(self.day + timedelta(days=1), self.zone)
        to_us = now_us // MINUTE_US * MINUTE_US + MINUTE_US
        return to_us - self.hours * HOUR_US, to_us

    def other_days(self, from_us: int) -> Iterator[tuple[Text, int]]:
        """Yield the days beside what begins at `from_us`: what each is called, and how much earlier [µs] it lies."""
        shown = self.day or as_datetime(from_us, self.zone).date()
        for name in self.beside:
            earlier = shown - timedelta(days=_DAYS_BACK[name])
            yield words.BESIDE_KINDS[name], midnight_us(shown, self.zone) - midnight_us(earlier, self.zone)
        if self.other is not None:
            called = self.other.isoformat()
            yield Text(called, called), midnight_us(shown, self.zone) - midnight_us(self.other, self.zone)


def midnight_us(day: date, zone: tzinfo) -> int:
    """Return the first moment [µs] of a station's day."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1e6)


def pick_view(day_place: Any, hours_place: Any, zone: tzinfo, now_us: int) -> View:
    """Draw the choices and return what is chosen; at first it is what the address says."""
    asked = st.query_params.to_dict()
    today = as_datetime(now_us, zone).date()
    day = day_place.date_input(
        say(words.DAY), value=_day_of(asked.get("day", "")), max_value=today, format="YYYY-MM-DD", key="day_shown"
    )
    ranges = {length: say(text) for length, text in words.RANGES.items()}
    hours = asked.get("hours", "")
    length = hours_place.segmented_control(
        say(words.RANGE),
        options=list(words.RANGES),
        default=int(hours) if hours.isdecimal() and int(hours) in words.RANGES else _HOURS_DEFAULT,
        required=True,
        format_func=lambda each: ranges[each],
        key="range_hours",
        disabled=day is not None,
        wrap=True,
    )
    lines_place, beside_place, other_place = st.columns([5, 3, 2], vertical_alignment="bottom")
    lines_asked = asked.get("lines", "phase").split(",")
    shows = {name: say(text) for name, text in _LINES.items()}
    lines = lines_place.pills(
        say(words.SHOW),
        options=list(shows),
        default=[name for name in shows if name in lines_asked],
        selection_mode="multi",
        format_func=lambda name: shows[name],
        key="lines_shown",
    )
    beside_asked = asked.get("beside", "").split(",")
    kinds = {name: say(text) for name, text in words.BESIDE_KINDS.items()}
    beside = beside_place.pills(
        say(words.BESIDE),
        options=list(kinds),
        default=[name for name in kinds if name in beside_asked],
        selection_mode="multi",
        format_func=lambda name: kinds[name],
        key="days_beside",
    )
    other = other_place.date_input(
        say(words.BESIDE_DAY),
        value=next((found for each in beside_asked if (found := _day_of(each)) is not None), None),
        max_value=today,
        format="YYYY-MM-DD",
        key="other_day",
    )
    return View(
        day if isinstance(day, date) else None,
        length or _HOURS_DEFAULT,
        tuple(lines),
        tuple(beside),
        other if isinstance(other, date) else None,
        zone,
    )


def _day_of(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
