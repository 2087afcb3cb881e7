"""Photovoltaic roofs: what the sun gives them feeds the grid, and flows back when it is too much.

Output = peak × irradiance/1,000 W/m² × performance × (1 + per_k × (cell − 25 °C)), the cell warmer than the air by
(NOCT − 20)/800 kelvin per W/m² with NOCT 45 °C (IEC 61215). Unity power factor. Without supply an inverter stops
(islanding protection, IEC 62116).
"""

from __future__ import annotations

import numpy as np

from simulator.customers import Bools
from simulator.physics.equipment import Connections, Load, Now, phases_of
from simulator.scenario.equipment import RoofPart

_CELL_K_PER_W_M2 = (45.0 - 20.0) / 800.0
_RATING_CELL_C = 25.0
_AZIMUTH_SCATTER_DEG = 12.0


class Roofs:
    """Roofs of one transformer area, each looking a little another way."""

    def __init__(self, part: RoofPart, transformer: int, chance: np.random.Generator) -> None:
        """Draw sizes and directions."""
        self.connections = Connections.of(
            transformer, phases_of(part.count, part.three_phase, part.phase_weights, chance)
        )
        self._part = part
        self._peak_kw = part.peak_kw * chance.lognormal(-0.5 * part.peak_scatter**2, part.peak_scatter, part.count)
        self._tilt_deg = np.full(part.count, part.tilt_deg)
        self._azimuth_deg = chance.normal(part.azimuth_deg, _AZIMUTH_SCATTER_DEG, part.count)

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Return what the roofs feed in, as a negative draw."""
        falls_w_m2 = now.sun.on_plane(self._tilt_deg, self._azimuth_deg)
        cell_c = now.outdoor_c + _CELL_K_PER_W_M2 * falls_w_m2
        warmer_k = cell_c - _RATING_CELL_C
        gives_kw = self._peak_kw * falls_w_m2 / 1000.0 * self._part.performance * (1.0 + self._part.per_k * warmer_k)
        return Load(-gives_kw * has_supply, np.zeros(len(gives_kw)))
