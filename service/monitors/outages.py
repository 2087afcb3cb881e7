"""Who is without voltage: transformers, parts of feeders, feeders. Told once, with what the others of a feeder say."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from alerts.model.display_names import transformer_name
from alerts.model.kinds import LevelName, MessageKind
from alerts.notification.event import NotificationEvent, Urgency
from alerts.outages.detection import Outage, OutageScope, find_outages
from alerts.outages.words import supply_back, supply_lost
from alerts.silence.detection import SilenceSettings, Watched
from grid.assets import Ledger
from grid.fleet import Fleet
from grid.text import Text
from grid.timestamps import HOUR_US

NEWS_FOR_HOURS = 2.0
"""An outage that began longer ago when it is found is history: nobody is told (as of incidents)."""
_REACH = list(OutageScope)


class OutageWatch:
    """Watches one collector's supply. Tells an outage when the others of its feeder have spoken, or had the time to."""

    def __init__(self, fleet: Fleet, ledger: Ledger, settings: SilenceSettings) -> None:
        """Begin with nothing told; what stands already is told under the name it has."""
        self._watched = Watched.of_ledger(fleet, ledger)
        self._transformer = {t.transformer_id: t for t in ledger.transformers}
        self._station_of = {t.transformer_id: t.station_id for t in ledger.transformers}
        self._zone = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._slot_us = settings.slot_us
        self._found_at_us: dict[tuple[str, str, str], int] = {}
        """When each place was first found without voltage."""
        self._told: dict[tuple[str, str, str], Outage] = {}
        """As each was told last; what was history when it was found as well."""

    def look(
        self,
        without_since_us: Mapping[str, int],
        supply: NDArray[np.int8],
        measured_at_us: NDArray[np.int64],
        now_us: int,
    ) -> tuple[NotificationEvent, ...]:
        """Look at who is without voltage now; return what has to be said. Arguments as of `find_outages`."""
        if not without_since_us and not self._told:
            return ()
        found = {
            outage.place: outage
            for outage in find_outages(self._watched, self._station_of, without_since_us, supply, measured_at_us)
        }
        events = [self._event(outage, "back", now_us) for place, outage in self._told.items() if place not in found]
        self._told = {place: outage for place, outage in self._told.items() if place in found}
        self._found_at_us = {place: self._found_at_us.get(place, now_us) for place in found}
        for place, outage in found.items():
            before = self._told.get(place)
            reaches_further = before is None or _REACH.index(outage.scope) > _REACH.index(before.scope)
            is_known = not outage.not_heard or now_us - self._found_at_us[place] >= self._slot_us
            if reaches_further and is_known:
                events.append(self._event(outage, "lost", now_us))
                self._told[place] = outage
            elif before is not None and len(outage.transformer_ids) > len(before.transformer_ids):
                self._told[place] = outage
        return tuple(event for event in events if event is not None)

    def _event(self, outage: Outage, what: str, now_us: int) -> NotificationEvent | None:
        zone = self._zone.get(outage.station_id)
        first = self._transformer.get(outage.transformer_ids[0])
        if zone is None or first is None or (what == "lost" and now_us - outage.since_us > NEWS_FOR_HOURS * HOUR_US):
            return None
        called = transformer_name(first)
        text: Text = supply_lost(outage, called, zone) if what == "lost" else supply_back(outage, called, now_us, zone)
        return NotificationEvent(
            key=f"{outage.key}/{what}",
            kind=MessageKind.OUTAGE,
            station_id=outage.station_id,
            level=LevelName.NO_VOLTAGE,
            urgency=Urgency.BLIND if what == "lost" else Urgency.ROUTINE,
            created_at_us=now_us,
            text=text,
        )
