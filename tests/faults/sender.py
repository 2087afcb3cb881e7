"""A sender in a process of its own, to be killed: puts messages into the outbox, or sends what is there.

python -m tests.faults.sender put|send RECORDS_URL RECEIVER_URL BUILD NUMBER
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

from grid.text import Language, same
from service.clock import SystemClock
from service.notify.channels.webhook import WebhookNotifier
from service.notify.dispatcher import Delivery, RetryPolicy
from stores.records import outbox
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records
from tests.support.waiting import wait_until

WAIT_SECONDS = 100.0
CHANNELS = ("one", "two", "three")


def first_channel_only() -> None:
    """Queue a message for the first of its channels alone."""
    put = outbox.put

    def putting(connection: Any, messages: Any) -> None:
        put(connection, [replace(each, channels=each.channels[:1]) for each in messages])

    outbox.put = putting


def marked_before_it_is_sent() -> None:
    """Note a message as delivered when it is taken."""
    due = Records.due_messages

    def taking(self: Records, *arguments: Any) -> Any:
        taken = due(self, *arguments)
        for message in taken:
            self.mark_delivered(message.delivery_no, SystemClock().now_us())
        return taken

    Records.due_messages = taking  # type: ignore[assignment, method-assign]


def never_marked() -> None:
    """Forget to note what was delivered."""
    Records.mark_delivered = lambda self, delivery_no, at_us: None  # type: ignore[method-assign]


BUILDS = {
    "whole": lambda: None,
    "first-channel-only": first_channel_only,
    "marked-before-it-is-sent": marked_before_it_is_sent,
    "never-marked": never_marked,
}


def put(records: Records, number: int) -> None:
    """Put all messages into the outbox."""
    at_us = SystemClock().now_us()
    messages = tuple(
        NewMessage(f"m{i}", "incident_opened", "ST01", None, same(f"message m{i}"), at_us, CHANNELS)
        for i in range(number)
    )
    records.commit(Changes(messages=messages))


def send(records: Records, receiver_url: str) -> None:
    """Send until nothing waits."""
    notifiers = {name: WebhookNotifier(f"{receiver_url}/{name}", Language.EN, 10.0) for name in CHANNELS}
    delivery = Delivery(records, notifiers, SystemClock(), RetryPolicy(5, 0.05, 0.2, look_seconds=0.1), "http://desk")
    delivery.start()
    delivery.wake()
    wait_until(lambda: not any(of.waiting for of in records.channel_counts().values()), WAIT_SECONDS)
    delivery.stop()


def main() -> None:
    """Do what the command line says."""
    what, records_url, receiver_url, build, number = sys.argv[1:]
    BUILDS[build]()
    with Records(records_url) as records:
        if what == "put":
            put(records, int(number))
        else:
            send(records, receiver_url)


if __name__ == "__main__":
    main()
