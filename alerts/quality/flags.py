"""What can be doubted about a reading, by what measure, and what grade of trust a curve then has.

A doubt never changes a number. It says that the number may be the meter's fault and not the load's:
an untrusted reading closes no incident, and alone it opens nothing but a notice to check the meter.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntFlag

import numpy as np
from numpy.typing import NDArray

from grid.timestamps import DAY_US, HOUR_US, MINUTE_US

W_PER_KW = 1000.0


class QualityFlag(IntFlag):
    """What speaks against a reading, as bits of a `uint8`."""

    NONE = 0
    STUCK = 1
    """All values, or those that make the load, have been the same for too long: the meter is frozen."""
    JUMP = 2
    """The load rate is impossibly far from the readings before it, or has not left the impossible zone since."""
    RATIO = 4
    """The load rate looks multiplied twice or not at all (CT ratio), or sent in W for kW."""
    PHASE_SWAP = 8
    """The phases changed places. The total is not concerned."""
    ACTIVE_ONLY = 16
    """The load rate comes from active power alone and under-reads by the power factor."""
    POWERS_LOW = 32
    """The powers have been far below Σ U·I for long: the load rate comes from voltages and currents meanwhile."""
    POWERS_HIGH = 64
    """The powers have been above Σ U·I, which they cannot exceed, for long."""
    ALWAYS_OFF = 128
    """For a day the load has been too light, or too heavy, for such a rating: the ratio may be wrong from the first."""


UNTRUSTED = QualityFlag.STUCK | QualityFlag.JUMP | QualityFlag.RATIO | QualityFlag.POWERS_HIGH | QualityFlag.ALWAYS_OFF
"""Doubts about the load rate itself; the others are marks."""

FLAGS = (
    QualityFlag.STUCK,
    QualityFlag.JUMP,
    QualityFlag.RATIO,
    QualityFlag.POWERS_HIGH,
    QualityFlag.ALWAYS_OFF,
    QualityFlag.POWERS_LOW,
    QualityFlag.PHASE_SWAP,
    QualityFlag.ACTIVE_ONLY,
)
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
    frozen_minutes: float = 30.0
    frozen_steps_min: float = 500.0
    """What makes the load is frozen by itself, whatever moves beside it, when as many readings over more than this time
    give it the same, and it is so many steps of its last digit: a coarse meter shows a steady night so as well."""
    jump_load_rate: float = 1.0
    """What the load rate cannot change by between neighbours [of the rating]."""
    impossible_load_rate: float = 2.0
    """A jump to above this stays in doubt until the load rate has left: emergency overload ends here, at 200 % for
    7.5 minutes (practice), and what is above is ended by the fuse."""
    powers_low_ratio: float = 2.5
    powers_high_ratio: float = 1.5
    """Σ U·I over S of P and Q, and S over Σ U·I, that are too far apart. A single honest 15-minute row differs up to
    five-fold: means are held against instants."""
    apart_load_rate_min: float = 0.05
    """Below this load rate the two are too small to say."""
    powers_low_load_rate_min: float = 0.3
    """Once in a stay Σ U·I must be so much of the rating: where roofs feed back, light powers of phases cancel out."""
    apart_minutes: float = 45.0
    apart_readings: int = 4
    """Minimum time, and minimum number of neighbouring readings, for which the two must be apart."""
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
    light_overload_rate: float = 1.3
    light_night_rate: float = 0.08
    light_load_rate_max: float = 0.02
    light_load_rate_min: float = 0.0002
    """An area whose usual CT ratio is missing stays between its night and its overload over that ratio, and between the
    two load rates."""
    light_phase_share_min: float = 0.3
    """Current of the lightest phase over that of the heaviest; an area's phases share its load."""
    light_leap: float = 1.7
    light_leap_without_currents: float = 1.25
    """Neighbours of an area's load do not differ by more than this factor; those of a few customers do every day. The
    second is for readings without currents, which cannot show that all three phases share the load (own study)."""
    light_spread_min_classes: int = 2
    light_spread_max_classes: int = 5
    """By how many half octaves the heaviest of a day is above the lightest: noon and night of an area."""
    light_gap_hours: float = 2.0
    swap_tolerance: float = 0.03
    """How near the currents of changed places must be to those before."""
    swap_difference_min: float = 0.15
    """How much phases must differ to be told apart."""

    def __post_init__(self) -> None:
        """Check that the figures fit together."""
        if not 2 <= self.stuck_readings <= 255:
            raise ValueError(f"stuck_readings is {self.stuck_readings}, wanted 2 to 255")
        if not 2 <= self.apart_readings <= 255:
            raise ValueError(f"apart_readings is {self.apart_readings}, wanted 2 to 255")
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
    def frozen_us(self) -> int:
        """Return what equal values of what makes the load span more than [µs]."""
        return round(self.frozen_minutes * MINUTE_US)

    @property
    def apart_us(self) -> int:
        """Return how long powers and phases are apart before it is doubted [µs]."""
        return round(self.apart_minutes * MINUTE_US)

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

        An evaluation that begins so long before a moment, with no past, doubts from that moment on exactly what an
        evaluation
        from the beginning doubts.
        """
        equal = max((self.stuck_readings - 1) * self.gap_us, max(self.stuck_us, self.frozen_us) + self.gap_us)
        apart = max((self.apart_readings - 1) * self.gap_us, self.apart_us + self.gap_us)
        day = DAY_US + round(self.light_gap_hours * HOUR_US)
        return max(2 * self.gap_us, equal, self.ratio_us + max(self.exchange_us, apart), day)


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
