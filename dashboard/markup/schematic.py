"""The network as a drawing of our own: station, feeders, transformers; grey, with colour only for what is abnormal.

Drawn with boxes and lines of the page itself: the sanitiser of the pages takes no SVG, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard import words
from dashboard.markup.matrix import cell
from dashboard.session import say
from service.queries.answers import TransformerNow


def schematic(transformers: Sequence[TransformerNow], station: str) -> str:
    """Return station → feeder → transformers, feeders in the order of their names."""
    feeders: dict[str, list[TransformerNow]] = {}
    for now in sorted(transformers, key=lambda n: (n.transformer.feeder_id, n.transformer.transformer_id)):
        feeders.setdefault(now.transformer.feeder_id, []).append(now)
    rows = [
        f'<div class="feeder"><span class="called">{escape(feeder_id or say(words.NO_FEEDER))}</span>'
        f'<span class="wire">{"".join(cell(now) for now in of_feeder)}</span></div>'
        for feeder_id, of_feeder in feeders.items()
    ]
    head = f'<div class="station">⌂ {escape(station)}</div>'
    return f'<div class="rv-net">{head}<div class="trunk">{"".join(rows)}</div></div>'


def by_position(transformers: Sequence[TransformerNow]) -> str:
    """Return transformers where the ledger says they stand; those without a position are left out."""
    placed = [
        (now, now.transformer.latitude, now.transformer.longitude)
        for now in transformers
        if now.transformer.latitude is not None and now.transformer.longitude is not None
    ]
    if not placed:
        return ""
    south, north = min(p[1] for p in placed), max(p[1] for p in placed)
    west, east = min(p[2] for p in placed), max(p[2] for p in placed)
    parts = []
    # The gravest come last, above the others.
    for now, latitude, longitude in reversed(placed):
        left = (longitude - west) / ((east - west) or 1.0) * 100
        top = (north - latitude) / ((north - south) or 1.0) * 100
        parts.append(f'<span class="at" style="left:{left:.2f}%;top:{top:.2f}%">{cell(now)}</span>')
    return f'<div class="rv-net map"><div class="ground">{"".join(parts)}</div></div>'
