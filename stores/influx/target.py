"""Where the InfluxDB copy goes, and what a server that did not take it said."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class InfluxTarget:
    """Where to write: a server that takes InfluxDB 2 writes (InfluxDB 2 and 3, VictoriaMetrics)."""

    url: str
    bucket: str
    org: str = ""
    token: str = field(default="", repr=False)
    timeout_seconds: float = 10.0


class NotTaken(Exception):
    """The server did not take a write, or nobody knows whether it did."""

    def __init__(self, said: str, *, status: int | None = None, wait_seconds: int = 0) -> None:
        """Keep what the server said, its HTTP status if it came to one, and how long it asked us to wait [s]."""
        super().__init__(said)
        self.status = status
        self.wait_seconds = wait_seconds
