"""The fleet: the transformers that readings may speak of, numbered, as columns for fast arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from grid.assets import Station, Transformer


@dataclass(frozen=True)
class Fleet:
    """Transformers by number: row i of every column belongs to `transformer_ids[i]`.

    A number without a transformer in the ledger (a retired one) has NaN as rated power and an empty id;
    no id maps to it.
    """

    transformer_ids: tuple[str, ...]
    station_ids: tuple[str, ...]
    rated_power_kva: NDArray[np.float64]
    ct_ratio: NDArray[np.float64]
    number: Mapping[str, int]
    zones: tuple[tzinfo, ...]
    """The station's time zone; UTC where the station is not known."""

    @staticmethod
    def of(
        transformers: Iterable[Transformer],
        number: Mapping[str, int] | None = None,
        known_stations: Iterable[Station] = (),
    ) -> Fleet:
        """Build the fleet of a ledger; without `number` (id -> row) transformers are numbered in order."""
        known = list(transformers)
        if number is None:
            number = {t.transformer_id: i for i, t in enumerate(known)}
        rows = max((number[t.transformer_id] for t in known), default=-1) + 1
        ids = [""] * rows
        stations = [""] * rows
        rated_power_kva = np.full(rows, np.nan)
        ct_ratio = np.ones(rows)
        zone_of = {station.station_id: ZoneInfo(station.timezone) for station in known_stations}
        zones: list[tzinfo] = [UTC] * rows
        for transformer in known:
            row = number[transformer.transformer_id]
            ids[row] = transformer.transformer_id
            stations[row] = transformer.station_id
            rated_power_kva[row] = transformer.rated_power_kva
            ct_ratio[row] = transformer.ct_ratio
            zones[row] = zone_of.get(transformer.station_id, UTC)
        return Fleet(
            tuple(ids),
            tuple(stations),
            rated_power_kva,
            ct_ratio,
            {t.transformer_id: number[t.transformer_id] for t in known},
            tuple(zones),
        )

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.transformer_ids)

    def rows_of(self, transformer_ids: Sequence[str]) -> NDArray[np.int32]:
        """Return the row (n,) of each id, -1 where the fleet does not know it."""
        row_of = self.number.get
        return np.fromiter((row_of(i, -1) for i in transformer_ids), np.int32, len(transformer_ids))
