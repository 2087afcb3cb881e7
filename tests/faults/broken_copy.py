"""A copy to InfluxDB that does not follow the journal: its own broken build, see `broken`."""

from __future__ import annotations

from collections import deque
from typing import Any


def copy_from_memory() -> None:
    """Keep in memory what is to be copied, as a client with a write buffer does."""
    import numpy as np

    from grid.readings import ReadingBatch
    from stores.influx.copy import InfluxCopy
    from stores.influx.line_protocol import reading_lines
    from stores.journal.journal import Journal

    append = Journal.append
    buffered: deque[ReadingBatch] = deque()

    def appending(self: Any, batch: ReadingBatch, rejects: Any = ()) -> Any:
        appended = append(self, batch, rejects)
        buffered.append(batch.take(np.flatnonzero(appended.new)))
        return appended

    def copying(self: Any, fleet: Any, rows_max: int) -> int:
        count = len(buffered)
        batch = ReadingBatch.concatenate([buffered[place] for place in range(count)]) if count else ReadingBatch.empty()
        if not len(batch):
            return 0
        self._write(reading_lines(batch, list(self._journal.all_numbers()), fleet))
        for _ in range(count):
            buffered.popleft()
        return len(batch)

    Journal.append = appending  # type: ignore[method-assign]
    InfluxCopy._copy_readings = copying  # type: ignore[method-assign]
