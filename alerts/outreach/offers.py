"""What one merchant can offer: appliances × actions, in kW."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from alerts.model.outreach_model import Ask, OutreachSettings
from grid.assets import Appliance, ApplianceKind


@dataclass(frozen=True)
class Offer:
    """What to ask of a merchant, and the relief [kW] of each action if they do it."""

    ask: Ask
    switch_off_kw: float = 0.0
    setpoint_kw: float = 0.0
    lights_kw: float = 0.0
    other_kw: float = 0.0

    @property
    def relief_kw(self) -> float:
        """Return the relief [kW] if the merchant does all of it."""
        return self.switch_off_kw + self.setpoint_kw + self.lights_kw + self.other_kw


DESIGN_COOLING_C, DESIGN_HEATING_C = 36.0, -5.0
"""Outdoor air at which `air_conditioner_duty` holds, in summer and in winter (practice for northern China)."""
DUTY_PER_C = 0.03
"""So much less of its rated power does a unit draw for each °C that the air is milder (practice)."""
DUTY_BOUNDS = (0.25, 0.95)


def cooling_duty(settings: OutreachSettings, outdoor_c: float, *, heats: bool = False) -> float:
    """Return running over rated power of an air conditioner in this weather; NaN: that of a hot day."""
    if math.isnan(outdoor_c):
        return settings.air_conditioner_duty
    milder = outdoor_c - DESIGN_HEATING_C if heats else DESIGN_COOLING_C - outdoor_c
    low, high = DUTY_BOUNDS
    return min(max(settings.air_conditioner_duty - DUTY_PER_C * milder, low), high)


def offer_of(appliances: Iterable[Appliance], settings: OutreachSettings, *, heats: bool = False) -> Offer:
    """Return the offer of one merchant's appliances.

    Switched off: `can_switch_off` units × rated power × duty. Set point: the air conditioners left on, times
    `saving_per_c` for each °C up to `settings.setpoint_c`, or, when one `heats`, down to `heating_setpoint_c`; units
    without a known set point, or already there, are not counted. Lights and other appliances: the units the merchant
    can do without.
    """
    units = units_off = other_off = 0
    lights_off = False
    to_c = settings.heating_setpoint_c if heats else settings.setpoint_c
    from_c: list[float] = []
    switch_off_kw = setpoint_kw = lights_kw = other_kw = 0.0
    for appliance in appliances:
        off = max(0, min(appliance.can_switch_off, appliance.count))
        match appliance.appliance:
            case ApplianceKind.AIR_CONDITIONER:
                running_kw = appliance.rated_kw * settings.air_conditioner_duty
                units += appliance.count
                units_off += off
                switch_off_kw += off * running_kw
                left_on = appliance.count - off
                degrees = 0.0 if appliance.setpoint_c is None else to_c - appliance.setpoint_c
                degrees = -degrees if heats else degrees
                if left_on and appliance.setpoint_c is not None and degrees > 0.0:
                    setpoint_kw += left_on * running_kw * min(1.0, degrees * settings.saving_per_c)
                    from_c.append(appliance.setpoint_c)
            case ApplianceKind.LIGHTING:
                lights_off = lights_off or off > 0
                lights_kw += off * appliance.rated_kw * settings.lighting_duty
            case ApplianceKind.OTHER:
                other_off += off
                other_kw += off * appliance.rated_kw * settings.other_duty
    ask = Ask(
        switch_off_units=units_off,
        of_units=units,
        setpoint_from_c=(max if heats else min)(from_c, default=None),
        setpoint_to_c=to_c if from_c else None,
        lights_off=lights_off,
        other_off_units=other_off,
    )
    return Offer(ask, switch_off_kw, setpoint_kw, lights_kw, other_kw)
