"""Moments in time: whole microseconds since 1970-01-01T00:00:00Z, and their ISO 8601 text.

Inside the house a moment is an `int` (one) or an `int64` column (many), always UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_END_OF_DAY = re.compile(r"(\d{4}-?\d\d-?\d\d[T ])24(:?00(?::?00(?:[.,]0+)?)?)(?![\d:.,])", re.ASCII)


def timestamp_us(when: datetime) -> int:
    """Return an aware datetime as a moment [µs]. Raises ValueError for a naive one."""
    if when.tzinfo is None:
        raise ValueError("the time carries no UTC offset")
    return (when - _EPOCH) // _MICROSECOND


def parse_timestamp_us(text: str, zone: tzinfo | None = None) -> int:
    """Return the moment [µs] of an ISO 8601 text with an offset (`Z`, `+08:00` or `+0800`).

    24:00 is the next day's 00:00. Without an offset the text is the time of `zone`, where one is given; an hour that
    a clock shows twice is the first of the two. Raises ValueError when the text is no ISO 8601 time or has no offset.

    >>> parse_timestamp_us("2025-07-24T24:00:00+08:00") == parse_timestamp_us("2025-07-25T00:00:00+08:00")
    True
    """
    when = parse_datetime(text)
    if when.tzinfo is None:
        if zone is None:
            raise ValueError(f"the time {text!r} carries no UTC offset; write +08:00 or Z behind it")
        when = when.replace(tzinfo=zone)
    return timestamp_us(when)


def parse_datetime(text: str) -> datetime:
    """Return an ISO 8601 text as a datetime, naive where it has no offset; 24:00 is the next day's 00:00.

    Raises ValueError when the text is no ISO 8601 time.
    """
    if not text.isascii() or not text.isprintable() or len(text) > 40:  # Python 3.11 reads on over a NUL
        raise ValueError(f"not an ISO 8601 time: {text[:40]!r}")
    end_of_day = _END_OF_DAY.match(text)
    try:
        if end_of_day is None:
            return datetime.fromisoformat(text)
        midnight = f"{end_of_day[1]}00{end_of_day[2]}{text[end_of_day.end() :]}"
        return datetime.fromisoformat(midnight) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"not an ISO 8601 time: {text!r}") from error


def as_datetime(timestamp: int, zone: tzinfo = UTC) -> datetime:
    """Return a moment [µs] as an aware datetime in `zone`."""
    return (_EPOCH + timedelta(microseconds=int(timestamp))).astimezone(zone)


def format_utc(timestamp: int) -> str:
    """Return a moment [µs] as ISO 8601 UTC text, with a fraction only where there is one.

    >>> format_utc(1627095600000000)
    '2021-07-24T03:00:00Z'
    """
    return as_datetime(timestamp).isoformat().replace("+00:00", "Z")
