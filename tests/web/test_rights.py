"""What each role may see, tried on every page, route and query: a new one without an entry here fails.

Two stations: YX, where everybody works, and another one, whose ids do not exist for them.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alerts.model.incidents import IncidentState
from alerts.model.outreach_model import VisitResult
from grid.assets import Merchant, Person, Role, ServiceGrid, Station, Transformer
from grid.errors import RedvestError, UsageError
from service.access.rights import MAY, AccountRole, Action, Rights, rights_of
from service.container import Container
from service.queries.queries import Queries
from service.settings.settings import load_settings
from stores.records.accounts import Account
from stores.records.changes import Changes
from tests.support.dashboard import token_of
from tests.support.town import NOW_US, Town, build_town
from tests.web.test_gate import ask, with_session
from web.gate import OWN_EXACT, PAGES

FOREIGN, FOREIGN_INCIDENT = "ZZ01", "ZZ01-foreign"
PERSONS = {"member": "P2", "grid_lead": "P3", "community_lead": "P3", "duty": "P4", "station_head": "P4"}
SEES_YX06 = {"wall", "member", "grid_lead", "community_lead", "duty", "station_head", "auditor", "administrator"}
SEES_YX08 = {"wall", "duty", "station_head", "auditor", "administrator"}
"""A transformer of another grid of the same station; administrators see it as part of the system."""
SEES_INCIDENT = SEES_YX06 - {"administrator"}
SEES_DOORS = SEES_INCIDENT - {"wall"}
REVEALS = {"member", "grid_lead", "duty", "station_head"}
ANSWERS = {"member", "grid_lead", "community_lead", "duty", "station_head"}
EXPORTS = {"grid_lead", "community_lead", "duty", "station_head"}
ROLES = tuple(role.value for role in AccountRole)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return the town with another station beside it, where an incident is open."""
    built = build_town(tmp_path_factory.mktemp("two-stations"))
    ledger, container = built.ledger, Container(load_settings(built.config))
    both = replace(
        ledger,
        stations=(*ledger.stations, Station("ZZ", "另一供电所（模拟）", "Asia/Shanghai")),
        grids=(*ledger.grids, ServiceGrid("ZG", "另一网格（模拟）", "ZZ", "另一社区")),
        transformers=(*ledger.transformers, Transformer(FOREIGN, "另一台区（模拟）", "ZZ", 315.0, "ZG", "F9")),
        people=(*ledger.people, Person("Z1", "模拟外人", Role.MEMBER, "ZG", "13800000099")),
        merchants=(*ledger.merchants, Merchant("Z01", "模拟外店", FOREIGN, "外街 1 号", "外人", "13900000099")),
    )
    container.records.replace_ledger(both, "test", NOW_US)
    foreign = replace(built.incident, incident_id=FOREIGN_INCIDENT, transformer_id=FOREIGN)
    door = replace(built.outreach.doors[0], merchant_id="Z01", assigned_to="Z1")
    made = replace(built.outreach, incident_id=FOREIGN_INCIDENT, doors=(door,))
    container.records.commit(Changes(incidents=(foreign,), lists=(made,)))
    container.close()
    return built


@pytest.fixture(scope="module")
def container(town: Town) -> Iterator[Container]:
    """Return the parts of the installation."""
    opened = Container(load_settings(town.config))
    yield opened
    opened.close()


def rights(role: str) -> Rights:
    """Return the rights of somebody of station YX."""
    return rights_of(Account(role, AccountRole(role), PERSONS.get(role, ""), ("YX",), 0))


def sees(ask_for: Callable[[], object]) -> bool:
    """Return whether something is there for who asks."""
    try:
        return bool(ask_for())
    except UsageError:
        return False


@dataclass(frozen=True)
class Question:
    """A question of the read side: how it is asked, who gets what of station YX."""

    ask: Callable[[Queries, Town], Any]
    sees: frozenset[str] | set[str]


def ids_of_transformers(queries: Queries, _: Town) -> set[str]:
    """Return the transformers that the wall shows."""
    return {t.transformer.transformer_id for t in queries.wall().transformers}


QUESTIONS = {
    "wall": Question(lambda q, t: "YX06" in ids_of_transformers(q, t), SEES_YX06),
    "transformers": Question(lambda q, t: [x for x in q.transformers() if x.transformer_id == "YX08"], SEES_YX08),
    "transformer": Question(lambda q, t: q.transformer("YX08", NOW_US - 1, NOW_US), SEES_YX08),
    "curve": Question(lambda q, t: len(q.curve("YX08", 0, NOW_US * 2)), SEES_YX08),
    "incidents": Question(lambda q, t: q.incidents(), SEES_INCIDENT),
    "incident": Question(lambda q, t: q.incident(t.incident.incident_id), SEES_INCIDENT),
    "find_incident": Question(lambda q, t: q.find_incident(t.incident.incident_id), SEES_INCIDENT),
    "find": Question(lambda q, t: q.find("YX08"), SEES_YX08),
    "people": Question(lambda q, t: q.people(), SEES_YX06),
    "stations": Question(lambda q, t: q.stations(), SEES_YX06),
    "system": Question(lambda q, t: q.system().counts.watched, SEES_YX06),
}
NOBODYS = {
    "seen_by", "now_us", "first_zone", "collector_state", "rules", "ladder", "zone_of", "rejects", "alarms",
    "flagged_meters", "my_list", "audit", "effect",
}  # fmt: skip
"""Questions about nobody's rows, or tried one by one below."""


def test_every_question_of_the_read_side_is_in_the_matrix_or_named_as_nobodys() -> None:
    public = {name for name, _ in inspect.getmembers(Queries, inspect.isfunction) if not name.startswith("_")}
    assert public - set(QUESTIONS) - NOBODYS == set()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("question", QUESTIONS)
def test_a_role_sees_what_is_its_own_and_nothing_else(
    container: Container, town: Town, role: str, question: str
) -> None:
    queries, asked = container.queries.seen_by(rights(role)), QUESTIONS[question]
    assert sees(lambda: asked.ask(queries, town)) == (role in asked.sees)


@pytest.mark.parametrize("role", ROLES)
def test_nothing_of_another_station_is_there_for_anybody(container: Container, town: Town, role: str) -> None:
    queries = container.queries.seen_by(rights(role))
    assert FOREIGN not in ids_of_transformers(queries, town)
    assert not any(row.incident.incident_id == FOREIGN_INCIDENT for row in queries.incidents())
    for ask_for in (
        lambda: queries.transformer(FOREIGN, 0, NOW_US),
        lambda: queries.curve(FOREIGN, 0, NOW_US),
        lambda: queries.incident(FOREIGN_INCIDENT),
        lambda: queries.find_incident(FOREIGN_INCIDENT),
        lambda: queries.effect(FOREIGN_INCIDENT),
        lambda: queries.find(FOREIGN),
        lambda: queries.find("模拟外店"),
        lambda: queries.my_list("Z1").incidents,
    ):
        assert not sees(ask_for)
    assert "模拟外人" not in {person.name for person in queries.people()}
    assert not {station.station_id for station in queries.stations()} - {"YX"}
    system = queries.system()
    assert FOREIGN not in {t.transformer_id for t in system.never_seen}
    assert all(row.topic.startswith("redvest/v1/YX/") for row in queries.rejects())


@pytest.mark.parametrize("role", ROLES)
def test_doors_and_contacts_are_shown_as_the_role_may_see_them(container: Container, town: Town, role: str) -> None:
    if role not in SEES_INCIDENT:
        return
    page = container.queries.seen_by(rights(role)).incident(town.incident.incident_id)
    assert bool(page.doors) == (role in SEES_DOORS)
    if role == "member":
        assert {row.door.assigned_to for row in page.doors} == {"P2"}
        assert page.outreach is not None
        assert {door.assigned_to for door in page.outreach.doors} == {"P2"}
    if role in ("wall", "community_lead"):
        assert not any(row.phone_masked or row.contact_masked for row in page.doors)
    told = repr(page)
    assert not [m.phone for m in town.ledger.merchants if m.phone in told]
    if role == "wall":
        assert not [m.name for m in town.ledger.merchants if m.name in told]


@pytest.mark.parametrize("role", ROLES)
def test_who_may_answer_and_reveal(container: Container, town: Town, role: str) -> None:
    visits = container.visit_recorder.seen_by(rights(role))
    door = next(d.merchant_id for d in town.outreach.doors if d.assigned_to == "P2")

    def done(act: Callable[[], object]) -> bool:
        try:
            act()
        except RedvestError:
            return False
        return True

    assert done(lambda: visits.reveal(door, "P2", "回访约定时间")) == (role in REVEALS)
    assert not done(lambda: visits.reveal("Z01", "P2", "回访约定时间"))
    by = PERSONS.get(role, "P4")
    assert done(lambda: visits.record_visit(town.incident.incident_id, door, VisitResult.ASKED, by)) == (
        role in ANSWERS
    )
    assert not done(lambda: visits.record_visit(FOREIGN_INCIDENT, "Z01", VisitResult.AGREED, by))


def test_every_action_is_somebodys_and_the_sets_here_say_what_the_table_says() -> None:
    assert {action for actions in MAY.values() for action in actions} == set(Action)
    for action, expected in ((Action.REVEAL, REVEALS), (Action.ANSWER, ANSWERS), (Action.EXPORT, EXPORTS)):
        assert {role.value for role, actions in MAY.items() if action in actions} == expected


@pytest.mark.parametrize("role", ROLES)
def test_a_member_without_doors_or_an_account_without_its_person_sees_nothing(container: Container, role: str) -> None:
    if role not in ("member", "grid_lead", "community_lead"):
        return
    nobody = rights_of(Account(role, AccountRole(role), "", ("YX",), 0))
    queries = container.queries.seen_by(nobody)
    assert not queries.transformers() and not queries.incidents() and not queries.people()


@pytest.mark.parametrize("role", ROLES)
def test_every_route_answers_a_role_as_the_table_says(address: str, town: Town, role: str) -> None:
    """Pages of Streamlit are shells: what they show is asked above. Every other route is tried here."""
    token = token_of(town.config, role, PERSONS.get(role, ""), stations=("YX",))

    def status(path: str, method: str = "GET", body: bytes | None = None) -> int:
        return ask(address, path, method, body, with_session(token)).status

    phone = role in ("member", "grid_lead", "duty")
    for page in PAGES:
        assert status(page) == (404 if page.startswith("/m") and not page.startswith("/my") and not phone else 200), (
            page
        )
    assert status(f"/exports/{town.incident.incident_id}.html") == (200 if role in EXPORTS else 404)
    assert status(f"/exports/{FOREIGN_INCIDENT}.html") == 404
    assert status("/m/list") == (200 if phone else 404)
    door = next(d.merchant_id for d in town.outreach.doors if d.assigned_to == "P2")
    for incident, merchant, may in ((town.incident.incident_id, door, phone), (FOREIGN_INCIDENT, "Z01", False)):
        sent = {"incident_id": incident, "merchant_id": merchant, "result": "asked"}
        answer = status(f"/m/answers/{_uuid(role, merchant)}", "PUT", json.dumps(sent).encode())
        assert answer == (201 if may else 404)
    for merchant, may in ((door, phone), ("Z01", False)):
        sent = {"merchant_id": merchant, "reason": "回访约定时间"}
        assert status("/m/reveal", "POST", json.dumps(sent).encode()) == (200 if may else 404)
    for own in OWN_EXACT - {"/logout"}:
        assert status(own) == 200, own


def _uuid(role: str, merchant: str) -> str:
    import uuid

    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{role}/{merchant}"))


def test_every_page_of_the_dashboard_has_its_address_at_the_gate() -> None:
    app = (Path(__file__).resolve().parents[2] / "dashboard" / "app.py").read_text(encoding="utf-8")
    paths = re.findall(r'\("\w+", Action\.\w+, [\w.]+, "([a-z-]+)", "\w+"\)', app)
    assert len(paths) >= 9
    assert {f"/{path}" for path in paths} <= PAGES


def test_the_town_is_as_the_matrix_expects(town: Town) -> None:
    assert town.incident.state is IncidentState.OPEN
    assert town.incident.transformer_id == "YX06"
    assert Path(town.config).exists()
