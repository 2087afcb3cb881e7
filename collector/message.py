"""One MQTT message as it was received, before anybody looked into it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message and what is needed to acknowledge it later."""

    topic: str
    payload: bytes
    received_at_us: int
    """When the collector had it [µs since the epoch, UTC]."""
    mid: int
    """Packet id on its connection; 0 at QoS 0."""
    qos: int
    epoch: int
    """Which connection brought it. Packet ids mean nothing on any other one."""
    retained: bool
    """The broker kept it from some earlier day: it says nothing about now."""
