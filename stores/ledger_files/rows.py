"""One checked row of each ledger sheet. The fields are the columns; those without a default are required."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from grid.assets import (
    Appliance,
    ApplianceKind,
    CustomerLink,
    Device,
    Merchant,
    Person,
    Phase,
    Rating,
    Role,
    ServiceGrid,
    Shift,
    Station,
    Transformer,
)
from stores.ledger_files.cells import (
    device_identifier,
    identifier,
    number,
    one_of,
    phase_order,
    timestamp,
    timezone,
    whole,
    words,
    yes_or_no,
)
from stores.ledger_files.phones import phone
from stores.ledger_files.roster_cells import day, time_of_day, weekdays

Identifier = Annotated[str, BeforeValidator(identifier)]
Name = Annotated[str, BeforeValidator(words(100))]
Words = Annotated[str, BeforeValidator(words(200))]
ChatId = Annotated[str, BeforeValidator(words(64))]
Zone = Annotated[str, BeforeValidator(timezone)]
Phone = Annotated[str, BeforeValidator(phone)]
YesNo = Annotated[bool, BeforeValidator(yes_or_no)]
Kilowatts = Annotated[float, BeforeValidator(number(0, 1_000, above=True))]
RatedPower = Annotated[float, BeforeValidator(number(0, 100_000, above=True))]
"""Sn [kVA]."""
Ratio = Annotated[float, BeforeValidator(number(0, 100_000, above=True))]
Timestamp = Annotated[int, BeforeValidator(timestamp)]
"""[µs since the epoch, UTC]; in the sheet ISO 8601 with an offset."""
DeviceId = Annotated[str, BeforeValidator(device_identifier)]
DecoderName = Annotated[str, BeforeValidator(words(64))]
Phases = Annotated[str, BeforeValidator(phase_order)]
Latitude = Annotated[float, BeforeValidator(number(-90, 90))]
Longitude = Annotated[float, BeforeValidator(number(-180, 180))]
Setpoint = Annotated[float, BeforeValidator(number(5, 40))]
"""[°C]"""
Count = Annotated[int, BeforeValidator(whole(0, 10_000))]
Order = Annotated[int, BeforeValidator(whole(0, 1_000_000))]
Weekdays = Annotated[str, BeforeValidator(weekdays)]
Day = Annotated[str, BeforeValidator(day)]
TimeOfDay = Annotated[str, BeforeValidator(time_of_day)]


class LedgerRow(BaseModel):
    """What the rows of all sheets share: values are checked one by one and not changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def asset(self) -> object:
        """Return the row as what it is to the rest of the house."""
        raise NotImplementedError


class StationRow(LedgerRow):
    """A row of stations.csv."""

    station_id: Identifier
    name: Name
    timezone: Zone

    def asset(self) -> Station:
        """Return the station."""
        return Station(self.station_id, self.name, self.timezone)


class GridRow(LedgerRow):
    """A row of grids.csv."""

    grid_id: Identifier
    name: Name
    station_id: Identifier
    community: Name = ""

    def asset(self) -> ServiceGrid:
        """Return the service grid."""
        return ServiceGrid(self.grid_id, self.name, self.station_id, self.community)


class TransformerRow(LedgerRow):
    """A row of transformers.csv."""

    transformer_id: Identifier
    name: Name
    station_id: Identifier
    rated_power_kva: RatedPower
    grid_id: Identifier = ""
    feeder_id: Identifier = ""
    ct_ratio: Ratio = 1.0
    indoor: YesNo = False
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    owner: Name = ""

    def asset(self) -> Transformer:
        """Return the transformer."""
        return Transformer(
            self.transformer_id,
            self.name,
            self.station_id,
            self.rated_power_kva,
            self.grid_id,
            self.feeder_id,
            self.ct_ratio,
            self.indoor,
            self.latitude,
            self.longitude,
            self.owner,
        )


class RatingRow(LedgerRow):
    """A row of ratings.csv."""

    transformer_id: Identifier
    valid_from: Timestamp
    rated_power_kva: RatedPower
    ct_ratio: Ratio = 1.0

    def asset(self) -> Rating:
        """Return the rating."""
        return Rating(self.transformer_id, self.valid_from, self.rated_power_kva, self.ct_ratio)


class PersonRow(LedgerRow):
    """A row of people.csv."""

    ROLES: ClassVar[tuple[str, ...]] = tuple(role.value for role in Role)

    person_id: Identifier
    name: Name
    role: Annotated[str, BeforeValidator(one_of(ROLES))]
    grid_id: Identifier = ""
    phone: Phone = ""
    chat_id: ChatId = ""

    def asset(self) -> Person:
        """Return the person."""
        return Person(self.person_id, self.name, Role(self.role), self.grid_id, self.phone, self.chat_id)


class MerchantRow(LedgerRow):
    """A row of merchants.csv."""

    PHASES: ClassVar[tuple[str, ...]] = tuple(phase.value for phase in Phase)

    merchant_id: Identifier
    name: Name
    transformer_id: Identifier
    address: Words = ""
    contact_name: Name = ""
    phone: Phone = ""
    category: Name = ""
    phase: Annotated[str, BeforeValidator(one_of(PHASES))] = Phase.ABC.value
    walk_order: Order | None = None
    protected: YesNo = False
    protected_reason: Words = ""

    def asset(self) -> Merchant:
        """Return the merchant."""
        return Merchant(
            self.merchant_id,
            self.name,
            self.transformer_id,
            self.address,
            self.contact_name,
            self.phone,
            self.category,
            Phase(self.phase),
            self.walk_order,
            self.protected,
            self.protected_reason,
        )


class LinkRow(LedgerRow):
    """A row of links.csv."""

    merchant_id: Identifier
    valid_from: Timestamp
    transformer_id: Identifier

    def asset(self) -> CustomerLink:
        """Return the link."""
        return CustomerLink(self.merchant_id, self.valid_from, self.transformer_id)


class DeviceRow(LedgerRow):
    """A row of devices.csv."""

    device_id: DeviceId
    transformer_id: Identifier
    replays: YesNo = False
    decoder: DecoderName = ""
    phases: Phases = "ABC"
    multiplier: Ratio = 1.0
    valid_from: Timestamp | None = None

    def asset(self) -> Device:
        """Return the device."""
        return Device(
            self.device_id,
            self.transformer_id,
            self.replays,
            self.decoder,
            self.phases,
            self.multiplier,
            self.valid_from or 0,
        )


class ApplianceRow(LedgerRow):
    """A row of appliances.csv."""

    KINDS: ClassVar[tuple[str, ...]] = tuple(kind.value for kind in ApplianceKind)

    merchant_id: Identifier
    appliance: Annotated[str, BeforeValidator(one_of(KINDS))]
    count: Count
    rated_kw: Kilowatts
    can_switch_off: Count = 0
    setpoint_c: Setpoint | None = None

    def asset(self) -> Appliance:
        """Return the appliances."""
        return Appliance(
            self.merchant_id,
            ApplianceKind(self.appliance),
            self.count,
            self.rated_kw,
            self.can_switch_off,
            self.setpoint_c,
        )


class ShiftRow(LedgerRow):
    """A row of roster.csv. The columns `from` and `to` are words of the language, so the fields have other names."""

    person_id: Identifier
    weekdays: Weekdays = ""
    date: Day = ""
    starts: TimeOfDay = Field(default="00:00", alias="from")
    ends: TimeOfDay = Field(default="24:00", alias="to")
    substitute_id: Identifier = ""

    def asset(self) -> Shift:
        """Return the shift."""
        return Shift(self.person_id, self.weekdays, self.date, self.starts, self.ends, self.substitute_id)
