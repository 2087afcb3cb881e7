"""Whether a reading shows that there is supply: voltage on a phase, none on any, or nothing said of it.

A load of zero is told apart from no supply by the voltage alone: a transformer without customers has voltage and no
current. A meter that has lost its supply goes on sending from its battery: zeros, a few volts of noise, or no voltage
at all beside a power of zero.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from grid.readings import ReadingBatch

DEAD_BELOW_V = 44.0
"""A phase below this carries no supply: a fifth of 220 V. It lies above what a dead conductor picks up from its
neighbours (10 to 40 V, practice) and below the 57.7 V that a meter behind voltage transformers measures. Meters take
60 % of their own rated voltage (DL/T 645, power down), which the reading does not tell."""
NO_LOAD_BELOW = 0.01
"""Less load than this [of the rating], measured as power, is none: the noise of a meter without supply (practice)."""


class Supply(IntEnum):
    """What one reading says of the supply. From `GONE` on its load rate says nothing of the customers' load."""

    NOT_TOLD = 0
    """No voltage was sent, but there is load."""
    LIVE = 1
    """At least one phase has voltage."""
    GONE = 2
    """No phase whose voltage was sent has any, and there is no load."""
    UNSEEN = 3
    """No voltage was sent, and the power is exactly zero: without supply, or a meter that never sends voltages."""


def supply_of(
    readings: ReadingBatch, load_rate: NDArray[np.float64], from_phases: NDArray[np.bool_]
) -> NDArray[np.int8]:
    """Return the `Supply` (n,) of readings with their load rates (n,); `from_phases` (n,): they come from U·I.

    A load rate from U·I says nothing where no phase has voltage: such a reading is `GONE` whatever its currents are.
    """
    highest_v = np.fmax(np.fmax(readings.voltage_v[:, 0], readings.voltage_v[:, 1]), readings.voltage_v[:, 2])
    told = ~np.isnan(highest_v)
    supply = told.astype(np.int8)
    is_dead = highest_v < DEAD_BELOW_V
    if is_dead.any():
        has_load = (load_rate >= NO_LOAD_BELOW) & ~from_phases
        supply[is_dead] = np.where(has_load[is_dead], np.int8(Supply.NOT_TOLD), np.int8(Supply.GONE))
    supply[~told & (load_rate == 0.0)] = Supply.UNSEEN
    return supply
