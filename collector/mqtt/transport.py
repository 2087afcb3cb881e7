"""The line to the broker: a socket beneath paho that takes PUBLISH packets for itself, in bulk.

paho connects, logs in, subscribes, keeps alive and publishes over it as over any socket. What it is spared is the
handling of one message at a time, which costs ten times what the message does.
"""

from __future__ import annotations

import ssl
import threading
from socket import socket

from collector.mqtt.message_queue import Room
from collector.mqtt.packets import PacketReader, Published, acknowledgements

_BYTES_PER_RECEIVE = 256 * 1024
_RECEIVED_BYTES_MAX = 8 * _BYTES_PER_RECEIVE
_PINGREQ = 0xC0
_PINGRESP = b"\xd0\x00"
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Line:
    """A connected socket, read by the one thread that also serves paho; any thread may acknowledge.

    Whatever is sent goes through one buffer in whole packets, so packets of two threads never mix.
    """

    def __init__(self, connected: socket, has_properties: bool) -> None:
        """Take over a connected socket. `has_properties`: the line speaks MQTT 5."""
        self._socket = connected
        self._packets = PacketReader(has_properties)
        self._unsent = bytearray()
        self._lock = threading.Lock()
        """Guards socket and unsent bytes: a TLS socket must not be read and written at the same moment."""
        self._is_asked_for_life = False
        self._ended = False
        self._error: OSError | None = None

    # What paho asks of a socket.

    def recv(self, bufsize: int) -> bytes:
        """Return bytes of packets other than PUBLISH; empty at the end of the connection."""
        control = self._packets.control
        if control:
            taken = bytes(control[:bufsize])
            del control[:bufsize]
            return taken
        if self._error is not None:
            raise self._error
        if self._ended:
            return b""
        raise BlockingIOError

    def send(self, data: bytes) -> int:
        """Take all of the data, and send what can be sent at once."""
        if data and data[0] == _PINGREQ:
            self._is_asked_for_life = True
        self._send(data)
        return len(data)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the descriptor to wait on; -1 when the socket is closed."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:
        """Set whether calls wait; paho wants them not to."""
        self._socket.setblocking(flag)

    # What the connection asks of it.

    @property
    def has_work_for_paho(self) -> bool:
        """Return whether a packet, or the end of the connection, waits for paho."""
        return bool(self._packets.control) or self._ended

    @property
    def has_unsent(self) -> bool:
        """Return whether the broker took less than was to be sent; `flush` goes on."""
        return bool(self._unsent)

    @property
    def lacks_room(self) -> bool:
        """Return whether the last `read` left a message behind because there was no room for it."""
        return self._packets.lacks_room

    def receive(self) -> None:
        """Receive what has come, up to a bound. By TLS one call gives one record, which may hold one message only."""
        parts: list[bytes] = []
        left = _RECEIVED_BYTES_MAX
        while left > 0 and not self._ended:
            try:
                with self._lock:
                    data = self._socket.recv(_BYTES_PER_RECEIVE)
            except _NOT_NOW:
                break
            except OSError as error:
                self._error, self._ended = error, True
                break
            self._ended = not data
            parts.append(data)
            left -= len(data)
        received = b"".join(parts)
        if received:
            self._packets.feed(received)
            self.vouch()

    def read(self, room: Room) -> Published:
        """Return PUBLISH packets that were received and have room. Raises BrokerError for what is not MQTT."""
        return self._packets.read(room.messages, room.bytes, first_fits=room.is_all)

    def vouch(self) -> None:
        """Answer paho's question whether the broker lives: it does, or it is we who do not read."""
        if self._is_asked_for_life:
            self._is_asked_for_life = False
            self._packets.control += _PINGRESP

    def acknowledge(self, mids: list[int]) -> None:
        """Send acknowledgements of packet ids, in order."""
        self._send(acknowledgements(mids))

    def flush(self) -> None:
        """Send what is left to be sent, as far as the broker takes it."""
        self._send(b"")

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._unsent += data
            try:
                while self._unsent:
                    del self._unsent[: self._socket.send(self._unsent)]
            except _NOT_NOW:
                return
            except OSError as error:
                self._error, self._ended = error, True
                self._unsent.clear()
