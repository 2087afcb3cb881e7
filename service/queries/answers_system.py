"""What the read side answers about the system behind the wall: collector, stores, refused payloads, messages."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.silence.detection import LostFeeder
from grid.assets import Transformer
from grid.text import Text
from service.queries.answers import Counts, TransformerNow


@dataclass(frozen=True)
class RejectRow:
    """A payload that was refused, with the reason in words. The payload itself stays in the store."""

    received_at_us: int
    topic: str
    reason: str
    words: Text
    field: str
    detail: str
    sha256: str
    payload_bytes: int
    taken: bool = False
    """The reading was taken, and this one value is missing in it."""


@dataclass(frozen=True)
class MessageRow:
    """A message of the outbox on one channel."""

    number: int
    kind: str
    channel: str
    state: str
    attempts: int
    text: Text
    created_at_us: int
    delivered_at_us: int | None
    error: str


@dataclass(frozen=True)
class CollectorState:
    """What the collector says of itself."""

    answers: bool
    """False when its health page cannot be reached."""
    healthy: bool
    details: tuple[tuple[str, str], ...]
    """Names and values as the health page gives them."""


@dataclass(frozen=True)
class System:
    """What stands behind the wall: collector, stores, refused payloads, messages."""

    now_us: int
    zone: str
    counts: Counts
    readings: int
    duplicates: int
    conflicts: int
    rejects: int
    rejects_dropped: int
    blocks: int
    journal_bytes: int
    ledger_version: int
    merchants: int
    people: int
    silent: tuple[TransformerNow, ...]
    """Silent by themselves, or with old readings only; those that a lost feeder or a blind stream explains are not."""
    covered: int
    """How many silent ones are explained so."""
    lost_feeders: tuple[LostFeeder, ...]
    never_seen: tuple[Transformer, ...]
    messages: tuple[MessageRow, ...]
    messages_waiting: int
    messages_dead: int
    collector: CollectorState | None
    """None when no health page is configured."""
    alarms: tuple[Text, ...]
