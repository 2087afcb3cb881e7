"""How numbers, times and spans are written in sentences for people, in each language's own habit."""

from __future__ import annotations

import math
from datetime import tzinfo

from grid.text import Text
from grid.timestamps import MINUTE_US, as_datetime

MISSING = "—"


def percent(share: float) -> Text:
    """Return a fraction as per cent, at most two decimals; NaN gives a dash.

    >>> percent(0.9533).zh, percent(0.9).en
    ('95.33%', '90 %')
    """
    if not math.isfinite(share):
        return Text(MISSING, MISSING)
    number = f"{share * 100:.2f}".rstrip("0").rstrip(".")
    number = "0" if number == "-0" else number
    return Text(f"{number}%", f"{number} %")


def whole_percent(share: float) -> Text:
    """Return a probability as whole per cent: more digits would claim more than is known."""
    if not math.isfinite(share):
        return Text(MISSING, MISSING)
    number = f"{share * 100:.0f}"
    return Text(f"{number}%", f"{number} %")


def kilowatts(power_kw: float) -> str:
    """Return a power, one decimal below 10 kW and none above; NaN gives a dash.

    >>> kilowatts(6.14), kilowatts(58.3)
    ('6.1 kW', '58 kW')
    """
    if not math.isfinite(power_kw):
        return MISSING
    number = f"{power_kw:.1f}".removesuffix(".0") if abs(power_kw) < 9.95 else f"{power_kw:.0f}"
    return f"{'0' if number == '-0' else number} kW"


def degrees(temperature_c: float) -> Text:
    """Return a temperature, such as 26℃ / 26 °C."""
    return Text(f"{temperature_c:g}℃", f"{temperature_c:g} °C")


def clock_time(timestamp_us: int, zone: tzinfo) -> str:
    """Return the time of day in `zone`, with seconds only where there are some: 11:00, 10:41:32."""
    when = as_datetime(timestamp_us, zone)
    return f"{when:%H:%M:%S}" if when.second else f"{when:%H:%M}"


def day(timestamp_us: int, zone: tzinfo) -> Text:
    """Return the date in `zone`: 7月24日 / 24 July."""
    when = as_datetime(timestamp_us, zone)
    return Text(f"{when.month}月{when.day}日", f"{when.day} {_MONTHS[when.month - 1]}")


def day_and_time(timestamp_us: int, zone: tzinfo) -> Text:
    """Return date and time of day in `zone`: 7月24日 11:00 / 24 July 11:00."""
    date, time = day(timestamp_us, zone), clock_time(timestamp_us, zone)
    return Text(f"{date.zh} {time}", f"{date.en} {time}")


def later_time(timestamp_us: int, after_us: int, zone: tzinfo) -> Text:
    """Return the time of day, with its date only when it is another day than that of `after_us`."""
    if as_datetime(timestamp_us, zone).date() == as_datetime(after_us, zone).date():
        time = clock_time(timestamp_us, zone)
        return Text(time, time)
    return day_and_time(timestamp_us, zone)


def span(length_us: int) -> Text:
    """Return a length of time in hours and minutes: 1小时18分钟 / 1 h 18 min; 0 is said as 0 minutes."""
    minutes = round(length_us / MINUTE_US)
    hours, rest = divmod(minutes, 60)
    if not hours:
        return Text(f"{rest} 分钟", f"{rest} min")
    if not rest:
        return Text(f"{hours} 小时", f"{hours} h")
    return Text(f"{hours} 小时 {rest} 分钟", f"{hours} h {rest} min")


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
