"""What can be doubted about a reading, by what measure, and what grade of trust a curve then has.

A doubt never changes a number. It says that the number may be the meter's fault and not the load's:
an untrusted reading closes no incident, and alone it opens nothing but a notice to check the meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import HOUR_US, MINUTE_US

W_PER_KW = 1000.0


class QualityFlag(IntFlag):
    """What speaks against a reading, as bits of a `uint8`."""

    NONE = 0
    STUCK = 1
    """All values have been the same for too long: the meter is frozen."""
    JUMP = 2
    """The load rate is impossibly far from both readings before it."""
    RATIO = 4
    """The load rate looks multiplied twice or not at all (CT ratio), or sent in W for kW."""
    PHASE_SWAP = 8
    """The phases changed places. The total is not concerned."""
    ACTIVE_ONLY = 16
    """The load rate comes from active power alone and under-reads by the power factor."""


UNTRUSTED = QualityFlag.STUCK | QualityFlag.JUMP | QualityFlag.RATIO
"""Doubts about the load rate itself; the others are marks."""

FLAGS = (QualityFlag.STUCK, QualityFlag.JUMP, QualityFlag.RATIO, QualityFlag.PHASE_SWAP, QualityFlag.ACTIVE_ONLY)
"""Every doubt, the gravest first."""


@dataclass(frozen=True)
class QualitySettings:
    """By what measure readings are doubted. All figures are practice: no text prescribes any.

    Raises ValueError for figures that contradict one another.
    """

    gap_minutes: float = 20.0
    """Readings further apart are no neighbours."""
    stuck_readings: int = 12
    stuck_longer_than_minutes: float = 10.0
    """A frozen meter shows as many equal readings, over more than this time: meters that are read faster than
    they measure repeat themselves."""
    jump_load_rate: float = 1.0
    """What the load rate cannot change by between neighbours [of the rating]."""
    ct_ratio_min: float = 5.0
    """A smaller CT ratio cannot be told from a change of load."""
    factor_tolerance: float = 0.15
    """How far a step may lie from the CT ratio and still look like it."""
    zone_load_rate: float = 1.5
    """A step up is doubted where it lands above this, a step down where it lands below this / CT ratio."""
    exchange_hours_max: float = 2.0
    """How long the readings before and after a wrong ratio may lie apart: a meter is exchanged in between."""
    ratio_hours_max: float = 24.0
    """How long one step keeps the readings after it in doubt."""
    swap_tolerance: float = 0.03
    """How near the currents of changed places must be to those before."""
    swap_difference_min: float = 0.15
    """How much phases must differ to be told apart."""

    def __post_init__(self) -> None:
        """Check that the figures fit together."""
        if not 2 <= self.stuck_readings <= 255:
            raise ValueError(f"stuck_readings is {self.stuck_readings}, wanted 2 to 255")
        if not 0.0 < self.factor_tolerance < 1.0:
            raise ValueError(f"factor_tolerance is {self.factor_tolerance}, wanted a share between 0 and 1")
        if self.ct_ratio_min * (1.0 - self.factor_tolerance) <= 1.0:
            raise ValueError(f"ct_ratio_min is {self.ct_ratio_min}, so that no change at all would look like it")
        if not 0.0 <= self.swap_tolerance < self.swap_difference_min:
            raise ValueError(f"swap_tolerance {self.swap_tolerance} is not below swap_difference_min")

    @property
    def gap_us(self) -> int:
        """Return the gap limit [µs]."""
        return round(self.gap_minutes * MINUTE_US)

    @property
    def stuck_us(self) -> int:
        """Return what a frozen meter's equal readings span more than [µs]."""
        return round(self.stuck_longer_than_minutes * MINUTE_US)

    @property
    def exchange_us(self) -> int:
        """Return how far the readings on both sides of a wrong ratio may lie apart [µs]."""
        return max(round(self.exchange_hours_max * HOUR_US), self.gap_us)

    @property
    def ratio_us(self) -> int:
        """Return how long one step keeps what follows in doubt [µs]."""
        return round(self.ratio_hours_max * HOUR_US)

    def zones(
        self, load_rate: NDArray[np.float64], ct_ratio: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which load rates (n,) are in the zone above all loads, and which in the one below; NaN is in none."""
        high = load_rate > self.zone_load_rate
        low = (load_rate * ct_ratio < self.zone_load_rate) & (ct_ratio >= self.ct_ratio_min) & ~high
        return high, low

    @property
    def reach_us(self) -> int:
        """Return how long before a reading nothing speaks for or against it any more [µs].

        A walk that begins so long before a moment, with no past, doubts from that moment on exactly what a walk
        from the beginning doubts.
        """
        equal = max((self.stuck_readings - 1) * self.gap_us, self.stuck_us + self.gap_us)
        return max(2 * self.gap_us, equal, self.ratio_us + self.exchange_us)


REACH_US = QualitySettings().reach_us
"""`QualitySettings.reach_us` of the settings as shipped."""


class QualityGrade(Enum):
    """How far a curve, an episode or an incident rests on readings that can be trusted."""

    GOOD = "good"
    MARKED = "marked"
    """The load rates stand; something about them has to be said."""
    DOUBTFUL = "doubtful"
    """At least one load rate may be the meter's fault."""


@dataclass(frozen=True)
class DataQuality:
    """The grade of some readings and what it comes from."""

    grade: QualityGrade
    readings: int
    flagged: int
    """Readings with a doubt about the load rate itself; one with two doubts counts once."""
    counts: tuple[tuple[QualityFlag, int], ...]
    """How many readings each doubt concerns, the gravest first; doubts that concern none are left out."""

    def count(self, flag: QualityFlag) -> int:
        """Return how many readings a doubt concerns."""
        return dict(self.counts).get(flag, 0)


def grade(flags: NDArray[np.uint8]) -> DataQuality:
    """Return the trust that readings with these doubts (n,) deserve; no readings are GOOD."""
    by_pattern = np.bincount(flags, minlength=1)
    patterns = np.arange(len(by_pattern))
    counts = tuple((flag, int(by_pattern[(patterns & flag) != 0].sum())) for flag in FLAGS)
    flagged = int(by_pattern[(patterns & UNTRUSTED) != 0].sum())
    clean = int(by_pattern[0]) == len(flags)
    return DataQuality(
        QualityGrade.DOUBTFUL if flagged else QualityGrade.GOOD if clean else QualityGrade.MARKED,
        len(flags),
        flagged,
        tuple((flag, number) for flag, number in counts if number),
    )


def trusted_load_rate(load_rate: NDArray[np.float64], flags: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return load rates (n,) with NaN in place of those in doubt, so that they neither open nor close anything."""
    return np.where(flags & UNTRUSTED, np.nan, load_rate)


def flags_in(bits: int) -> tuple[QualityFlag, ...]:
    """Return the single flags in a reading's bits, the gravest first.

    >>> [flag.name for flag in flags_in(9)]
    ['STUCK', 'PHASE_SWAP']
    """
    return tuple(flag for flag in FLAGS if bits & flag)
