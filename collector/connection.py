"""One connection to the broker, from CONNECT to its end. There is a new paho client for each.

So an acknowledgement that belongs to an earlier connection, whose packet ids mean other messages by now, has no way
to reach the broker, however threads may race.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.broker_address import BrokerAddress
from collector.message import Message
from collector.wire import BATCH_BYTES_MAX

PACKET_BYTES_MAX = 2 * BATCH_BYTES_MAX
"""What the broker may send us in one packet (MQTT 5): more than we take, so that the too large is seen and refused."""

_READS_PER_LOOP = 500
_CLOSING_SECONDS = 3.0
_NO_RETAINED = 2
"""Retain handling of MQTT 5 (3.8.3.1): do not send retained messages when we subscribe."""


@dataclass(frozen=True)
class Session:
    """What the broker keeps for us between connections, and how much it may send unacknowledged."""

    client_id: str
    filters: tuple[str, ...]
    receive_maximum: int
    session_expiry_seconds: int


@dataclass(frozen=True)
class Reports:
    """Whom a connection tells what happens; all are called on its own thread."""

    welcomed: Callable[[bool], None]
    """The broker accepted us; True when it still had our session."""
    arrived: Callable[[Message], None]
    """A message came. May wait: nothing more is read meanwhile."""
    failed: Callable[[str], None]
    """Why there is no connection, or why nothing can come over it."""


class Connection:
    """A connection that is served by one thread and may be acknowledged on by another."""

    def __init__(
        self, epoch: int, address: BrokerAddress, session: Session, clock_us: Callable[[], int], reports: Reports
    ) -> None:
        """Prepare; raises OSError when the certificate of the address cannot be read."""
        self.epoch = epoch
        self.connected = False
        """The broker has said yes, and has not hung up since."""
        self.was_welcome = False
        self._refused = False
        self._arrived = 0
        self._address = address
        self._session = session
        self._clock_us = clock_us
        self._reports = reports
        self._client = address.client(session.client_id, clean_start=False, manual_ack=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        # Tells paho that somebody else writes: acknowledging from another thread only queues, and wakes `serve`.
        self._client.on_socket_register_write = lambda *_: None

    def serve(self, stopping: threading.Event) -> None:
        """Connect and read until the connection ends or `stopping` is set. Raises OSError when it cannot connect."""
        try:
            self._address.connect(
                self._client,
                clean_start=False,
                SessionExpiryInterval=self._session.session_expiry_seconds,
                ReceiveMaximum=self._session.receive_maximum,
                MaximumPacketSize=PACKET_BYTES_MAX,
            )
            while self._client.loop(timeout=0.1) == mqtt.MQTT_ERR_SUCCESS and not stopping.is_set():
                self._read_what_is_there()
            if stopping.is_set():
                self._say_goodbye()
        finally:
            self.connected = False
            self._close()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages of this connection. On one that has ended, it does nothing."""
        for message in messages:
            self._client.ack(message.mid, message.qos)

    def _read_what_is_there(self) -> None:
        for _ in range(_READS_PER_LOOP):  # a select before each message would cost more than the message
            arrived = self._arrived
            self._client.loop_read()
            if self._arrived == arrived:
                return

    def _say_goodbye(self) -> None:
        """Send what was acknowledged, then DISCONNECT; the broker keeps what was not."""
        self._client.disconnect()
        give_up_at = time.monotonic() + _CLOSING_SECONDS
        while self._client.loop(timeout=0.1) == mqtt.MQTT_ERR_SUCCESS and time.monotonic() < give_up_at:
            pass

    def _close(self) -> None:
        """Close the socket, and let go of the callbacks: else client and connection hold each other and their files."""
        socket = self._client.socket()
        if socket is not None:
            socket.close()
        self._client.on_connect = None
        self._client.on_disconnect = None
        self._client.on_subscribe = None
        self._client.on_message = None

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: mqtt.ConnectFlags, reason: ReasonCode, __: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = True
            self._reports.failed(
                f"it refuses us: {reason}; mend broker.username, the password or the broker's access list"
            )
            return
        self.connected = self.was_welcome = True
        self._reports.welcomed(flags.session_present)
        # At each connect, also when the session is there: a broker may have kept the one and not the other.
        if self._address.protocol == "5":
            options = SubscribeOptions(qos=1, retainHandling=_NO_RETAINED)
            client.subscribe([(name, options) for name in self._session.filters])
        else:
            client.subscribe([(name, 1) for name in self._session.filters])

    def _on_subscribe(
        self, _: mqtt.Client, __: object, ___: int, reasons: list[ReasonCode], ____: Properties | None
    ) -> None:
        for name, reason in zip(self._session.filters, reasons, strict=False):
            if reason.is_failure:
                self._reports.failed(f"it refuses the subscription to {name}: {reason}; mend its access list")

    def _on_disconnect(
        self, _: mqtt.Client, __: object, ___: mqtt.DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        self.connected = False
        if self._refused:
            return
        if not self.was_welcome:
            self._reports.failed(
                'it hung up without an answer; if it speaks only MQTT 3.1.1, set broker.protocol = "3.1.1"'
            )
        else:
            self._reports.failed(
                f"the connection ended: {reason}; connecting anew (if that goes on, see whether another client "
                f"uses the name {self._session.client_id!r} too)"
            )

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        self._arrived += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""  # becomes a reject, like every topic that is none of ours
        self._reports.arrived(
            Message(
                topic=topic,
                payload=bytes(message.payload),
                received_at_us=self._clock_us(),
                mid=message.mid,
                qos=message.qos,
                epoch=self.epoch,
                retained=message.retain,
            )
        )
