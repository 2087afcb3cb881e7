"""Neighbours who follow an example: who sees the shops beside him do it, does it too after a while."""

from __future__ import annotations

import numpy as np

from grid.assets import Ledger
from simulator.customers import Bools, Floats
from simulator.town.people import People


class Example:
    """State: how long each merchant has seen how many of its neighbours take part, in hours of full example."""

    def __init__(self, ledger: Ledger, people: People, doors_each_side: int) -> None:
        """Find each merchant's neighbours: up to `doors_each_side` on each side along the walk of its street."""
        merchants = ledger.merchants
        self._patience_hours = np.array([people.temper(m.merchant_id).follows_after_hours for m in merchants])
        self._seen_hours: Floats = np.zeros(len(merchants))
        streets: dict[str, list[int]] = {}
        for row, merchant in enumerate(merchants):
            streets.setdefault(merchant.transformer_id, []).append(row)
        beside_of: list[list[int]] = [[] for _ in merchants]
        for rows in streets.values():
            rows.sort(key=lambda row: (merchants[row].walk_order or 0, merchants[row].merchant_id))
            for place, row in enumerate(rows):
                beside = rows[max(place - doors_each_side, 0) : place] + rows[place + 1 : place + 1 + doors_each_side]
                beside_of[row] = beside
        self._beside = np.array([row for beside in beside_of for row in beside], np.int64)
        self._beside_whom = np.repeat(np.arange(len(merchants)), [len(beside) for beside in beside_of])
        self._neighbours = np.maximum(np.bincount(self._beside_whom, minlength=len(merchants)), 1)

    def follow(self, takes_part: Bools, minutes: float) -> Bools:
        """Let `minutes` pass and return who begins to follow now (m,), given who takes part already (m,)."""
        if not takes_part.any():
            return np.zeros(len(takes_part), np.bool_)
        taking_part = np.bincount(self._beside_whom, weights=takes_part[self._beside], minlength=len(takes_part))
        self._seen_hours += taking_part / self._neighbours * minutes / 60.0
        return ~takes_part & (self._seen_hours >= self._patience_hours)
