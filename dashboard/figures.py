"""Numbers and moments as people read them. A missing number is a dash, never a zero."""

from __future__ import annotations

import math
from zoneinfo import ZoneInfo

from grid.text import Text
from grid.timestamps import DAY_US, HOUR_US, MINUTE_US, SECOND_US, as_datetime

DASH = "—"


def percent(fraction: float, digits: int = 1) -> str:
    """Return a fraction as per cent, such as `95.3 %`."""
    return DASH if math.isnan(fraction) else f"{fraction * 100:.{digits}f} %"


def kilowatts(power_kw: float) -> str:
    """Return a power [kW] with one decimal below 100."""
    if math.isnan(power_kw):
        return DASH
    return f"{power_kw:.0f} kW" if abs(power_kw) >= 99.95 else f"{power_kw:.1f} kW"


def quantity(value: float, unit: str, digits: int = 0) -> str:
    """Return a value with its unit."""
    return DASH if math.isnan(value) else f"{value:,.{digits}f} {unit}"


def trend(per_hour: float) -> Text:
    """Return a slope of the load rate [1/h] as an arrow and percentage points an hour."""
    points = per_hour * 100
    if math.isnan(points):
        return Text(DASH, DASH)
    if abs(points) < 1.0:
        return Text("→ 平稳", "→ steady")
    arrow = "↑" if points > 0 else "↓"
    return Text(f"{arrow} {abs(points):.0f} 个百分点/时", f"{arrow} {abs(points):.0f} points/h")


def time_of_day(timestamp: int | None, zone: str, seconds: bool = False) -> str:
    """Return a moment [µs] as HH:MM of the station's zone."""
    if timestamp is None:
        return DASH
    return as_datetime(timestamp, ZoneInfo(zone)).strftime("%H:%M:%S" if seconds else "%H:%M")


def day_and_time(timestamp: int | None, zone: str) -> str:
    """Return a moment [µs] as `07-24 10:42` of the station's zone."""
    return DASH if timestamp is None else as_datetime(timestamp, ZoneInfo(zone)).strftime("%m-%d %H:%M")


def day(timestamp: int, zone: str) -> str:
    """Return the day of a moment [µs] in the station's zone, as `2021-07-24`."""
    return as_datetime(timestamp, ZoneInfo(zone)).strftime("%Y-%m-%d")


def span(length_us: int) -> Text:
    """Return a length of time in its two greatest useful units."""
    length_us = max(length_us, 0)
    if length_us < MINUTE_US:
        seconds = length_us // SECOND_US
        return Text(f"{seconds} 秒", f"{seconds} s")
    if length_us < HOUR_US:
        minutes = length_us // MINUTE_US
        return Text(f"{minutes} 分钟", f"{minutes} min")
    if length_us < DAY_US:
        hours, minutes = length_us // HOUR_US, length_us % HOUR_US // MINUTE_US
        return Text(f"{hours} 小时 {minutes} 分", f"{hours} h {minutes} min")
    days, hours = length_us // DAY_US, length_us % DAY_US // HOUR_US
    return Text(f"{days} 天 {hours} 小时", f"{days} d {hours} h")


def age(timestamp: int | None, now_us: int) -> Text:
    """Return how long ago a moment was."""
    if timestamp is None:
        return Text("从未", "never")
    if now_us - timestamp < 5 * SECOND_US:
        return Text("刚刚", "just now")
    long = span(now_us - timestamp)
    return Text(f"{long.zh}前", f"{long.en} ago")
