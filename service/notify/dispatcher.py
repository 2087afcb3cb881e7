"""Drains the outbox: each channel has its own queue, pace and thread, so that none holds up another or a reading.

Delivered at least once and normally once; what fails is tried again after twice as long, and given up with its reason
after the settings' number of attempts. A channel that fails is left alone for a while as a whole, so that a thousand
waiting messages do not knock at a receiver that is away. Nothing is dropped in silence.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from alerts.model.kinds import MessageKind
from alerts.notification.delivery_words import late
from grid.backoff import Backoff, Retry
from grid.errors import StoreError
from grid.text import Text
from grid.timestamps import SECOND_US
from service.clock import Clock, SystemClock
from service.metrics.metrics import Metrics
from service.notify.channels.notice import Mention, NotDelivered, Notice, Notifier
from service.notify.rates import UNLIMITED, RateKeeper, SendRate
from stores.records.outbox import DueMessage
from stores.records.records import Records

LOOK_SECONDS = 1.0
STORE_RETRY_SECONDS = 5.0
PAUSE_SECONDS_MAX = 60.0
"""A channel that fails is tried at least so often: when it recovers, what waits goes soon."""
LATE_REAL_SECONDS_MIN = 60.0
CHANNEL_GONE = "the channel is no longer in the settings (notify.channels, notify.robots)"
_MESSAGES_MAX = 100
_REMEMBERED_SENDINGS = 200
_OVER = (MessageKind.INCIDENT_CLOSED, MessageKind.INCIDENT_RETRACTED)

log = logging.getLogger("redvest.delivery")

MentionsOf = Callable[[DueMessage], tuple[Mention, ...]]
"""Who a message calls, looked up when it goes out."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how soon a failed message is tried again [real seconds]."""

    attempts_max: int
    seconds_first: float
    seconds_max: float
    look_seconds: float = LOOK_SECONDS
    """How often the outbox is looked at for what nobody announced."""
    store_retry_seconds: float = STORE_RETRY_SECONDS
    """How soon it is asked again when it does not answer."""

    def wait_seconds(self, failed_attempts: int, asked_seconds: float | None = None) -> float:
        """Return how long to wait after so many failures (at least 1), and at least what the receiver asks."""
        own = Backoff(self.seconds_first, self.seconds_max).wait_seconds(failed_attempts)
        return max(own, asked_seconds or 0.0)

    def pause(self) -> Retry:
        """Return the waits of a channel between two failures, whichever messages they are of."""
        seconds_max = min(self.seconds_max, PAUSE_SECONDS_MAX)
        return Retry(Backoff(min(self.seconds_first, seconds_max), seconds_max))


@dataclass(frozen=True)
class Drained:
    """What one look at the outbox brought for one channel."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0


class Delivery:
    """Sends what is due on every channel, until it is stopped."""

    def __init__(
        self,
        records: Records,
        notifiers: Mapping[str, Notifier],
        clock: Clock,
        policy: RetryPolicy,
        link: str,
        metrics: Metrics | None = None,
        *,
        rates: Mapping[str, SendRate] | None = None,
        mentions_of: MentionsOf = lambda message: (),
    ) -> None:
        """Keep the parts. `records` should be a connection of its own; `link` is the dashboard's address."""
        self._records = records
        self._metrics = metrics
        self._clock = clock
        self._policy = policy
        self._stopping = threading.Event()
        rates = rates or {}
        shared = _Shared(records, clock, policy, link, metrics, mentions_of, self._stopping)
        self._channels = {
            name: _Channel(name, notifier, rates.get(name, UNLIMITED), shared) for name, notifier in notifiers.items()
        }
        self._looking = threading.Thread(target=self._look_again_and_again, name="deliver", daemon=True)

    def start(self) -> None:
        """Close what is meant for channels that are no more, and begin to send. Raises StoreError."""
        closed = self._records.close_other_channels(tuple(self._channels), CHANNEL_GONE)
        if closed:
            log.warning("%d messages are closed: %s", closed, CHANNEL_GONE)
        if self._metrics:
            self._metrics.channels(self._records.channel_counts())
        for channel in self._channels.values():
            channel.start()
        self._looking.start()

    def wake(self) -> None:
        """Look at once: the outbox has something new."""
        for channel in self._channels.values():
            channel.wake()

    def stop(self, wait_seconds: float = 5.0) -> None:
        """Stop after the messages that are on their way; what waits stays in the outbox."""
        self._stopping.set()
        self.wake()
        give_up_at = time.monotonic() + wait_seconds
        for thread in (self._looking, *(channel.thread for channel in self._channels.values())):
            if thread.is_alive():
                thread.join(max(give_up_at - time.monotonic(), 0.0))

    def drain(self, channel: str) -> Drained:
        """Send what is due on one channel now. Raises StoreError."""
        return self._channels[channel].drain()

    def _look_again_and_again(self) -> None:
        """Wake the channels for which somebody else put something into the outbox, or whose retries are due."""
        while not self._stopping.wait(self._policy.look_seconds):
            try:
                for name in self._records.due_channels(self._clock.now_us()):
                    if name in self._channels:
                        self._channels[name].wake()
                if self._metrics:
                    self._metrics.channels(self._records.channel_counts())
            except StoreError as error:
                log.error("the outbox does not answer: %s", error)
                self._stopping.wait(self._policy.store_retry_seconds)
            except Exception:
                # The loop must go on, whatever it was: told with its trace.
                log.exception("looking at the outbox failed in a way that was not foreseen")


@dataclass(frozen=True)
class _Shared:
    """What all channels have in common."""

    records: Records
    clock: Clock
    policy: RetryPolicy
    link: str
    metrics: Metrics | None
    mentions_of: MentionsOf
    stopping: threading.Event


class _Channel:
    """One channel: its own due messages, its own pauses, its own thread."""

    def __init__(self, name: str, notifier: Notifier, rate: SendRate, shared: _Shared) -> None:
        """Prepare; what was delivered in the last minute counts against the rate."""
        self._name = name
        self._notifier = notifier
        self._rate = rate
        self._by = shared
        self._keeper: RateKeeper | None = None
        self._pause = shared.policy.pause()
        self._paused_until_us = 0
        self._woken = threading.Event()
        self.thread = threading.Thread(target=self._run, name=f"deliver-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.thread.start()

    def wake(self) -> None:
        """Look at once."""
        self._woken.set()

    def drain(self) -> Drained:
        """Send what is due, until something fails or the rate is used up. Raises StoreError."""
        delivered = failed = dead = 0
        now_us = self._by.clock.now_us()
        if now_us < self._paused_until_us:
            return Drained()
        for message in self._by.records.due_messages(now_us, _MESSAGES_MAX, self._name):
            if not self._may_go():
                break
            try:
                self._send(message)
            except NotDelivered as reason:
                gave_up = self._failed(message, reason)
                dead += gave_up
                failed += not gave_up
                if not reason.is_final:
                    break  # the others wait with it: order is kept, and nobody knocks at a door that is shut
            else:
                self._by.records.mark_delivered(message.delivery_no, self._by.clock.now_us())
                self._pause.succeeded()
                delivered += 1
                if self._by.metrics:
                    self._by.metrics.delivered(self._name)
        return Drained(delivered, failed, dead)

    def _send(self, message: DueMessage) -> None:
        """Send a message. Raises NotDelivered, also for what nobody foresaw: it counts as an attempt like any other."""
        try:
            self._notifier.send(self._notice(message))
        except (NotDelivered, StoreError):
            raise
        except Exception as error:
            log.exception("message %d on %s failed in a way that was not foreseen", message.message_no, self._name)
            raise NotDelivered(f"unforeseen: {type(error).__name__}") from error

    def _may_go(self) -> bool:
        """Wait until the rate allows one more; return whether it may go."""
        keeper = self._keeper or self._keeper_from_records()
        self._keeper = keeper
        while not self._by.stopping.is_set():
            wait_seconds = keeper.wait_seconds(_real_seconds())
            if wait_seconds <= 0.0:
                keeper.sent(_real_seconds())
                return True
            self._by.stopping.wait(wait_seconds)
        return False

    def _keeper_from_records(self) -> RateKeeper:
        if not self._rate.limits:
            return RateKeeper(self._rate)
        now, now_us, speed = _real_seconds(), self._by.clock.now_us(), self._by.clock.speed
        before = self._by.records.last_delivered(self._name, _REMEMBERED_SENDINGS)
        return RateKeeper(self._rate, (now - max(now_us - at_us, 0) / 1e6 / speed for at_us in before))

    def _failed(self, message: DueMessage, reason: NotDelivered) -> bool:
        """Note a failure; return whether the message is given up."""
        by = self._by
        attempts = message.attempts + 1
        gave_up = reason.is_final or attempts >= by.policy.attempts_max
        wait_us = _span_us(by.policy.wait_seconds(attempts, reason.wait_seconds), by.clock)
        next_at_us = None if gave_up else by.clock.now_us() + wait_us
        if not reason.is_final:
            pause_us = _span_us(max(self._pause.failed(), reason.wait_seconds or 0.0), by.clock)
            self._paused_until_us = by.clock.now_us() + pause_us
        by.records.mark_failed(message.delivery_no, reason.reason, next_at_us)
        if by.metrics:
            by.metrics.delivery_failed(message.channel)
            by.metrics.channels(by.records.channel_counts())
        log.warning(
            "message %d on %s not delivered (%s), %s",
            message.message_no,
            message.channel,
            reason.reason,
            f"given up after {attempts} attempts" if gave_up else f"attempt {attempts}",
        )
        return gave_up

    def _notice(self, message: DueMessage) -> Notice:
        link = f"{self._by.link}/?incident={quote(message.incident_id)}" if message.incident_id else self._by.link
        is_over = message.ended_at_us is not None and message.kind not in _OVER
        return Notice(
            number=message.message_no,
            kind=message.kind,
            station_id=message.station_id,
            incident_id=message.incident_id,
            text=self._told_late(message, is_over=is_over),
            link=link,
            created_at_us=message.created_at_us,
            mentions=self._by.mentions_of(message),
        )

    def _told_late(self, message: DueMessage, *, is_over: bool) -> Text:
        late_us = self._by.clock.now_us() - message.created_at_us
        # In a rehearsal at many times the speed a few real seconds are an hour: nobody waited for that.
        is_late = late_us / self._by.clock.speed >= LATE_REAL_SECONDS_MIN * SECOND_US
        return late(message.text, late_us, is_over=is_over) if is_late else message.text

    def _run(self) -> None:
        while not self._by.stopping.is_set():
            self._woken.clear()
            try:
                drained = self.drain()
                more = drained.delivered > 0 and drained.failed == 0
                wait_seconds = 0.0 if more else self._seconds_paused()
            except StoreError as error:
                log.error("the outbox does not answer: %s", error)
                wait_seconds = self._by.policy.store_retry_seconds
            except Exception:
                # The loop must go on: counted, and told with its trace.
                log.exception("delivery on %s failed in a way that was not foreseen", self._name)
                if self._by.metrics:
                    self._by.metrics.delivery_failed(self._name)
                wait_seconds = self._by.policy.store_retry_seconds
            if wait_seconds is None:
                self._woken.wait()
            elif wait_seconds:
                self._by.stopping.wait(wait_seconds)

    def _seconds_paused(self) -> float | None:
        """Return how long the channel is left alone [real s]; None when it waits to be woken."""
        left_us = self._paused_until_us - self._by.clock.now_us()
        return left_us / 1e6 / self._by.clock.speed if left_us > 0 else None


def _span_us(seconds: float, clock: Clock) -> int:
    """Return how much of the clock's time [µs] passes in so many real seconds."""
    return round(seconds * 1e6 * clock.speed)


def _real_seconds() -> float:
    return SystemClock().now_us() / 1e6
