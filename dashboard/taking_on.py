"""'I have it': the button by which somebody takes an incident, and who has it."""

from __future__ import annotations

from html import escape

import streamlit as st

from alerts.model.incidents import IncidentEventKind, IncidentState
from dashboard import channel_words
from dashboard.markup.elements import draw, trouble
from dashboard.session import container, forget_answers, may, person, say
from grid.errors import RedvestError
from grid.text import Text
from service.access.rights import Action
from service.notify.acknowledge import Outcome, Way
from service.queries.answers import IncidentPage

_SAID = {
    Outcome.RECORDED: channel_words.NOW_YOU_HAVE_IT,
    Outcome.ALREADY: channel_words.HAD_IT_BEFORE,
    Outcome.OVER: channel_words.OVER_ALREADY,
    Outcome.NO_LINK: channel_words.OVER_ALREADY,
}


def take_on_bar(shown: IncidentPage) -> None:
    """Draw who has an open incident, or the button to say so; nothing for one that is over."""
    if shown.row.incident.state is not IncidentState.OPEN:
        return
    taken = next((event for event in shown.events if event.kind is IncidentEventKind.ACKNOWLEDGED), None)
    if taken is not None:
        draw(f'<div class="rv-reason">✓ {escape(say(Text(taken.detail_zh, taken.detail_en)))}</div>')
        return
    called = [e for e in shown.events if e.kind in (IncidentEventKind.CALLED, IncidentEventKind.UNANSWERED)]
    may_say_so = person() and (may(Action.ACKNOWLEDGE) or may(Action.ANSWER))
    if not may_say_so and not called:
        return
    left, right = st.columns([1, 2], gap="small", vertical_alignment="center")
    with left:
        if may_say_so and st.button(
            say(channel_words.I_HAVE_IT), type="primary", icon=":material/front_hand:", width="stretch"
        ):
            _take(shown.row.incident.incident_id)
    with right:
        if called:
            draw(f'<div class="rv-note">{escape(say(Text(called[-1].detail_zh, called[-1].detail_en)))}</div>')


def _take(incident_id: str) -> None:
    try:
        done = container().acknowledger.take(incident_id, person(), Way.DESK)
    except RedvestError as error:
        trouble(say(error.line))
        return
    forget_answers()
    name = done.has_it.name if done.has_it else ""
    text = _SAID[done.outcome]
    st.session_state["said"] = (say(text, name=name), ":material/front_hand:")
    st.rerun()
