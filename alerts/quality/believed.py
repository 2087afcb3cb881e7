"""What verdicts take a reading for: by its powers, or by voltages and currents while the powers are far too low."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from alerts.quality.apart import LOW, apart_kind
from alerts.quality.flags import UNTRUSTED, QualityFlag, QualitySettings
from alerts.quality.rated_readings import RatedReadings
from alerts.rules.series import SortedRates
from grid.electrical import Basis


def by_phases_instead(flags: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which readings (n,) have their load rate from voltages and currents, since their powers are too low."""
    return np.asarray((flags & np.uint8(QualityFlag.POWERS_LOW)) != 0)


def believed_rates(
    rates: SortedRates, rated: RatedReadings, flags: NDArray[np.uint8], settings: QualitySettings | None = None
) -> SortedRates:
    """Return load rates as verdicts take them, row by row those of `rated`, with what can be trusted of them.

    Powers far below a heavy Σ U·I are no relief either before that has lasted: such a reading closes no incident.
    """
    by = settings or QualitySettings()
    trusted = (flags & UNTRUSTED) == 0
    apart = apart_kind(rated, by) == LOW
    if not apart.any():
        return replace(rates, trusted=trusted)
    instead = by_phases_instead(flags)
    trusted &= instead | ~apart | (rated.phases_load_rate < by.powers_low_load_rate_min)
    return replace(rates, trusted=trusted, load_rate=np.where(instead, rated.phases_load_rate, rates.load_rate))


def believed_basis(rated: RatedReadings, flags: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return what the load rates (n,) of `believed_rates` come from."""
    return np.where(by_phases_instead(flags), np.int8(Basis.VOLTAGE_AND_CURRENT), rated.basis)
