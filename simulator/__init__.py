"""A hot town that stands in for the hardware: load is a result of weather, rooms, people and what is asked of them.

The town is built from ledger sheets and a scenario file; it publishes over a real broker like any device,
and it obeys visits. Everything it says is simulated.

For tests of one's own, `street` gives a small street and its day in a few lines:

>>> from simulator import street
>>> noon = street(homes=20, rated_power_kva=315).day("11:00", "11:05")
>>> len(noon.readings), noon.fleet.transformer_ids
(6, ('T01',))
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.town.small_street import SmallStreet


def street(
    shops: Mapping[str, int] | None = None,
    *,
    homes: int = 40,
    rated_power_kva: float = 400.0,
    hottest_c: float = 36.0,
    date: str = "2021-07-24",
    interval_minutes: int = 1,
    seed: int = 1,
    transformer_id: str = "T01",
) -> SmallStreet:
    """Return a small street: one transformer [kVA], shops by category, homes, a summer day as hot as `hottest_c` [°C].

    Without `shops` it has eight of three kinds; the categories are those of the habits `county-town`. The same
    arguments give the same readings, bit by bit. Raises SettingsError for an unknown category or an impossible value.
    """
    from simulator.town.small_street import small_street

    given = {"餐饮": 3, "服装": 3, "超市便利": 2} if shops is None else shops
    return small_street(given, homes, rated_power_kva, hottest_c, date, interval_minutes, seed, transformer_id)
