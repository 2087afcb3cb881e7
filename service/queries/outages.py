"""Outages as they stand now, for the lines above the wall; a transformer by itself has its tile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alerts.model.display_names import transformer_name
from alerts.outages.detection import Outage, OutageScope, find_outages
from alerts.outages.words import supply_lost
from grid.supply import Supply
from grid.text import Text
from service.queries.answers import TransformerNow
from service.queries.ledger_view import Ground

OUTAGES_SHOWN_MAX = 5
"""So many stand above the wall, the largest first; every transformer without voltage has its tile (own choice)."""


def outages_now(transformers: Sequence[TransformerNow], ground: Ground) -> tuple[Outage, ...]:
    """Return the outages among transformers as they are now; all of the ledger, so that the others can speak."""
    watched = ground.watched
    without = {
        now.transformer.transformer_id: now.no_voltage_since_us
        for now in transformers
        if now.no_voltage_since_us is not None
    }
    if not without:
        return ()
    supply = np.full(len(watched.transformer_ids), Supply.UNSEEN, np.int8)
    measured_us = np.full(len(watched.transformer_ids), -1, np.int64)
    for now in transformers:
        row = ground.numbers.get(now.transformer.transformer_id)
        if row is not None and now.measured_at_us is not None:
            supply[row], measured_us[row] = now.supply, now.measured_at_us
    station_of = {t.transformer_id: t.station_id for t in ground.ledger.transformers}
    return find_outages(watched, station_of, without, supply, measured_us)


def outage_lines(transformers: Sequence[TransformerNow], ground: Ground) -> tuple[Text, ...]:
    """Return a line for each feeder that is without voltage as a whole or in part, the largest first."""
    found = [o for o in outages_now(transformers, ground) if o.scope is not OutageScope.TRANSFORMER]
    found.sort(key=lambda outage: -len(outage.transformer_ids))
    lines = []
    for outage in found[:OUTAGES_SHOWN_MAX]:
        first = ground.transformer(outage.transformer_ids[0])
        lines.append(supply_lost(outage, transformer_name(first), ground.view.zone(first.transformer_id)))
    return tuple(lines)
