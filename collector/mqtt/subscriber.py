"""The one reader of the broker: messages go into a bounded queue, and are acknowledged when they are safe."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from collector.message import Message, MessageBlock
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.connection import Connection, Reports, Session
from collector.mqtt.connection_errors import no_connection
from collector.mqtt.message_queue import MessageQueue
from grid.backoff import Backoff, Retry
from grid.errors import BrokerError

QUEUE_BYTES_MAX = 256 * 1024 * 1024
SESSION_EXPIRY_SECONDS = 7 * 24 * 3600

log = logging.getLogger("redvest.subscriber")


@dataclass(frozen=True)
class SubscriberState:
    """How the connection fares now, and what has happened since the start."""

    connected: bool
    subscribed: bool
    """The broker has answered our subscription: whatever is published from now on comes to us, or waits for us."""
    epoch: int
    """Number of the connection, from 1; it rises with each attempt."""
    queued: int
    received: int
    last_error: str
    """Why there is no connection, or why nothing can come over it; empty when all is well."""
    sessions_lost: int
    """How often the broker had forgotten us when we came back: what it held for us is gone."""
    acknowledged: int
    dropped_acks: int
    """Acknowledgements for messages of an earlier connection; the broker sends those messages again."""
    unexpected_errors: int
    """How often the network thread caught what nobody had thought of. It went on, on a new connection."""


class Subscriber:
    """Subscribes, keeps the connection up, and hands over messages in order of arrival."""

    def __init__(  # noqa: PLR0913 - one argument per bound or part
        self,
        address: BrokerAddress,
        client_id: str,
        filters: Sequence[str],
        clock_us: Callable[[], int],
        *,
        queue_messages_max: int = 50_000,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
        receive_maximum: int = 10_000,
        session_expiry_seconds: int = SESSION_EXPIRY_SECONDS,
        reconnect_seconds_min: float = 1.0,
        reconnect_seconds_max: float = 30.0,
        expects_session: bool = False,
    ) -> None:
        """Prepare; nothing is connected before `start`.

        `expects_session`: the broker knew us before this start, so that it has lost something if it does not now.

        `receive_maximum` (MQTT 5) bounds what the broker sends unacknowledged; it should exceed what arrives
        between two commits. MQTT 3.1.1 knows neither that nor `session_expiry_seconds`: there the broker decides.
        """
        self._address = address
        self._session = Session(client_id, tuple(filters), receive_maximum, session_expiry_seconds)
        self._clock_us = clock_us
        self._backoff = Backoff(reconnect_seconds_min, reconnect_seconds_max)
        self._jitter = random.Random(client_id)
        self._queue = MessageQueue(queue_messages_max, queue_bytes_max)
        self._reports = Reports(self._welcomed, self._subscribed, self._queue.room, self._arrived, self._failed)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()
        """Guards the figures below, which several threads count up and ask for."""
        self._epoch = 0
        self._last_error = ""
        self._received = 0
        self._was_ever_welcome = expects_session
        self._sessions_lost = 0
        self._acknowledged = 0
        self._dropped_acks = 0
        self._unexpected_errors = 0

    def start(self) -> None:
        """Start the network thread. A broker that is away is tried again until it is there."""
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self._thread.start()

    def take(self, messages_max: int, wait_seconds: float) -> MessageBlock:
        """Return up to `messages_max` messages in order of arrival; none when nothing came for `wait_seconds`.

        All are of one connection.
        """
        return self._queue.take(messages_max, wait_seconds)

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages of one connection that are safe now, in their order; of an earlier one, none.

        A message that is not is not lost: the broker never saw it acknowledged and sends it again.
        """
        block = MessageBlock.of(messages)
        connection = self._connection
        is_current = connection is not None and connection.epoch == block.epoch
        if connection is not None and is_current:
            connection.acknowledge(block.mids)
        with self._lock:
            self._acknowledged += len(block.mids) if is_current else 0
            self._dropped_acks += 0 if is_current else len(block.mids)

    def state(self) -> SubscriberState:
        """Return how the connection fares. Any thread may ask."""
        connection = self._connection
        with self._lock:
            return SubscriberState(
                connected=connection is not None and connection.connected,
                subscribed=connection is not None and connection.subscribed,
                epoch=self._epoch,
                queued=len(self._queue),
                received=self._received,
                last_error=self._last_error,
                sessions_lost=self._sessions_lost,
                acknowledged=self._acknowledged,
                dropped_acks=self._dropped_acks,
                unexpected_errors=self._unexpected_errors,
            )

    def stop(self) -> None:
        """Send what was acknowledged, disconnect and end the thread. What was not stays with the broker."""
        self._stopping.set()
        self._queue.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        """Connect again and again until told to stop: the one loop that must go on, whatever happens."""
        retry = Retry(self._backoff)
        while not self._stopping.is_set():
            was_welcome = self._serve_one_connection()
            if was_welcome:
                retry.succeeded()
            self._stopping.wait(retry.failed() * self._jitter.uniform(0.5, 1.0))

    def _serve_one_connection(self) -> bool:
        """Serve a connection until it ends; return whether the broker had accepted us."""
        with self._lock:
            self._epoch += 1
        connection = None
        try:
            connection = Connection(self._epoch, self._address, self._session, self._clock_us, self._reports)
            self._connection = connection
            connection.serve(self._stopping)
        except BrokerError as error:
            self._failed(str(error))
        except OSError as error:
            self._failed(str(no_connection(error, self._address)))
        except Exception as error:  # counted and told; paho's own thread would die of it in silence
            with self._lock:
                self._unexpected_errors += 1
            self._failed(f"unexpected {type(error).__name__}: {error}; connecting anew")
            log.exception("the network thread caught what nobody had thought of, and goes on")
        finally:
            self._connection = None
        return connection is not None and connection.was_welcome

    def _welcomed(self, session_present: bool) -> None:
        with self._lock:
            lost = self._was_ever_welcome and not session_present
            self._sessions_lost += lost
            self._was_ever_welcome = True
            self._last_error = ""
        log.info("connected to %s, session %s", self._address, "resumed" if session_present else "new")
        if lost:
            log.warning("the broker %s has lost our session, and what it held for us with it", self._address)

    def _subscribed(self, filters: Sequence[str]) -> None:
        log.info("the broker %s has answered our subscription to %s", self._address, ", ".join(filters))

    def _arrived(self, block: MessageBlock) -> None:
        if self._queue.put(block):
            with self._lock:
                self._received += len(block)

    def _failed(self, what: str) -> None:
        """Note what is wrong with the broker for those who ask, and log it when it is news."""
        told = f"broker {self._address}: {what}"
        with self._lock:
            known, self._last_error = self._last_error, told
        if told != known and not self._stopping.is_set():
            log.warning("%s", told)
