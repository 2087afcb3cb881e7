"""Tables of a scenario file that make a ledger: transformer areas with their shops, and what such shops have."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from simulator.scenario.values import Amount, Count, Degrees, Part, Positive, Share

Identifier = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,20}$")]


class ShopPart(Part, frozen=True):
    """What shops of one category have; each is drawn between the two ends."""

    category: str
    units: tuple[Count, Count]
    """Air conditioners."""
    unit_kw: tuple[Positive, Positive] = (1.2, 2.2)
    setpoint_c: tuple[Degrees, Degrees] = (22.0, 25.0)
    lights_kw: tuple[Amount, Amount] = (0.3, 0.9)
    other_kw: tuple[Amount, Amount] = (0.5, 2.0)
    """Everything else, rated."""
    weight: Amount = 1.0
    """How common such shops are where the census draws categories."""
    protected_reason: str = ""
    """Such a shop is protected, for this reason; never asked."""


class AreaPart(Part, frozen=True):
    """One transformer area."""

    transformer_id: Identifier
    name: str
    rated_power_kva: Positive
    shops: Annotated[dict[str, Count], Meta(max_length=200)] = msgspec.field(default_factory=dict)
    """How many of which category."""
    ct_ratio: Positive = 1.0
    indoor: bool = False


class ManyPart(Part, frozen=True):
    """Many transformer areas, drawn by the seed."""

    count: Count
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z]{1,6}$")]
    rated_power_kva: tuple[Positive, ...]
    """Each area has one of these."""
    shops_per_kva: Amount = 0.03
    shops_scatter: Share = 0.4
    """Relative scatter of the number of shops from area to area."""


class CensusPart(Part, frozen=True):
    """A ledger made from the scenario and its seed: station, grids, people, areas, shops, appliances."""

    station: str
    area: tuple[AreaPart, ...] = ()
    many: ManyPart | None = None
    grids: Annotated[int, Meta(ge=1, le=1000)] = 1
    """Service grids; the areas are shared out among them in order."""
    members: Annotated[int, Meta(ge=1, le=50)] = 4
    """Of each grid's team."""
    timezone: str = "Asia/Shanghai"
