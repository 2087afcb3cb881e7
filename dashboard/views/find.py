"""Find: one field for everything that has a page, and the network as a drawing."""

from __future__ import annotations

from html import escape

import streamlit as st

from dashboard import words
from dashboard.markup.elements import draw, head, note, section
from dashboard.markup.live import beat
from dashboard.markup.matrix import legend
from dashboard.markup.schematic import by_position, schematic
from dashboard.session import keep_address, link, live_seconds, queries, say, wall
from service.queries.find import Found, FoundKind

_KINDS = {
    FoundKind.TRANSFORMER: words.TRANSFORMER,
    FoundKind.INCIDENT: words.INCIDENT,
    FoundKind.MERCHANT: words.MERCHANTS,
}


def page() -> None:
    """Draw the page."""
    draw(head(say(words.FIND)))
    asked = st.text_input(
        say(words.FIND_WHAT), value=st.query_params.get("q", ""), key="find_words", placeholder=say(words.FIND_HINT)
    )
    # Words may be a shop's name or a phone: they never stand in the address.
    keep_address()
    if asked.strip():
        draw(_found(queries().find(asked)))
        return
    shows = {"feeders": say(words.MAP_FEEDERS), "position": say(words.MAP_POSITION)}
    shown = st.segmented_control(
        say(words.MAP),
        options=list(shows),
        default="feeders",
        required=True,
        format_func=lambda kind: shows[kind],
        label_visibility="collapsed",
        key="map_kind",
    )
    st.fragment(_map, run_every=live_seconds() * 2)(shown or "feeders")


def _found(found: tuple[Found, ...]) -> str:
    if not found:
        return note(say(words.FOUND_NOTHING))
    rows = []
    for each in found:
        if each.incident_id:
            address = link("incident", incident=each.incident_id)
        else:
            address = link("transformer", transformer=each.transformer_id)
        rows.append(
            f'<a class="rv-found" href="{escape(address)}" target="_self">'
            f"<small>{escape(say(_KINDS[each.kind]))}</small>"
            f"<b>{escape(each.title)}</b><span>{escape(each.detail)}</span></a>"
        )
    return f'<div class="rv-rows">{"".join(rows)}</div>'


def _map(kind: str) -> None:
    now = wall()
    if not now.transformers:
        draw(beat(now.now_us, live_seconds() * 2) + note(say(words.NO_TRANSFORMERS)))
        return
    station = "、".join(each.name for each in now.stations[:1])
    drawn = schematic(now.transformers, station) if kind == "feeders" else by_position(now.transformers)
    body = section(say(words.MAP)) + (drawn or note(say(words.NO_POSITIONS))) + legend()
    draw(beat(now.now_us, live_seconds() * 2) + body)


page()
