"""Who is left in peace: by calendar day and by week, so that a list changes when the day does, not door by door."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, tzinfo

from alerts.model.outreach_model import OutreachSettings, Visit, VisitResult
from grid.timestamps import DAY_US, HOUR_US, as_datetime

WEEK_DAYS = 7


def rests_until_us(asked_at_us: int, zone: tzinfo, settings: OutreachSettings) -> int:
    """Return from when on a merchant asked at a moment [µs] may be asked again [µs].

    That is the first midnight in `zone` at or after `ask_again_hours`; with 0 hours, at once.
    """
    if settings.ask_again_hours <= 0.0:
        return asked_at_us
    earliest = as_datetime(asked_at_us + round(settings.ask_again_hours * HOUR_US), zone)
    midnight = earliest.replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight < earliest:
        midnight = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    since_epoch = midnight.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return since_epoch // timedelta(microseconds=1)


def left_in_peace(visits: Iterable[Visit], now_us: int, zone: tzinfo, settings: OutreachSettings) -> frozenset[str]:
    """Return the merchants who may not be asked now: they rest, or were asked on enough days of the last seven.

    Nobody at home was not asked.
    """
    oldest_us = now_us - (WEEK_DAYS + 1) * DAY_US - round(settings.ask_again_hours * HOUR_US)
    today = as_datetime(now_us, zone).date()
    resting: set[str] = set()
    days: dict[str, set[int]] = {}
    for visit in visits:
        if visit.result is VisitResult.ABSENT or visit.recorded_at_us < oldest_us:
            continue
        if rests_until_us(visit.recorded_at_us, zone, settings) > now_us:
            resting.add(visit.merchant_id)
        age = (today - as_datetime(visit.recorded_at_us, zone).date()).days
        if age < WEEK_DAYS:
            days.setdefault(visit.merchant_id, set()).add(age)
    capped = {merchant_id for merchant_id, ages in days.items() if len(ages) >= settings.asks_per_week}
    return frozenset(resting | capped)
