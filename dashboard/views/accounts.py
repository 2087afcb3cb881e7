"""Accounts: the administrator's page. Who may come in, as what, and whose sign-ins are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import streamlit as st

from dashboard import words
from dashboard.markup.elements import draw, head, note, plain, section, table, trouble
from dashboard.session import container, keep_address, language, queries, say, signed_in
from grid.errors import RedvestError
from service.access.rights import ROLE_NAMES, AccountRole

_SAID, _WALL = "accounts_said", "accounts_wall_address"


def page() -> None:
    """Draw the page."""
    keep_address()
    draw(head(say(words.ACCOUNTS)))
    said = st.session_state.pop(_SAID, None)
    if said:
        draw(note(said))
    address = st.session_state.pop(_WALL, None)
    if address:
        draw(note(say(words.WALL_ADDRESS)))
        st.code(address, language=None)
    _table()
    left, right = st.columns(2, gap="medium")
    with left:
        _add()
    with right:
        _manage()


def _table() -> None:
    sessions = Counter(each.account for each in container().sessions.of(None))
    header = (
        words.COLUMN_ACCOUNT,
        words.COLUMN_ROLE,
        words.COLUMN_PERSON,
        words.COLUMN_STATIONS,
        words.COLUMN_STATE,
        words.COLUMN_SESSIONS,
    )
    rows = [
        (
            each.name,
            say(ROLE_NAMES[each.role]),
            each.person_id or "—",
            "、".join(each.station_ids) or say(words.ALL_STATIONS),
            say(words.ACCOUNT_ACTIVE if each.disabled_at_us is None else words.ACCOUNT_DISABLED),
            str(sessions[each.name]),
        )
        for each in container().accounts.all()
    ]
    draw(table(header, rows, cards=True))


def _add() -> None:
    draw(section(say(words.ADD_ACCOUNT)))
    role_names = {role: ROLE_NAMES[role].to(language()) for role in AccountRole}
    people = {"": "—", **{p.person_id: plain(f"{p.person_id} {p.name}") for p in queries().people()}}
    stations = {s.station_id: plain(f"{s.station_id} {s.name}") for s in queries().stations()}
    with st.form("add_account", clear_on_submit=True, border=True):
        name = st.text_input(say(words.COLUMN_ACCOUNT), max_chars=64, autocomplete="off")
        role = st.selectbox(
            say(words.COLUMN_ROLE), list(AccountRole), index=1, format_func=lambda each: role_names[each]
        )
        person = st.selectbox(say(words.COLUMN_PERSON), list(people), format_func=lambda each: people[each])
        chosen = st.multiselect(
            say(words.COLUMN_STATIONS),
            list(stations),
            format_func=lambda each: stations[each],
            placeholder=say(words.ALL_STATIONS),
        )
        password = st.text_input(say(words.NEW_PASSWORD), type="password", autocomplete="new-password")
        sent = st.form_submit_button(say(words.ADD_ACCOUNT), type="primary", width="stretch")
    if not sent or role is None:
        return

    def add() -> None:
        is_wall = role is AccountRole.WALL
        container().accounts.add(
            name, role, _me(), person_id=person, stations=tuple(chosen), password=None if is_wall else password
        )
        if is_wall:
            _show_wall_address(name)

    _do(say(words.ADD_ACCOUNT), add)


def _manage() -> None:
    draw(section(say(words.CHANGE_ACCOUNT)))
    by_name = {each.name: each for each in container().accounts.all()}
    chosen = st.selectbox(
        say(words.CHOOSE_ACCOUNT), list(by_name), index=None, placeholder=say(words.CHOOSE_ACCOUNT), format_func=plain
    )
    if chosen is None:
        return
    accounts, account = container().accounts, by_name[chosen]
    if account.disabled_at_us is None:
        if st.button(say(words.DISABLE), width="stretch"):
            _do(say(words.DISABLE), lambda: accounts.disable(chosen, _me()))
    elif st.button(say(words.ENABLE), width="stretch"):
        _do(say(words.ENABLE), lambda: accounts.enable(chosen, _me()))
    if st.button(say(words.END_SESSIONS), width="stretch"):
        _do(say(words.END_SESSIONS), lambda: _end_sessions(chosen))
    if account.role is AccountRole.WALL:
        if st.button(say(words.NEW_WALL_ADDRESS), width="stretch"):
            _do(say(words.NEW_WALL_ADDRESS), lambda: _show_wall_address(chosen))
        return
    with st.form("set_password", clear_on_submit=True, border=True):
        password = st.text_input(say(words.NEW_PASSWORD), type="password", autocomplete="new-password")
        if st.form_submit_button(say(words.SET_PASSWORD), width="stretch"):
            _do(say(words.SET_PASSWORD), lambda: accounts.set_password(chosen, password, _me()))


def _end_sessions(name: str) -> None:
    container().sessions.end(name, None, _me(), "ended by the administrator")


def _show_wall_address(name: str) -> None:
    token = container().accounts.wall_token(name, _me())
    st.session_state[_WALL] = f"{container().settings.link}/enter?token={token}"


def _me() -> str:
    me = signed_in()
    return me.account.name if me else ""


def _do(what: str, act: Callable[[], None]) -> None:
    try:
        act()
    except RedvestError as error:
        trouble(say(error.line))
        return
    st.session_state[_SAID] = say(words.DONE, what=what)
    st.rerun()


page()
