"""What pages share: the house, the language and the person of a session, and answers kept for a moment."""

from __future__ import annotations

import gc
import random
from urllib.parse import urlencode

import streamlit as st

from alerts.model.display_names import role_name
from grid.text import Language, Text
from service.container import Container
from service.queries.alarm_audit import AuditedAlarms
from service.queries.answers import IncidentPage, MyList, TransformerPage, Wall
from service.queries.answers_system import System
from service.queries.data_quality import FlaggedMeter
from service.queries.queries import Queries
from service.settings.settings import load_settings

LIVE_SECONDS = 2.0
"""Live parts ask again so often, a little more or less in each session."""
# Keys of our own, never those of a widget: what a widget holds comes and goes with its page.
_LANGUAGE, _PERSON = "redvest_language", "redvest_person"
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


def queries() -> Queries:
    """Return the read side."""
    return container().queries


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=1, show_spinner=False)
def wall() -> Wall:
    """Return the wall, at most a second old."""
    return queries().wall()


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=64, show_spinner=False)
def incident(incident_id: str) -> IncidentPage:
    """Return an incident, at most a second old."""
    return queries().incident(incident_id)


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=64, show_spinner=False)
def transformer(transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
    """Return a transformer, at most a second old."""
    return queries().transformer(transformer_id, from_us, to_us)


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=64, show_spinner=False)
def my_list(person_id: str) -> MyList:
    """Return a person's doors, at most a second old."""
    return queries().my_list(person_id)


@st.cache_resource(ttl=_KEPT_SECONDS, max_entries=1, show_spinner=False)
def system() -> System:
    """Return the state of the system, at most a second old."""
    return queries().system()


@st.cache_resource(ttl=_AUDIT_KEPT_SECONDS, max_entries=8, show_spinner=False)
def alarm_audit(from_us: int, to_us: int) -> AuditedAlarms:
    """Return the audit of alarms in a span, some seconds old."""
    return queries().alarms(from_us, to_us)


@st.cache_resource(ttl=_AUDIT_KEPT_SECONDS, max_entries=1, show_spinner=False)
def meters_to_check() -> tuple[FlaggedMeter, ...]:
    """Return the meters to check, some seconds old."""
    return queries().flagged_meters()


def forget_answers() -> None:
    """Forget kept answers, so that what somebody just recorded shows at once."""
    incident.clear()
    my_list.clear()
    wall.clear()


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
    """Return the person_id that this session records answers as, empty while nobody chose."""
    if _PERSON not in st.session_state:
        asked = st.query_params.get("who", "")
        st.session_state[_PERSON] = asked if asked in person_labels() else ""
    return str(st.session_state[_PERSON])


def choose_person(person_id: str) -> None:
    """Record as this person from now on."""
    st.session_state[_PERSON] = person_id


def person_labels() -> dict[str, str]:
    """Return what each of our people is called in a choice, by person_id."""
    return {each.person_id: f"{each.name} · {say(role_name(each.role))}" for each in queries().people()}


def live_seconds() -> float:
    """Return how often this session's live parts ask again; sessions differ so that they do not ask in one moment."""
    if "live_seconds" not in st.session_state:
        st.session_state["live_seconds"] = LIVE_SECONDS * random.uniform(0.9, 1.2)
    return float(st.session_state["live_seconds"])


def clock_speed() -> float:
    """Return how many seconds of the installation's clock pass in a real one."""
    return container().clock.speed


def link(page: str, **parameters: str) -> str:
    """Return the address of a page with what the session knows: language and person. No personal data in it."""
    kept = {"lang": language().value, **({"who": person()} if person() else {})}
    return f"./{page}?{urlencode({**parameters, **kept})}"


def keep_address(**parameters: str) -> None:
    """Write what the page shows into its address, so that a reload or a copied link shows the same."""
    wanted = {**parameters, "lang": language().value, **({"who": person()} if person() else {})}
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)
