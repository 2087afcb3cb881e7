"""The outbox: what is to be said to people, one row per channel, until it is delivered or dead with a reason.

Delivery is at least once: a channel that dies between sending and `mark_delivered` sends again, under the
same message number. Channels do not see each other's rows, and on each the order of what concerns one incident is
kept: what comes later waits for what is tried again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from grid.errors import StoreError
from grid.text import Text
from stores.records import visible
from stores.records.changes import NewMessage
from stores.records.schema import delivery, incident, message
from stores.records.upsert import insert_or_keep
from stores.records.visible import EVERYTHING, Visible


class DeliveryState(Enum):
    """Where one message stands on one channel."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Given up; the last error says why. It can be sent again."""
    CLOSED = "closed"
    """Not sent any more, for its channel is no longer there; the last error says so."""


_PAGE = 500


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
    ended_at_us: int | None = None
    """When its incident was over; None while it is not, or without one."""
    mentions: tuple[str, ...] = ()
    """Ids of our own people whom it calls."""


@dataclass(frozen=True)
class ChannelCounts:
    """How many messages of one channel wait, were given up and were closed, and its newest error that still stands."""

    waiting: int = 0
    dead: int = 0
    closed: int = 0
    last_error: str = ""
    oldest_waiting_at_us: int | None = None


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
            "mentions": json.dumps(new.mentions) if new.mentions else "",
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


def due(connection: Connection, now_us: int, limit: int, channel: str | None = None) -> tuple[DueMessage, ...]:
    """Return what channels, or one, should deliver now, oldest message first.

    What comes later on a channel waits for what failed and is to be tried again: a message about an incident for an
    earlier one about it, one about many for earlier ones of their station, a digest for all earlier ones.
    """
    found: list[DueMessage] = []
    held = _held(connection, now_us, channel)
    for page in _pages(connection, _is_due(now_us, channel)):
        found += (_due_message(row) for row in page if not _waits_for_earlier(row, held))
        if len(found) >= limit:
            break
    return tuple(found[:limit])


def due_channels(connection: Connection, now_us: int) -> frozenset[str]:
    """Return the channels that have something to deliver now."""
    asked = select(delivery.c.channel).where(_is_due(now_us, None)).distinct()
    return frozenset(connection.execute(asked).scalars())


def counts(connection: Connection) -> Mapping[str, ChannelCounts]:
    """Return how each channel fares that has anything waiting, given up or closed."""
    by = delivery.c
    undelivered = by.state != DeliveryState.DELIVERED.value
    asked = (
        select(by.channel, by.state, func.count().label("number"), func.min(message.c.created_at_us).label("oldest"))
        .join(message)
        .where(undelivered)
        .group_by(by.channel, by.state)
    )
    number: dict[tuple[str, str], Row[tuple[str, str, int, int]]] = {
        (row.channel, row.state): row for row in connection.execute(asked)
    }
    stands = by.state.in_((DeliveryState.PENDING.value, DeliveryState.DEAD.value)) & (by.last_error != "")
    newest = select(func.max(by.delivery_no)).where(stands).group_by(by.channel)
    errors = {
        row.channel: row.last_error
        for row in connection.execute(select(by.channel, by.last_error).where(by.delivery_no.in_(newest)))
    }

    def of(channel: str, state: DeliveryState) -> int:
        row = number.get((channel, state.value))
        return 0 if row is None else row.number

    found = {}
    for channel in sorted({channel for channel, _ in number}):
        waiting = number.get((channel, DeliveryState.PENDING.value))
        found[channel] = ChannelCounts(
            waiting=of(channel, DeliveryState.PENDING),
            dead=of(channel, DeliveryState.DEAD),
            closed=of(channel, DeliveryState.CLOSED),
            last_error=errors.get(channel, ""),
            oldest_waiting_at_us=None if waiting is None else waiting.oldest,
        )
    return found


def last_delivered(connection: Connection, channel: str, number: int) -> tuple[int, ...]:
    """Return when a channel delivered its newest messages [µs], oldest first."""
    by = delivery.c
    asked = select(by.delivered_at_us).where((by.channel == channel) & by.delivered_at_us.is_not(None))
    newest = connection.execute(asked.order_by(by.delivered_at_us.desc()).limit(number)).scalars()
    return tuple(sorted(at_us for at_us in newest if at_us is not None))


def dead(connection: Connection, channel: str | None, limit: int) -> tuple[Message, ...]:
    """Return messages that were given up, oldest first, each with the channels that gave it up."""
    is_dead = delivery.c.state == DeliveryState.DEAD.value
    if channel is not None:
        is_dead &= delivery.c.channel == channel
    numbers = select(delivery.c.message_no).where(is_dead).distinct().order_by(delivery.c.message_no).limit(limit)
    rows = connection.execute(
        select(message).where(message.c.message_no.in_(numbers)).order_by(message.c.message_no)
    ).all()
    fates = _fates(connection, is_dead & delivery.c.message_no.in_([row.message_no for row in rows]))
    return tuple(_message(row, fates) for row in rows)


def resend(connection: Connection, now_us: int, channel: str | None, message_nos: Sequence[int] | None) -> int:
    """Let messages that were given up be tried again from now on, in their old order. Return how many deliveries."""
    again = delivery.c.state == DeliveryState.DEAD.value
    if channel is not None:
        again &= delivery.c.channel == channel
    if message_nos is not None:
        again &= delivery.c.message_no.in_(message_nos)
    values = {"state": DeliveryState.PENDING.value, "attempts": 0, "next_attempt_at_us": now_us}
    return connection.execute(update(delivery).where(again).values(**values)).rowcount


def close_others(connection: Connection, channels: Sequence[str], reason: str) -> int:
    """Close what waits, or was given up, on channels that are no longer there. Return how many deliveries."""
    open_states = (DeliveryState.PENDING.value, DeliveryState.DEAD.value)
    gone = delivery.c.state.in_(open_states) & delivery.c.channel.not_in(channels)
    values = {"state": DeliveryState.CLOSED.value, "last_error": reason, "next_attempt_at_us": None}
    return connection.execute(update(delivery).where(gone).values(**values)).rowcount


def _is_due(now_us: int, channel: str | None) -> ColumnElement[bool]:
    is_due = (delivery.c.state == DeliveryState.PENDING.value) & (delivery.c.next_attempt_at_us <= now_us)
    return is_due if channel is None else is_due & (delivery.c.channel == channel)


def _pages(connection: Connection, wanted: ColumnElement[bool]) -> Iterator[Sequence[Row[Any]]]:
    """Yield wanted deliveries with their messages, oldest message first, some hundred at a time."""
    asked = (
        select(
            delivery.c.delivery_no,
            delivery.c.channel,
            delivery.c.attempts,
            message,
            incident.c.closed_at_us.label("ended_at_us"),
        )
        .join(message, message.c.message_no == delivery.c.message_no)
        .outerjoin(incident, incident.c.incident_id == message.c.incident_id)
        .where(wanted)
        .order_by(message.c.message_no, delivery.c.delivery_no)
        .limit(_PAGE)
    )
    last = (0, 0)
    while True:
        after = (message.c.message_no > last[0]) | (
            (message.c.message_no == last[0]) & (delivery.c.delivery_no > last[1])
        )
        page = connection.execute(asked.where(after)).all()
        if page:
            yield page
            last = (page[-1].message_no, page[-1].delivery_no)
        if len(page) < _PAGE:
            return


Subject = tuple[str, str, str]
"""Channel, station and incident; the last two are empty where a message is about many."""


def _held(connection: Connection, now_us: int, channel: str | None) -> Mapping[Subject, int]:
    """Return the oldest message of each subject that failed and is to be tried again later."""
    waits = (delivery.c.state == DeliveryState.PENDING.value) & (delivery.c.next_attempt_at_us > now_us)
    if channel is not None:
        waits &= delivery.c.channel == channel
    by = (delivery.c.channel, message.c.station_id, message.c.incident_id)
    oldest = select(*by, func.min(message.c.message_no).label("number")).join(
        message, message.c.message_no == delivery.c.message_no
    )
    rows = connection.execute(oldest.where(waits).group_by(*by))
    return {(row.channel, row.station_id, row.incident_id or ""): row.number for row in rows}


def _waits_for_earlier(row: Row[Any], held: Mapping[Subject, int]) -> bool:
    return any(
        number < row.message_no and channel == row.channel and _concern(station, of, row.station_id, row.incident_id)
        for (channel, station, of), number in held.items()
    )


def _concern(station: str, of: str, other_station: str, other: str | None) -> bool:
    """Return whether two messages may be about one incident."""
    if of and other:
        return of == other
    return not station or not other_station or station == other_station


def _due_message(row: Row[Any]) -> DueMessage:
    return DueMessage(
        delivery_no=row.delivery_no,
        message_no=row.message_no,
        channel=row.channel,
        attempts=row.attempts,
        kind=row.kind,
        station_id=row.station_id,
        incident_id=row.incident_id,
        text=Text(row.text_zh, row.text_en),
        created_at_us=row.created_at_us,
        ended_at_us=row.ended_at_us,
        mentions=tuple(json.loads(row.mentions)) if row.mentions else (),
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


def messages(connection: Connection, limit: int, seen: Visible = EVERYTHING) -> tuple[Message, ...]:
    """Return the newest messages that are visible, newest first, with the fate of each channel."""
    asked = select(message).where(visible.messages(seen))
    rows = connection.execute(asked.order_by(message.c.message_no.desc()).limit(limit)).all()
    fates = _fates(connection, delivery.c.message_no >= min((row.message_no for row in rows), default=0))
    return tuple(_message(row, fates) for row in rows)


def _fates(connection: Connection, wanted: ColumnElement[bool]) -> Mapping[int, Sequence[Delivery]]:
    fates: dict[int, list[Delivery]] = {}
    for one in connection.execute(select(delivery).where(wanted).order_by(delivery.c.delivery_no)):
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
    return fates


def _message(row: Row[Any], fates: Mapping[int, Sequence[Delivery]]) -> Message:
    return Message(
        message_no=row.message_no,
        key=row.key,
        kind=row.kind,
        station_id=row.station_id,
        incident_id=row.incident_id,
        text=Text(row.text_zh, row.text_en),
        created_at_us=row.created_at_us,
        deliveries=tuple(fates.get(row.message_no, ())),
    )


def _mark(connection: Connection, delivery_no: int, **values: Any) -> None:
    marked = connection.execute(update(delivery).where(delivery.c.delivery_no == delivery_no).values(**values))
    if marked.rowcount != 1:
        raise StoreError(
            Text(f"没有投递 {delivery_no}", f"there is no delivery {delivery_no}"),
            where=Text("待发通知", "outbox"),
            remedy=Text("请使用 due_messages 中的编号", "use a number of due_messages"),
        )
