"""Where the MQTT broker is and how to log in: one way to connect, for the subscriber and for every publisher."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, TypeVar

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


_Client = TypeVar("_Client", bound=mqtt.Client)


@dataclass(frozen=True)
class BrokerAddress:
    """Address, login and protocol of a broker. An empty username logs in without a name."""

    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)
    tls_ca_file: Path | None = None
    """Certificate of the authority that signed the broker's; given, the connection is by TLS."""
    protocol: Literal["5", "3.1.1"] = "5"
    keep_alive_seconds: int = 30

    def __str__(self) -> str:
        """Return `host:port`, as errors name a broker."""
        return f"{self.host}:{self.port}"

    @property
    def shows_its_password(self) -> bool:
        """Return whether anybody on the way to the broker can read the password: no TLS, and not this machine."""
        return bool(self.password) and self.tls_ca_file is None and not _is_this_machine(self.host)

    def client(self, client_id: str, *, clean_start: bool = True, kind: type[_Client] = mqtt.Client) -> _Client:  # type: ignore[assignment]
        """Return a paho client that is not connected yet. Raises OSError when the certificate cannot be read."""
        client = kind(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=None if self.protocol == "5" else clean_start,
            protocol=MQTTProtocolVersion.MQTTv5 if self.protocol == "5" else MQTTProtocolVersion.MQTTv311,
        )
        if self.username:
            client.username_pw_set(self.username, self.password)
        if self.tls_ca_file is not None:
            client.tls_set(ca_certs=str(self.tls_ca_file))
        return client

    def connect(self, client: mqtt.Client, *, clean_start: bool = True, **connect_properties: int) -> None:
        """Open the connection and send CONNECT; the answer comes to `on_connect`. Raises OSError.

        `connect_properties` are MQTT 5's, such as `SessionExpiryInterval`; MQTT 3.1.1 has none and ignores them.
        """
        more: dict[str, Any] = {}
        if self.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            for name, value in connect_properties.items():
                setattr(properties, name, value)
            more = {"clean_start": clean_start, "properties": properties}
        client.connect(self.host, self.port, keepalive=self.keep_alive_seconds, **more)
