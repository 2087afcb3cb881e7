"""What the read side answers with: plain values that pages draw and commands print. No personal data unmasked.

Moments are [µs UTC], load rates are fractions, a missing number is NaN. Words come as `Text`, in both languages.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from alerts.model.handling import NOT_HANDLED, Handling
from alerts.model.incidents import Incident, IncidentEvent
from alerts.outreach.ask import Ask
from alerts.outreach.planner import Advice, Door, OutreachList, VisitResult
from alerts.outreach.release import Release
from grid.assets import Person, Phase, ServiceGrid, Station, Transformer
from grid.electrical import Basis
from grid.supply import Supply
from grid.text import Text
from service.queries.data_quality import RecentQuality


class Freshness(Enum):
    """How far a transformer's newest reading can be taken for now."""

    FRESH = "fresh"
    OLD = "old"
    """Something arrives, but what it tells was measured longer ago than twice the silence limit."""
    SILENT = "silent"
    """Nothing has arrived for longer than the silence limit."""
    NEVER = "never"
    """Nothing has arrived since the transformer is in the ledger."""


@dataclass(frozen=True)
class TransformerNow:
    """One transformer at this moment. Numbers are of its newest reading, whatever its age: ask `freshness` first."""

    transformer: Transformer
    freshness: Freshness
    level: str | None
    """Highest level of the calling rule set on the total load rate; None below all of them, or when not fresh."""
    phase_level: str | None
    """The same on the worst phase."""
    load_rate: float
    basis: Basis
    apparent_power_kva: float
    phase_load_rate: tuple[float, float, float]
    worst_phase_load_rate: float
    worst_phase: Phase | None
    imbalance: float
    """(Imax − Imin)/Imax, a fraction."""
    trend_per_hour: float
    """Slope of the load rate over the last quarter of an hour [1/h]; NaN without two readings in it."""
    ambient_temperature_c: float
    voltage_v: tuple[float, float, float]
    voltage_outside: tuple[int, int, int]
    """-1 below the limits of supply, 1 above, 0 within or missing."""
    measured_at_us: int | None
    received_at_us: int | None
    incident_id: str | None
    """The open incident, if there is one."""
    supply: Supply = Supply.NOT_TOLD
    """What the newest reading says of the supply. From `GONE` on there is no load rate."""
    no_voltage_since_us: int | None = None
    """Since when it has been without voltage for long enough to be told; also while it is silent."""
    lost_feeder: str = ""
    """The feeder whose communication is lost, where that explains its silence."""

    @property
    def is_without_voltage(self) -> bool:
        """Return whether it has no voltage, as far as is known: the newest reading has none, or none came since."""
        is_fresh = self.freshness is Freshness.FRESH
        return self.no_voltage_since_us is not None or (is_fresh and self.supply is Supply.GONE)


@dataclass(frozen=True)
class Progress:
    """How far an outreach list has come, in doors and [kW]. kW are expectations until the meter has spoken."""

    doors: int
    answered: int
    """Doors with an answer: agreed, done, refused or absent."""
    agreed: int
    """Doors that agreed or have done it."""
    needed_kw: float
    """What the newest list was made for, plus what doors of earlier revisions agreed to."""
    expected_kw: float
    """What all doors should bring, before any answer is known."""
    agreed_kw: float
    """Offers of the doors that agreed or have done it."""
    open_kw: float
    """What the doors without an answer should still bring."""


@dataclass(frozen=True)
class IncidentRow:
    """An incident in a list of incidents."""

    incident: Incident
    transformer: Transformer
    called: str
    """What people call it: transformer, and day and time of the opening in the station's zone. For speech, no key."""
    zone: str
    """Time zone of the station, such as Asia/Shanghai."""
    progress: Progress | None
    """None while there is no outreach list, and in long lists of incidents that are over."""
    active_only: bool = False
    """Whether one of its load rates comes from active power alone; not looked at far down in long lists."""
    advice: Advice | None = None
    """What to do next; not looked at far down in long lists."""
    handling: Handling = NOT_HANDLED
    has_it: str = ""
    """Name of whoever was given it, else of whoever took it; empty while nobody has it."""


@dataclass(frozen=True)
class Counts:
    """The figures on top of the wall."""

    watched: int
    """Transformers in the ledger."""
    heavy: int
    severe_heavy: int
    overload: int
    """Each fresh transformer counts once, at its highest level."""
    phase_only: int
    """Transformers where only a phase is at a level."""
    open_incidents: int
    blind_incidents: int
    silent: int
    """Silent or with old readings only, and not known to be without voltage."""
    never_seen: int
    last_received_at_us: int | None
    no_voltage: int = 0
    """Without voltage."""


@dataclass(frozen=True)
class Wall:
    """What the duty desk sees at one look."""

    now_us: int
    zone: str
    """Time zone of the first station."""
    stations: tuple[Station, ...]
    grids: tuple[ServiceGrid, ...]
    transformers: tuple[TransformerNow, ...]
    """Those at a level, heaviest first; then those without a fresh reading; then the others, heaviest first."""
    open_incidents: tuple[IncidentRow, ...]
    counts: Counts
    alarms: tuple[Text, ...]
    """What is wrong with the watching itself: monitoring blind, collector away, messages stuck."""


@dataclass(frozen=True)
class Curve:
    """One transformer's readings in time order, as columns of n rows."""

    transformer_id: str
    measured_at_us: NDArray[np.int64]
    load_rate: NDArray[np.float64]
    phase_load_rate: NDArray[np.float64]
    """(n, 3)"""
    worst_phase_load_rate: NDArray[np.float64]
    apparent_power_kva: NDArray[np.float64]
    basis: NDArray[np.int8]
    ambient_temperature_c: NDArray[np.float64]
    oil_temperature_c: NDArray[np.float64]
    voltage_v: NDArray[np.float64]
    """(n, 3)"""
    imbalance: NDArray[np.float64]
    """(Imax − Imin)/Imax, a fraction."""

    def __len__(self) -> int:
        """Return n."""
        return len(self.measured_at_us)


@dataclass(frozen=True)
class DoorRow:
    """One door of a list with the merchant behind it, contact and phone masked, and its newest result."""

    incident_id: str
    revision: int
    """Of the list that the door stands on."""
    door: Door
    ask: Text
    merchant_name: str
    address: str
    category: str
    phase: Phase
    contact_masked: str
    phone_masked: str
    assigned_to_name: str
    result: VisitResult | None
    result_at_us: int | None
    result_by_name: str


@dataclass(frozen=True)
class IncidentMark:
    """Something to mark on a curve: a span when `to_us` is after `from_us`, else a moment."""

    from_us: int
    to_us: int
    label: Text
    kind: str
    """`incident` or a `VisitResult` value."""
    incident_id: str


@dataclass(frozen=True)
class BaselineBand:
    """What the load rate would have been like without the visits, over time (n,), with its 90 % interval."""

    at_us: NDArray[np.int64]
    low: NDArray[np.float64]
    baseline: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True)
class IncidentPage:
    """Everything about one incident."""

    now_us: int
    row: IncidentRow
    reason: Text
    events: tuple[IncidentEvent, ...]
    outreach: OutreachList | None
    """The newest revision."""
    doors: tuple[DoorRow, ...]
    """Doors of the newest revision in walking order, then those of earlier ones that have an answer."""
    advice: Advice | None
    """What to do now; None when nobody is asked any more or there is no list."""
    current: TransformerNow
    curve: Curve
    """From an hour before the opening until now, or an hour after the closing."""
    marks: tuple[IncidentMark, ...]
    band: BaselineBand | None = None
    """Baseline of the time since the first answer that brings relief; None where nothing can be said."""
    effect: Text | None = None
    """What can be said of the effect; None while nobody has agreed to anything."""
    ask: Ask | None = None
    """Where the asking stands, a state of its own beside the incident's; None before the first list."""
    releases: tuple[Release, ...] = ()
    """Who was told that they may switch back."""


@dataclass(frozen=True)
class RuleLine:
    """One line of a rule set, in words."""

    cited: str
    title: Text
    level: str
    words: Text
    calls_people: bool


@dataclass(frozen=True)
class TransformerPage:
    """Everything about one transformer beside its curve."""

    now_us: int
    current: TransformerNow
    zone: str
    station_name: str
    grid_name: str
    team: tuple[Person, ...]
    """People of its grid; their phones are masked here too."""
    merchants: int
    protected_merchants: int
    incidents: tuple[IncidentRow, ...]
    marks: tuple[IncidentMark, ...]
    rules: tuple[RuleLine, ...]
    quality: RecentQuality | None
    """Of the last day; None when the journal does not know it."""


@dataclass(frozen=True)
class MyIncident:
    """One person's part of one open incident."""

    row: IncidentRow
    advice: Advice | None
    current: TransformerNow
    doors: tuple[DoorRow, ...]
    """This person's doors only, in walking order."""


@dataclass(frozen=True)
class MyList:
    """What one person has to walk: their doors of open incidents."""

    now_us: int
    person: Person
    """Phone masked."""
    incidents: tuple[MyIncident, ...]
