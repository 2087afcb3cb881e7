"""The words of outreach: a door, what to ask there, what a visit brought, a list of doors, and its settings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta, timezone, tzinfo
from enum import Enum

from grid.text import Text

NO_REASON = Text("", "")
BEIJING = timezone(timedelta(hours=8))


class VisitResult(Enum):
    """What a visit to one door brought."""

    ASKED = "asked"
    AGREED = "agreed"
    REFUSED = "refused"
    ABSENT = "absent"
    DONE = "done"

    @property
    def brings_relief(self) -> bool:
        """Return whether load goes, or has gone, down at this door."""
        return self in (VisitResult.AGREED, VisitResult.DONE)


@dataclass(frozen=True)
class Visit:
    """One result at one door, as somebody recorded it."""

    incident_id: str
    merchant_id: str
    result: VisitResult
    recorded_at_us: int
    recorded_by: str


@dataclass(frozen=True)
class Ask:
    """What to ask of one merchant. Zero units or None means: not asked for."""

    switch_off_units: int = 0
    of_units: int = 0
    setpoint_from_c: float | None = None
    setpoint_to_c: float | None = None
    lights_off: bool = False
    other_off_units: int = 0
    """Appliances that are neither air conditioner nor lighting (a charger, a second oven)."""


@dataclass(frozen=True)
class Door:
    """One door of a list: whom, what to ask, what it should bring, who goes, and why."""

    order: int
    merchant_id: str
    ask: Ask
    offer_kw: float
    """Relief if the merchant agrees [kW]."""
    agree_probability: float
    assigned_to: str
    """person_id, or empty when the grid has nobody."""
    reason: Text

    @property
    def expected_relief_kw(self) -> float:
        """Return the relief [kW] to expect before knowing the answer."""
        return self.offer_kw * self.agree_probability

    @property
    def relief_variance_kw2(self) -> float:
        """Return the variance [kW²] of that relief: all of the offer comes, or none of it."""
        return self.offer_kw**2 * self.agree_probability * (1.0 - self.agree_probability)


@dataclass(frozen=True)
class OutreachList:
    """The doors to knock for one incident, in walking order. `revision` counts from 1."""

    incident_id: str
    revision: int
    made_at_us: int
    load_rate: float
    """The load rate the list was made at."""
    target_load_rate: float
    needed_kw: float
    """What the doors of this list have to bring, `pending_kw` already taken off."""
    probability: float
    """The probability that was asked for."""
    reached_probability: float
    """The probability that the doors of this list bring `needed_kw`; below `probability`, it is not enough."""
    doors: tuple[Door, ...]
    pending_kw: float = 0.0
    """Relief agreed to at doors of earlier revisions that the readings did not show yet [kW]."""
    reason: Text = NO_REASON
    """How `needed_kw` came about, in words."""


@dataclass(frozen=True)
class OutreachSettings:
    """What a station decides about asking. The defaults are practice, each with where it comes from."""

    target_load_rate: float = 0.80
    """Where the load has to go: the heavy line, below which nobody is asked for anything."""
    probability: float = 0.90
    """How sure a list has to be of reaching the target."""
    trend_horizon_minutes: float = 30.0
    """How far a rising trend is carried on: about one round on foot."""
    trend_rise_max: float = 0.10
    """The most a trend may add to the load rate: a steep minute is no half hour."""
    ask_again_hours: float = 24.0
    """A merchant who was asked is left in peace for so long, whatever the incident, and then until the day is over:
    until the first midnight, on the station's clock, at or after it. So a list changes once a day, not door by door."""
    asks_per_week: int = 3
    """On so many days of any seven is a merchant asked, whatever the incident."""
    absent_again_minutes: float = 60.0
    """Where nobody was at home, somebody calls again in the same incident, not before so long."""
    settle_minutes: float = 30.0
    """So long after a promise the readings show all of it, and in proportion before: some act later, the set point goes
    up a kelvin at a time, compressors run down (assumption)."""
    setpoint_c: float = 26.0
    """The summer set point asked for (public guidance for summer cooling, 26 °C)."""
    heating_setpoint_c: float = 20.0
    """The winter set point asked for (Chinese public buildings, 国办发〔2007〕42号: at least 26 °C in summer, at most
    20 °C in winter)."""
    heating_months: tuple[int, ...] = (11, 12, 1, 2, 3)
    """In these an air conditioner heats: to ask for a higher set point would make it worse."""
    saving_per_c: float = 0.06
    """Share of a running air conditioner's power saved per °C (practice: 6 % is the figure of energy-saving
    campaigns in China and India; the American rule of 2–4 % per °F is 3.6–7.2 % per °C)."""
    air_conditioner_duty: float = 0.80
    """Running power over rated power on a hot day (practice; 1 would promise what a thermostat never draws)."""
    lighting_duty: float = 1.0
    other_duty: float = 0.50
    """An appliance of unknown kind is taken to be running half of the time (assumption)."""
    offer_kw_min: float = 0.3
    """Below this nobody is disturbed."""
    agree_prior: float = 0.65
    """How likely a stranger agrees (practice: 1.54 visits per success before portraits were used, 1/1.54)."""
    prior_visits: float = 4.0
    """How many visits to one merchant weigh as much as what is known of the category."""
    category_prior_visits: float = 10.0
    """How many visits in a category weigh as much as `agree_prior`."""
    day_correlation: float = 0.06
    """Intra-class correlation of the answers of one street on one day (assumption: a rumour, a mood, the heat)."""
    fatigue_per_ask: float = 0.10
    """What an ask takes from the willingness of the next (assumption) …"""
    recovery_half_life_days: float = 7.0
    """… and half of that comes back in so many days (assumption)."""
    delivered_prior: float = 0.80
    """kW delivered for each kW promised, until it is learned (0.80 ± 0.02 after an hour on simulated streets)."""
    delivered_prior_kw: float = 60.0
    """Promised kW, measured with their interval, that weigh as much as `delivered_prior`."""
    kept_share: float = 0.90
    """Of those who agree, so many do anything at all (practice)."""
    delivered_sd: float = 0.10
    """Relative spread, from one day to the next, of what kept promises deliver (assumption)."""
    trend_sd: float = 0.01
    """Standard deviation of the load rate half an hour ahead, beside the trend (assumption)."""
    hold_margin: float = 0.02
    """The target counts as held when the load is expected to stay so far below it (two standard deviations)."""
    release_line: float = 0.85
    """While merchants switch back the load rate stays below this: where an incident closes, well below calling."""
    release_gap_minutes: float = 20.0
    """Between one step of the release and the next: the meter has to see the rebound (assumption)."""
    release_step_rate: float = 0.04
    """A step of the release brings back at most this share of the rated power, rebound included."""
    rebound: float = 1.3
    """What a merchant draws more at first after switching back, for each kW held back (assumption)."""
    ask_hours_after_closing: float = 8.0
    """So long after its incident an ask is over, whatever the load: the shops are closing."""
    hold_minutes: float = 120.0
    """The target has to hold for so long, or until the peak of earlier days is over."""


@dataclass(frozen=True)
class Conditions:
    """What holds for one transformer's outreach today, beside ledger and readings."""

    zone: tzinfo = BEIJING
    """The station's: days begin at its midnight."""
    delivered_share: float | None = None
    """kW delivered for each kW promised, as learned; None: `delivered_prior`."""
    outdoor_c: float = math.nan
    """Outdoor air now; NaN: a hot day is taken."""
    rise_ahead: float = math.nan
    """How far the load rate rose from this hour to the highest of the hours ahead on earlier days; NaN: unknown."""


ANY_DAY = Conditions()


class AdviceKind(Enum):
    """What to do after a reading."""

    ENOUGH = "enough"
    CONTINUE = "continue"
    MORE_DOORS = "more_doors"
    ESCALATE = "escalate"


@dataclass(frozen=True)
class Advice:
    """What to do now, and why, with the numbers behind it."""

    kind: AdviceKind
    text: Text
    needed_kw: float
    """From the load rate now to the target [kW]; NaN while nothing can be seen."""
    pending_kw: float
    """Promised, not yet in the readings [kW]."""
    open_doors: int
    open_relief_kw: float
    """What the doors without an answer should bring [kW]."""
    wait_minutes: float = 0.0
    """Where waiting is all there is to do: so long, until the readings show what was promised."""
    spare_doors: int = 0
    """So many doors could be added."""
