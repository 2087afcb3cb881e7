"""The pages for the duty desk and the team. Run by `redvest dashboard`, or `streamlit run dashboard/app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import words
from dashboard.markup.elements import trouble
from dashboard.markup.live import watch_in_browser
from dashboard.session import container, queries, say
from dashboard.sidebar import sidebar
from grid.errors import RedvestError

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
        queries()
    except RedvestError as error:
        trouble(words.SETTINGS_TROUBLE.zh.format(why=error.line.zh))
        trouble(words.SETTINGS_TROUBLE.en.format(why=error.line.en))
        return
    watch_in_browser()
    sidebar()
    wall = st.Page("views/wall.py", title=say(words.WALL), icon=":material/dashboard:", url_path="wall", default=True)
    incidents = st.Page(
        "views/incidents.py", title=say(words.INCIDENTS), icon=":material/list_alt:", url_path="incidents"
    )
    incident = st.Page("views/incident.py", title=say(words.INCIDENT), icon=":material/campaign:", url_path="incident")
    transformer = st.Page(
        "views/transformer.py", title=say(words.TRANSFORMER), icon=":material/show_chart:", url_path="transformer"
    )
    mine = st.Page("views/my_list.py", title=say(words.MY_LIST), icon=":material/directions_walk:", url_path="my-list")
    system = st.Page("views/system.py", title=say(words.SYSTEM), icon=":material/monitor_heart:", url_path="system")
    audit = st.Page("views/alarms.py", title=say(words.ALARM_AUDIT), icon=":material/fact_check:", url_path="alarms")
    chosen = st.navigation([wall, incidents, incident, transformer, mine, audit, system], position="top")
    # A link from a message names what it is about, not the page: /?incident=…
    asked = st.query_params.to_dict()
    if chosen is wall and "incident" in asked:
        st.switch_page(incident, query_params=asked)
    if chosen is wall and "transformer" in asked:
        st.switch_page(transformer, query_params=asked)
    try:
        chosen.run()
    except RedvestError as error:
        trouble(say(words.STORE_TROUBLE, why=say(error.line)))


main()
