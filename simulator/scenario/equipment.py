"""Tables of a scenario file for what is neither shop nor home: heaters, chargers, roofs, machines, stalls, outages.

Each is many similar things on one transformer area. Numbers without another source are practice.
"""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from msgspec import Meta

from simulator.scenario.values import Amount, ClockTime, Count, Degrees, Number, Part, Points, Positive, Share

Spread = tuple[Amount, Amount, Amount]
"""How single-phase customers are spread over A, B, C."""


class HeaterKind(Enum):
    """How a heater makes heat."""

    HEAT_PUMP = "heat_pump"
    RESISTANCE = "resistance"


class HeatersPart(Part, frozen=True):
    """The electric heating of one customer."""

    kind: HeaterKind
    rated_kw: Positive
    """Input: of a heat pump at 7 °C outdoors (GB/T 7725 heating), of a resistance heater always."""
    setpoint_c: Degrees
    count: Count = 1
    auxiliary_kw: Amount = 0.0
    """Resistance behind a heat pump that helps when the room stays 2 K too cold."""
    away_k: Amount = 4.0
    """How much lower the set point is while nobody is in [K]."""
    setpoint_scatter_k: Amount = 1.0
    power_factor: Share = 0.97


class HeatingPart(Part, frozen=True):
    """How air-source heat pumps behave in the cold. Defaults: slopes of manufacturers' tables (practice)."""

    rated_cop: Positive = 3.3
    """At 7 °C outdoors."""
    cop_per_k: Number = 0.018
    """Relative change of the COP per kelvin of outdoor air from 7 °C."""
    capacity_per_k: Number = 0.017
    """Relative change of the heating capacity per kelvin of outdoor air from 7 °C, defrosting included."""
    fraction_lowest: Share = 0.25
    band_k: Positive = 2.0
    """Room below set point at which a heat pump gives its full capacity."""
    swing_k: Positive = 0.5


class ChargingPart(Part, frozen=True):
    """Cars that come to charge, one session each: AC charging, GB/T 18487.1 mode 3."""

    name: str
    transformer_id: str
    count: Count
    """Sessions in the day."""
    arrives: Points
    """When they plug in: weight along the day."""
    energy_kwh: tuple[Positive, Positive]
    """Between these lies what a car needs, at the plug."""
    power_kw: Positive = 7.0
    """Of one car: 7 kW is 32 A on one phase (GB/T 18487.1)."""
    three_phase: bool = False
    phase_weights: Spread = (1.0, 1.0, 1.0)
    power_factor: Share = 0.98


class RoofPart(Part, frozen=True):
    """Photovoltaic roofs."""

    name: str
    transformer_id: str
    count: Count
    peak_kw: Positive
    """Of each roof at 1,000 W/m² and cells of 25 °C (IEC 60904-3)."""
    tilt_deg: Annotated[float, Meta(ge=0.0, le=90.0)] = 30.0
    azimuth_deg: Degrees = 180.0
    performance: Share = 0.86
    """Inverter, cables, dust."""
    per_k: Number = -0.0035
    """Change of the output per kelvin of cell temperature above 25 °C."""
    three_phase: bool = True
    phase_weights: Spread = (1.0, 1.0, 1.0)
    peak_scatter: Share = 0.15


class MachinesPart(Part, frozen=True):
    """A line of induction motors that run in shifts."""

    name: str
    transformer_id: str
    count: Count
    rated_kw: Positive
    """At the shaft of each."""
    shifts: tuple[tuple[ClockTime, ClockTime], ...]
    load: Share = 0.75
    """Of rated power while a motor works."""
    idle_load: Share = 0.12
    """Of rated power while it runs empty."""
    works_share: Share = 0.7
    cycle_minutes: Positive = 10.0
    """Mean time from one change between working and running empty to the next."""
    scatter_minutes: Amount = 6.0
    efficiency: Annotated[float, Meta(gt=0.3, le=1.0)] = 0.9
    power_factor: Annotated[float, Meta(gt=0.3, le=1.0)] = 0.85
    """At rated load."""
    idle_kvar_share: Share = 0.6
    """Of the reactive power at rated load: what magnetises the motor."""
    compensation_kvar: Amount = 0.0
    """Capacitors of the plant that are in service."""


class OutdoorPart(Part, frozen=True):
    """What stands outdoors: stalls of a market, street lamps."""

    name: str
    transformer_id: str
    count: Count
    opens: ClockTime = "00:00"
    closes: ClockTime = "24:00"
    scatter_minutes: Amount = 20.0
    lamps_kw: Amount = 0.0
    """Of each, from sunset to sunrise."""
    draw_kw: Points = (("00:00", 0.0),)
    """Of each while open, beside lamps: cooking, cold boxes, music; along the day."""
    draw_scatter: Share = 0.5
    power_factor: Share = 0.95
    phase_weights: Spread = (1.0, 1.0, 1.0)


class OutagePart(Part, frozen=True):
    """A span without supply. Meters without supply send nothing."""

    off_from: ClockTime
    off_until: ClockTime
    transformer_ids: tuple[str, ...] = ()
    """Empty: the whole town."""
    back_within_minutes: Amount = 3.0
    """Customers' switches close one after another within so long of the return."""
