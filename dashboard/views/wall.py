"""The wall: what is heavy now, what is blind, which incidents are open. Made to be read across a room."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.charts.curve import load_rate_chart
from dashboard.figures import time_of_day
from dashboard.markup.elements import alarms, draw, figures, head, note, section
from dashboard.markup.incident import legend
from dashboard.markup.live import beat
from dashboard.markup.matrix import matrix
from dashboard.markup.wall import incident_line, tile
from dashboard.session import keep_address, language, live_seconds, queries, say, transformer, wall
from grid.electrical import Basis
from grid.timestamps import HOUR_US, MINUTE_US
from service.queries.answers import Freshness, Wall

# So few transformers get large tiles. (A text below a constant would be drawn: Streamlit runs this file.)
TILES_LARGE_MAX = 9
INCIDENTS_MAX = 30
INCIDENTS_ON_ONE_SCREEN = 6
WORST_IN_FULL = 6
# More grids than this leave no room for tiles below them on one screen.
GRIDS_BESIDE_TILES = 14
CURVE_HOURS = 3
CURVE_HEIGHT = 215


def page() -> None:
    """Draw the page."""
    keep_address()
    st.fragment(_live, run_every=live_seconds())()


def _live() -> None:
    now = wall()
    zone = now.zone
    place = "、".join(station.name for station in now.stations[:3])
    draw(
        beat(now.now_us)
        + head(say(words.WALL), place, time_of_day(now.now_us, zone, seconds=True))
        + alarms(now.alarms)
        + _figures(now, zone)
    )
    if len(now.transformers) > TILES_LARGE_MAX:
        draw(_many(now, zone))
        return
    draw(section(say(words.OPEN_INCIDENTS)) + _incidents(now, INCIDENTS_MAX))
    draw(section(say(words.ALL_TRANSFORMERS)) + _tiles(now, zone))
    _heaviest(now)


def _many(now: Wall, zone: str) -> str:
    """Return a wall of many areas: nothing scrolls on a large screen, the worst in full, all others as cells."""
    left = section(say(words.OPEN_INCIDENTS)) + _incidents(now, INCIDENTS_ON_ONE_SCREEN)
    worst = "".join(tile(each, now.now_us, zone) for each in now.transformers[:WORST_IN_FULL])
    has_room = len(now.grids) <= GRIDS_BESIDE_TILES
    right = section(say(words.ALL_AREAS, count=len(now.transformers))) + matrix(now.transformers, now.grids)
    if has_room:
        right += section(say(words.WORST_TRANSFORMERS)) + f'<div class="rv-tiles">{worst}</div>'
    return f'<div class="rv-wall"><div>{left}</div><div>{right}</div></div>'


def _heaviest(now: Wall) -> None:
    """Draw the curve of the heaviest transformer, where a few large tiles leave room for it."""
    heaviest = next((each for each in now.transformers if each.freshness is Freshness.FRESH), None)
    if heaviest is None or len(now.transformers) > TILES_LARGE_MAX:
        return
    transformer_id = heaviest.transformer.transformer_id
    to_us = now.now_us // MINUTE_US * MINUTE_US + MINUTE_US
    shown = transformer(transformer_id, to_us - CURVE_HOURS * HOUR_US, to_us)
    curve = queries().curve(transformer_id, to_us - CURVE_HOURS * HOUR_US, to_us)
    active_only = bool((curve.basis == Basis.ACTIVE_ONLY).any())
    title = say(words.HEAVIEST, transformer=f"{transformer_id} {heaviest.transformer.name}", hours=CURVE_HOURS)
    lines = legend(phase=True, air=False, target=False, active_only=True, visits=False) if active_only else ""
    draw(section(title) + lines)
    st.vega_lite_chart(
        spec=load_rate_chart(
            curve,
            shown.marks,
            from_us=to_us - CURVE_HOURS * HOUR_US,
            to_us=to_us,
            zone=shown.zone,
            language=language(),
            levels=queries().ladder,
            gap_us=round(queries().options.gap_minutes * MINUTE_US),
            height=CURVE_HEIGHT,
        ),
        theme=None,
    )


def _figures(now: Wall, zone: str) -> str:
    counts = now.counts

    def kind(count: int, name: str) -> str:
        return name if count else ""

    return figures(
        [
            (str(counts.watched), say(words.WATCHED), ""),
            (str(counts.overload), f"■ {say(words.OVERLOAD_COUNT)}", kind(counts.overload, "overload")),
            (str(counts.severe_heavy), f"◆ {say(words.SEVERE_COUNT)}", kind(counts.severe_heavy, "severe_heavy")),
            (str(counts.heavy), f"▲ {say(words.HEAVY_COUNT)}", kind(counts.heavy, "heavy")),
            (str(counts.open_incidents), say(words.OPEN_INCIDENTS_COUNT), ""),
            (str(counts.no_voltage), f"✕ {say(words.NO_VOLTAGE_COUNT)}", kind(counts.no_voltage, "dark")),
            (str(counts.silent), f"○ {say(words.BLIND_COUNT)}", kind(counts.silent, "blind")),
            (str(counts.never_seen), f"○ {say(words.NEVER_SEEN_COUNT)}", kind(counts.never_seen, "blind")),
            (time_of_day(counts.last_received_at_us, zone, seconds=True), say(words.LAST_RECEIVED), "time"),
        ]
    )


def _incidents(now: Wall, limit: int) -> str:
    if not now.open_incidents:
        return note(say(words.NO_OPEN_INCIDENTS))
    shown = now.open_incidents[:limit]
    rows = "".join(incident_line(row, now.now_us) for row in shown)
    more = len(now.open_incidents) - len(shown)
    rest = note(say(words.MORE_INCIDENTS, count=more)) if more else ""
    return f'<div class="rv-rows">{rows}</div>{rest}'


def _tiles(now: Wall, zone: str) -> str:
    if not now.transformers:
        return note(say(words.NO_TRANSFORMERS))
    tiles = "".join(tile(each, now.now_us, zone) for each in now.transformers)
    return f'<div class="rv-tiles few">{tiles}</div>'


page()
