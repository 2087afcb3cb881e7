"""What the collector's instruments are told, and what they answer: one block that was stored, and how it fares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BlockStored:
    """One block of messages that was decoded, stored and acknowledged."""

    messages: int
    received: int
    """Readings decoded from them."""
    stored: int
    """New readings."""
    duplicates: int = 0
    conflicts: int = 0
    late: int = 0
    """Readings older than the newest one of their transformer."""
    retained: int = 0
    unknown_fields: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many."""
    values_missing: Mapping[str, int] = field(default_factory=dict)
    """Reason -> how many values, in readings that were taken."""
    commit_seconds: float = 0.0
    acknowledge_delay_seconds: float = 0.0
    """From the arrival of the block's first message to its acknowledgement."""
    payload_bytes: int = 0
    lag_seconds: float | None = None
    """From the measuring of the block's newest new reading to its being stored; None without a new one."""


@dataclass(frozen=True)
class HealthReport:
    """Whether the collector does its work, with every reason against it."""

    healthy: bool
    reasons: tuple[str, ...]
    connected: bool
    committing: bool
    queued: int
    messages: int
    received: int
    stored: int
    rejected: int
    rejected_by: Mapping[str, int]
    """Reason -> how many."""
    unexpected: int
    """Of them, those that made our own decoder fail."""
    duplicates: int
    conflicts: int
    late: int
    payload_bytes: int
    lag_seconds: float | None
    """Of the last block with a new reading: how old its newest one was when it was stored."""
    slowest_acknowledge_delay_seconds: float | None
    """The slowest of the last blocks, from arrival to acknowledgement; None before the first."""
    slowest_commit_seconds: float | None
    commit_failures: int
    sessions_lost: int
    gaps_open: int
    readings_missing: int
    broker_version: str | None
    """The broker's own words and figures; None is what it does not tell."""
    broker_dropped: int | None
    broker_held: int | None
    broker_clients: int | None
    open_incidents: int
    blind_incidents: int
    transformers_without_voltage: int
    outbox_due: int
    outbox_dead: int
    up_seconds: float
    last_message_seconds: float | None
    """Seconds since the last block of messages; None before the first."""
