"""The audit record: who did what to people's data. Append-only, each row sealed to the one before it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class AuditAction(Enum):
    """What the audit record keeps."""

    LEDGER_REPLACED = "ledger_replaced"
    VISIT_RECORDED = "visit_recorded"
    MERCHANT_REVEALED = "merchant_revealed"


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
