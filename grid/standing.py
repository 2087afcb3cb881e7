"""Which reading stands where several tell different things of one transformer and moment.

The one with the higher `seq`, the device's own counter: a correction is numbered after what it corrects. Without a
difference there the first one stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch


def standing_rows(batch: ReadingBatch) -> NDArray[np.intp]:
    """Return the rows that stand, one for each transformer and moment, sorted by transformer and time.

    The order of the batch says which reading was first.
    """
    latest_first = np.arange(len(batch), 0, -1)
    order = np.lexsort((latest_first, batch.sequence, batch.measured_at_us, batch.transformer))
    number, at_us = batch.transformer[order], batch.measured_at_us[order]
    stands = np.ones(len(order), bool)
    stands[:-1] = (number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1])
    return order[stands]
