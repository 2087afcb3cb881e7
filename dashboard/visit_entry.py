"""Entering what a door said, and looking at a phone number: the two things that people do here."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from alerts.outreach.planner import VisitResult
from dashboard import words
from dashboard.markup.elements import draw, plain, section, trouble
from dashboard.session import forget_answers, may, person, say, visits
from grid.errors import RedvestError
from service.access.rights import Action
from service.queries.answers import DoorRow

_REASON_LETTERS_MIN = 4
_ORDER = (VisitResult.AGREED, VisitResult.REFUSED, VisitResult.ABSENT, VisitResult.ASKED, VisitResult.DONE)


def answer_buttons(row: DoorRow, place: str) -> None:
    """Draw one row of buttons for a door. The newest result is the filled one; pressing another changes it.

    Whoever belongs to nobody in the ledger, or may not answer, gets none.
    """
    if not (may(Action.ANSWER) and person()):
        return
    with st.container(key=f"answers-{place}-{row.incident_id}-{row.door.merchant_id}"):
        for result in _ORDER:
            st.button(
                f"{words.RESULT_SHAPES[result]} {say(words.RESULT_BUTTONS[result])}",
                key=f"{place}-{row.incident_id}-{row.door.merchant_id}-{result.value}",
                type="primary" if row.result is result else "secondary",
                on_click=_record,
                args=(row, result),
                width="stretch",
            )


def change_answer(rows: Sequence[DoorRow]) -> None:
    """Draw, folded away, how to change what was recorded at a door; the newest answer counts, none is lost."""
    if not (may(Action.ANSWER) and person()):
        return
    by_id = {row.door.merchant_id: row for row in rows}
    with st.expander(say(words.CHANGE_ANSWER), icon=":material/edit:"):
        chosen = st.selectbox(
            say(words.CHANGE_ANSWER),
            options=list(by_id),
            format_func=lambda merchant_id: f"{by_id[merchant_id].door.order}. {by_id[merchant_id].merchant_name}",
            index=None,
            placeholder=say(words.CHOOSE_DOOR),
            label_visibility="collapsed",
            key=f"change-{rows[0].incident_id}",
        )
        if chosen:
            answer_buttons(by_id[chosen], "change")
            reveal_button(by_id[chosen], "change")


def _record(row: DoorRow, result: VisitResult) -> None:
    try:
        visits().record_visit(row.incident_id, row.door.merchant_id, result, person())
    except RedvestError as error:
        st.session_state["said"] = (say(words.NOT_RECORDED, why=say(error.line)), ":material/error:")
        return
    forget_answers()
    told = say(words.RECORDED, merchant=row.merchant_name, result=say(words.RESULT_BUTTONS[result]))
    st.session_state["said"] = (told, ":material/check_circle:")


def show_what_was_said() -> None:
    """Show, once, what the last button did."""
    said = st.session_state.pop("said", None)
    if said:
        st.toast(plain(said[0]), icon=said[1])


def reveal_button(row: DoorRow, place: str) -> None:
    """Draw the button that asks for a reason before it shows a phone number, for who may see one."""
    if not row.phone_masked or not (may(Action.REVEAL) and person()):
        return
    label = plain(f"{say(words.REVEAL)} {row.phone_masked}")
    key = f"reveal-{place}-{row.incident_id}-{row.door.merchant_id}"
    if st.button(label, key=key, type="tertiary", icon=":material/call:"):
        st.session_state["dialog_open"] = True
        st.dialog(say(words.REVEAL_TITLE), on_dismiss=_dialog_closed)(_reveal)(row)


def _dialog_closed() -> None:
    st.session_state["dialog_open"] = False


def may_redraw() -> bool:
    """Return whether the whole page may be drawn anew: not under somebody who is reading a number."""
    return not st.session_state.get("dialog_open")


def _reveal(row: DoorRow) -> None:
    draw(section(row.merchant_name))
    st.caption(say(words.REVEAL_WARNING))
    reasons = [say(reason) for reason in (*words.REVEAL_REASONS, words.OTHER_REASON)]
    chosen = st.radio(say(words.REVEAL_REASON), reasons, index=None)
    own = st.text_input(say(words.OTHER_REASON), max_chars=200) if chosen == reasons[-1] else ""
    if not st.button(say(words.REVEAL_CONFIRM), type="primary", width="stretch"):
        return
    reason = (own if chosen == reasons[-1] else chosen) or ""
    if len(reason.strip()) < _REASON_LETTERS_MIN:
        st.error(say(words.REASON_TOO_SHORT))
        return
    try:
        contact = visits().reveal(row.door.merchant_id, person(), reason)
    except RedvestError as error:
        trouble(say(error.line))
        return
    st.code(f"{contact.contact_name}  {contact.phone}", language=None)
