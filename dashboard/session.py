"""What pages share: the house, the language and the person of a session, and answers kept for a moment."""

from __future__ import annotations

import gc
import random
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from grid.text import Language, Text
from service.access.rights import NO_RIGHT, Action, Rights
from service.access.sessions import SignedIn, session_cookie
from service.container import Container
from service.queries.alarm_audit import AuditedAlarms
from service.queries.answers import IncidentPage, MyList, TransformerPage, Wall
from service.queries.answers_system import System
from service.queries.data_quality import FlaggedMeter
from service.queries.queries import Queries
from service.response.visits import VisitRecorder
from service.settings.settings import load_settings

LIVE_SECONDS = 2.0
"""Live parts ask again so often, a little more or less in each session."""
# Keys of our own, never those of a widget: what a widget holds comes and goes with its page.
_LANGUAGE = "redvest_language"
TOKEN = "redvest_token"
"""Of the session's state: a sign-in, where pages run without a browser and its cookie."""
_BY_RIGHTS: dict[str | type, Any] = {Rights: lambda seen_by: hash(seen_by)}
_KEPT_SECONDS = 1.0
_AUDIT_KEPT_SECONDS = 20.0
"""Sessions that ask the same within this time get the same answer: fifty walls cost one."""


@st.cache_resource(show_spinner=False)
def container() -> Container:
    """Return the house of this process. Raises SettingsError.

    Streamlit collects garbage after every rerun: what is loaded once is taken out of its way here.
    """
    opened = Container(load_settings())
    gc.collect()
    gc.freeze()
    return opened


def signed_in() -> SignedIn | None:
    """Return who looks at this page; None once the sign-in is over. The gate let nobody in without one."""
    name = session_cookie(https=container().settings.https)
    token = st.session_state.get(TOKEN) or st.context.cookies.get(name)
    return _session_of(token) if isinstance(token, str) and token else None


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=1024, show_spinner=False)
def _session_of(token: str) -> SignedIn | None:
    return container().sessions.find(token)


def rights() -> Rights:
    """Return what may be seen and done here; nothing once the sign-in is over."""
    me = signed_in()
    return me.rights if me else NO_RIGHT


def may(action: Action) -> bool:
    """Return whether this session may do something."""
    return rights().may(action)


def queries() -> Queries:
    """Return the read side as this session may see it."""
    return _queries(rights())


@st.cache_resource(max_entries=512, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _queries(seen_by: Rights) -> Queries:
    return container().queries.seen_by(seen_by)


def wall() -> Wall:
    """Return the wall, at most a second old. Sessions with the same rights share it; others never do."""
    return _wall(rights())


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=64, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _wall(seen_by: Rights) -> Wall:
    return _queries(seen_by).wall()


def incident(incident_id: str) -> IncidentPage:
    """Return an incident, at most a second old."""
    return _incident(rights(), incident_id)


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=256, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _incident(seen_by: Rights, incident_id: str) -> IncidentPage:
    return _queries(seen_by).incident(incident_id)


def transformer(transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
    """Return a transformer, at most a second old."""
    return _transformer(rights(), transformer_id, from_us, to_us)


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=256, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _transformer(seen_by: Rights, transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
    return _queries(seen_by).transformer(transformer_id, from_us, to_us)


def my_list() -> MyList:
    """Return the doors of this session's person, at most a second old."""
    return _my_list(rights())


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=256, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _my_list(seen_by: Rights) -> MyList:
    return _queries(seen_by).my_list(seen_by.person_id)


def system() -> System:
    """Return the state of the system, at most a second old."""
    return _system(rights())


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=16, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _system(seen_by: Rights) -> System:
    return _queries(seen_by).system()


def alarm_audit(from_us: int, to_us: int) -> AuditedAlarms:
    """Return the audit of alarms in a span, some seconds old."""
    return _alarm_audit(rights(), from_us, to_us)


@st.cache_resource(ttl=_AUDIT_KEPT_SECONDS, max_entries=16, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _alarm_audit(seen_by: Rights, from_us: int, to_us: int) -> AuditedAlarms:
    return _queries(seen_by).alarms(from_us, to_us)


def meters_to_check() -> tuple[FlaggedMeter, ...]:
    """Return the meters to check, some seconds old."""
    return _meters_to_check(rights())


@st.cache_resource(ttl=_AUDIT_KEPT_SECONDS, max_entries=16, show_spinner=False, hash_funcs=_BY_RIGHTS)
def _meters_to_check(seen_by: Rights) -> tuple[FlaggedMeter, ...]:
    return _queries(seen_by).flagged_meters()


def visits() -> VisitRecorder:
    """Return the one door for answers, as this session may use it."""
    return container().visit_recorder.seen_by(rights())


def forget_answers() -> None:
    """Forget kept answers, so that what somebody just recorded shows at once."""
    _incident.clear()
    _my_list.clear()
    _wall.clear()


def language() -> Language:
    """Return the language of this session: its switch, else the address (?lang=en), else the settings."""
    known = {each.value: each for each in Language}
    kept = known.get(st.session_state.get(_LANGUAGE, ""))
    if kept is None:
        kept = known.get(st.query_params.get("lang", ""), container().settings.language)
        st.session_state[_LANGUAGE] = kept.value
    return kept


def choose_language(chosen: Language) -> None:
    """Speak this language from now on."""
    st.session_state[_LANGUAGE] = chosen.value


def say(text: Text, **values: object) -> str:
    """Return a text in the session's language, with its blanks filled in."""
    words_of = text.to(language())
    return words_of.format(**values) if values else words_of


def person() -> str:
    """Return the person_id that this session records answers as: its account says it. Empty for none."""
    return rights().person_id


def live_seconds() -> float:
    """Return how often this session's live parts ask again; sessions differ so that they do not ask in one moment."""
    if "live_seconds" not in st.session_state:
        st.session_state["live_seconds"] = LIVE_SECONDS * random.uniform(0.9, 1.2)
    return float(st.session_state["live_seconds"])


def clock_speed() -> float:
    """Return how many seconds of the installation's clock pass in a real one."""
    return container().clock.speed


def link(page: str, **parameters: str) -> str:
    """Return the address of a page in the language of the session. No personal data in it."""
    return f"./{page}?{urlencode({**parameters, 'lang': language().value})}"


def keep_address(**parameters: str) -> None:
    """Write what the page shows into its address, so that a reload or a copied link shows the same."""
    wanted = {**parameters, "lang": language().value}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
