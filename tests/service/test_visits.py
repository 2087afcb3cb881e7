"""The desk, the one door for answers: what comes in is checked and recorded, what goes out is on record first."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from alerts.model.outreach_model import VisitResult
from grid.errors import UsageError
from service.container import Container
from service.response.visits import NotOnList, VisitRecorder
from service.settings.settings import load_settings
from tests.support.town import Town, build_town


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Return a town with an open incident and its list."""
    return build_town(tmp_path_factory.mktemp("desk"))


@pytest.fixture
def container(town: Town) -> Iterator[Container]:
    opened = Container(load_settings(town.config))
    yield opened
    opened.close()


@pytest.fixture
def visit_recorder(container: Container) -> VisitRecorder:
    return container.visit_recorder


def incident_and_door(container: Container) -> tuple[str, str]:
    incident = next(i for i in container.records.incidents(open_only=True) if container.records.outreach(i.incident_id))
    made = container.records.outreach(incident.incident_id)
    assert made is not None
    return incident.incident_id, made.doors[-1].merchant_id


def test_an_answer_is_recorded_with_who_and_when(
    visit_recorder: VisitRecorder, container: Container, town: Town
) -> None:
    incident_id, merchant_id = incident_and_door(container)
    person = town.ledger.people[0].person_id
    visit = visit_recorder.record_visit(incident_id, merchant_id, VisitResult.AGREED, person)
    assert visit.recorded_by == person
    assert abs(visit.recorded_at_us - container.clock.now_us()) < 5_000_000
    assert container.records.current_visits(incident_id)[merchant_id] == visit
    later = visit_recorder.record_visit(incident_id, merchant_id, VisitResult.DONE, person)
    assert container.records.current_visits(incident_id)[merchant_id] == later
    assert container.records.verify_audit() is None


@pytest.mark.parametrize("unknown", ["incident", "merchant", "person"])
def test_an_answer_about_something_unknown_is_refused(
    unknown: str, visit_recorder: VisitRecorder, container: Container, town: Town
) -> None:
    incident_id, merchant_id = incident_and_door(container)
    words = {"incident": incident_id, "merchant": merchant_id, "person": town.ledger.people[0].person_id}
    words[unknown] = "nobody"
    before = container.records.visits(incident_id)
    with pytest.raises(UsageError, match=f"no {unknown} nobody"):
        visit_recorder.record_visit(words["incident"], words["merchant"], VisitResult.AGREED, words["person"])
    assert container.records.visits(incident_id) == before


def test_a_door_that_is_on_no_list_is_refused(visit_recorder: VisitRecorder, container: Container, town: Town) -> None:
    incident_id, _ = incident_and_door(container)
    listed = {d.merchant_id for o in container.records.outreach_revisions(incident_id) for d in o.doors}
    other = next(m.merchant_id for m in town.ledger.merchants if m.merchant_id not in listed)
    with pytest.raises(NotOnList, match=f"merchant {other} is not on the list"):
        visit_recorder.record_visit(incident_id, other, VisitResult.AGREED, town.ledger.people[0].person_id)


def test_a_contact_is_shown_to_a_named_person_with_a_reason_and_that_is_on_record(
    visit_recorder: VisitRecorder, container: Container, town: Town
) -> None:
    merchant, person = town.ledger.merchants[0], town.ledger.people[0]
    contact = visit_recorder.reveal(merchant.merchant_id, person.person_id, "  nobody at\nthe door ")
    assert (contact.contact_name, contact.phone) == (merchant.contact_name, merchant.phone)
    entry = container.records.audit(1)[0]
    assert (entry.action, entry.by, entry.subject) == ("merchant_revealed", person.person_id, merchant.merchant_id)
    assert "nobody at the door" in json.dumps(json.loads(entry.detail), ensure_ascii=False)
    assert merchant.phone not in entry.detail


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_without_a_good_reason_nothing_is_shown(
    reason: str, visit_recorder: VisitRecorder, container: Container, town: Town
) -> None:
    before = container.records.audit(1)
    with pytest.raises(UsageError, match="reason"):
        visit_recorder.reveal(town.ledger.merchants[0].merchant_id, town.ledger.people[0].person_id, reason)
    assert container.records.audit(1) == before
