"""The sidebar: language, and who records answers in this session. The session knows; the widgets follow it."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.session import choose_language, choose_person, language, person, person_labels, say
from grid.text import Language

_LANGUAGE_SWITCH, _PERSON_CHOICE = "language_switch", "person_choice"


def sidebar() -> None:
    """Draw the sidebar."""
    people = person_labels()
    st.session_state[_LANGUAGE_SWITCH] = language().value
    st.session_state[_PERSON_CHOICE] = person() or None
    with st.sidebar:
        st.segmented_control(
            say(words.LANGUAGE),
            options=[known.value for known in Language],
            format_func=lambda value: words.LANGUAGES[Language(value)],
            key=_LANGUAGE_SWITCH,
            required=True,
            on_change=_switch,
        )
        st.selectbox(
            say(words.WHO_ARE_YOU),
            options=list(people),
            format_func=lambda person_id: people.get(person_id, person_id),
            placeholder=say(words.CHOOSE_YOURSELF),
            key=_PERSON_CHOICE,
            on_change=_choose,
        )


def _switch() -> None:
    chosen = st.session_state.get(_LANGUAGE_SWITCH)
    if chosen:
        choose_language(Language(chosen))


def _choose() -> None:
    choose_person(st.session_state.get(_PERSON_CHOICE) or "")
