"""Bytes of MQTT packets, for the parts of tests that speak it over a plain socket."""

from __future__ import annotations

LENGTH_MAX = 268_435_455
"""The greatest remaining length (MQTT 5, 1.5.5): 256 MB."""


def length_of(value: int) -> bytes:
    """Return a variable byte integer (MQTT 5, 1.5.5)."""
    parts = bytearray()
    while True:
        value, low = divmod(value, 128)
        parts.append(low | (0x80 if value else 0))
        if not value:
            return bytes(parts)
