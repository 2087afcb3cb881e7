"""The fleet: the transformers that readings may speak of, numbered, as columns for fast arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from grid.assets import Device, Ledger, Rating, Station, Transformer


@dataclass(frozen=True)
class DatedRatings:
    """The ratings of one transformer over time, as columns (k,), oldest first."""

    valid_from_us: NDArray[np.int64]
    rated_power_kva: NDArray[np.float64]
    ct_ratio: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
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
    dated: Mapping[int, DatedRatings]
    """By row, of the transformers whose ratings change over time."""
    devices: Mapping[str, Device] = field(default_factory=dict)
    """By their own ids, the devices of these transformers that the ledger names, each as it is bound last."""
    bindings: Mapping[str, tuple[Device, ...]] = field(default_factory=dict)
    """By their own ids, how devices that were bound more than once, or from a moment on, were bound; oldest first."""

    @staticmethod
    def of(
        transformers: Iterable[Transformer],
        number: Mapping[str, int] | None = None,
        known_stations: Iterable[Station] = (),
        ratings: Iterable[Rating] = (),
        devices: Iterable[Device] = (),
    ) -> Fleet:
        """Build a fleet; without `number` (id -> row) transformers are numbered in order."""
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
        bound = sorted(
            (device for device in devices if device.transformer_id in number), key=lambda device: device.valid_from_us
        )
        return Fleet(
            tuple(ids),
            tuple(stations),
            rated_power_kva,
            ct_ratio,
            {t.transformer_id: number[t.transformer_id] for t in known},
            tuple(zones),
            _dated(ratings, number),
            {device.device_id: device for device in bound},
            _bindings(bound),
        )

    @staticmethod
    def of_ledger(ledger: Ledger, number: Mapping[str, int] | None = None) -> Fleet:
        """Build the fleet of a ledger; with `number` (id -> row) only of the transformers that have one."""
        known = [t for t in ledger.transformers if number is None or t.transformer_id in number]
        return Fleet.of(known, number, ledger.stations, ledger.ratings, ledger.devices)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.transformer_ids)

    def ratings_at(
        self, transformer: NDArray[np.int32], measured_at_us: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return rated power (n,) [kVA] and CT ratio (n,) of transformers (n,) as they were at moments (n,)."""
        rated_power_kva, ct_ratio = self.rated_power_kva[transformer], self.ct_ratio[transformer]
        if self.dated:
            for number in np.unique(transformer[np.isin(transformer, list(self.dated))]).tolist():
                rows, then = transformer == number, self.dated[number]
                at = np.maximum(np.searchsorted(then.valid_from_us, measured_at_us[rows], side="right") - 1, 0)
                rated_power_kva[rows], ct_ratio[rows] = then.rated_power_kva[at], then.ct_ratio[at]
        return rated_power_kva, ct_ratio

    def device_at(self, device_id: str, at_us: int) -> Device | None:
        """Return how a device was bound at a moment [µs]; None where it was not."""
        bindings = self.bindings.get(device_id)
        if bindings is None:
            return self.devices.get(device_id)
        return next((device for device in reversed(bindings) if device.valid_from_us <= at_us), None)

    def differs(self, other: Fleet, row: int) -> bool:
        """Return whether another fleet rates the transformer of a row otherwise, at any time."""
        mine, theirs = self.dated.get(row), other.dated.get(row)
        if mine is None or theirs is None:
            same = (self.rated_power_kva[row], self.ct_ratio[row]) == (other.rated_power_kva[row], other.ct_ratio[row])
            return mine is not theirs or not same
        return not (
            np.array_equal(mine.valid_from_us, theirs.valid_from_us)
            and np.array_equal(mine.rated_power_kva, theirs.rated_power_kva)
            and np.array_equal(mine.ct_ratio, theirs.ct_ratio)
        )

    def rows_of(self, transformer_ids: Sequence[str]) -> NDArray[np.int32]:
        """Return the row (n,) of each id, -1 where the fleet does not know it."""
        row_of = self.number.get
        return np.fromiter((row_of(i, -1) for i in transformer_ids), np.int32, len(transformer_ids))


def _bindings(devices: Sequence[Device]) -> dict[str, tuple[Device, ...]]:
    of_id: dict[str, list[Device]] = {}
    for device in devices:
        of_id.setdefault(device.device_id, []).append(device)
    return {
        device_id: tuple(bound) for device_id, bound in of_id.items() if len(bound) > 1 or bound[0].valid_from_us > 0
    }


def _dated(ratings: Iterable[Rating], number: Mapping[str, int]) -> dict[int, DatedRatings]:
    of_row: dict[int, list[Rating]] = {}
    for rating in sorted(ratings, key=lambda r: r.valid_from_us):
        if rating.transformer_id in number:
            of_row.setdefault(number[rating.transformer_id], []).append(rating)
    return {
        row: DatedRatings(
            np.array([r.valid_from_us for r in known], np.int64),
            np.array([r.rated_power_kva for r in known]),
            np.array([r.ct_ratio for r in known]),
        )
        for row, known in of_row.items()
    }
