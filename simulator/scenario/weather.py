"""Outdoor air and sun of one day at one place.

The air temperature is given (observed or made up, as the scenario says); the sun is computed from place
and date. Both drive the load; neither is drawn to fit it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from simulator.scenario.day import DayCurve
from simulator.scenario.parts import WeatherPart

_SOLAR_CONSTANT_W_M2 = 1361.0
_PRESSURE_HPA = 1013.25
_GROUND_REFLECTANCE = 0.2
"""Asphalt and paving, practice."""


@dataclass(frozen=True)
class Sun:
    """Where the sun stands and what it sends. Angles in radians, azimuth clockwise from north."""

    elevation: float
    azimuth: float
    beam_w_m2: float
    """On a plane facing the sun."""
    diffuse_w_m2: float
    """From the sky, on the ground."""

    @property
    def on_ground_w_m2(self) -> float:
        """Return what falls on level ground: beam and sky [W/m²], the global irradiance of a weather station."""
        return self.beam_w_m2 * max(math.sin(self.elevation), 0.0) + self.diffuse_w_m2

    def on_plane(self, tilt_deg: NDArray[np.float64], azimuth_deg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what falls on planes (n,) tilted from the level and facing `azimuth_deg` [W/m²].

        Beam by the angle of incidence, sky and ground as isotropic (Liu and Jordan 1963).
        """
        tilt, away = np.radians(tilt_deg), self.azimuth - np.radians(azimuth_deg)
        facing = math.sin(self.elevation) * np.cos(tilt) + math.cos(self.elevation) * np.sin(tilt) * np.cos(away)
        falls: NDArray[np.float64] = (
            self.beam_w_m2 * np.maximum(facing, 0.0)
            + self.diffuse_w_m2 * (1.0 + np.cos(tilt)) / 2.0
            + _GROUND_REFLECTANCE * self.on_ground_w_m2 * (1.0 - np.cos(tilt)) / 2.0
        )
        return falls

    def on_facades(self, azimuth_deg: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what falls on upright walls (n,) facing `azimuth_deg` [W/m²]: beam, half the sky, the ground."""
        facing: NDArray[np.float64] = np.cos(self.azimuth - np.radians(azimuth_deg)) * math.cos(self.elevation)
        return (
            self.beam_w_m2 * np.maximum(facing, 0.0)
            + 0.5 * self.diffuse_w_m2
            + 0.5 * _GROUND_REFLECTANCE * self.on_ground_w_m2
        )


@dataclass(frozen=True)
class Weather:
    """One day's weather at one place. Minutes are of the local clock."""

    day: date
    latitude_deg: float
    longitude_deg: float
    utc_offset_hours: float
    temperature: DayCurve
    clearness: DayCurve
    """Share of the clear-sky beam that gets through: 1 clear, 0 overcast."""
    humidity: DayCurve | None = None
    """Relative, a fraction; None where nobody says."""

    @staticmethod
    def of(day: date, utc_offset_hours: float, part: WeatherPart) -> Weather:
        """Return the weather of a scenario's day."""
        return Weather(
            day,
            part.latitude_deg,
            part.longitude_deg,
            utc_offset_hours,
            DayCurve.of(part.temperature_c),
            DayCurve.of(part.clearness),
            DayCurve.of(part.humidity) if part.humidity else None,
        )

    def moisture_g_kg(self, minute: float) -> float | None:
        """Return the moisture of the outdoor air [g/kg of dry air] at sea level; None where nobody says.

        Saturation pressure after Magnus with the constants of the World Meteorological Organization (WMO-No. 8).

        >>> warm = DayCurve.of([("00:00", 35.0)])
        >>> damp = DayCurve.of([("00:00", 0.4)])
        >>> f"{Weather(date(2021, 7, 24), 40.0, 116.0, 8.0, warm, warm, damp).moisture_g_kg(0.0):.1f}"
        '14.1'
        """
        if self.humidity is None:
            return None
        air_c = self.temperature_c(minute)
        vapour_hpa = self.humidity.at(minute) * 6.112 * math.exp(17.62 * air_c / (243.12 + air_c))
        return 622.0 * vapour_hpa / (_PRESSURE_HPA - vapour_hpa)

    def temperature_c(self, minute: float) -> float:
        """Return the outdoor air temperature [°C]."""
        return self.temperature.at(minute)

    def sun(self, minute: float) -> Sun:
        """Return the sun at a minute of the local clock; no beam and no sky light at night.

        Declination and equation of time after Spencer (1971); clear-sky beam 1361·0.7^(AM^0.678) after
        Meinel and Meinel (1976), air mass after Kasten and Young (1989). Of the beam that haze and cloud
        take away half comes down as sky light, on top of a tenth of the clear beam (practice).
        """
        angle = 2.0 * math.pi * (self.day.timetuple().tm_yday - 1) / 365.0
        declination = (
            0.006918
            - 0.399912 * math.cos(angle)
            + 0.070257 * math.sin(angle)
            - 0.006758 * math.cos(2 * angle)
            + 0.000907 * math.sin(2 * angle)
        )
        equation_minutes = 229.18 * (
            0.000075
            + 0.001868 * math.cos(angle)
            - 0.032077 * math.sin(angle)
            - 0.014615 * math.cos(2 * angle)
            - 0.04089 * math.sin(2 * angle)
        )
        solar_minute = minute + equation_minutes + 4.0 * self.longitude_deg - 60.0 * self.utc_offset_hours
        hour_angle = math.radians((solar_minute - 720.0) / 4.0)
        latitude = math.radians(self.latitude_deg)
        sine = math.sin(latitude) * math.sin(declination) + math.cos(latitude) * math.cos(declination) * math.cos(
            hour_angle
        )
        elevation = math.asin(max(-1.0, min(1.0, sine)))
        azimuth = math.pi + math.atan2(
            math.sin(hour_angle),
            math.cos(hour_angle) * math.sin(latitude) - math.tan(declination) * math.cos(latitude),
        )
        if elevation <= 0.0:
            return Sun(elevation, azimuth, 0.0, 0.0)
        elevation_deg = math.degrees(elevation)
        air_mass = 1.0 / (sine + 0.50572 * (elevation_deg + 6.07995) ** -1.6364)
        clear_beam = _SOLAR_CONSTANT_W_M2 * 0.7 ** (air_mass**0.678)
        clearness = self.clearness.at(minute)
        diffuse = clear_beam * sine * (0.1 + 0.5 * (1.0 - clearness))
        return Sun(elevation, azimuth, clear_beam * clearness, diffuse)
