"""The ledger in force, with every look-up that answers need: one for the collector, its drafts, pages and commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from grid.assets import Appliance, CustomerLink, Ledger, Merchant, Person, ServiceGrid, Station, Transformer

ZONE_WITHOUT_STATION = "Asia/Shanghai"


class LedgerView:
    """One version of the ledger by id, and its customers by transformer and moment."""

    def __init__(self, ledger: Ledger) -> None:
        """Sort merchants and appliances to their transformers."""
        self.ledger = ledger
        self.stations: Mapping[str, Station] = {s.station_id: s for s in ledger.stations}
        self.grids: Mapping[str, ServiceGrid] = {g.grid_id: g for g in ledger.grids}
        self.transformers: Mapping[str, Transformer] = {t.transformer_id: t for t in ledger.transformers}
        self.people: Mapping[str, Person] = {p.person_id: p for p in ledger.people}
        self.merchants: Mapping[str, Merchant] = {m.merchant_id: m for m in ledger.merchants}
        self._zones: dict[str, tzinfo] = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._links: dict[str, list[CustomerLink]] = {}
        for link in sorted(ledger.links, key=lambda link: link.valid_from_us):
            self._links.setdefault(link.merchant_id, []).append(link)
        self._customers: dict[str, list[Merchant]] = {}
        """By every transformer that a merchant ever hung on."""
        for merchant in ledger.merchants:
            links = self._links.get(merchant.merchant_id, [])
            for transformer_id in {merchant.transformer_id, *(link.transformer_id for link in links)}:
                self._customers.setdefault(transformer_id, []).append(replace(merchant, transformer_id=transformer_id))
        self._appliances: dict[str, list[Appliance]] = {}
        for appliance in ledger.appliances:
            self._appliances.setdefault(appliance.merchant_id, []).append(appliance)

    def customers(self, transformer_id: str, at_us: int) -> Sequence[Merchant]:
        """Return the merchants that hung on a transformer at a moment."""
        return [m for m in self._customers.get(transformer_id, []) if self._hung_on(m, at_us)]

    def appliances(self, transformer_id: str, at_us: int) -> tuple[Appliance, ...]:
        """Return the appliances of all merchants that hung on a transformer at a moment."""
        return tuple(a for m in self.customers(transformer_id, at_us) for a in self._appliances.get(m.merchant_id, []))

    def zone(self, transformer_id: str) -> tzinfo:
        """Return the time zone of a transformer's station. Raises KeyError for one the ledger does not know."""
        return self._zones[self.transformers[transformer_id].station_id]

    @property
    def first_zone(self) -> str:
        """Return the time zone of the first station."""
        return self.ledger.stations[0].timezone if self.ledger.stations else ZONE_WITHOUT_STATION

    def _hung_on(self, merchant: Merchant, at_us: int) -> bool:
        links = self._links.get(merchant.merchant_id)
        if not links:
            return True
        then = [link for link in links if link.valid_from_us <= at_us] or links[:1]
        return then[-1].transformer_id == merchant.transformer_id
