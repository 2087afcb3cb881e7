"""One incident: why, the curve, what to do now, whose door next, and what came of it."""

from __future__ import annotations

from html import escape

import streamlit as st

from alerts.model.incidents import IncidentState
from dashboard import words
from dashboard.charts.curve import load_rate_chart
from dashboard.exports import export_links
from dashboard.handling import handling_bar
from dashboard.markup.doors import answered, door, is_answered
from dashboard.markup.elements import draw, head, note, section, trouble
from dashboard.markup.incident import advice_banner, ask_note, incident_top, legend, progress_panel, record
from dashboard.markup.live import beat
from dashboard.session import incident, keep_address, language, link, live_seconds, may, queries, say
from dashboard.visit_entry import (
    answer_buttons,
    change_answer,
    may_redraw,
    reveal_button,
    show_what_was_said,
)
from grid.electrical import Basis
from grid.errors import UsageError
from grid.timestamps import HOUR_US, MINUTE_US
from service.access.rights import Action
from service.queries.answers import DoorRow, IncidentPage

# So many doors are drawn with their buttons at once; the others on request.
_DOORS_SHOWN = 12


def page() -> None:
    """Draw the page."""
    chosen = _choose()
    if chosen is None:
        keep_address()
        draw(head(say(words.INCIDENT)) + note(say(words.NO_INCIDENTS)))
        return
    keep_address(incident=chosen)
    try:
        shown = incident(chosen)
    except UsageError as error:
        trouble(say(words.UNKNOWN_THING, why=say(error.line)))
        return
    show_what_was_said()
    draw(head(say(words.INCIDENT)))
    st.fragment(_live, run_every=live_seconds())(chosen, _shape(shown))
    handling_bar(shown.row)
    if may(Action.SEE_DOORS):
        _doors(shown)
    if may(Action.EXPORT):
        export_links(shown)
    number = say(words.INCIDENT_NUMBER, number=shown.row.incident.incident_id)
    draw(section(say(words.RECORD)) + record(shown.events, shown.row.zone) + note(number))


def _choose() -> str | None:
    asked = st.query_params.get("incident", "")
    if asked:
        return str(asked)
    newest = queries().incidents(open_only=True) or queries().incidents()
    return newest[0].incident.incident_id if newest else None


def _shape(shown: IncidentPage) -> tuple[object, ...]:
    """Return what the part of the page that does not redraw itself depends on."""
    doors = [(row.door.merchant_id, row.revision, row.result, row.result_at_us) for row in shown.doors]
    return (shown.row.incident.state, shown.row.handling, len(shown.events), *doors)


def _live(chosen: str, drawn: tuple[object, ...]) -> None:
    shown = incident(chosen)
    if _shape(shown) != drawn and may_redraw():
        # Somebody answered, or a list was made: the doors and their buttons are drawn anew, once.
        st.rerun(scope="app")
    row = shown.row
    draw(
        beat(shown.now_us)
        + incident_top(row, shown.current, shown.now_us)
        + advice_banner(shown.advice, row.incident.state)
        + ask_note(shown.ask, len(shown.releases))
    )
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _chart(shown)
    with right:
        draw(section(say(words.WHY)) + f'<div class="rv-reason">{escape(say(shown.reason))}</div>')
        if shown.outreach is not None and row.progress is not None:
            panel = progress_panel(row.progress, shown.outreach, shown.advice, row.zone)
            draw(section(say(words.PROGRESS)) + panel)
        address = escape(link("transformer", transformer=row.incident.transformer_id))
        draw(f'<a class="rv-go" href="{address}" target="_self">{escape(say(words.OPEN_ITS_TRANSFORMER))} ›</a>')


def _chart(shown: IncidentPage) -> None:
    incident_shown, ended_us = shown.row.incident, shown.row.incident.closed_at_us
    active_only = bool((shown.curve.basis == Basis.ACTIVE_ONLY).any())
    lines = legend(
        phase=True,
        air=False,
        target=shown.outreach is not None,
        active_only=active_only,
        visits=len(shown.marks) > 1,
        band=shown.band is not None,
    )
    draw(section(say(words.CURVE_SINCE)) + lines)
    st.vega_lite_chart(
        spec=load_rate_chart(
            shown.curve,
            shown.marks,
            from_us=incident_shown.opened_at_us - HOUR_US,
            to_us=shown.now_us if ended_us is None else min(shown.now_us, ended_us + HOUR_US),
            zone=shown.row.zone,
            language=language(),
            levels=queries().ladder,
            gap_us=round(queries().options.gap_minutes * MINUTE_US),
            target_load_rate=shown.outreach.target_load_rate if shown.outreach else None,
            band=shown.band,
        ),
        theme=None,
    )
    if shown.effect is not None:
        draw(note(f"{say(words.EFFECT)}{say(shown.effect)}"))


def _doors(shown: IncidentPage) -> None:
    zone = shown.row.zone
    if shown.outreach is None:
        draw(section(say(words.LIST_OF_DOORS)) + note(say(words.NO_LIST)))
        return
    waiting = [row for row in shown.doors if not is_answered(row)]
    done = [row for row in shown.doors if is_answered(row)]
    if shown.row.incident.state is not IncidentState.OPEN:
        draw(section(f"{say(words.LIST_OF_DOORS)} · {len(shown.doors)}") + answered(shown.doors, zone))
        return
    draw(section(f"{say(words.DOORS_TO_WALK)} · {len(waiting)}"))
    first = waiting if st.session_state.get("every_door") else waiting[:_DOORS_SHOWN]
    for i in range(0, len(first), 2):
        for column, row in zip(st.columns(2, gap="small"), first[i : i + 2], strict=False):
            with column:
                _door(row, zone)
    if len(first) < len(waiting):
        label = say(words.SHOW_OTHER_DOORS, count=len(waiting) - len(first))
        st.button(label, on_click=_show_every_door, icon=":material/expand_more:", width="stretch")
    if done:
        draw(section(f"{say(words.DONE_DOORS)} · {len(done)}") + answered(done, zone))
        change_answer(done)


def _show_every_door() -> None:
    st.session_state["every_door"] = True


def _door(row: DoorRow, zone: str) -> None:
    with st.container(border=True, key=f"door-{row.door.merchant_id}"):
        draw(door(row, zone))
        answer_buttons(row, "incident")
        reveal_button(row, "incident")


page()
