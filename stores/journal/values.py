"""The values that the readings journal takes and gives, beside `ReadingBatch`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class StoredReject:
    """A message, or a part of one, that was refused: kept in quarantine so that nothing vanishes unseen."""

    received_at_us: int
    topic: str
    reason: str
    field: str
    detail: str
    payload: bytes
    """The raw bytes, cut by the collector to its limit."""
    sha256: str
    """Of the whole payload, in hexadecimal."""
    taken: bool = False
    """The reading was taken, and this one value is missing in it."""


@dataclass(frozen=True)
class Appended:
    """What one durable commit did with a block of n readings: each was new, a duplicate or a conflict."""

    new: NDArray[np.bool_]
    """(n,) which readings are stored by this block; of equal keys the one that stands (`grid.precedence`)."""
    duplicates: int
    """Readings that were stored already with the same values."""
    conflicts: int
    """Readings whose transformer and time were told already with other values; one stands, both are kept."""
    block_no: int
    """The block's number, or the last block's where nothing was new. 0: the journal is empty."""
    rejects_dropped: int = 0
    """Oldest rejects that the quarantine's cap pushed out."""


@dataclass(frozen=True)
class LastReceived:
    """When each transformer was last heard of, by the collector's clock: what freshness is judged by."""

    transformer: NDArray[np.int32]
    """(n,) number of the transformer."""
    received_at_us: NDArray[np.int64]
    """(n,) arrival of its last stored reading, however old its measuring time [µs]."""


@dataclass(frozen=True)
class JournalCounts:
    """Totals over the journal's whole life, and its size on disk."""

    readings: int
    transformers: int
    duplicates: int
    conflicts: int
    rejects: int
    """Rejects ever quarantined, those pushed out included."""
    rejects_dropped: int
    blocks: int
    """Number of the last block."""
    bytes: int
    """Journal file and its write-ahead log."""


@dataclass(frozen=True)
class Waiting:
    """Stored blocks behind a cursor."""

    blocks: int
    readings: int
    oldest_received_at_us: int | None
    """Arrival of the oldest of them [µs]; None when nothing waits."""


@dataclass(frozen=True)
class Gap:
    """Readings that should lie between two others and do not."""

    transformer: int
    after_us: int
    """The last reading before the gap."""
    before_us: int
    """The first reading behind it."""
    missing: int
    """How many readings should lie between."""
    cause: str
    """What happened about then, such as `broker_lost_session`."""
    found_at_us: int
    filled_at_us: int | None = None
    """When nothing was missing any more; None while something is."""
