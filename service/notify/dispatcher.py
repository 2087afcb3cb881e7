"""Drains the outbox: each channel in a thread of its own, so that one that hangs holds up no other and no reading.

Delivered at least once and normally once; what fails is tried again after twice as long, and given up with
its reason after the settings' number of attempts. Nothing is dropped in silence.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO
from urllib.parse import quote

from grid.errors import StoreError
from service.clock import Clock
from service.metrics.metrics import Metrics
from service.notify.notifiers import NotDelivered, Notice, Notifier, make_notifiers
from service.settings.settings import Settings
from stores.records.outbox import DeliveryState, DueMessage
from stores.records.records import Records

_LOOK_SECONDS = 1.0
_STORE_RETRY_SECONDS = 5.0
_MESSAGES_MAX = 500

log = logging.getLogger("redvest.delivery")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a failed message is tried again [real seconds]."""

    attempts_max: int
    seconds_first: float
    seconds_max: float

    def wait_seconds(self, failed_attempts: int, asked_seconds: float | None = None) -> float:
        """Return how long to wait after so many failures (at least 1), and at least what the receiver asks."""
        doubled = self.seconds_first * 2.0 ** min(failed_attempts - 1, 60)
        return max(min(doubled, self.seconds_max), asked_seconds or 0.0)


@dataclass(frozen=True)
class Drained:
    """What one look at the outbox brought for one channel."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


class Delivery:
    """Sends what is due, until it is stopped."""

    def __init__(
        self,
        records: Records,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        policy: RetryPolicy,
        link: str,
        metrics: Metrics | None = None,
    ) -> None:
        """Keep the parts. `records` should be a connection of its own; `link` is the dashboard's address."""
        self._records = records
        self._notifiers = notifiers
        self._clock = clock
        self._policy = policy
        self._link = link
        self._metrics = metrics
        self._dead = 0
        self._stopping = threading.Event()
        self._woken = {channel: threading.Event() for channel in notifiers}
        self._threads = [
            threading.Thread(target=self._run, args=[channel], name=f"deliver-{channel}", daemon=True)
            for channel in notifiers
        ]

    def start(self) -> None:
        """Give up what is meant for channels that are no more, and begin to send."""
        self._bury_the_channels_that_are_gone()
        recent = self._records.messages(_MESSAGES_MAX)
        self._dead = sum(d.state is DeliveryState.DEAD for message in recent for d in message.deliveries)
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Look at once: the outbox has something new."""
        for woken in self._woken.values():
            woken.set()

    def stop(self, wait_seconds: float = 5.0) -> None:
        """Stop after the message that is on its way; what waits stays in the outbox."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(wait_seconds)

    def drain(self, channel: str) -> Drained:
        """Send what is due on one channel now. Raises StoreError."""
        delivered = failed = dead = 0
        due = self._records.due_messages(self._clock.now_us(), _MESSAGES_MAX)
        if self._metrics:
            self._metrics.outbox(len(due), self._dead)
        for message in due:
            if message.channel != channel or self._stopping.is_set():
                continue
            try:
                self._notifiers[channel].send(self._notice(message))
            except NotDelivered as reason:
                gave_up = self._failed(message, reason)
                dead += gave_up
                failed += not gave_up
            else:
                self._records.mark_delivered(message.delivery_no, self._clock.now_us())
                delivered += 1
                if self._metrics:
                    self._metrics.delivered(channel)
        return Drained(delivered, failed, dead)

    def _failed(self, message: DueMessage, reason: NotDelivered) -> bool:
        """Note a failure; return whether the message is given up."""
        attempts = message.attempts + 1
        gave_up = attempts >= self._policy.attempts_max
        wait_us = round(self._policy.wait_seconds(attempts, reason.wait_seconds) * 1e6 * self._clock.speed)
        next_at_us = None if gave_up else self._clock.now_us() + wait_us
        self._records.mark_failed(message.delivery_no, reason.reason, next_at_us)
        self._dead += gave_up
        if self._metrics:
            self._metrics.delivery_failed(message.channel)
        log.warning(
            "message %d on %s not delivered (%s), %s",
            message.message_no,
            message.channel,
            reason.reason,
            f"given up after {attempts} attempts" if gave_up else f"attempt {attempts}",
        )
        return gave_up

    def _notice(self, message: DueMessage) -> Notice:
        link = f"{self._link}/?incident={quote(message.incident_id)}" if message.incident_id else self._link
        return Notice(
            number=message.message_no,
            kind=message.kind,
            station_id=message.station_id,
            incident_id=message.incident_id,
            text=message.text,
            link=link,
            created_at_us=message.created_at_us,
        )

    def _bury_the_channels_that_are_gone(self) -> None:
        for message in self._records.due_messages(self._clock.now_us(), _MESSAGES_MAX):
            if message.channel not in self._notifiers:
                self._records.mark_failed(message.delivery_no, "the channel is no longer in notify.channels", None)

    def _run(self, channel: str) -> None:
        while not self._stopping.is_set():
            wait_seconds = _LOOK_SECONDS
            self._woken[channel].clear()
            try:
                self.drain(channel)
            except StoreError as error:
                log.error("the outbox does not answer: %s", error)
                wait_seconds = _STORE_RETRY_SECONDS
            except Exception:
                # The loop must go on: counted, and told with its trace.
                log.exception("delivery on %s failed in a way that was not foreseen", channel)
                if self._metrics:
                    self._metrics.delivery_failed(channel)
                wait_seconds = _STORE_RETRY_SECONDS
            self._woken[channel].wait(wait_seconds)


class DeliveryThread:
    """The delivery of one collector, with a connection to the records of its own."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, terminal: TextIO | None = None) -> None:
        """Prepare the channels; messages for the terminal go to the standard output. Raises SettingsError."""
        values = settings.notify
        notifiers = make_notifiers(settings, terminal or sys.stdout)
        policy = RetryPolicy(values.attempts_max, values.retry_seconds_first, values.retry_seconds_max)
        self._records = Records(settings.records_url())
        self._delivery = Delivery(self._records, notifiers, clock, policy, settings.link, metrics)

    def start(self) -> None:
        """Begin to send."""
        self._delivery.start()

    def wake(self) -> None:
        """Look at once: the outbox has something new."""
        self._delivery.wake()

    def stop(self) -> None:
        """Stop after the messages that are on their way."""
        self._delivery.stop()
        self._records.close()
