"""The ledger by transformer: what an incident's response looks up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from zoneinfo import ZoneInfo

from grid.assets import Appliance, Ledger, Merchant, Person, Transformer


class LedgerIndex:
    """The ledger by transformer, as the response needs it."""

    def __init__(self, ledger: Ledger) -> None:
        """Sort merchants, appliances and people to their transformers."""
        self.transformer: Mapping[str, Transformer] = {t.transformer_id: t for t in ledger.transformers}
        self.people: Sequence[Person] = ledger.people
        self._zones = {s.station_id: ZoneInfo(s.timezone) for s in ledger.stations}
        self._merchants: dict[str, list[Merchant]] = {}
        for merchant in ledger.merchants:
            self._merchants.setdefault(merchant.transformer_id, []).append(merchant)
        self._appliances: dict[str, list[Appliance]] = {}
        for appliance in ledger.appliances:
            self._appliances.setdefault(appliance.merchant_id, []).append(appliance)

    def merchants(self, transformer_id: str) -> Sequence[Merchant]:
        """Return the merchants of a transformer area."""
        return self._merchants.get(transformer_id, [])

    def appliances(self, transformer_id: str) -> tuple[Appliance, ...]:
        """Return the appliances of all merchants of a transformer area."""
        return tuple(a for m in self.merchants(transformer_id) for a in self._appliances.get(m.merchant_id, []))

    def zone(self, transformer_id: str) -> tzinfo:
        """Return the time zone of a transformer's station."""
        return self._zones[self.transformer[transformer_id].station_id]
