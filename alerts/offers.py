"""What one merchant can offer: appliances × actions, in kW."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from alerts.doors import Ask, OutreachSettings
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


def offer_of(appliances: Iterable[Appliance], settings: OutreachSettings) -> Offer:
    """Return the offer of one merchant's appliances.

    Switched off: `can_switch_off` units × rated power × duty. Set point: the air conditioners left on, times
    `saving_per_c` for each °C up to `settings.setpoint_c`; units without a known set point, or already there,
    are not counted. Lights and other appliances: the units the merchant can do without.
    """
    units = units_off = other_off = 0
    lights_off = False
    setpoint_from_c: float | None = None
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
                if left_on and appliance.setpoint_c is not None and appliance.setpoint_c < settings.setpoint_c:
                    saving = min(1.0, (settings.setpoint_c - appliance.setpoint_c) * settings.saving_per_c)
                    setpoint_kw += left_on * running_kw * saving
                    lowest = appliance.setpoint_c if setpoint_from_c is None else setpoint_from_c
                    setpoint_from_c = min(lowest, appliance.setpoint_c)
            case ApplianceKind.LIGHTING:
                lights_off = lights_off or off > 0
                lights_kw += off * appliance.rated_kw * settings.lighting_duty
            case ApplianceKind.OTHER:
                other_off += off
                other_kw += off * appliance.rated_kw * settings.other_duty
    ask = Ask(
        switch_off_units=units_off,
        of_units=units,
        setpoint_from_c=setpoint_from_c,
        setpoint_to_c=None if setpoint_from_c is None else settings.setpoint_c,
        lights_off=lights_off,
        other_off_units=other_off,
    )
    return Offer(ask, switch_off_kw, setpoint_kw, lights_kw, other_kw)
