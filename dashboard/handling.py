"""What the desk does with an incident: take it, give it to somebody, note something, put it away with a reason."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from alerts.model.display_names import role_name
from alerts.model.handling import NOTE_LETTERS_MAX
from alerts.model.incidents import IncidentState
from dashboard import words
from dashboard.channel_words import HAD_IT_BEFORE, OVER_ALREADY
from dashboard.session import container, forget_answers, may, person, queries, say
from grid.errors import RedvestError
from grid.text import Text
from service.access.rights import Action
from service.notify.acknowledge import Acknowledged, Outcome, Way
from service.queries.answers import IncidentRow


def handling_bar(row: IncidentRow) -> None:
    """Draw what can be done with an incident."""
    incident_id = row.incident.incident_id
    if not person():
        return
    people = {each.person_id: f"{each.name} · {say(role_name(each.role))}" for each in queries().people()}
    with st.container(horizontal=True, key="handling"):
        if may(Action.ACKNOWLEDGE) or may(Action.ANSWER):  # whoever may go may say so
            _take(row)
        if may(Action.ASSIGN):
            _assign(incident_id, people)
        if may(Action.COMMENT):
            _written(words.COMMENT, "comment", ":material/edit_note:", incident_id)
        if may(Action.CLOSE):
            _written(words.PUT_AWAY, "put_away", ":material/task_alt:", incident_id)


def _take(row: IncidentRow) -> None:
    incident_id = row.incident.incident_id
    st.button(
        say(words.TAKE_IT),
        key="take_it",
        type="secondary" if row.has_it else "primary",
        icon=":material/back_hand:",
        disabled=row.incident.state is not IncidentState.OPEN or row.handling.acknowledged_by == person() != "",
        on_click=_take_it,
        args=(incident_id,),
    )


def _take_it(incident_id: str) -> None:
    """Take an incident, and say who has it where somebody was faster."""
    taken: list[Acknowledged] = []
    _do(lambda: taken.append(container().acknowledger.take(incident_id, person(), Way.DESK)), words.TAKEN)
    if taken and taken[0].outcome is not Outcome.RECORDED:
        has_it = taken[0].has_it
        late = say(HAD_IT_BEFORE, name=has_it.name) if has_it else say(OVER_ALREADY)
        st.session_state["said"] = (late, ":material/info:")


def _assign(incident_id: str, people: dict[str, str]) -> None:
    with st.popover(say(words.ASSIGN), icon=":material/person_add:"):
        to = st.selectbox(
            say(words.ASSIGN_TO),
            options=list(people),
            format_func=lambda each: people.get(each, each),
            index=None,
            key="assign_to",
        )
        st.button(
            say(words.ASSIGN),
            key="assign",
            disabled=not to,
            on_click=_do,
            args=(lambda: container().incident_desk.assign(incident_id, to or "", person()), words.ASSIGNED),
        )


def _written(label: Text, key: str, icon: str, incident_id: str) -> None:
    asks = words.COMMENT_WORDS if key == "comment" else words.PUT_AWAY_REASON
    with st.popover(say(label), icon=icon), st.form(key=f"{key}_form", border=False, clear_on_submit=True):
        st.text_area(say(asks), max_chars=NOTE_LETTERS_MAX, key=f"{key}_words")
        st.form_submit_button(say(label), on_click=_write, args=(key, incident_id))


def _write(key: str, incident_id: str) -> None:
    desk, said = container().incident_desk, str(st.session_state.get(f"{key}_words", ""))
    if key == "comment":
        _do(lambda: desk.comment(incident_id, said, person()), words.COMMENTED)
    else:
        _do(lambda: desk.put_away(incident_id, said, person()), words.IS_PUT_AWAY)


def _do(act: Callable[[], object], done: Text) -> None:
    """Do it as the person of this session, and say what came of it when the page is drawn again."""
    try:
        act()
    except RedvestError as error:
        st.session_state["said"] = (say(words.NOT_RECORDED, why=say(error.line)), ":material/error:")
        return
    forget_answers()
    st.session_state["said"] = (say(done), ":material/check_circle:")
