"""The outbox: what is to be said to people, one row per channel, until it is delivered or dead with a reason.

Delivery is at least once: a channel that dies between sending and `mark_delivered` sends again, under the
same message number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, select, update

from grid.errors import StoreError
from grid.text import Text
from stores.records.changes import NewMessage
from stores.records.schema import delivery, message
from stores.records.upsert import insert_or_keep


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


def put(connection: Connection, messages: Sequence[NewMessage]) -> None:
    """Put messages into the outbox; one whose key is there already stays as it is, deliveries included."""
    rows = [
        {
            "key": new.key,
            "kind": new.kind,
            "station_id": new.station_id,
            "incident_id": new.incident_id,
            "text_zh": new.text.zh,
            "text_en": new.text.en,
            "created_at_us": new.created_at_us,
        }
        for new in messages
    ]
    number = {
        row.key: row.message_no for row in insert_or_keep(connection, message, rows, ("key",), "key", "message_no")
    }
    deliveries = [
        {
            "message_no": number[new.key],
            "channel": channel,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "last_error": "",
            "next_attempt_at_us": new.created_at_us,
            "delivered_at_us": None,
        }
        for new in messages
        if new.key in number
        for channel in new.channels
    ]
    insert_or_keep(connection, delivery, deliveries, ("message_no", "channel"))


def due(connection: Connection, now_us: int, limit: int) -> tuple[DueMessage, ...]:
    """Return what channels should deliver now, oldest message first."""
    is_due = (delivery.c.state == DeliveryState.PENDING.value) & (delivery.c.next_attempt_at_us <= now_us)
    asked = select(delivery.c.delivery_no, delivery.c.channel, delivery.c.attempts, message).join(message).where(is_due)
    rows = connection.execute(asked.order_by(message.c.message_no, delivery.c.delivery_no).limit(limit))
    return tuple(
        DueMessage(
            delivery_no=row.delivery_no,
            message_no=row.message_no,
            channel=row.channel,
            attempts=row.attempts,
            kind=row.kind,
            station_id=row.station_id,
            incident_id=row.incident_id,
            text=Text(row.text_zh, row.text_en),
            created_at_us=row.created_at_us,
        )
        for row in rows
    )


def mark_delivered(connection: Connection, delivery_no: int, at_us: int) -> None:
    """Note that a channel delivered its message."""
    _mark(connection, delivery_no, state=DeliveryState.DELIVERED.value, delivered_at_us=at_us, next_attempt_at_us=None)


def mark_failed(connection: Connection, delivery_no: int, error: str, next_attempt_at_us: int | None) -> None:
    """Note that an attempt failed, and when to try again; None gives the message up."""
    _mark(
        connection,
        delivery_no,
        state=(DeliveryState.DEAD if next_attempt_at_us is None else DeliveryState.PENDING).value,
        attempts=delivery.c.attempts + 1,
        last_error=error,
        next_attempt_at_us=next_attempt_at_us,
    )


def messages(connection: Connection, limit: int) -> tuple[Message, ...]:
    """Return the newest messages, newest first, with the fate of each channel."""
    rows = connection.execute(select(message).order_by(message.c.message_no.desc()).limit(limit)).all()
    asked = select(delivery).where(delivery.c.message_no >= min((row.message_no for row in rows), default=0))
    fates: dict[int, list[Delivery]] = {}
    for one in connection.execute(asked.order_by(delivery.c.delivery_no)):
        fates.setdefault(one.message_no, []).append(
            Delivery(
                delivery_no=one.delivery_no,
                channel=one.channel,
                state=DeliveryState(one.state),
                attempts=one.attempts,
                last_error=one.last_error,
                next_attempt_at_us=one.next_attempt_at_us,
                delivered_at_us=one.delivered_at_us,
            )
        )
    return tuple(
        Message(
            message_no=row.message_no,
            key=row.key,
            kind=row.kind,
            station_id=row.station_id,
            incident_id=row.incident_id,
            text=Text(row.text_zh, row.text_en),
            created_at_us=row.created_at_us,
            deliveries=tuple(fates.get(row.message_no, ())),
        )
        for row in rows
    )


def _mark(connection: Connection, delivery_no: int, **values: Any) -> None:
    marked = connection.execute(update(delivery).where(delivery.c.delivery_no == delivery_no).values(**values))
    if marked.rowcount != 1:
        raise StoreError(
            Text(f"没有投递 {delivery_no}", f"there is no delivery {delivery_no}"),
            where=Text("待发通知", "outbox"),
            remedy=Text("请使用 due_messages 中的编号", "use a number of due_messages"),
        )
