"""Who sends nothing any more: looked at every second, told when a feeder or the whole stream is lost or back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.model.display_names import transformer_name
from alerts.model.kinds import MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.silence.detection import BlindStream, LostFeeder, Silence, SilenceSettings, Watched, look, silent_key
from alerts.silence.transitions import changes
from alerts.silence.words import (
    communication_back,
    communication_lost,
    monitoring_is_blind,
    monitoring_sees_again,
    transformer_silent,
)
from grid.assets import Ledger
from grid.fleet import Fleet
from grid.text import Text
from grid.timestamps import DAY_US


class Watch:
    """Watches one collector's transformers. Single silent ones turn grey on the wall and are told together."""

    def __init__(self, fleet: Fleet, ledger: Ledger, settings: SilenceSettings) -> None:
        """Begin with nobody known to be silent; what is silent already is told under the name it has."""
        self._transformer = {t.transformer_id: t for t in ledger.transformers}
        self._fleet = fleet
        self._watched = Watched.of_ledger(fleet, ledger)
        self._settings = settings
        self._zone: Mapping[str, tzinfo] = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._first_station = next(iter(self._zone), "")
        self._silence: Silence | None = None
        self._told_singly: set[int] = set()
        """Rows of silent transformers that were told by themselves, or need not be."""

    def look(
        self, last_received_us: NDArray[np.int64], now_us: int, told_otherwise: Collection[str] = ()
    ) -> tuple[NotificationEvent, ...]:
        """Look at who is silent now; return what has to be said about it.

        `told_otherwise`: transformers whose silence is told by something else, such as their open incident.
        """
        before = self._silence
        self._silence = look(self._watched, last_received_us, now_us, self._settings, before)
        if not self._zone:
            return ()
        changed = changes(before, self._silence)
        started = [self._event(loss, "lost", now_us) for loss in changed.started]
        single = self._single_events(self._silence, is_first=before is None, told_otherwise=told_otherwise)
        return (*started, *(self._event(loss, "back", now_us) for loss in changed.ended), *single)

    def _single_events(
        self, silence: Silence, *, is_first: bool, told_otherwise: Collection[str]
    ) -> list[NotificationEvent]:
        """Return what is said of transformers that fell silent by themselves, each once while it lasts."""
        self._told_singly &= set(np.flatnonzero(silence.silent).tolist())
        if is_first:
            # What was silent for a day when this process began was told then; nobody remembers it for longer.
            long_ago = silence.silent & (silence.now_us - silence.last_received_us > DAY_US)
            self._told_singly |= set(np.flatnonzero(long_ago).tolist())
        if silence.blind is not None or silence.now_us < silence.told_from_us:
            return []
        events = []
        for row in np.flatnonzero(silence.single).tolist():
            transformer = self._transformer.get(self._fleet.transformer_ids[row])
            if row in self._told_singly or transformer is None:
                continue
            last_us = int(silence.last_received_us[row])
            self._told_singly.add(row)
            if transformer.transformer_id in told_otherwise:
                continue
            events.append(
                NotificationEvent(
                    key=f"{silent_key(transformer.transformer_id, last_us)}/lost",
                    kind=MessageKind.TRANSFORMER_SILENT,
                    station_id=transformer.station_id,
                    level=MessageKind.TRANSFORMER_SILENT,
                    urgency=Urgency.ROUTINE,
                    created_at_us=silence.now_us,
                    text=transformer_silent(transformer_name(transformer), last_us, self._zone[transformer.station_id]),
                    transformer_id=transformer.transformer_id,
                )
            )
        return events

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
        station_id = self._first_station if isinstance(loss, BlindStream) else loss.station_id
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
