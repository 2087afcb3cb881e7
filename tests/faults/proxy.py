"""A bad line: a TCP proxy on loopback between collector and broker that delays, slices, hangs, cuts and resets."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.waiting import pause

_READ_BYTES = 64 * 1024


@dataclass
class _Line:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    dead: threading.Event = field(default_factory=threading.Event)
    """Nothing passes any more, and neither side is told."""

    def close(self) -> None:
        for end in (self.client, self.server):
            end.close()


class BadLine:
    """Forwards to a port. Its faults are attributes and methods; a new one is without fault."""

    def __init__(self, server_port: int) -> None:
        """Listen on a free loopback port and forward to another one."""
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port: int = self._listener.getsockname()[1]
        self.delay_seconds = 0.0
        """Each piece of data waits so long on its way, in both directions."""
        self.slice_bytes = _READ_BYTES
        """No more than so many bytes pass at once."""
        self.connections = 0
        self._hangs = False
        self._lines: list[_Line] = []
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="proxy", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return the line."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Cut everything and stop listening."""
        self._closing.set()
        self._thread.join()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """End all connections as a closed program would."""
        for line in self._taken():
            line.dead.set()
            for end in (line.client, line.server):
                _shut(end)
            line.close()

    def reset(self) -> None:
        """End all connections with a reset, wherever they are in a packet."""
        for line in self._taken():
            line.dead.set()
            for end in (line.client, line.server):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                _shut(end)
            line.close()

    def hang(self) -> None:
        """Let nothing pass on any connection, old or new, and tell nobody; the old ones never come back."""
        with self._lock:
            self._hangs = True
            for line in self._lines:
                line.dead.set()

    def recover(self) -> None:
        """Let new connections pass again."""
        with self._lock:
            self._hangs = False

    def _taken(self) -> list[_Line]:
        with self._lock:
            lines, self._lines = self._lines, []
        return lines

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port), timeout=5.0)
            except OSError:
                client.close()
                continue
            for end in (client, server):
                end.settimeout(0.05)  # before anybody can cut the line: a closed socket takes no settings
            line = _Line(client, server)
            with self._lock:
                self.connections += 1
                self._lines.append(line)
                if self._hangs:
                    line.dead.set()
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._forward, args=(line, source, target), daemon=True).start()

    def _forward(self, line: _Line, source: socket.socket, target: socket.socket) -> None:
        try:
            while not line.dead.is_set():
                try:
                    data = source.recv(_READ_BYTES)
                except TimeoutError:
                    continue
                if not data:
                    break
                line.dead.wait(self.delay_seconds)
                for at in range(0, len(data), self.slice_bytes):
                    if line.dead.is_set():
                        return
                    target.sendall(data[at : at + self.slice_bytes])
        except OSError:
            pass
        if not line.dead.is_set():
            line.dead.set()
            _shut(target)
            _shut(source)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pause(0)
