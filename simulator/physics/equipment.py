"""What hangs on a transformer besides shops and homes: how it is connected, and what it is told each step.

A kind of equipment is a file of its own (`charging`, `roofs`, `machines`, `outdoors`); all of them answer
the same call with what they draw, negative for what they feed back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from simulator.customers import Bools, Floats, Rows
from simulator.scenario.weather import Sun


@dataclass(frozen=True)
class Connections:
    """Where n draws are connected."""

    transformer: Rows
    """(n,) row in the fleet."""
    phase_share: Floats
    """(n, 3) how the draw is spread over A, B, C."""

    def __len__(self) -> int:
        """Return n."""
        return len(self.transformer)

    @staticmethod
    def of(transformer: int, phases: Floats) -> Connections:
        """Connect rows (n, 3) of phase shares to one transformer."""
        return Connections(np.full(len(phases), transformer, np.int32), phases)

    @staticmethod
    def together(parts: Sequence[Connections]) -> Connections:
        """Return all rows of several, in order."""
        return Connections(
            np.concatenate([part.transformer for part in parts]),
            np.concatenate([part.phase_share for part in parts]),
        )


@dataclass(frozen=True)
class Now:
    """The moment of a step, as equipment needs it."""

    minute: float
    """Of the local day."""
    minutes_since_midnight: float
    """Since the midnight before the scenario's start; negative before."""
    step_minutes: float
    outdoor_c: float
    sun: Sun


@dataclass(frozen=True)
class Load:
    """What n draws take in one step; active power below 0 is fed back."""

    active_kw: Floats
    reactive_kvar: Floats


class Equipment(Protocol):
    """Many similar things on one transformer, with their own state."""

    connections: Connections

    def step(self, now: Now, has_supply: Bools) -> Load:
        """Move by a step and return what is drawn; `has_supply` (n,) is False for rows in an outage."""
        ...


def phases_of(
    count: int, three_phase: bool, weights: tuple[float, float, float], chance: np.random.Generator
) -> Floats:
    """Return the phase shares (count, 3) of customers on all phases, or each on one phase drawn by weight."""
    if three_phase:
        return np.full((count, 3), 1.0 / 3.0)
    share = np.array(weights)
    if share.sum() == 0.0:
        share = np.ones(3)
    return np.eye(3)[chance.choice(3, count, p=share / share.sum())]
