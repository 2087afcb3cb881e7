"""What MQTT topics mean to a fleet: looked up for many messages at once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from grid.fleet import Fleet

STATION_BATCH = -1
"""A batch of some station's readings; who the rows are of stands in them."""
NOT_KNOWN = -2


class Topics(dict[bytes, int]):
    """Topic, as it comes with a message, to the number of the transformer that it brings single readings of.

    Or to one of the constants above. It fills itself, with topics of the ledger only: a flood of foreign ones
    takes no memory.
    """

    def __init__(self, fleet: Fleet) -> None:
        """Begin empty."""
        super().__init__()
        self._fleet = fleet
        self._station = {station_id: number for number, station_id in enumerate(dict.fromkeys(fleet.station_ids))}
        of_transformers = [self._station[station_id] for station_id in fleet.station_ids]
        self.station_of = np.array([*of_transformers, NOT_KNOWN], np.int32)
        """(n + 1,) by transformer, the number of its station as `stations` gives it; the last one is nobody's."""

    def __missing__(self, topic: bytes) -> int:
        """Read a topic, and remember it when it is of the ledger."""
        try:
            parts = topic.decode().split("/")
        except UnicodeDecodeError:
            return NOT_KNOWN
        meant = NOT_KNOWN
        if len(parts) == 5 and parts[:2] == ["redvest", "v1"] and parts[4] == "reading":
            number = self._fleet.number.get(parts[3], NOT_KNOWN)
            if number >= 0 and self._fleet.station_ids[number] == parts[2]:
                meant = self[topic] = number
        elif len(parts) == 4 and parts[:2] == ["redvest", "v1"] and parts[3] == "readings":
            meant = STATION_BATCH
            if parts[2] in self._station:
                self[topic] = meant
        return meant

    def meant(self, topics: Sequence[bytes]) -> NDArray[np.int32]:
        """Return what n topics mean (n,)."""
        return np.fromiter(map(self.__getitem__, topics), np.int32, len(topics))

    def stations(self, topics: Sequence[bytes]) -> NDArray[np.int32]:
        """Return the numbers of the stations whose batches come on n topics (n,); unknown ones share one."""
        named = (topic.decode().split("/")[2] for topic in topics)
        return np.array([self._station.get(station_id, len(self._station)) for station_id in named], np.int32)


@lru_cache(maxsize=2)
def topics_of(fleet: Fleet) -> Topics:
    """Return the topics of a fleet; the same object for the same fleet, so that it stays filled."""
    return Topics(fleet)
