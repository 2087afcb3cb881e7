"""Watches the disk of the stores: gives the reserve free when it is full, says so, and takes it again."""

from __future__ import annotations

import logging

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.notification.store_words import disk_has_room, disk_is_full
from grid.fleet import Fleet
from grid.text import Text
from stores.maintenance.disk_reserve import DiskReserve

NO_ROOM_BYTES = 4 * 2**20
"""With less than this a store cannot be opened for sure (practice)."""

log = logging.getLogger("redvest.disk")


class DiskWatch:
    """The reserve of one collector, and what there is to say about the disk."""

    def __init__(self, reserve: DiskReserve, folder: str) -> None:
        """Take the reserve if there is room. Raises StoreError where a folder stands in its place."""
        self._reserve = reserve
        self._folder = folder
        self._full_since_us: int | None = None
        reserve.refuse_folders()
        reserve.tend()

    def require_room(self) -> None:
        """Raise StoreError while what is left of the disk is not for readings."""
        self._reserve.require()

    def is_full(self) -> bool:
        """Return whether the disk has hardly any room left; the reserve is given free then."""
        return self._reserve.release() or self._reserve.free_bytes < NO_ROOM_BYTES

    def look(self, fleet: Fleet, now_us: int) -> tuple[NotificationEvent, ...]:
        """Give the reserve free when the disk is full, take it again when it is not; return what is to be said."""
        if self._reserve.release():
            log.error("the disk of %s is full: the reserve is given free, readings wait at the broker", self._folder)
        has_room = self._reserve.tend()
        if not has_room and self._full_since_us is None:
            self._full_since_us = now_us
            return self._notification_events("full", disk_is_full(), Urgency.BLIND, fleet, now_us)
        if has_room and self._full_since_us is not None:
            notification_events = self._notification_events("has room", disk_has_room(), Urgency.ROUTINE, fleet, now_us)
            self._full_since_us = None
            log.warning("the disk of %s has room again", self._folder)
            return notification_events
        return ()

    def _notification_events(
        self, what: str, text: Text, urgency: Urgency, fleet: Fleet, now_us: int
    ) -> tuple[NotificationEvent, ...]:
        station_id = next((station for station in fleet.station_ids if station), "")
        kind, key = MessageKind.DISK_FULL, f"disk/{self._full_since_us}/{what}"
        return (NotificationEvent(key, kind, station_id, kind, urgency, now_us, text),) if station_id else ()
