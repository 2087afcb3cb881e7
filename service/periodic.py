"""A thread beside the reading that does a round now and then: it ends soon when asked, and outlives what fails."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from grid.errors import RedvestError
from service.metrics.metrics import Metrics
from stores.journal.journal import Journal

PeriodicTask = Callable[[], bool]
"""Does a round, and returns whether the next one is due at once."""


@dataclass(frozen=True)
class Pace:
    """When rounds are done."""

    every_seconds: float
    """Of reality, from the end of a round, or from what failed, to the next one."""
    begins_at_once: bool = False
    ends_with_a_round: bool = False
    """Whoever stops it has one more round done."""
    stop_seconds_max: float | None = None
    """How long a stop waits for the task under way [s]; None: until it is over."""


def with_journal(
    journal: Journal, look: Callable[[Journal], object]
) -> Callable[[], AbstractContextManager[PeriodicTask]]:
    """Return rounds of one look each into a journal, through a reader of their own: the writer is not waited for."""

    @contextmanager
    def rounds() -> Iterator[PeriodicTask]:
        def run_once() -> bool:
            look(reader)
            return False

        with Journal.open_reader(journal.path) as reader:
            yield run_once

    return rounds


class PeriodicThread:
    """Does rounds until it is stopped. A round that fails is logged and counted, and the next one begins anew."""

    def __init__(
        self, name: str, rounds: Callable[[], AbstractContextManager[PeriodicTask]], pace: Pace, metrics: Metrics
    ):
        """Prepare. `rounds` opens what rounds need, on the thread that does them, and gives the round."""
        self._name = name
        self._rounds = rounds
        self._pace = pace
        self._metrics = metrics
        self._wait_seconds = 0.0 if pace.begins_at_once else pace.every_seconds
        self._stop = threading.Event()
        self._log = logging.getLogger(f"redvest.{name}")
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the round under way, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(self._pace.stop_seconds_max)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._rounds() as run_once:
                    self._go_on(run_once)
            except Exception as error:  # noqa: BLE001 - logged and counted, whatever it is; the next may go well
                self._failed(error)

    def _go_on(self, run_once: PeriodicTask) -> None:
        while not self._stop.wait(self._wait_seconds):
            self._wait_seconds = 0.0 if run_once() else self._pace.every_seconds
        if self._pace.ends_with_a_round:
            run_once()

    def _failed(self, error: Exception) -> None:
        # What is foreseen says in one line what to mend; of anything else the place is wanted.
        self._log.error("a round failed: %s", error, exc_info=None if isinstance(error, RedvestError) else error)
        self._metrics.round_failed(self._name)
        self._wait_seconds = self._pace.every_seconds
