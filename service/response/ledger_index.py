"""The ledger by transformer: what an incident's response looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

from grid.assets import Appliance, CustomerLink, Ledger, Merchant, Person, Transformer


class LedgerIndex:
    """The ledger by transformer, as the response needs it."""

    def __init__(self, ledger: Ledger) -> None:
        """Sort merchants, appliances and people to their transformers."""
        self.transformer: Mapping[str, Transformer] = {t.transformer_id: t for t in ledger.transformers}
        self.people: Sequence[Person] = ledger.people
        self._zones = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._links: dict[str, list[CustomerLink]] = {}
        for link in sorted(ledger.links, key=lambda link: link.valid_from_us):
            self._links.setdefault(link.merchant_id, []).append(link)
        self._merchants: dict[str, list[Merchant]] = {}
        """By every transformer that a merchant ever hung on."""
        for merchant in ledger.merchants:
            links = self._links.get(merchant.merchant_id, [])
            for transformer_id in {merchant.transformer_id, *(link.transformer_id for link in links)}:
                self._merchants.setdefault(transformer_id, []).append(replace(merchant, transformer_id=transformer_id))
        self._appliances: dict[str, list[Appliance]] = {}
        for appliance in ledger.appliances:
            self._appliances.setdefault(appliance.merchant_id, []).append(appliance)

    def merchants(self, transformer_id: str, at_us: int) -> Sequence[Merchant]:
        """Return the merchants that hung on a transformer at a moment."""
        return [m for m in self._merchants.get(transformer_id, []) if self._hung_on(m, at_us)]

    def appliances(self, transformer_id: str, at_us: int) -> tuple[Appliance, ...]:
        """Return the appliances of all merchants that hung on a transformer at a moment."""
        return tuple(a for m in self.merchants(transformer_id, at_us) for a in self._appliances.get(m.merchant_id, []))

    def _hung_on(self, merchant: Merchant, at_us: int) -> bool:
        links = self._links.get(merchant.merchant_id)
        if not links:
            return True
        then = [link for link in links if link.valid_from_us <= at_us] or links[:1]
        return then[-1].transformer_id == merchant.transformer_id

    def zone(self, transformer_id: str) -> tzinfo:
        """Return the time zone of a transformer's station."""
        return self._zones[self.transformer[transformer_id].station_id]
