"""Whether every reading that a broker acknowledged to a fleet is stored: sets of keys are compared, never counters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.fleet.acknowledged_keys import AcknowledgedKeys
from simulator.fleet.fleet import transformer_id
from stores.journal.journal import Journal

NUMBERS_AT_ONCE = 50_000
"""Of the journal's transformers; it bounds the memory that a check takes."""
SHOWN_MAX = 20


@dataclass(frozen=True)
class FleetChecked:
    """What a check found. Counts are readings."""

    acknowledged: int
    stored: int
    """Of the acknowledged ones."""
    lost: int
    stored_beside: int
    """Stored at the ledger's moments and not acknowledged: taken by the broker, its answer lost on the way."""
    lost_keys: tuple[tuple[str, int], ...]
    """The first of the lost ones: transformer, moment measured [µs]."""


def check_fleet(keys: AcknowledgedKeys, journal: Journal) -> FleetChecked:
    """Compare a ledger of acknowledged keys with what a journal holds. Raises StoreError."""
    header, rounds = keys.header, len(keys.rounds)
    stored = np.zeros((rounds, header.transformers), np.bool_)
    row_of = _rows_of_numbers(journal, header.transformers)
    for first in range(0, len(row_of), NUMBERS_AT_ONCE):
        numbers, measured_at_us = journal.timestamps(header.start_us, range(first, first + NUMBERS_AT_ONCE))
        turns, beside = np.divmod(measured_at_us - header.start_us, header.interval_us)
        rows = row_of[numbers]
        of_fleet = (rows >= 0) & (beside == 0) & (turns >= 0) & (turns < rounds)
        stored[turns[of_fleet], rows[of_fleet]] = True
    acknowledged = held = beside_them = lost = 0
    lost_keys: list[tuple[str, int]] = []
    for turn in range(rounds):
        taken = keys.taken(turn)
        missing = np.flatnonzero(taken & ~stored[turn]).tolist()
        acknowledged += int(taken.sum())
        held += int((taken & stored[turn]).sum())
        beside_them += int((stored[turn] & ~taken).sum())
        lost += len(missing)
        at_us = header.timestamp_us(turn)
        lost_keys += [(transformer_id(row), at_us) for row in missing[: SHOWN_MAX - len(lost_keys)]]
    return FleetChecked(acknowledged, held, lost, beside_them, tuple(lost_keys))


def _rows_of_numbers(journal: Journal, transformers: int) -> NDArray[np.int64]:
    """Return by the journal's number (k,) which transformer of the fleet it is, -1 for none of it."""
    number_of = journal.all_numbers()
    rows = np.full(max(number_of.values(), default=-1) + 1, -1, np.int64)
    for row in range(transformers):
        number = number_of.get(transformer_id(row))
        if number is not None:
            rows[number] = row
    return rows
