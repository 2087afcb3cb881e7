"""Cold stores: compressors that run and rest. Without supply the store warms, and at its return all run at once.

A store's warmth is 0 at its set point and 1 at the temperature it would go to uncooled. It moves towards 1,
with a running compressor towards 1 − 1/duty, with its own time constant: on average the compressor runs for
`duty` of the time. Compressors that start together after an outage are the cold-load pickup of Ihara and
Schweppe, "Physically based modeling of cold load pickup", IEEE Transactions PAS-100 (1981).
"""

from __future__ import annotations

import numpy as np

from simulator.customers import Bools, Floats

_HYSTERESIS = 0.06
"""Half the band of a thermostat: 2 K of the 32 K between a cold room and a shop (practice)."""
_DUTIES = (0.05, 0.95)


class ColdStores:
    """State of n cold stores."""

    def __init__(self, store_minutes: Floats, chance: np.random.Generator) -> None:
        """Start somewhere in the band, half of the compressors running. `store_minutes` (n,): time constants."""
        self._store_minutes = store_minutes
        self.warmth: Floats = chance.uniform(-_HYSTERESIS, _HYSTERESIS, len(store_minutes))
        """(n,) 0 at the set point, 1 uncooled."""
        self.runs: Bools = chance.random(len(store_minutes)) < 0.5

    def step(self, duty: Floats, has_supply: Bools, minutes: float) -> Bools:
        """Move the stores by `minutes` and return which compressors run (n,).

        `duty` (n,): the share of time a compressor needs to run to hold its set point.
        """
        self.runs = has_supply & np.where(self.runs, self.warmth > -_HYSTERESIS, self.warmth > _HYSTERESIS)
        rest = np.where(self.runs, 1.0 - 1.0 / np.clip(duty, *_DUTIES), 1.0)
        self.warmth = rest + (self.warmth - rest) * np.exp(-minutes / self._store_minutes)
        return self.runs
