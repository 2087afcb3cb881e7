"""What is without supply: a transformer by itself, a part of its feeder, or the whole feeder. The others of it decide.

A transformer counts as without voltage once that has lasted (rule set `supply`). What the others of its feeder say is
their newest reading of the time since: with voltage, without, or nothing yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alerts.silence.detection import Watched
from grid.supply import Supply

FEEDER_TRANSFORMERS_MIN = 2
"""A single transformer without voltage says nothing of its feeder."""


class OutageScope(Enum):
    """How far an outage reaches, as far as readings tell. Later members reach further."""

    TRANSFORMER = "transformer"
    PART_OF_FEEDER = "part_of_feeder"
    FEEDER = "feeder"


@dataclass(frozen=True)
class Outage:
    """Transformers of one feeder that are without voltage, or one that hangs on none."""

    station_id: str
    feeder_id: str
    """Empty where the ledger names none."""
    scope: OutageScope
    transformer_ids: tuple[str, ...]
    """Those without voltage, the first to lose it first."""
    since_us: int
    """When the first of them was without."""
    with_voltage: int
    """Others of the feeder that have shown voltage since."""
    not_heard: int
    """Others of the feeder of which nothing came since."""

    @property
    def place(self) -> tuple[str, str, str]:
        """Return what names where it is: station and feeder, or the transformer where it hangs on none."""
        return self.station_id, self.feeder_id, "" if self.feeder_id else self.transformer_ids[0]

    @property
    def key(self) -> str:
        """Return what names it as it reaches now, the same as long as it lasts, also after a restart."""
        return f"outage/{'/'.join(part for part in self.place if part)}/{self.since_us}/{self.scope.value}"


def find_outages(
    watched: Watched,
    station_of: Mapping[str, str],
    without_since_us: Mapping[str, int],
    supply: NDArray[np.int8],
    measured_at_us: NDArray[np.int64],
) -> tuple[Outage, ...]:
    """Return the outages there are, by station and feeder.

    `without_since_us`: transformers without voltage for long enough, by id. `supply`, `measured_at_us` (n,): what the
    newest reading of each row of the fleet says, and when it was measured. A row that has just lost its voltage counts
    with those without, so that it does not speak for the feeder.
    """
    row_of = {transformer_id: row for row, transformer_id in enumerate(watched.transformer_ids) if transformer_id}
    by_feeder: dict[int, list[str]] = {}
    alone: list[str] = []
    for transformer_id in sorted(without_since_us, key=lambda i: (without_since_us[i], i)):
        if transformer_id not in row_of:
            continue
        feeder = int(watched.feeder[row_of[transformer_id]])
        if feeder < 0:
            alone.append(transformer_id)
        else:
            by_feeder.setdefault(feeder, []).append(transformer_id)
    found = [Outage(station_of.get(i, ""), "", OutageScope.TRANSFORMER, (i,), without_since_us[i], 0, 0) for i in alone]
    for feeder, ids in by_feeder.items():
        since_us = without_since_us[ids[0]]
        others = (watched.feeder == feeder) & watched.in_service
        others[[row_of[i] for i in ids]] = False
        heard = others & (measured_at_us >= since_us)
        dark = heard & (supply == Supply.GONE)
        live = int((heard & ~dark).sum())
        found.append(
            Outage(
                watched.station_ids[feeder] or station_of.get(ids[0], ""),
                watched.feeder_ids[feeder],
                _scope(len(ids), live),
                tuple(ids),
                since_us,
                live,
                int((others & ~heard).sum()),
            )
        )
    return tuple(sorted(found, key=lambda outage: outage.place))


def _scope(without: int, with_voltage: int) -> OutageScope:
    if without < FEEDER_TRANSFORMERS_MIN:
        return OutageScope.TRANSFORMER
    return OutageScope.PART_OF_FEEDER if with_voltage else OutageScope.FEEDER
