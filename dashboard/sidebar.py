"""The sidebar: the language of this session. The session knows; the widget follows it."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.session import choose_language, language, say
from grid.text import Language

_LANGUAGE_SWITCH = "language_switch"


def sidebar() -> None:
    """Draw the sidebar."""
    st.session_state[_LANGUAGE_SWITCH] = language().value
    with st.sidebar:
        st.segmented_control(
            say(words.LANGUAGE),
            options=[known.value for known in Language],
            format_func=lambda value: words.LANGUAGES[Language(value)],
            key=_LANGUAGE_SWITCH,
            required=True,
            on_change=_switch,
        )


def _switch() -> None:
    chosen = st.session_state.get(_LANGUAGE_SWITCH)
    if chosen:
        choose_language(Language(chosen))
