"""Which reading stands where several tell different things of one transformer and moment.

A rule that looks at the readings alone, so that it does not matter which came first: the higher `seq` of the
device stands, and without a difference there the greater apparent power, because a contradiction may not hide
load. What is left is decided by the values in the order of their columns, so that something always is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from grid.electrical import apparent_power_kva
from grid.readings import ReadingBatch


def standing_rows(batch: ReadingBatch) -> NDArray[np.intp]:
    """Return the rows that stand, one for each transformer and moment, sorted by transformer and time."""
    order = np.lexsort((batch.measured_at_us, batch.transformer))
    number, at_us = batch.transformer[order], batch.measured_at_us[order]
    again = (number[1:] == number[:-1]) & (at_us[1:] == at_us[:-1])
    if not again.any():
        return order
    several = np.append(again, False) | np.append(False, again)
    disputed = order[several]
    ranked = disputed[_by_rank(batch.take(disputed))]
    number, at_us = batch.transformer[ranked], batch.measured_at_us[ranked]
    last = np.append((number[1:] != number[:-1]) | (at_us[1:] != at_us[:-1]), True)
    standing = order.copy()
    standing[several] = ranked
    keep = np.ones(len(order), bool)
    keep[several] = last
    return standing[keep]


def _by_rank(batch: ReadingBatch) -> NDArray[np.intp]:
    """Return rows sorted by transformer, moment and then rank, the one that stands last."""
    apparent, _ = apparent_power_kva(batch, np.ones(len(batch)))
    values = (
        batch.active_power_kw,
        batch.reactive_power_kvar,
        *batch.voltage_v.T,
        *batch.current_amp.T,
        batch.neutral_current_amp,
        batch.oil_temperature_c,
        batch.ambient_temperature_c,
    )
    rank = [np.where(np.isnan(value), -np.inf, value) for value in (*reversed(values), apparent)]
    return np.lexsort((*rank, batch.sequence, batch.measured_at_us, batch.transformer))
