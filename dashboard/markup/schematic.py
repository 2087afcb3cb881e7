"""The network as a drawing of our own: station, feeders, transformers; grey, with colour only for what is abnormal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from dashboard import words
from dashboard.figures import percent
from dashboard.markup.elements import SHAPES, name, state_of
from dashboard.session import link, say
from service.queries.answers import Freshness, TransformerNow

_WIDTH, _LEFT, _ROW, _STEP, _SIZE = 1180, 150, 40, 42, 26
_PER_LINE = (_WIDTH - _LEFT - 20) // _STEP
_MAP_HEIGHT, _MARGIN = 620, 40
_FILLS = {"normal": "#d7dce2", "heavy": "#ffd56b", "severe_heavy": "#b93a0e", "overload": "#7d0f36", "blind": "#ffffff"}
_INKS = {"normal": "#5b6470", "heavy": "#5d3d00", "severe_heavy": "#ffffff", "overload": "#ffffff", "blind": "#5b6470"}


def schematic(transformers: Sequence[TransformerNow], station: str) -> str:
    """Return station → feeder → transformers as SVG, feeders in the order of their names."""
    feeders: dict[str, list[TransformerNow]] = {}
    for now in sorted(transformers, key=lambda n: (n.transformer.feeder_id, n.transformer.transformer_id)):
        feeders.setdefault(now.transformer.feeder_id, []).append(now)
    parts, y, middles = [], 30.0, []
    for feeder_id, of_feeder in feeders.items():
        lines = -(-len(of_feeder) // _PER_LINE)
        middles.append(y)
        last = _LEFT + (min(len(of_feeder), _PER_LINE) - 1) * _STEP
        called = escape(feeder_id or say(words.NO_FEEDER))
        parts.append(f'<text x="{_LEFT - 24}" y="{y - 12}" class="feeder">{called}</text>')
        for i in range(lines):
            until = last if i < lines - 1 else _LEFT + ((len(of_feeder) - 1) % _PER_LINE) * _STEP
            parts.append(f'<path d="M{_LEFT - 30} {y + i * _ROW}H{until}" class="wire"/>')
        if lines > 1:
            parts.append(f'<path d="M{_LEFT - 30} {y}V{y + (lines - 1) * _ROW}" class="wire"/>')
        for i, now in enumerate(of_feeder):
            parts.append(_node(now, _LEFT + (i % _PER_LINE) * _STEP, y + i // _PER_LINE * _ROW))
        y += lines * _ROW + 26
    trunk = f'<path d="M60 {middles[0]}V{middles[-1]}" class="wire"/>' if middles else ""
    trunk += "".join(f'<path d="M60 {at}H{_LEFT - 30}" class="wire"/>' for at in middles)
    top = middles[0] if middles else 30.0
    head = f'<circle cx="60" cy="{top}" r="13" class="station"/>'
    head += f'<text x="8" y="{top - 20}" class="feeder">{escape(station)}</text>'
    return _svg(trunk + head + "".join(parts), y)


def by_position(transformers: Sequence[TransformerNow]) -> str:
    """Return transformers where the ledger says they stand, as SVG; those without a position are left out."""
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
    # The gravest are drawn last, above the others.
    for now, latitude, longitude in reversed(placed):
        x = _MARGIN + (longitude - west) / ((east - west) or 1.0) * (_WIDTH - 2 * _MARGIN)
        y = _MAP_HEIGHT - _MARGIN - (latitude - south) / ((north - south) or 1.0) * (_MAP_HEIGHT - 2 * _MARGIN)
        parts.append(_node(now, x, y))
    return _svg("".join(parts), _MAP_HEIGHT)


def _node(now: TransformerNow, x: float, y: float) -> str:
    kind, word = state_of(now)
    transformer = now.transformer
    rate = percent(now.load_rate) if now.freshness is Freshness.FRESH else "—"
    told = escape(f"{transformer.transformer_id} {transformer.name} · {rate} · {name(word)}")
    address = escape(link("transformer", transformer=transformer.transformer_id))
    sign = "" if kind == "normal" else SHAPES[kind]
    dashes = ' stroke-dasharray="3 2"' if kind == "blind" else ""
    return (
        f'<a href="{address}" target="_self" aria-label="{told}"><title>{told}</title>'
        f'<rect x="{x - _SIZE / 2:.1f}" y="{y - _SIZE / 2:.1f}" width="{_SIZE}" height="{_SIZE}" rx="5" '
        f'fill="{_FILLS[kind]}" stroke="#5b6470"{dashes}/>'
        f'<text x="{x:.1f}" y="{y + 5:.1f}" text-anchor="middle" fill="{_INKS[kind]}" class="sign">{sign}</text></a>'
    )


def _svg(body: str, height: float) -> str:
    return f'<svg class="rv-map" viewBox="0 0 {_WIDTH} {height:.0f}" width="100%" role="img">{body}</svg>'
