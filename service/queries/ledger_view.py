"""What answers stand on: the ledger in force, looked up by id, and the numbers of its transformers."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

from alerts.silence.detection import Watched
from grid.assets import Ledger, Merchant, Person, ServiceGrid, Station, Transformer
from grid.errors import UsageError
from grid.fleet import Fleet
from grid.text import Text
from stores.journal.journal import Journal
from stores.records.records import Records

_ZONE_WITHOUT_STATION = "Asia/Shanghai"


@dataclass(frozen=True)
class Ground:
    """One version of the ledger, with every lookup that answers need."""

    ledger_version: int
    ledger: Ledger
    numbers: Mapping[str, int]
    """What the journal calls each transformer; those it has never seen are missing."""
    fleet: Fleet
    stations: Mapping[str, Station]
    grids: Mapping[str, ServiceGrid]
    transformers: Mapping[str, Transformer]
    people: Mapping[str, Person]
    merchants: Mapping[str, Merchant]

    @staticmethod
    def of(ledger_version: int, ledger: Ledger, numbers: Mapping[str, int]) -> Ground:
        """Build the lookups."""
        return Ground(
            ledger_version=ledger_version,
            ledger=ledger,
            numbers=numbers,
            fleet=Fleet.of_ledger(ledger, numbers),
            stations={s.station_id: s for s in ledger.stations},
            grids={g.grid_id: g for g in ledger.grids},
            transformers={t.transformer_id: t for t in ledger.transformers},
            people={p.person_id: p for p in ledger.people},
            merchants={m.merchant_id: m for m in ledger.merchants},
        )

    @cached_property
    def watched(self) -> Watched:
        """Return the transformers that are to send readings, with their feeders."""
        feeder_of = {t.transformer_id: t.feeder_id for t in self.ledger.transformers}
        ids = self.fleet.transformer_ids
        return Watched.of(ids, [feeder_of.get(i, "") for i in ids])

    def transformer(self, transformer_id: str) -> Transformer:
        """Return a transformer; one that is retired keeps its id and has no rating."""
        known = self.transformers.get(transformer_id)
        return known or Transformer(transformer_id, transformer_id, station_id="", rated_power_kva=math.nan)

    def known_transformer(self, transformer_id: str) -> Transformer:
        """Return a transformer of the ledger. Raises UsageError naming those there are."""
        known = self.transformers.get(transformer_id)
        if known is None:
            some = ", ".join(list(self.transformers)[:8]) or "none"
            raise UsageError(
                Text(f"台账里没有台区 {transformer_id!r}", f"the ledger has no transformer {transformer_id!r}"),
                remedy=Text(f"台账里有 {some}；见 redvest ledger export", f"it has {some}; see redvest ledger export"),
            )
        return known

    def merchants_of(self, transformer_id: str) -> list[Merchant]:
        """Return the merchants below a transformer."""
        return [m for m in self.ledger.merchants if m.transformer_id == transformer_id]

    def zone(self, transformer: Transformer) -> str:
        """Return the time zone of a transformer's station."""
        station = self.stations.get(transformer.station_id)
        return station.timezone if station else self.first_zone

    @property
    def first_zone(self) -> str:
        """Return the time zone of the first station."""
        return self.ledger.stations[0].timezone if self.ledger.stations else _ZONE_WITHOUT_STATION


class GroundKeeper:
    """Keeps the newest ground, and builds another only when the ledger or the journal's numbers changed."""

    def __init__(self, journal: Callable[[], Journal | None], records: Records) -> None:
        """Keep where to look."""
        self._journal = journal
        self._records = records
        self._lock = threading.Lock()
        self._ground: Ground | None = None

    def ground(self) -> Ground:
        """Return the ground of this moment. Raises StoreError."""
        version = self._records.ledger_version()
        journal = self._journal()
        numbers = journal.all_numbers() if journal else {}
        with self._lock:
            kept = self._ground
            if kept is None or kept.ledger_version != version or kept.numbers != numbers:
                kept = Ground.of(version, self._records.ledger(), numbers)
                self._ground = kept
            return kept
