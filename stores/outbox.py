"""The outbox: what is to be said to people, one row per channel, until it is delivered or dead with a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from grid.text import Text


class DeliveryState(Enum):
    """Where one message stands on one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; the last error says why."""


@dataclass(frozen=True)
class DueMessage:
    """One message that one channel should deliver now."""

    delivery_no: int
    """Names this message on this channel, for `mark_delivered` and `mark_failed`."""
    message_no: int
    """The stable number that receivers see; the same on every channel and every attempt."""
    channel: str
    attempts: int
    """Attempts that failed so far."""
    kind: str
    station_id: str
    incident_id: str | None
    text: Text
    created_at_us: int


@dataclass(frozen=True)
class Delivery:
    """How one channel fares with one message."""

    delivery_no: int
    channel: str
    state: DeliveryState
    attempts: int
    last_error: str
    next_attempt_at_us: int | None
    delivered_at_us: int | None


@dataclass(frozen=True)
class Message:
    """One message as recorded, with the fate of each channel."""

    message_no: int
    key: str
    kind: str
    station_id: str
    incident_id: str | None
    text: Text
    created_at_us: int
    deliveries: tuple[Delivery, ...]
