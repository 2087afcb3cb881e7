"""The open runs of a fleet: one record each, in one block of memory, found by level and transformer.

Most transformers are in no run, so a place is kept for each pair, four bytes, and a record only for an open run.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alerts.rules.threshold_runs import OPEN_RUN, Flags, Numbers, Positions

_FIRST_ROOM = 64
_GROWS_BY = 1.25


class OpenRuns:
    """Records of open runs by level (row) and transformer (column)."""

    def __init__(self, levels: int, transformers: int) -> None:
        """Start without any."""
        self._place = np.full((levels, transformers), -1, np.int32)
        """Row of the pair's record, -1 for none."""
        self.record = np.zeros(_FIRST_ROOM, OPEN_RUN)
        """Records by place; those that no pair has are left over from before."""
        self._free = np.arange(_FIRST_ROOM, dtype=np.int32)
        self._free_count = _FIRST_ROOM

    def __len__(self) -> int:
        """Return how many runs are open."""
        return len(self.record) - self._free_count

    @property
    def nbytes(self) -> int:
        """Return how much memory the records and their places take [bytes]."""
        return self._place.nbytes + self.record.nbytes + self._free.nbytes

    def places(self, level: Positions, transformer: Numbers) -> NDArray[np.int32]:
        """Return the place of the run of each pair, -1 for none; the two are broadcast."""
        return self._place[level, transformer]

    def any_open(self, level: Positions, transformer: Numbers) -> Flags:
        """Return which transformers (n,) are in a run of any of some levels (l,)."""
        return np.asarray((self._place[level[:, None], transformer] >= 0).any(axis=0))

    def put(self, level: Positions, transformer: Numbers, runs: NDArray[np.void]) -> None:
        """Open runs (n,) of pairs (n,) that have none."""
        place = self._take(len(runs))
        self._place[level, transformer] = place
        self.record[place] = runs

    def close(self, level: Positions, transformer: Numbers) -> None:
        """Forget the runs of pairs (n,), each of them named once; a pair may have none."""
        place = self._place[level, transformer]
        self._place[level, transformer] = -1
        freed = place[place >= 0]
        self._free[self._free_count : self._free_count + len(freed)] = freed
        self._free_count += len(freed)

    def open_pairs(self) -> tuple[Positions, Numbers]:
        """Return the level (n,) and transformer (n,) of every open run."""
        level, transformer = np.nonzero(self._place >= 0)
        return level, transformer.astype(np.int32)

    def _take(self, count: int) -> NDArray[np.int32]:
        if count > self._free_count:
            held = len(self.record)
            room = max(int(held * _GROWS_BY), held + count - self._free_count)
            grown = np.zeros(room, OPEN_RUN)
            grown[:held] = self.record
            self.record = grown
            free = np.empty(room, np.int32)
            free[: self._free_count] = self._free[: self._free_count]
            free[self._free_count : self._free_count + room - held] = np.arange(held, room, dtype=np.int32)
            self._free = free
            self._free_count += room - held
        self._free_count -= count
        return self._free[self._free_count : self._free_count + count].copy()
