"""The tables of a scenario file: weather, habits, characters. Keys carry their units, types their bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from grid.assets import Role
from simulator.scenario.equipment import HeatersPart
from simulator.scenario.values import Amount, ClockTime, Count, Degrees, Number, Part, Points, Positive, Share


class Words(Part, frozen=True):
    """A sentence in both languages."""

    zh: str
    en: str


class WeatherPart(Part, frozen=True):
    """Place and air of the day."""

    latitude_deg: Annotated[float, Meta(ge=-66.0, le=66.0)]
    longitude_deg: Annotated[float, Meta(ge=-180.0, le=180.0)]
    temperature_c: Points = ()
    clearness: Points = ()
    humidity: Points = ()
    """Relative, a fraction; without it air conditioners dry the air as at their rating."""
    file: str = ""
    """Instead of the curves: a CSV beside the scenario file, see `simulator.scenario.weather_file`."""


class CoolingPart(Part, frozen=True):
    """How split air conditioners behave. Defaults: practice for units of the 2010s, see `simulator.physics.rooms`."""

    inverter_share: Share = 0.85
    rated_cop: Positive = 3.1
    capacity_per_k: Number = -0.008
    """Change of cooling capacity per kelvin of outdoor air above 35 °C."""
    power_per_k: Number = 0.012
    """Change of full-load input per kelvin of outdoor air above 35 °C."""
    part_load_gain: Amount = 0.4
    """How much better an inverter unit is at low load: input = f/(1 + gain·(1−f)) of full input."""
    fraction_lowest: Share = 0.2
    band_k: Positive = 3.0
    """Room above set point at which an inverter unit gives its full capacity."""
    swing_k: Positive = 0.5
    """Half the hysteresis of a fixed-speed unit, and the stop line of any unit."""
    rest_minutes: Amount = 3.0
    sensor_scatter_k: Amount = 0.4
    sensible_share: Share = 0.78
    """Of the capacity, cooling air; the rest dries it. At the rating's outdoor air: 35 °C, 24 °C wet bulb."""
    sensible_per_g_kg: Number = -0.02
    """Change of the sensible share per g/kg of outdoor moisture above the rating's 14.2 (practice)."""
    inverter_power_factor: Share = 0.97
    fixed_power_factor: Share = 0.87


class SupplyPart(Part, frozen=True):
    """The transformer and the voltage behind it; the same for every area of the town."""

    source_voltage_v: Positive = 231.5
    short_circuit_voltage: Share = 0.04
    """Of rated voltage (uk)."""
    resistance: Share = 0.0107
    """Per unit of rated impedance (copper loss over rated power)."""


class Use(Part, frozen=True):
    """A use of appliances of kind `other`: how much of their rated power is drawn, and when."""

    name: str
    share: Points
    """Of rated power, along the day."""
    power_factor: Share = 0.95
    heat_to_room: Share = 0.5
    while_open: bool = True
    per_k: Number = 0.0
    """Change of the draw per kelvin of outdoor air above 30 °C."""
    scatter: Share = 0.1
    """Relative standard deviation of one merchant's draw around the share."""
    scatter_minutes: Positive = 8.0
    store_minutes: Amount = 0.0
    """Above 0: a cold store whose compressor runs and rests; without cooling it warms with this time constant."""


class UsePart(Part, frozen=True):
    """How much of a category's `other` appliances serves which use."""

    use: str
    share: Share


class RestPart(Part, frozen=True):
    """A rest in the middle of the day: part of a category closes between two meals."""

    share: Share
    closes: ClockTime
    opens: ClockTime
    scatter_minutes: Amount = 15.0


class Category(Part, frozen=True):
    """How merchants of one category live: opening hours, rooms, gains, what their other appliances are."""

    name: str
    opens: ClockTime
    closes: ClockTime
    uses: tuple[UsePart, ...]
    gains_w_per_m2: Points
    """People and goods, sensible, while open."""
    hours_scatter_minutes: Amount = 12.0
    units_minutes: Amount = 18.0
    """Who opens switches the air conditioners on one after another within so long, and off likewise before closing."""
    rest: RestPart | None = None
    installed_w_per_m2: Positive = 265.0
    """Installed cooling capacity per floor area: gives the floor area from the ledger's air conditioners."""
    loss_w_per_m2_k: Positive = 12.0
    """Walls, glass and open doors."""
    mass_wh_per_m2_k: Positive = 10.0
    """Air and what stands in it: what a thermostat feels within the hour."""
    glass: Share = 0.1
    """Glass area times its solar transmittance, per floor area."""
    heats_to_c: Degrees | None = None
    """Air conditioners heat to this in winter; None: they only cool."""


class Block(Part, frozen=True):
    """Customers whom the ledger does not name, such as the homes above the shops: `count` similar ones."""

    name: str
    transformer_id: str
    """`*`: every transformer has such a block."""
    floor_area_m2: Positive
    units: Count
    """Air conditioners each."""
    rated_kw: Positive
    """Of each air conditioner."""
    setpoint_c: Degrees
    cools_above_c: Degrees
    """Who is in switches on when the room is warmer than this; each customer a little earlier or later."""
    present: Points
    """Share of customers who are in."""
    draw_kw: Points
    """Draw of one customer beside air conditioning, along the day."""
    count: Count = 0
    count_per_kva: Amount = 0.0
    """Instead of `count`: per kVA of rated power …"""
    count_scatter: Share = 0.0
    """… with this relative scatter from transformer to transformer."""
    heaters: HeatersPart | None = None
    draw_scatter: Share = 0.3
    cools_above_scatter_k: Amount = 1.0
    floor_scatter: Share = 0.2
    power_factor: Share = 0.95
    three_phase: bool = False
    phase_weights: tuple[Amount, Amount, Amount] = (1.0, 1.0, 1.0)
    """How single-phase customers are spread over A, B, C."""
    loss_w_per_m2_k: Positive = 3.0
    mass_wh_per_m2_k: Positive = 60.0
    glass: Share = 0.06
    facade_azimuth_deg: Degrees = 180.0
    gains_w_per_m2: Amount = 4.0


class Street(Part, frozen=True):
    """The street of one transformer area: which way the shop fronts look, by odd and even `walk_order`."""

    transformer_id: str
    facade_azimuth_deg: tuple[Degrees, Degrees]
    shade: tuple[Share, Share] = (0.0, 0.0)
    """Part of the sun that trees and awnings keep off the fronts."""


class Character(Part, frozen=True):
    """How merchants of a category answer; the shares are normalised. `*` is everybody else."""

    category: str
    does: Amount
    does_later: Amount
    promises_only: Amount
    refuses: Amount
    absent: Amount


class PeoplePart(Part, frozen=True):
    """How the street behaves when it is asked, and when it sees others asked."""

    character: tuple[Character, ...]
    later_minutes: tuple[Positive, Positive] = (10.0, 40.0)
    """Who agrees for later does it after between these."""
    asked_again_factor: Share = 0.5
    """Willingness at every further visit of the day, as a share of the one before."""
    setpoint_minutes_per_k: Amount = 5.0
    """The set point goes up by a kelvin in so many minutes, as guests bear it; 0 is at once."""
    lights_share_off: Share = 0.5
    """Lights that are not needed."""
    endures_c: tuple[Degrees, Degrees] = (29.5, 32.0)
    """Between these lies the room temperature at which a merchant takes one unit back."""
    endures_minutes: Positive = 30.0
    day_correlation: Share = 0.10
    """How much of what stands behind an answer all merchants of a street share on a day (a rumour, a mood, the heat):
    the latent correlation of a Gaussian one-factor model; 0.10 is some 0.06 between two answers (assumption)."""
    example_doors: Count = 0
    """Neighbours on each side whom a merchant looks at; 0: nobody follows an example."""
    example_hours: Positive = 3.0
    """Mean time until a willing merchant follows when all neighbours have done it."""


class VisitPart(Part, frozen=True):
    """How long visits take and how the team walks."""

    starts_at: ClockTime
    roles: tuple[Role, ...]
    """Roles of the ledger's people who set out, each with a companion."""
    pairs_apart_minutes: Amount = 0.0
    """Between one pair and the next: not everybody is on the spot at once."""
    walking_m_per_minute: Positive = 60.0
    metres_per_door: Positive = 8.0
    greeting_minutes: Positive = 2.0
    lights_minutes: Amount = 1.0
    """With a merchant who agrees: choosing the lights that are not needed."""
    minutes_per_unit: Amount = 4.0
    """With a merchant who agrees: from unit to unit, for each one that is switched off."""
    refusal_minutes: Amount = 2.0
    absent_minutes: Positive = 1.0
    length: Points = (("00:00", 1.0),)
    """How much longer everything takes along the day, because the shops have guests."""
