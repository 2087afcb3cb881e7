"""When a short look back is enough: trust reaches back a day and more, but seldom is there anything to find there.

A reading is held against its neighbours, against the row of equal readings that it ends, and against the step into a
zone that the load rate has not left since, or a day that was like it (`alerts.quality.grading`). A transformer whose
readings before a moment were not all equal, not all in a zone, not all light and not all at odds with their voltages
and currents owes nothing, from that moment on, to anything older than those readings.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.quality.apart import apart_kind
from alerts.quality.flags import QualitySettings
from alerts.quality.frozen import source_of
from alerts.quality.light_load import is_light
from alerts.quality.rated_readings import RatedReadings


class ShortPast:
    """What the readings of transformers before a moment, at least two gap limits of them, say of the need for more."""

    def __init__(
        self, transformer: NDArray[np.int32], before_us: NDArray[np.int64], settings: QualitySettings | None = None
    ) -> None:
        """Begin without a reading. `transformer` (k,) rises; `before_us` (k,) is the moment [µs] of each."""
        self._by = settings or QualitySettings()
        self._transformer, self._before_us = transformer, before_us
        self._lowest = np.full(len(transformer), np.inf)
        self._highest = np.full(len(transformer), -np.inf)
        self._lowest_source = np.full(len(transformer), np.inf)
        self._highest_source = np.full(len(transformer), -np.inf)
        self._left_zone = np.zeros(len(transformer), bool)
        self._agreed = np.zeros(len(transformer), bool)

    def see(self, block: RatedReadings) -> None:
        """Take note of a block of these transformers' readings."""
        place = np.searchsorted(self._transformer, block.transformer)
        early = (block.measured_at_us < self._before_us[place]) & ~np.isnan(block.load_rate)
        place, rate = place[early], block.load_rate[early]
        np.minimum.at(self._lowest, place, rate)
        np.maximum.at(self._highest, place, rate)
        high, low = self._by.zones(rate, block.ct_ratio[early])
        self._left_zone[place[~(high | low | is_light(block, self._by)[early])]] = True
        source = source_of(block)[early]
        np.minimum.at(self._lowest_source, place, source)
        np.maximum.at(self._highest_source, place, source)
        self._agreed[place[apart_kind(block, self._by)[early] == 0]] = True

    @property
    def suffices(self) -> NDArray[np.bool_]:
        """Return which transformers (k,) older readings cannot make more doubtful; not those without a reading."""
        moved = (self._lowest < self._highest) & (self._lowest_source < self._highest_source)
        return moved & self._left_zone & self._agreed
