"""What is said of lost sessions and of the gaps that were found behind them, station by station."""

from __future__ import annotations

from collections.abc import Sequence

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.silence.gap_words import broker_lost_session, readings_missing
from grid.fleet import Fleet
from grid.text import Text
from service.monitors.gaps import Missing
from stores.journal.journal import Gap


def on_missing_readings(found: Sequence[Missing], fleet: Fleet, now_us: int) -> tuple[NotificationEvent, ...]:
    """Return what is said of finished searches, station by station."""
    notification_events = []
    for missing in found:
        of_station: dict[str, list[Gap]] = {}
        for gap in missing.gaps:
            if gap.transformer < len(fleet) and fleet.station_ids[gap.transformer]:
                of_station.setdefault(fleet.station_ids[gap.transformer], []).append(gap)
        for station_id, gaps in of_station.items():
            text = readings_missing(
                len({gap.transformer for gap in gaps}),
                sum(gap.missing for gap in gaps),
                min(gap.after_us for gap in gaps),
                max(gap.before_us for gap in gaps),
                fleet.zones[gaps[0].transformer],
            )
            key = f"gaps/{station_id}/{missing.suspicion.at_us}"
            notification_events.append(
                _event(key, MessageKind.READINGS_MISSING, station_id, Urgency.ROUTINE, now_us, text)
            )
    return tuple(notification_events)


def on_lost_session(fleet: Fleet, now_us: int) -> tuple[NotificationEvent, ...]:
    """Return what is said when the broker has forgotten us; to the first station, for it is one broker."""
    number = next((number for number, station_id in enumerate(fleet.station_ids) if station_id), None)
    if number is None:
        return ()
    text = broker_lost_session(now_us, fleet.zones[number])
    key, station_id = f"broker_lost_session/{now_us}", fleet.station_ids[number]
    return (_event(key, MessageKind.BROKER_LOST_SESSION, station_id, Urgency.BLIND, now_us, text),)


def _event(
    key: str, kind: MessageKind, station_id: str, urgency: Urgency, now_us: int, text: Text
) -> NotificationEvent:
    return NotificationEvent(key, kind, station_id, level=kind, urgency=urgency, created_at_us=now_us, text=text)
