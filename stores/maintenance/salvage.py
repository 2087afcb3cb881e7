"""What a damaged journal still holds, taken over into a new one: checksums decide, the damaged file stays as it is.

Taken over are the transformers with their numbers and all readings whose bundle or segment is whole. Rejects, the list
of gaps and contradictions are not: gaps are searched again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grid.readings import ReadingBatch
from stores.journal import row_groups, segments
from stores.journal.journal import Journal
from stores.journal.pages import Pages, RawRow
from stores.journal.stored_readings import StoredReadings

_PAGES_AT_ONCE = 256

log = logging.getLogger("redvest.salvage")


@dataclass(frozen=True)
class Salvaged:
    """What was taken over."""

    transformers: int
    readings: int


def salvage(damaged: Path, journal: Journal, ledger_ids: Set[str]) -> Salvaged:
    """Take over what a damaged journal holds into a new, empty one. Raises StoreError when that does not take it.

    `ledger_ids`: transformers that the ledger knows.
    """
    try:
        pages = Pages(damaged)
    except OSError as error:
        log.error("%s cannot be read: %s", damaged, error)
        return Salvaged(0, 0)
    try:
        known = _transformers(pages, ledger_ids)
        if not known:
            return Salvaged(0, 0)
        journal.take_numbers(known)
        stored = 0
        for batch in _readings(pages):
            is_known = np.isin(batch.transformer, np.fromiter(known, np.int64))
            stored += int(journal.append(batch.take(np.flatnonzero(is_known))).new.sum())
        return Salvaged(len(known), stored)
    finally:
        pages.close()


def _transformers(pages: Pages, ledger_ids: Set[str]) -> dict[int, str]:
    """Return the transformers by number; those of a lost page by their index, where the ledger knows the name.

    Rows of other tables look like those of the index; a number or a name that stands twice is nobody's.
    """
    of_table: dict[int, set[str]] = {}
    of_index: dict[int, set[str]] = {}
    for page in range(1, pages.count + 1):
        for row in pages.rows(page):
            match row:
                case RawRow(int(number), (None, str(name))) if number >= 0:
                    of_table.setdefault(number, set()).add(name)
                case RawRow(None, (str(name), int(number))) if name in ledger_ids:
                    of_index.setdefault(number, set()).add(name)
    said = of_index | of_table
    once = Counter(name for names in said.values() for name in names)
    return {number: name for number, names in said.items() if len(names) == 1 for name in names if once[name] == 1}


def _readings(pages: Pages) -> Iterator[ReadingBatch]:
    bundles: list[row_groups.Row] = []
    for page in range(1, pages.count + 1):
        for row in pages.rows(page):
            match row.values:
                case (int(slot), int(group), int(block_no), bytes(told)) if row.rowid is None:
                    if row_groups.has_its_checksum((slot, group, block_no, told)):
                        bundles.append((slot, group, block_no, told))
                case (None, int(), int(), int(), int(), int(), bytes(keys), bytes(told)):
                    try:
                        yield from _in_order(segments.unpacked(keys, told))
                    except ValueError:
                        continue
        if bundles and (page % _PAGES_AT_ONCE == 0 or page == pages.count):
            yield from _in_order(row_groups.readings_in(bundles))
            bundles = []


def _in_order(stored: StoredReadings) -> Iterator[ReadingBatch]:
    """Yield readings with each transformer's in time order, in the order in which they came."""
    readings = stored.readings
    if len(readings):
        yield readings.take(np.lexsort((readings.measured_at_us, readings.transformer)))
