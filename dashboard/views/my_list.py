"""My list: one person's doors on a phone. The next door is big, its buttons are for a thumb."""

from __future__ import annotations

import streamlit as st

from alerts.model.incidents import IncidentState
from dashboard import words
from dashboard.markup.doors import answered, door, is_answered, why
from dashboard.markup.elements import draw, head, note, section
from dashboard.markup.incident import advice_banner, incident_top
from dashboard.markup.live import beat
from dashboard.session import keep_address, live_seconds, my_list, queries, say
from dashboard.visit_entry import (
    answer_buttons,
    change_answer,
    may_redraw,
    reveal_button,
    show_what_was_said,
)
from service.queries.answers import DoorRow, MyIncident, MyList


def page() -> None:
    """Draw the page."""
    keep_address()
    show_what_was_said()
    mine = my_list()
    draw(head(say(words.MY_LIST), mine.person.name))
    if not mine.incidents:
        draw(note(say(words.MY_LIST_EMPTY)))
    for part in mine.incidents:
        _incident(part, mine.now_us)
    st.fragment(_watch, run_every=live_seconds())(_shape(mine))


def _shape(mine: MyList) -> tuple[object, ...]:
    """Return what the page depends on, the load rate in whole per cent included."""
    return tuple(
        (
            part.row.incident.incident_id,
            part.advice and part.advice.kind,
            percent_now(part),
            tuple((row.door.merchant_id, row.revision, row.result, row.result_at_us) for row in part.doors),
        )
        for part in mine.incidents
    )


def percent_now(part: MyIncident) -> str:
    """Return the load rate now in whole per cent."""
    return f"{part.current.load_rate:.2f} {part.current.freshness.value}"


def _watch(drawn: tuple[object, ...]) -> None:
    draw(beat(queries().now_us()))
    if _shape(my_list()) != drawn and may_redraw():
        st.rerun(scope="app")


def _incident(part: MyIncident, now_us: int) -> None:
    draw(incident_top(part.row, part.current, now_us, small=True))
    draw(advice_banner(part.advice, IncidentState.OPEN))
    waiting = [row for row in part.doors if not is_answered(row)]
    done = [row for row in part.doors if is_answered(row)]
    zone = part.row.zone
    if not waiting:
        draw(note(say(words.ALL_ANSWERED)))
    for i, row in enumerate(waiting):
        if i < 2:
            draw(section(say(words.NEXT_DOOR if i == 0 else words.THEN)))
        _door(row, zone, next_one=i == 0)
    if done:
        draw(section(f"{say(words.DONE_DOORS)} · {len(done)}") + answered(done, zone))
        change_answer(done)


def _door(row: DoorRow, zone: str, *, next_one: bool) -> None:
    with st.container(border=True, key=f"door-mine-{row.incident_id}-{row.door.merchant_id}"):
        draw(door(row, zone, next_one=next_one))
        answer_buttons(row, "next" if next_one else "mine")
        if next_one:
            draw(f'<div class="rv-why">{why(row)}</div>')
        reveal_button(row, "mine")


page()
