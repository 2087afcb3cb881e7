"""Visits as the response looks them up: of an incident, and of merchants, without asking the records each time."""

from __future__ import annotations

from collections.abc import Iterable

from alerts.outreach.planner import Visit
from grid.timestamps import DAY_US
from stores.records.records import Records

HISTORY_DAYS = 400
"""How far back visits count for how likely a merchant agrees."""
READ_ANEW_US = DAY_US
"""Interval at which all visits are read again, so that old ones are dropped."""


class VisitHistory:
    """The visits of the last `HISTORY_DAYS`, read again when one was added: by a page, a command, anybody."""

    def __init__(self, records: Records) -> None:
        """Begin with nothing read."""
        self._records = records
        self._mark = (-1, -1)
        self._read_at_us = -READ_ANEW_US
        self._of_incident: dict[str, list[Visit]] = {}
        self._of_merchant: dict[str, list[Visit]] = {}

    def look(self, now_us: int) -> None:
        """Take over what was added since the last look."""
        mark = self._records.visits_mark()
        if mark == self._mark and abs(now_us - self._read_at_us) < READ_ANEW_US:
            return
        self._of_incident.clear()
        self._of_merchant.clear()
        for visit in self._records.visits_since(now_us - HISTORY_DAYS * DAY_US):
            self._of_incident.setdefault(visit.incident_id, []).append(visit)
            self._of_merchant.setdefault(visit.merchant_id, []).append(visit)
        self._mark, self._read_at_us = mark, now_us

    def of_incident(self, incident_id: str) -> tuple[Visit, ...]:
        """Return the visits of an incident, oldest first."""
        return tuple(self._of_incident.get(incident_id, ()))

    def of_merchants(self, merchant_ids: Iterable[str]) -> tuple[Visit, ...]:
        """Return the visits to merchants, in whatever incident; of each merchant oldest first."""
        return tuple(visit for merchant_id in merchant_ids for visit in self._of_merchant.get(merchant_id, ()))
