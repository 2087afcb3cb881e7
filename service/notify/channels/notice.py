"""A message as its receivers see it, and what a channel answers: nothing when it is delivered, else why not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from grid.text import Language, Text
from grid.timestamps import format_utc
from service.plain_text import one_line


@dataclass(frozen=True)
class Mention:
    """One of our own people whom a message calls."""

    person_id: str
    chat_id: str
    """Of the chat program; empty where the ledger has none."""
    name: str
    acknowledge_url: str = ""
    """One-time address by which this person says "I have it"; empty where nothing waits for an answer."""


@dataclass(frozen=True)
class Notice:
    """A message as its receivers see it. `number` stays the same however often it is sent."""

    number: int
    kind: str
    station_id: str
    incident_id: str | None
    text: Text
    link: str
    created_at_us: int
    mentions: tuple[Mention, ...] = ()


class NotDelivered(Exception):
    """Why a message did not reach its receiver.

    `wait_seconds`: how long the receiver asks us to wait, if it does. `is_final`: the receiver will never take this
    message, such as one that it cannot read; trying again is of no use.
    """

    def __init__(self, reason: str, wait_seconds: float | None = None, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_seconds = wait_seconds
        self.is_final = is_final


class Notifier(Protocol):
    """One way for messages to go."""

    def send(self, notice: Notice) -> None:
        """Deliver the message. Raises NotDelivered; never reports success on a doubt."""
        ...


def notice_json(notice: Notice, language: Language) -> dict[str, Any]:
    """Return what machines are sent: number, kind, ids, text, link, time, and who is called."""
    return {
        "number": notice.number,
        "kind": notice.kind,
        "station_id": notice.station_id,
        "incident_id": notice.incident_id,
        "text": one_line(notice.text.to(language)),
        "link": notice.link,
        "created_at": format_utc(notice.created_at_us),
        "mentions": [mention.person_id for mention in notice.mentions],
    }
