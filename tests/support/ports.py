"""Loopback ports for servers that tests start, stop and start again."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST = 20_000
_PER_WORKER = 1_000
_WORKERS = 12


class FreePorts:
    """Hands out free loopback ports, each once.

    They lie below the kernel's range for outgoing connections (from 32768): a client that retries a port
    out of that range while its server is down can end up connected to itself.
    """

    def __init__(self, worker: int) -> None:
        first = _FIRST + (worker % _WORKERS) * _PER_WORKER
        offset = os.getpid() % _PER_WORKER
        numbers = [first + (offset + i) % _PER_WORKER for i in range(_PER_WORKER)]
        self._candidates = itertools.cycle(numbers)

    def __call__(self) -> int:
        """Return a port that nothing listens on now. Raises RuntimeError when none of them is free."""
        for port in itertools.islice(self._candidates, _PER_WORKER):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
                return port
        raise RuntimeError(f"no free loopback port in {_PER_WORKER} tries")
