"""Which transformers are without voltage: what a reading that tells no voltage inherits, and whom to look at.

Nearly always every reading of a block has voltage and nobody is without: then there is nothing to evaluate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from alerts.rules.series import SortedRates
from alerts.rules.threshold_runs import NEVER, Flags, Numbers, Timestamps
from alerts.verdicts.level_state import LevelEngine
from grid.supply import Supply


@dataclass(frozen=True)
class SupplyState:
    """What is remembered of n transformers, as columns."""

    supply: NDArray[np.int8]
    """(n,) `Supply` of the last reading; `UNSEEN` for none."""
    passed_at_us: NDArray[np.int64]
    """(n,) when a reading without voltage was last passed over; `NEVER` for none."""

    @staticmethod
    def of(transformers: int) -> SupplyState:
        """Return no past."""
        return SupplyState(np.full(transformers, Supply.UNSEEN, np.int8), np.full(transformers, NEVER, np.int64))


class SupplyEngine:
    """The levels that look at the voltage, over a whole fleet."""

    def __init__(self, levels: LevelEngine | None, transformers: int) -> None:
        """Start with no past; without levels nothing is told of the supply."""
        self.levels = levels
        self._past = SupplyState.of(transformers)

    @property
    def nbytes(self) -> int:
        """Return how much memory the state takes, without that of the levels [bytes]."""
        return self._past.supply.nbytes + self._past.passed_at_us.nbytes

    def last_at_us(self, transformer: Numbers) -> Timestamps:
        """Return when a reading of each transformer (n,) was last passed over, `NEVER` for none."""
        return self._past.passed_at_us[transformer]

    @property
    def newest(self) -> NDArray[np.int8]:
        """Return the `Supply` (n,) of the newest reading of each row; not to be written to."""
        return self._past.supply

    def resolve(self, rates: SortedRates) -> SortedRates:
        """Return a block in which a reading that is `UNSEEN` has become `GONE` where a meter sent voltages before.

        Such a meter sent voltages until its supply went. One that never sends any tells nothing.
        """
        supply, transformer = rates.supply, rates.transformer
        passed = rates.passed
        if passed is not None:
            unseen = supply == Supply.UNSEEN
            if unseen.any():
                supply = self._inherited(transformer, supply, unseen)
                rates = replace(rates, supply=supply)
            np.maximum.at(self._past.passed_at_us, transformer[passed], rates.measured_at_us[passed])
        self._past.supply[transformer] = supply
        return rates

    def concerned(self, rates: SortedRates) -> SortedRates | None:
        """Return the readings of transformers that are without voltage in a block or before it, None without any."""
        if self.levels is None:
            return None
        if not self.levels.any_open and rates.passed is None:
            return None
        gone = rates.supply == Supply.GONE
        of_concern = self.levels.is_in_a_run(rates.transformer)
        if gone.any():
            is_gone = np.zeros(len(self._past.supply), bool)
            is_gone[rates.transformer[gone]] = True
            of_concern |= is_gone[rates.transformer]
        return rates.take(of_concern) if of_concern.any() else None

    def forget(self, transformer: Numbers) -> None:
        """Drop the past of some transformers."""
        self._past.supply[transformer] = Supply.UNSEEN
        self._past.passed_at_us[transformer] = NEVER

    def state(self) -> SupplyState:
        """Return a copy of all that is remembered beside the levels."""
        return SupplyState(self._past.supply.copy(), self._past.passed_at_us.copy())

    def restore(self, state: SupplyState) -> None:
        """Take over what another engine of as many transformers remembered."""
        self._past = SupplyState(state.supply.copy(), state.passed_at_us.copy())

    def _inherited(self, transformer: Numbers, supply: NDArray[np.int8], unseen: Flags) -> NDArray[np.int8]:
        position = np.arange(len(supply))
        begin = np.maximum.accumulate(np.where(np.append(True, transformer[1:] != transformer[:-1]), position, 0))
        told = np.maximum.accumulate(np.where(unseen, -1, position))
        before = np.where(told >= begin, supply[told], self._past.supply[transformer])
        sent = (before == Supply.LIVE) | (before == Supply.GONE)
        return np.where(unseen & sent, np.int8(Supply.GONE), supply)
