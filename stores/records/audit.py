"""The audit record: who did what to people's data. Append-only, each row sealed to the one before it.

Triggers refuse to change or delete a row; the chain of hashes shows it where somebody went round them. Rows cut
off at the end, and a tail sealed anew, show against the heads noted elsewhere (`stores.records.audit_anchors`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256

from sqlalchemy import Connection, Row, insert, select

from stores.records.audit_anchors import Head
from stores.records.database import AUDIT_HEAD, alone
from stores.records.schema import audit
from stores.storable_text import storable

_FIRST_PREVIOUS_HASH = "0" * 64


class AuditAction(Enum):
    """What the audit record keeps."""

    LEDGER_REPLACED = "ledger_replaced"
    VISIT_RECORDED = "visit_recorded"
    MERCHANT_REVEALED = "merchant_revealed"
    INCIDENT_ACKNOWLEDGED = "incident_acknowledged"
    INCIDENT_NOTED = "incident_noted"
    MESSAGES_RESENT = "messages_resent"
    CONTACTS_LISTED = "contacts_listed"
    MERCHANT_EXPORTED = "merchant_exported"
    MERCHANT_ERASED = "merchant_erased"
    ACCOUNT_ADDED = "account_added"
    ACCOUNT_CHANGED = "account_changed"
    ACCOUNT_DISABLED = "account_disabled"
    ACCOUNT_ENABLED = "account_enabled"
    PASSWORD_CHANGED = "password_changed"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SESSIONS_ENDED = "sessions_ended"


@dataclass(frozen=True)
class AuditEntry:
    """One row: numbers and ids only, no personal data. `detail` is canonical JSON."""

    no: int
    at_us: int
    by: str
    action: str
    subject: str
    """What it was done to: an id."""
    detail: str
    previous_hash: str
    hash: str
    """SHA-256 over the previous row's hash and this row, in hexadecimal."""

    @property
    def expected_hash(self) -> str:
        """Return the hash that this row must carry."""
        row = [self.no, self.at_us, self.by, self.action, self.subject, self.detail]
        return sha256((self.previous_hash + _canonical(row)).encode()).hexdigest()


def append(
    connection: Connection, action: AuditAction, subject: str, by: str, detail: Mapping[str, object], at_us: int
) -> None:
    """Add a row behind the last one. `detail` holds JSON values."""
    alone(connection, "audit")
    last = connection.execute(select(audit).order_by(audit.c.no.desc()).limit(1)).first()
    no, previous_hash = (1, _FIRST_PREVIOUS_HASH) if last is None else (last.no + 1, last.hash)
    by, subject = storable(by), storable(subject)
    unsealed = AuditEntry(no, at_us, by, action.value, subject, storable(_canonical(detail)), previous_hash, "")
    sealed = {**vars(unsealed), "hash": unsealed.expected_hash}
    connection.execute(insert(audit).values(sealed))
    connection.info[AUDIT_HEAD] = Head(no, sealed["hash"])


def entries(connection: Connection, limit: int) -> tuple[AuditEntry, ...]:
    """Return the newest entries, newest first."""
    return tuple(_entry(row) for row in connection.execute(select(audit).order_by(audit.c.no.desc()).limit(limit)))


def hashes(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """Return the hashes of rows by their numbers; those that are not there are missing."""
    found: dict[int, str] = {}
    for start in range(0, len(numbers), 500):
        asked = select(audit.c.no, audit.c.hash).where(audit.c.no.in_(numbers[start : start + 500]))
        found |= {row.no: row.hash for row in connection.execute(asked)}
    return found


def first_broken(connection: Connection) -> AuditEntry | None:
    """Return the first entry that does not follow from the one before it, None when the chain is whole."""
    no, previous_hash = 1, _FIRST_PREVIOUS_HASH
    for row in connection.execute(select(audit).order_by(audit.c.no)):
        entry = _entry(row)
        if (entry.no, entry.previous_hash, entry.hash) != (no, previous_hash, entry.expected_hash):
            return entry
        no, previous_hash = no + 1, entry.hash
    return None


def _entry(row: Row[tuple[object, ...]]) -> AuditEntry:
    return AuditEntry(**row._mapping)


def _canonical(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
