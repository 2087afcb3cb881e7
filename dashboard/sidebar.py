"""The sidebar: language, and who records answers in this session."""

from __future__ import annotations

import streamlit as st

from dashboard import words
from dashboard.session import language, person_labels, say
from grid.text import Language


def sidebar() -> None:
    """Draw the sidebar."""
    language()
    people = person_labels()
    if "who" not in st.session_state:
        asked = st.query_params.get("who", "")
        st.session_state["who"] = asked if asked in people else None
    with st.sidebar:
        st.segmented_control(
            say(words.LANGUAGE),
            options=list(Language),
            format_func=lambda known: words.LANGUAGES[known],
            key="language",
            required=True,
        )
        st.selectbox(
            say(words.WHO_ARE_YOU),
            options=list(people),
            format_func=lambda person_id: people.get(person_id, person_id),
            placeholder=say(words.CHOOSE_YOURSELF),
            key="who",
        )
