"""What a broker says of itself: followed by a connection of its own, so that nothing of it can disturb the reading.

mosquitto publishes its figures below `$SYS/broker/` (mosquitto(8), "Broker status"); other brokers have other names or
none, and an access list may hide them. What is not told is unknown, which is not 0.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.mqtt.broker_address import BrokerAddress
from grid.backoff import Backoff, Retry

RETRY = Backoff(seconds_first=2.0, seconds_max=60.0)
CLIENT_ID_SUFFIX = "-figures"

_LOOP_SECONDS = 0.5
_STOP_SECONDS_MAX = 5.0
_PACKET_BYTES_MAX = 16 * 1024
_VERSION_CHARACTERS_MAX = 60
_COUNTS = {
    "$SYS/broker/publish/messages/dropped": "dropped",
    "$SYS/broker/store/messages/count": "held",
    "$SYS/broker/messages/stored": "held",
    "$SYS/broker/clients/connected": "clients",
}
_VERSION = "$SYS/broker/version"

log = logging.getLogger("redvest.broker_figures")


@dataclass(frozen=True)
class BrokerStats:
    """Figures of a broker since it was started; None is what it does not tell."""

    version: str | None = None
    dropped: int | None = None
    """Messages that it threw away because a queue was full: of all its clients, not only ours."""
    held: int | None = None
    """Messages that it keeps now: on their way, waiting for someone who is away, or retained."""
    clients: int | None = None
    """Clients that are connected now, this one and the collector among them."""


UNKNOWN = BrokerStats()


class BrokerStatsThread:
    """Follows the figures and tells them whenever they change. `start` and `stop` it; it outlives every fault."""

    def __init__(self, address: BrokerAddress, client_id: str, tell: Callable[[BrokerStats], None]) -> None:
        """Prepare for the collector of that client id; `tell` is called on a thread of its own."""
        self._address = address
        self._client_id = client_id + CLIENT_ID_SUFFIX
        self._tell = tell
        self._figures = UNKNOWN
        self._was_welcome = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="broker figures", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Disconnect and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS_MAX)

    def _run(self) -> None:
        retry = Retry(RETRY)
        while not self._stopping.is_set():
            self._was_welcome = False
            try:
                self._follow()
            except Exception as error:  # noqa: BLE001 - no figure is worth the collector; the subscriber tells what is wrong
                log.debug("no figures of %s: %s", self._address, error)
            self._note(UNKNOWN)
            if self._was_welcome:
                retry.succeeded()
            self._stopping.wait(retry.failed())

    def _follow(self) -> None:
        """Follow over one connection until it ends. Raises OSError when there is none."""
        client: mqtt.Client = self._address.client(self._client_id)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        try:
            self._address.connect(client, MaximumPacketSize=_PACKET_BYTES_MAX)
            while client.loop(_LOOP_SECONDS) == mqtt.MQTT_ERR_SUCCESS and not self._stopping.is_set():
                pass
            client.disconnect()
        finally:
            connection = client.socket()
            if connection is not None:
                connection.close()

    def _on_connect(
        self, client: mqtt.Client, _: object, __: mqtt.ConnectFlags, reason: ReasonCode, ___: Properties | None
    ) -> None:
        if not reason.is_failure:
            self._was_welcome = True
            client.subscribe([(topic, 0) for topic in (*_COUNTS, _VERSION)])

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == _VERSION:
            text = message.payload[:_VERSION_CHARACTERS_MAX].decode("ascii", "replace")
            self._note(replace(self._figures, version=text if text.isprintable() else None))
        elif message.topic in _COUNTS:
            self._note(_with_count(self._figures, _COUNTS[message.topic], _count(bytes(message.payload))))

    def _note(self, figures: BrokerStats) -> None:
        if figures != self._figures:
            self._figures = figures
            self._tell(figures)


def _with_count(figures: BrokerStats, name: str, count: int | None) -> BrokerStats:
    match name:
        case "dropped":
            return replace(figures, dropped=count)
        case "held":
            return replace(figures, held=count)
        case _:
            return replace(figures, clients=count)


def _count(payload: bytes) -> int | None:
    """Return a count as it is written; None for anything else."""
    return int(payload) if payload.isdigit() and len(payload) <= 18 else None
