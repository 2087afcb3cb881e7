"""Topics that look like ours and that no subscription covers: with a slash in front, in another case, a level short.

A broker gives such messages to nobody, so a meter that is set up wrongly leaves no trace. A connection of its own
listens for them, at QoS 0: nothing of it disturbs the reading, and no payload is looked at.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import paho.mqtt.client as mqtt
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from collector.mqtt.broker_address import BrokerAddress
from grid.backoff import Backoff, Retry

RETRY = Backoff(seconds_first=5.0, seconds_max=120.0)
CLIENT_ID_SUFFIX = "-strays"
STRAY_FILTERS = (
    "/redvest/#",
    "/Redvest/#",
    "Redvest/#",
    "RedVest/#",
    "REDVEST/#",
    "redvest/V1/#",
    "redvest/v2/#",
    "redvest/v1/+/+/Reading",
    "redvest/v1/+/+/READING",
    "redvest/v1/+/Readings",
    "redvest/v1/+/READINGS",
    "redvest/v1/+/reading",
    "redvest/v1/+/+/readings",
    "redvest/v1/+/+/reading/+",
    "redvest/v1/+/readings/+",
    "redvest/+/+/reading",
)
"""None of them covers a topic that is right."""

_LOOP_SECONDS = 0.5
_STOP_SECONDS_MAX = 5.0

log = logging.getLogger("redvest.stray_topics")


class StrayTopicsThread:
    """Listens and tells each topic that it hears. `start` and `stop` it; it outlives every fault."""

    def __init__(self, address: BrokerAddress, client_id: str, tell: Callable[[str], None]) -> None:
        """Prepare for the collector of that client id; `tell` is called on a thread of its own."""
        self._address = address
        self._client_id = client_id + CLIENT_ID_SUFFIX
        self._tell = tell
        self._was_welcome = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stray topics", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
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
                self._listen()
            except Exception as error:  # noqa: BLE001 - no trace is worth the collector; the subscriber tells what is wrong
                log.debug("no stray topics of %s: %s", self._address, error)
            if self._was_welcome:
                retry.succeeded()
            self._stopping.wait(retry.failed())

    def _listen(self) -> None:
        """Listen over one connection until it ends. Raises OSError when there is none."""
        client: mqtt.Client = self._address.client(self._client_id)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        try:
            self._address.connect(client)
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
            client.subscribe([(topic, 0) for topic in STRAY_FILTERS])

    def _on_message(self, _: mqtt.Client, __: object, message: mqtt.MQTTMessage) -> None:
        self._tell(message.topic)
