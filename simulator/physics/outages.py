"""Outages: who has supply at a moment, and whose meter can send. Customers come back within minutes of the return."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.customers import Bools, Rows
from simulator.scenario.day import minute_of
from simulator.scenario.equipment import OutagePart


class Outages:
    """The outages of a scenario's day, for n draws on t transformers."""

    def __init__(
        self,
        parts: Sequence[OutagePart],
        transformer_ids: Sequence[str],
        transformer: Rows,
        chance: np.random.Generator,
    ) -> None:
        """Draw when each draw (n,) comes back after each outage; `transformer` (n,) is its row."""
        everybody = np.ones(len(transformer_ids), np.bool_)
        self._spans = [(minute_of(part.off_from), minute_of(part.off_until)) for part in parts]
        self._dark = [
            np.array([i in part.transformer_ids for i in transformer_ids], np.bool_)
            if part.transformer_ids
            else everybody
            for part in parts
        ]
        self._dark_draws = [dark[transformer] for dark in self._dark]
        self._back = [
            until + chance.uniform(0.0, part.back_within_minutes, len(transformer))
            for part, (_, until) in zip(parts, self._spans, strict=True)
        ]
        self._none = np.ones(len(transformer), np.bool_), everybody

    def has_supply(self, minutes_since_midnight: float) -> Bools:
        """Return who draws (n,)."""
        now, on = minutes_since_midnight, self._none[0]
        for (start, _), dark, back in zip(self._spans, self._dark_draws, self._back, strict=True):
            if start <= now:
                on = on & ~(dark & (now < back))
        return on

    def can_send(self, minutes_since_midnight: float) -> Bools:
        """Return whose meter has supply (t,)."""
        now, on = minutes_since_midnight, self._none[1]
        for (start, until), dark in zip(self._spans, self._dark, strict=True):
            if start <= now < until:
                on = on & ~dark
        return on
