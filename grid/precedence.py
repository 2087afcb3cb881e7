"""Which reading stands where several tell different things of one transformer and moment.

The one with the higher `seq`, the device's own counter: a correction is numbered after what it corrects. Without a
difference there the first one stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch


def rows_with_precedence(batch: ReadingBatch) -> NDArray[np.intp]:
    """Return the rows that stand, one for each transformer and moment, sorted by transformer and time.

    The order of the batch says which reading was first.
    """
    order = np.lexsort((batch.measured_at_us, batch.transformer))
    if _differs_from_next(batch, order).all():
        return order
    latest_first = np.arange(len(batch), 0, -1)
    order = np.lexsort((latest_first, batch.sequence, batch.measured_at_us, batch.transformer))
    return order[_differs_from_next(batch, order)]


def _differs_from_next(batch: ReadingBatch, order: NDArray[np.intp]) -> NDArray[np.bool_]:
    number, at_us = batch.transformer[order], batch.measured_at_us[order]
    differs = np.ones(len(order), bool)
    differs[:-1] = (number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1])
    return differs
