"""What the ledger knows: who and what belongs to whom, from the station down to the appliance.

One chain: station – service grid – transformer area – merchant – appliance. All are plain values; the
fields are those of the public ledger sheets, with the same names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What a person does for a service grid ("1+1+N") or for the station."""

    COMMUNITY_LEAD = "community_lead"
    GRID_LEAD = "grid_lead"
    MEMBER = "member"
    DUTY = "duty"
    STATION_HEAD = "station_head"


class ApplianceKind(Enum):
    """Kinds of appliance that a merchant can be asked about."""

    AIR_CONDITIONER = "air_conditioner"
    LIGHTING = "lighting"
    OTHER = "other"


class Phase(Enum):
    """Where a customer is connected."""

    A = "A"
    B = "B"
    C = "C"
    ABC = "ABC"


@dataclass(frozen=True)
class Station:
    """A power-supply station (供电所)."""

    station_id: str
    name: str
    timezone: str


@dataclass(frozen=True)
class ServiceGrid:
    """A service grid (网格): one community lead, one grid lead, N members."""

    grid_id: str
    name: str
    station_id: str
    community: str = ""


@dataclass(frozen=True)
class Transformer:
    """A distribution transformer and the area below it (台区)."""

    transformer_id: str
    name: str
    station_id: str
    rated_power_kva: float
    grid_id: str = ""
    feeder_id: str = ""
    ct_ratio: float = 1.0
    """Meter multiplier (综合倍率): currents and powers are multiplied by it; 1 when devices send primary values."""
    indoor: bool = False
    latitude: float | None = None
    longitude: float | None = None
    owner: str = ""


@dataclass(frozen=True)
class Rating:
    """What a transformer's rated power and CT ratio were, or will be, from a moment on until the next rating."""

    transformer_id: str
    valid_from_us: int
    """[µs since the epoch, UTC]"""
    rated_power_kva: float
    ct_ratio: float = 1.0


@dataclass(frozen=True)
class Person:
    """One of ours: a team member, a lead, someone at the duty desk."""

    person_id: str
    name: str
    role: Role
    grid_id: str = ""
    phone: str = ""
    chat_id: str = ""


@dataclass(frozen=True)
class Merchant:
    """A commercial customer (商户) who can lower load. Name, contact and phone are personal data."""

    merchant_id: str
    name: str
    transformer_id: str
    address: str = ""
    contact_name: str = ""
    phone: str = ""
    category: str = ""
    phase: Phase = Phase.ABC
    walk_order: int | None = None
    protected: bool = False
    protected_reason: str = ""


@dataclass(frozen=True)
class Appliance:
    """Appliances of one kind at one merchant: `count` units of `rated_kw` [kW] each."""

    merchant_id: str
    appliance: ApplianceKind
    count: int
    rated_kw: float
    can_switch_off: int = 0
    """How many of the units the merchant can do without."""
    setpoint_c: float | None = None


@dataclass(frozen=True)
class CustomerLink:
    """Which transformer a merchant hangs on from a moment on until the next link."""

    merchant_id: str
    valid_from_us: int
    """[µs since the epoch, UTC]"""
    transformer_id: str


@dataclass(frozen=True)
class Device:
    """A device that sends readings, by the name that it has itself, and the transformer they are of."""

    device_id: str
    transformer_id: str
    replays: bool = False
    """It sends readings again when it is asked to."""
    decoder: str = ""
    """The `[[decoders]]` entry that its messages are read by; empty: whichever its topic fits."""
    phases: str = "ABC"
    """Which phases of the transformer its channels 1, 2, 3 are connected to."""
    multiplier: float = 1.0
    """Of its currents and powers, beside the transformer's CT ratio."""
    valid_from_us: int = 0
    """From when it is bound so [µs since the epoch, UTC], until its next row."""


@dataclass(frozen=True)
class Shift:
    """A line of the roster: when a person is on duty, and who stands in. Times are of the person's station."""

    person_id: str
    weekdays: str = ""
    """Digits from 1 (Monday) to 7, in order; empty where a date is named."""
    date: str = ""
    """One day, such as 2021-07-24; it counts instead of the person's weekdays."""
    starts: str = "00:00"
    ends: str = "24:00"
    """Not after `starts`: on the next day."""
    substitute_id: str = ""
    """The person who does this shift instead."""


@dataclass(frozen=True)
class Ledger:
    """The whole ledger of one or more stations, checked and free of dangling references."""

    stations: tuple[Station, ...] = ()
    grids: tuple[ServiceGrid, ...] = ()
    transformers: tuple[Transformer, ...] = ()
    people: tuple[Person, ...] = ()
    merchants: tuple[Merchant, ...] = ()
    appliances: tuple[Appliance, ...] = ()
    ratings: tuple[Rating, ...] = ()
    """Dated ratings. Where a transformer has some, they say what held when; the first one also before it."""
    links: tuple[CustomerLink, ...] = ()
    """Dated links of merchants to transformers. Where a merchant has some, they say what held when, as ratings do."""
    devices: tuple[Device, ...] = ()
    """Devices that do not send under their transformer's id, or that can be asked to send again."""
    roster: tuple[Shift, ...] = ()
    """Who is on duty when; people without a line here are on whenever their role is called."""

    def transformer(self, transformer_id: str) -> Transformer | None:
        """Return one transformer, or None when the ledger does not know it."""
        return next((t for t in self.transformers if t.transformer_id == transformer_id), None)
