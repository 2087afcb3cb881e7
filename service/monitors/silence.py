"""Who sends nothing any more: looked at every second, told when a feeder or the whole stream is lost or back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.silence.detection import BlindStream, LostFeeder, Silence, SilenceSettings, Watched, look
from alerts.silence.transitions import changes
from alerts.silence.words import communication_back, communication_lost, monitoring_is_blind, monitoring_sees_again
from grid.assets import Ledger
from grid.fleet import Fleet
from grid.text import Text


class Watch:
    """Watches one collector's transformers. Single silent ones turn grey on the wall; more is said in words."""

    def __init__(self, fleet: Fleet, ledger: Ledger, settings: SilenceSettings) -> None:
        """Begin with nobody known to be silent; what is silent already is told under the name it has."""
        feeder_of = {t.transformer_id: t.feeder_id for t in ledger.transformers}
        self._fleet = fleet
        self._watched = Watched.of(fleet.transformer_ids, [feeder_of.get(i, "") for i in fleet.transformer_ids])
        self._settings = settings
        self._zone: Mapping[str, tzinfo] = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._station_of_feeder = {t.feeder_id: t.station_id for t in ledger.transformers if t.feeder_id}
        self._first_station = next(iter(self._zone), "")
        self._silence: Silence | None = None

    def look(self, last_received_us: NDArray[np.int64], now_us: int) -> tuple[NotificationEvent, ...]:
        """Look at who is silent now; return what has to be said about it."""
        before = self._silence
        self._silence = look(self._watched, last_received_us, now_us, self._settings, before)
        if not self._zone:
            return ()
        changed = changes(before, self._silence)
        started = [self._event(loss, "lost", now_us) for loss in changed.started]
        return (*started, *(self._event(loss, "back", now_us) for loss in changed.ended))

    def is_silent(self, transformer_id: str, last_received_us: NDArray[np.int64], now_us: int) -> bool:
        """Return whether nothing came of a transformer for too long."""
        return self.waited_us(transformer_id, last_received_us, now_us) > self._settings.silent_us

    def waited_us(self, transformer_id: str, last_received_us: NDArray[np.int64], now_us: int) -> int:
        """Return how long nothing came of a transformer [µs]; since ever where nothing ever did."""
        return now_us - int(last_received_us[self._fleet.number[transformer_id]])

    def is_covered(self, transformer_id: str) -> bool:
        """Return whether a lost feeder or a blind stream says already that a transformer is silent."""
        return self._silence is not None and bool(self._silence.covered[self._fleet.number[transformer_id]])

    def _event(self, loss: BlindStream | LostFeeder, what: str, now_us: int) -> NotificationEvent:
        feeder_id = "" if isinstance(loss, BlindStream) else loss.feeder_id
        station_id = self._station_of_feeder.get(feeder_id, self._first_station)
        kind = MessageKind.COMMUNICATION_LOST if feeder_id else MessageKind.MONITORING_BLIND
        return NotificationEvent(
            key=f"{loss.key}/{what}",
            kind=kind,
            station_id=station_id,
            level=kind,
            urgency=Urgency.BLIND if what == "lost" else Urgency.ROUTINE,
            created_at_us=now_us,
            text=_words(loss, what, now_us, self._zone[station_id]),
        )


def _words(loss: BlindStream | LostFeeder, what: str, now_us: int, zone: tzinfo) -> Text:
    match loss:
        case BlindStream():
            return monitoring_is_blind(loss, zone) if what == "lost" else monitoring_sees_again(loss, now_us, zone)
        case LostFeeder():
            return communication_lost(loss, zone) if what == "lost" else communication_back(loss, now_us, zone)
