"""The pages for the duty desk and the team. Run by `redvest dashboard`, behind the gate of `web/`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import words
from dashboard.channel_words import CHANNELS, ROSTER
from dashboard.markup.elements import trouble
from dashboard.markup.live import watch_in_browser
from dashboard.session import container, may, person, say, signed_in
from dashboard.sidebar import sidebar
from grid.errors import RedvestError
from service.access.rights import Action

_FOLDER = Path(__file__).parent


def main() -> None:
    """Draw the page that the address asks for."""
    st.set_page_config(
        page_title="红马甲 Redvest",
        page_icon=str(_FOLDER / "redvest.svg"),
        layout="wide",
        initial_sidebar_state="collapsed",
    )
    st.html(_FOLDER / "look.css")
    try:
        container()
    except RedvestError as error:
        trouble(words.SETTINGS_TROUBLE.zh.format(why=error.line.zh))
        trouble(words.SETTINGS_TROUBLE.en.format(why=error.line.en))
        return
    watch_in_browser()
    sidebar()
    if signed_in() is None:
        trouble(say(words.SIGNED_OUT))
        return
    pages = _pages()
    if not pages:
        trouble(say(words.NOTHING_TO_SEE))
        return
    chosen = st.navigation(list(pages.values()), position="top")
    # A link from a message names what it is about, not the page: /?incident=…
    asked = st.query_params.to_dict()
    if chosen is next(iter(pages.values())):
        for name in ("incident", "transformer"):
            if name in asked and name in pages and chosen is not pages[name]:
                st.switch_page(pages[name], query_params=asked)
    try:
        chosen.run()
    except RedvestError as error:
        trouble(say(words.STORE_TROUBLE, why=say(error.line)))


def _pages() -> dict[str, Any]:
    """Return the pages that this session's account may open, the first one being where it begins."""
    pages = (
        ("wall", Action.SEE_LOAD, words.WALL, "wall", "dashboard"),
        ("incidents", Action.SEE_INCIDENTS, words.INCIDENTS, "incidents", "list_alt"),
        ("incident", Action.SEE_INCIDENTS, words.INCIDENT, "incident", "campaign"),
        ("transformer", Action.SEE_LOAD, words.TRANSFORMER, "transformer", "show_chart"),
        ("find", Action.SEE_LOAD, words.FIND, "find", "search"),
        ("my_list", Action.ANSWER, words.MY_LIST, "my-list", "directions_walk"),
        ("alarms", Action.SEE_ALARMS, words.ALARM_AUDIT, "alarms", "fact_check"),
        ("roster", Action.ACKNOWLEDGE, ROSTER, "roster", "badge"),
        ("channels", Action.SEE_SYSTEM, CHANNELS, "channels", "forward_to_inbox"),
        ("system", Action.SEE_SYSTEM, words.SYSTEM, "system", "monitor_heart"),
        ("accounts", Action.MANAGE_ACCOUNTS, words.ACCOUNTS, "accounts", "manage_accounts"),
        ("audit", Action.SEE_AUDIT, words.AUDIT, "audit", "policy"),
    )
    mine = [page for page in pages if may(page[1])]
    if not may(Action.EXPORT) and may(Action.ANSWER):
        # A member begins with the own doors; the wall is for those who see whole areas.
        mine = [page for page in mine if page[0] in ("my_list", "incident", "transformer")]
        mine.sort(key=lambda page: page[0] != "my_list")
    if not person():
        mine = [page for page in mine if page[0] != "my_list"]
    return {
        name: st.Page(
            f"views/{name}.py", title=say(title), icon=f":material/{icon}:", url_path=path, default=place == 0
        )
        for place, (name, _, title, path, icon) in enumerate(mine)
    }


main()
