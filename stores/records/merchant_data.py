"""Everything that the records hold about one merchant: to give it to them, and to delete what is personal in it.

What remains after an erasure are ids and numbers (which door, when, what result): the effect of past visits stays
measurable, and nobody can be recognised.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, update

from stores.records.audit import AuditAction, append
from stores.records.database import Database
from stores.records.schema import appliance, audit, customer_link, door, merchant, phone_answer, visit

_ERASED = {
    "name": "",
    "address": "",
    "contact_name": "",
    "phone": "",
    "category": "",
    "protected_reason": "",
}
"""Columns of the merchant that could tell who it is; its name becomes its id."""


class MerchantData:
    """The rows of one merchant. Safe to share between threads; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def export(self, merchant_id: str, by: str, at_us: int) -> dict[str, Any] | None:
        """Return every row about a merchant, with a line in the audit record; None when there is none of that id."""
        with self._database.writing() as connection:
            row = _merchant(connection, merchant_id)
            if row is None:
                return None
            append(connection, AuditAction.MERCHANT_EXPORTED, merchant_id, by, {}, at_us)
            return {
                "merchant": row,
                "appliances": _rows(connection, appliance, merchant_id),
                "links": _rows(connection, customer_link, merchant_id),
                "doors": _rows(connection, door, merchant_id),
                "visits": _rows(connection, visit, merchant_id),
                "phone_answers": _rows(connection, phone_answer, merchant_id),
                "audit": [
                    dict(each)
                    for each in connection.execute(select(audit).where(audit.c.subject == merchant_id)).mappings()
                ],
            }

    def erase(self, merchant_id: str, by: str, at_us: int) -> bool:
        """Delete what is personal about a merchant and retire it; return False when there is none of that id."""
        with self._database.writing() as connection:
            if _merchant(connection, merchant_id) is None:
                return False
            _erase(connection, [merchant_id], at_us)
            append(connection, AuditAction.MERCHANT_ERASED, merchant_id, by, {}, at_us)
            return True

    def erase_retired(self, retired_before_us: int, at_us: int) -> int:
        """Delete what is personal about merchants that left the ledger before a moment. Return how many."""
        with self._database.writing() as connection:
            over = (merchant.c.retired_at_us < retired_before_us) & (merchant.c.name != merchant.c.merchant_id)
            gone = list(connection.execute(select(merchant.c.merchant_id).where(over)).scalars())
            for start in range(0, len(gone), 500):
                _erase(connection, gone[start : start + 500], at_us)
            if gone:
                append(connection, AuditAction.MERCHANT_ERASED, "retired", "retention", {"merchants": len(gone)}, at_us)
            return len(gone)


def _erase(connection: Connection, merchant_ids: list[str], at_us: int) -> None:
    chosen = merchant.c.merchant_id.in_(merchant_ids)
    retired = func.coalesce(merchant.c.retired_at_us, at_us)
    values = {**_ERASED, "name": merchant.c.merchant_id, "retired_at_us": retired}
    connection.execute(update(merchant).where(chosen).values(values))
    notes = update(phone_answer).where(phone_answer.c.merchant_id.in_(merchant_ids))
    connection.execute(notes.values(note=""))


def _merchant(connection: Connection, merchant_id: str) -> dict[str, Any] | None:
    found = connection.execute(select(merchant).where(merchant.c.merchant_id == merchant_id)).mappings().first()
    return dict(found) if found else None


def _rows(connection: Connection, table: Any, merchant_id: str) -> list[dict[str, Any]]:
    asked = select(table).where(table.c.merchant_id == merchant_id)
    return [dict(row) for row in connection.execute(asked).mappings()]
