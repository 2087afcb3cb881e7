"""From the customers' draw to what the meter at the transformer shows: phases, voltage drop, currents, oil."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grid.fleet import Fleet
from simulator.customers import Customers, Floats
from simulator.physics.equipment import Connections
from simulator.scenario.parts import SupplyPart

_TOP_OIL_RISE_K = 60.0
_OIL_MINUTES = 180.0
_LOSS_RATIO = 7.5
_OIL_EXPONENT = 0.8
"""Distribution transformer ONAN, IEC 60076-7:2018."""
_TURN = np.exp(-2j * np.pi * np.arange(3) / 3.0)


@dataclass(frozen=True)
class Metered:
    """What the meters of t transformers show; (t,) or (t, 3), rounded as meters round."""

    voltage_v: Floats
    current_amp: Floats
    active_power_kw: Floats
    reactive_power_kvar: Floats
    neutral_current_amp: Floats
    oil_temperature_c: Floats


class Supply:
    """The transformers: load by phase in, meter values out. Its state is the oil."""

    def __init__(self, draws: Customers | Connections, fleet: Fleet, part: SupplyPart, ambient_c: float) -> None:
        """Connect `draws` (c,). Start with the oil a quarter of its rated rise above the air."""
        self._part = part
        self._rated_phase_kva = fleet.rated_power_kva / 3.0
        self._phase_share = draws.phase_share
        self._cell = (draws.transformer[:, None] * 3 + np.arange(3)).ravel()
        self._cells = 3 * len(fleet)
        self.oil_c: Floats = np.full(len(fleet), ambient_c + 0.25 * _TOP_OIL_RISE_K)
        """(t,) top-oil temperature."""

    def step(self, active_kw: Floats, reactive_kvar: Floats, ambient_c: float, minutes: float) -> Metered:
        """Return the meter values for the draws (c,), negative where fed back, and move the oil by `minutes`.

        Voltage: no load minus r·P + x·Q of the phase in per unit (EN 60909 short-circuit voltage of the
        transformer; the drop along the street is behind the meter). Neutral current: the phasor sum of the
        phase currents, harmonics left out.
        """
        active = self._by_phase(active_kw)
        reactive = self._by_phase(reactive_kvar)
        rated = self._rated_phase_kva[:, None]
        reactance = np.sqrt(self._part.short_circuit_voltage**2 - self._part.resistance**2)
        drop = self._part.resistance * active / rated + reactance * reactive / rated
        voltage_v = np.round(self._part.source_voltage_v * (1.0 - drop), 1)
        current = 1000.0 * (active - 1j * reactive) / voltage_v * _TURN
        total_kva = np.hypot(active.sum(axis=1), reactive.sum(axis=1))
        self._heat_oil(total_kva / (3.0 * self._rated_phase_kva), ambient_c, minutes)
        return Metered(
            voltage_v=voltage_v,
            current_amp=np.round(np.abs(current), 2),
            active_power_kw=np.round(active.sum(axis=1), 2),
            reactive_power_kvar=np.round(reactive.sum(axis=1), 2),
            neutral_current_amp=np.round(np.abs(current.sum(axis=1)), 1),
            oil_temperature_c=np.round(self.oil_c, 1),
        )

    def _by_phase(self, values: Floats) -> NDArray[np.float64]:
        spread = (values[:, None] * self._phase_share).ravel()
        return np.bincount(self._cell, weights=spread, minlength=self._cells).astype(np.float64).reshape(-1, 3)

    def _heat_oil(self, load_rate: Floats, ambient_c: float, minutes: float) -> None:
        """Move the top oil towards its steady rise (IEC 60076-7:2018, exponential form, k11 = 1)."""
        rise = _TOP_OIL_RISE_K * ((1.0 + _LOSS_RATIO * load_rate**2) / (1.0 + _LOSS_RATIO)) ** _OIL_EXPONENT
        self.oil_c = self.oil_c + (ambient_c + rise - self.oil_c) * (1.0 - np.exp(-minutes / _OIL_MINUTES))
