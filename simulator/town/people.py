"""How merchants answer a visit, what they then do, and how long a visit takes. By character and seed, never by order.

A merchant's character is drawn from the seed, the merchant's own id and the mood of their street that day, so it does
not matter who is asked first, or whether others are in the town.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from statistics import NormalDist

import numpy as np

from grid.assets import Ledger, Merchant
from grid.timestamps import MINUTE_US
from simulator.rng import rng
from simulator.scenario.day import DayCurve
from simulator.scenario.parts import Character
from simulator.scenario.scenario import Scenario


class Reply(Enum):
    """What a merchant says and does when asked."""

    DOES = "does"
    """Agrees, and it is done while the team is there."""
    DOES_LATER = "does_later"
    """Agrees, and does it after a while."""
    PROMISES_ONLY = "promises_only"
    """Agrees, and does nothing."""
    REFUSES = "refuses"
    ABSENT = "absent"


@dataclass(frozen=True)
class Measures:
    """What a merchant is asked to switch off; the simulator's own word for the ask of an outreach list."""

    switch_off_units: int = 0
    setpoint_to_c: float | None = None
    lights_off: bool = False


@dataclass(frozen=True)
class Action:
    """What a merchant has done by a moment; later deeds of the same answer go further."""

    at_us: int
    measures: Measures


@dataclass(frozen=True)
class Answer:
    """The outcome of one visit."""

    reply: Reply
    ends_at_us: int
    """When the team leaves the door."""
    actions: tuple[Action, ...]
    """What really happens and when, in order of time; empty if nothing does."""


@dataclass(frozen=True)
class Temper:
    """What a merchant is like, drawn once."""

    willing: Reply
    """What this merchant does when there and not yet tired of being asked; never ABSENT."""
    absent_share: float
    later_minutes: float
    endures_c: float
    follows_after_hours: float
    """Time of full example after which this merchant follows; infinite for who would not agree."""


class People:
    """The merchants' side of the street. Immutable; the number of earlier visits is an argument."""

    def __init__(self, ledger: Ledger, scenario: Scenario, seed: int) -> None:
        """Draw every merchant's temper."""
        self._scenario = scenario
        self._seed = seed
        self._visit_length = DayCurve.of(scenario.visit.length)
        self._tempers: Mapping[str, Temper] = {m.merchant_id: self._temper(m) for m in ledger.merchants}

    def temper(self, merchant_id: str) -> Temper:
        """Return what a merchant is like. Raises KeyError for nobody's id."""
        return self._tempers[merchant_id]

    def answer(self, merchant_id: str, measures: Measures, at_us: int, visits_before: int = 0) -> Answer:
        """Return how a merchant answers a visit that begins at `at_us`. Raises KeyError for nobody's id."""
        temper, visit = self._tempers[merchant_id], self._scenario.visit
        chance = rng(self._seed, "visit", merchant_id, str(visits_before))
        is_absent = chance.random() < temper.absent_share
        is_tired = chance.random() >= self._scenario.people.asked_again_factor**visits_before
        reply = Reply.ABSENT if is_absent else Reply.REFUSES if is_tired else temper.willing
        longer = self._visit_length.at(self._scenario.minute(at_us))

        def after(minutes: float) -> int:
            return at_us + round(minutes * longer * MINUTE_US)

        match reply:
            case Reply.ABSENT:
                return Answer(reply, after(visit.absent_minutes), ())
            case Reply.REFUSES:
                return Answer(reply, after(visit.refusal_minutes), ())
            case Reply.PROMISES_ONLY:
                return Answer(reply, after(visit.greeting_minutes), ())
            case Reply.DOES_LATER:
                ends_at_us = after(visit.greeting_minutes)
                done_at_us = ends_at_us + round(temper.later_minutes * MINUTE_US)
                return Answer(reply, ends_at_us, (Action(done_at_us, measures),))
            case Reply.DOES:
                lights_at = visit.greeting_minutes + visit.lights_minutes * measures.lights_off
                actions = tuple(
                    Action(after(lights_at + unit * visit.minutes_per_unit), replace(measures, switch_off_units=unit))
                    for unit in range(measures.switch_off_units + 1)
                )
                return Answer(reply, actions[-1].at_us, actions)

    def walking_us(self, doors: float) -> int:
        """Return how long the team walks past a number of doors [µs]."""
        visit = self._scenario.visit
        return round(abs(doors) * visit.metres_per_door / visit.walking_m_per_minute * MINUTE_US)

    def _temper(self, merchant: Merchant) -> Temper:
        part, character = self._scenario.people, self._character(merchant)
        chance = rng(self._seed, "temper", merchant.merchant_id)
        replies = (Reply.DOES, Reply.DOES_LATER, Reply.PROMISES_ONLY, Reply.REFUSES)
        weights = np.cumsum([getattr(character, reply.value) for reply in replies])
        shared = part.day_correlation
        mood = rng(self._seed, "mood of the day", merchant.transformer_id).normal()
        behind = math.sqrt(shared) * mood + math.sqrt(1.0 - shared) * chance.normal()
        place = NormalDist().cdf(behind) * weights[-1]
        willing = replies[min(int(np.searchsorted(weights, place, side="right")), len(replies) - 1)]
        later_minutes = float(chance.uniform(*part.later_minutes))
        endures_c = float(chance.uniform(*part.endures_c))
        patience_hours = float(chance.gamma(4.0, part.example_hours / 4.0))
        follows = willing in (Reply.DOES, Reply.DOES_LATER) and not merchant.protected
        return Temper(
            Reply.REFUSES if merchant.protected else willing,
            character.absent,
            later_minutes,
            endures_c,
            patience_hours if follows else float("inf"),
        )

    def _character(self, merchant: Merchant) -> Character:
        fitting = {character.category: character for character in self._scenario.people.character}
        return fitting.get(merchant.category, fitting["*"])
