"""Tables of a scenario file that say what the rules must find in its day, when nobody is asked for anything."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from simulator.scenario.values import ClockTime, Count, Part


class VerdictPart(Part, frozen=True):
    """One transformer reaches one level once, between these clock times."""

    transformer_id: str
    level: str
    starts: tuple[ClockTime, ClockTime]
    ends: tuple[ClockTime, ClockTime] | None = None
    """None: still open at the end of the day's readings, or cut by a gap in them."""
    rule: str = "early-warning@1"


class StormPart(Part, frozen=True):
    """Number of transformers that reach a level between these clock times."""

    level: str
    transformers: tuple[Count, Count]
    starts: tuple[ClockTime, ClockTime]
    rule: str = "early-warning@1"


class ExpectedPart(Part, frozen=True):
    """What the rules must find. Of `levels` nothing else may be found, for nobody."""

    levels: Annotated[tuple[str, ...], Meta(min_length=1)] = (
        "early-warning@1/severe_heavy",
        "early-warning@1/overload",
        "two-hours@1/heavy",
        "two-hours@1/overload",
    )
    """Rule and level, as `early-warning@1/overload`: these are complete."""
    verdict: tuple[VerdictPart, ...] = ()
    storm: tuple[StormPart, ...] = ()
