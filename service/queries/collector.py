"""What the collector says of itself, asked every few seconds however many pages ask us."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from service.queries.answers_system import CollectorState

_ASKED_EVERY_SECONDS = 5.0


class CollectorAsker:
    """Asks the collector, and remembers the answer for a while."""

    def __init__(self, ask: Callable[[], CollectorState] | None) -> None:
        """Keep how to ask; None where nobody can be asked."""
        self._ask = ask
        self._lock = threading.Lock()
        self._state: CollectorState | None = None
        self._asked_at = -_ASKED_EVERY_SECONDS

    def state(self) -> CollectorState | None:
        """Return the last answer, a new one where it is too old; None where nobody can be asked."""
        if self._ask is None:
            return None
        with self._lock:
            if time.monotonic() - self._asked_at >= _ASKED_EVERY_SECONDS:
                self._state = self._ask()
                self._asked_at = time.monotonic()
            return self._state
