"""All areas at one look: a cell each by service grid, counts by grid for a large fleet; never green where unseen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from html import escape

from dashboard import words
from dashboard.figures import percent
from dashboard.markup.elements import SHAPES, name, state_of
from dashboard.session import link, say
from grid.assets import ServiceGrid
from service.queries.answers import Freshness, TransformerNow

CELLS_MAX = 720
"""More areas than this are told as counts by grid: cells would be too small to read or to click."""
_ORDER = ("overload", "severe_heavy", "heavy", "dark", "blind", "normal")
GRIDS_MAX = 240
"""More grids than this are not listed one by one; those with something to see come first."""


def matrix(transformers: Sequence[TransformerNow], grids: Sequence[ServiceGrid]) -> str:
    """Return every area, in the order of the ledger within its grid; grids in the order of the ledger."""
    by_grid: dict[str, list[TransformerNow]] = {grid.grid_id: [] for grid in grids}
    for now in transformers:
        by_grid.setdefault(now.transformer.grid_id, []).append(now)
    names = {grid.grid_id: grid.name for grid in grids}
    shown = [(names.get(grid_id) or grid_id, of_grid) for grid_id, of_grid in by_grid.items() if of_grid]
    if len(transformers) > CELLS_MAX:
        return _counts(shown)
    rows = [_row(called, sorted(of_grid, key=lambda n: n.transformer.transformer_id)) for called, of_grid in shown]
    return f'<div class="rv-matrix">{"".join(rows)}</div>{legend()}'


def _row(called: str, of_grid: Sequence[TransformerNow]) -> str:
    cells = "".join(cell(now) for now in of_grid)
    heading = escape(called or say(words.NO_GRID))
    return f'<div class="grid"><span class="called">{heading}</span><span class="cells">{cells}</span></div>'


def cell(now: TransformerNow) -> str:
    """Return one area as a cell that opens its page: colour, sign, and all of it in words."""
    kind, word = state_of(now)
    transformer = now.transformer
    rate = percent(now.load_rate) if now.freshness is Freshness.FRESH else "—"
    told = f"{transformer.transformer_id} {transformer.name} · {rate} · {name(word)}"
    if now.lost_feeder:
        told += f" · {say(words.FEEDER_LOST, feeder=now.lost_feeder)}"
    phase = " phase" if now.level is None and now.phase_level else ""
    address = escape(link("transformer", transformer=transformer.transformer_id))
    sign = "" if kind == "normal" else SHAPES[kind]
    return (
        f'<a class="cell {kind}{phase}" href="{address}" target="_self" title="{escape(told)}" '
        f'aria-label="{escape(told)}">{sign}</a>'
    )


def _counts(shown: Sequence[tuple[str, Sequence[TransformerNow]]]) -> str:
    """Return one line for each grid: how many areas are in which state."""
    counted = [(called, Counter(state_of(now)[0] for now in of_grid)) for called, of_grid in shown]
    counted.sort(key=lambda each: [-each[1][kind] for kind in _ORDER[:-1]])
    lines = []
    for called, counts in counted[:GRIDS_MAX]:
        parts = "".join(f'<span class="{kind}">{SHAPES[kind]} {counts[kind]}</span>' for kind in _ORDER if counts[kind])
        lines.append(
            f'<div class="grid"><span class="called">{escape(called or say(words.NO_GRID))}</span>{parts}</div>'
        )
    return f'<div class="rv-matrix counts">{"".join(lines)}</div>{legend()}'


def legend() -> str:
    """Return what the cells mean, each with its sign."""
    known = (
        ("overload", words.OVERLOAD_COUNT),
        ("severe_heavy", words.SEVERE_COUNT),
        ("heavy", words.HEAVY_COUNT),
        ("dark", words.NO_VOLTAGE_COUNT),
        ("blind", words.BLIND_COUNT),
        ("normal", words.NORMAL),
    )
    parts = [f'<span><i class="cell {kind}"></i>{SHAPES[kind]} {escape(say(text))}</span>' for kind, text in known]
    return f'<div class="rv-matrix-legend">{"".join(parts)}</div>'
