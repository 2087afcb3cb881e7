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
from service.ledger_view import LedgerView
from stores.journal.journal import Journal
from stores.records.records import Records


@dataclass(frozen=True)
class Ground:
    """One version of the ledger, and what the journal calls its transformers."""

    ledger_version: int
    view: LedgerView
    numbers: Mapping[str, int]
    """What the journal calls each transformer; those it has never seen are missing."""
    fleet: Fleet

    @staticmethod
    def of(ledger_version: int, ledger: Ledger, numbers: Mapping[str, int]) -> Ground:
        """Build the look-ups."""
        return Ground(ledger_version, LedgerView(ledger), numbers, Fleet.of_ledger(ledger, numbers))

    @property
    def ledger(self) -> Ledger:
        """Return the ledger itself."""
        return self.view.ledger

    @property
    def stations(self) -> Mapping[str, Station]:
        """Return the stations by id."""
        return self.view.stations

    @property
    def grids(self) -> Mapping[str, ServiceGrid]:
        """Return the service grids by id."""
        return self.view.grids

    @property
    def transformers(self) -> Mapping[str, Transformer]:
        """Return the transformers by id."""
        return self.view.transformers

    @property
    def people(self) -> Mapping[str, Person]:
        """Return our people by id."""
        return self.view.people

    @property
    def merchants(self) -> Mapping[str, Merchant]:
        """Return the merchants by id."""
        return self.view.merchants

    @cached_property
    def watched(self) -> Watched:
        """Return the transformers that are to send readings, with their feeders."""
        return Watched.of_ledger(self.fleet, self.ledger)

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

    def zone(self, transformer: Transformer) -> str:
        """Return the time zone of a transformer's station."""
        station = self.stations.get(transformer.station_id)
        return station.timezone if station else self.first_zone

    @property
    def first_zone(self) -> str:
        """Return the time zone of the first station."""
        return self.view.first_zone


class GroundKeeper:
    """Keeps the newest ground, and builds another only when the ledger or the journal's numbers changed."""

    def __init__(self, journal: Callable[[], Journal | None], records: Records) -> None:
        """Keep where to look."""
        self._journal = journal
        self._records = records
        self._lock = threading.Lock()
        self._ground: Ground | None = None
        self._seen: frozenset[str] | None = None

    def ground(self) -> Ground:
        """Return the ground of this moment. Raises StoreError."""
        version = self._records.ledger_version()
        if self._ground is None or self._ground.ledger_version != version or self._records.visible_by_incidents:
            seen = self._records.visible_transformers()
        else:
            seen = self._seen
        journal = self._journal()
        numbers = journal.all_numbers() if journal else {}
        with self._lock:
            kept = self._ground
            if kept is None or kept.ledger_version != version or kept.numbers != numbers or self._seen != seen:
                ledger = self._records.ledger()
                kept = Ground.of(version, ledger if seen is None else _part_of(ledger, seen), numbers)
                self._ground, self._seen = kept, seen
            return kept


def _part_of(ledger: Ledger, transformer_ids: frozenset[str]) -> Ledger:
    """Return the part of a ledger below some transformers, with the stations, grids and people above them."""
    transformers = tuple(t for t in ledger.transformers if t.transformer_id in transformer_ids)
    station_ids = {t.station_id for t in transformers}
    grid_ids = {t.grid_id for t in transformers} - {""}
    merchants = tuple(m for m in ledger.merchants if m.transformer_id in transformer_ids)
    merchant_ids = {m.merchant_id for m in merchants}
    links = [link for link in ledger.links if link.merchant_id in merchant_ids]
    return Ledger(
        stations=tuple(s for s in ledger.stations if s.station_id in station_ids),
        grids=tuple(g for g in ledger.grids if g.grid_id in grid_ids),
        transformers=transformers,
        ratings=tuple(r for r in ledger.ratings if r.transformer_id in transformer_ids),
        devices=tuple(d for d in ledger.devices if d.transformer_id in transformer_ids),
        people=tuple(p for p in ledger.people if (transformers and not p.grid_id) or p.grid_id in grid_ids),
        merchants=merchants,
        links=tuple(link for link in links if link.transformer_id in transformer_ids),
        appliances=tuple(a for a in ledger.appliances if a.merchant_id in merchant_ids),
    )
