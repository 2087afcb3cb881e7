"""One connection to the broker, from CONNECT to its end. There is a new paho client for each.

So an acknowledgement that belongs to an earlier connection, whose packet ids mean other messages by now, has no way
to reach the broker, however threads may race.
"""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from collector.message import MessageBlock
from collector.mqtt.broker_address import BrokerAddress
from collector.mqtt.connection_errors import NO_ANSWER_REMEDY
from collector.mqtt.message_queue import Room
from collector.mqtt.packets import PACKET_BYTES_MAX, Published
from collector.mqtt.transport import Line

_WAIT_SECONDS = 0.1
"""How long the thread waits for the broker before it looks whether something else is to be done."""
_PAUSE_SECONDS = 0.002
"""How long it lets messages gather: to be woken for each of them would cost more than the message."""
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
    subscribed: Callable[[Sequence[str]], None]
    """The broker answered our subscription to these filters."""
    room: Callable[[float], Room]
    """How many messages may come, waiting so many seconds for room [s]; what there is no room for is not read."""
    arrived: Callable[[MessageBlock], None]
    """Messages came, as many as there was room for."""
    failed: Callable[[str], None]
    """Why there is no connection, or why nothing can come over it."""


class LineClient(mqtt.Client):
    """paho over a `Line` in place of its socket."""

    line: Line | None = None

    def _create_socket(self) -> Any:
        self.line = Line(super()._create_socket(), has_properties=self._protocol == mqtt.MQTTv5)  # type: ignore[arg-type]
        return self.line


class Connection:
    """A connection that is served by one thread and may be acknowledged on by another."""

    def __init__(
        self, epoch: int, address: BrokerAddress, session: Session, clock_us: Callable[[], int], reports: Reports
    ) -> None:
        """Prepare; raises OSError when the certificate of the address cannot be read."""
        self.epoch = epoch
        self.connected = False
        """The broker has said yes, and has not hung up since."""
        self.subscribed = False
        """It has answered our subscription too: whatever is published from now on comes to us, or waits for us."""
        self.was_welcome = False
        self._refused = False
        self._address = address
        self._session = session
        self._clock_us = clock_us
        self._reports = reports
        self._client = address.client(session.client_id, clean_start=False, kind=LineClient)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe

    def serve(self, stopping: threading.Event) -> None:
        """Connect and read until the connection ends or `stopping` is set.

        Raises OSError when it cannot connect, BrokerError when what answers does not speak MQTT.
        """
        try:
            self._address.connect(
                self._client,
                clean_start=False,
                SessionExpiryInterval=self._session.session_expiry_seconds,
                ReceiveMaximum=self._session.receive_maximum,
                MaximumPacketSize=PACKET_BYTES_MAX,
            )
            line = self._client.line
            assert line is not None, "paho connects over the line it makes"
            with selectors.DefaultSelector() as selector:
                selector.register(line, selectors.EVENT_READ)
                while not stopping.is_set() and self._serve_once(line, selector, stopping):
                    pass
            if stopping.is_set():
                self._say_goodbye(line)
        finally:
            self.connected = self.subscribed = False
            self._close()

    def acknowledge(self, mids: list[int]) -> None:
        """Acknowledge messages of this connection by their packet ids. On one that has ended, it does nothing."""
        line = self._client.line
        if line is not None and mids:
            line.acknowledge(mids)

    def _serve_once(self, line: Line, selector: selectors.BaseSelector, stopping: threading.Event) -> bool:
        """Receive and hand over what is there, let paho do its part; return whether the connection goes on."""
        room = self._reports.room(_WAIT_SECONDS)
        if self._hand_over(line, room) or line.has_work_for_paho:
            pass  # there was enough to do without asking the broker
        elif line.lacks_room:
            line.vouch()
            stopping.wait(_PAUSE_SECONDS)
        else:
            selector.modify(line, selectors.EVENT_READ | (selectors.EVENT_WRITE if line.has_unsent else 0))
            if selector.select(_WAIT_SECONDS):
                stopping.wait(_PAUSE_SECONDS)
            line.receive()
            self._hand_over(line, room)
        return self._serve_paho(line)

    def _hand_over(self, line: Line, room: Room) -> int:
        """Hand over the messages that were received and have room; return how many."""
        published = line.read(room)
        if published.payloads:
            self._reports.arrived(self._block(published))
        return len(published.payloads)

    def _serve_paho(self, line: Line) -> bool:
        """Let paho read its packets, write its own and look after the keep-alive; return whether all is well."""
        line.flush()
        code = self._client.loop_misc()
        while line.has_work_for_paho and code == mqtt.MQTT_ERR_SUCCESS:
            code = self._client.loop_read()
        if code == mqtt.MQTT_ERR_SUCCESS and self._client.want_write():
            code = self._client.loop_write()
        return code == mqtt.MQTT_ERR_SUCCESS

    def _block(self, published: Published) -> MessageBlock:
        received_at_us = np.full(len(published.payloads), self._clock_us(), np.int64)
        return MessageBlock(
            published.topics, published.payloads, bytes(published.flags), published.mids, received_at_us, self.epoch
        )

    def _say_goodbye(self, line: Line) -> None:
        """Send what was acknowledged, then DISCONNECT; the broker keeps what was not."""
        self._client.disconnect()
        give_up_at = time.monotonic() + _CLOSING_SECONDS
        while self._serve_paho(line) and time.monotonic() < give_up_at:
            time.sleep(_PAUSE_SECONDS)

    def _close(self) -> None:
        """Close the socket, and let go of the callbacks: else client and connection hold each other and their files."""
        socket = self._client.socket()
        if socket is not None:
            socket.close()
        self._client.on_connect = None
        self._client.on_disconnect = None
        self._client.on_subscribe = None

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
        self.subscribed = True
        self._reports.subscribed(self._session.filters)
        for name, reason in zip(self._session.filters, reasons, strict=False):
            if reason.is_failure:
                self._reports.failed(f"it refuses the subscription to {name}: {reason}; mend its access list")

    def _on_disconnect(
        self, _: mqtt.Client, __: object, ___: mqtt.DisconnectFlags, reason: ReasonCode, ____: Properties | None
    ) -> None:
        self.connected = self.subscribed = False
        if self._refused:
            return
        if not self.was_welcome:
            self._reports.failed(f"it hung up without an answer; {NO_ANSWER_REMEDY}")
        else:
            self._reports.failed(
                f"the connection ended: {reason}; connecting anew (if that goes on, see whether another client "
                f"uses the name {self._session.client_id!r} too)"
            )
