"""The desk and an incident: who has it, who was given it, what was noted, and one timeline of it all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.model.handling import NOT_HANDLED, NOTE_LETTERS_MAX, NoteKind
from alerts.model.incidents import IncidentEventKind, IncidentState
from grid.errors import UsageError
from service.container import Container
from service.notify.acknowledge import Way
from service.settings.settings import load_settings
from tests.support.town import Town, build_town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a town with an open incident."""
    return build_town(tmp_path)


@pytest.fixture
def container(town: Town) -> Iterator[Container]:
    """Return its parts."""
    opened = Container(load_settings(town.config))
    yield opened
    opened.close()


def test_a_row_says_who_has_an_incident_and_who_was_given_it(town: Town, container: Container) -> None:
    incident_id = town.incident.incident_id
    assert container.queries.wall().open_incidents[0].handling == NOT_HANDLED
    container.acknowledger.take(incident_id, "P4", Way.DESK)
    assert container.queries.wall().open_incidents[0].has_it == "模拟值班员"
    container.incident_desk.assign(incident_id, "P2", "P4")
    (row,) = container.queries.incidents(open_only=True)
    assert (row.has_it, row.handling.acknowledged_by, row.handling.assigned_to) == ("模拟乙", "P4", "P2")


def test_the_desk_ends_its_work_with_a_reason_and_the_readings_alone_end_the_incident(
    town: Town, container: Container
) -> None:
    incident_id = town.incident.incident_id
    container.incident_desk.put_away(incident_id, "已转供", "P4")
    (row,) = container.queries.incidents(open_only=True)
    assert row.incident.state is IncidentState.OPEN
    assert row.handling.put_away is not None
    assert row.handling.put_away.text == "已转供"
    container.incident_desk.assign(incident_id, "P2", "P4")
    assert container.queries.incidents(open_only=True)[0].handling.put_away is None


def test_one_timeline_holds_readings_lists_answers_and_notes_in_their_order(town: Town, container: Container) -> None:
    incident_id = town.incident.incident_id
    container.acknowledger.take(incident_id, "P4", Way.DESK)
    container.incident_desk.comment(incident_id, "  到现场\n测量 ", "P4")
    events = container.queries.incident(incident_id).events
    assert [event.at_us for event in events] == sorted(event.at_us for event in events)
    kinds = [event.kind for event in events]
    assert kinds.count(IncidentEventKind.VISITED) == len(town.visits)
    assert {IncidentEventKind.OPENED, IncidentEventKind.LIST_MADE, IncidentEventKind.ACKNOWLEDGED} <= set(kinds)
    assert events[-1].kind is IncidentEventKind.COMMENTED
    assert events[-1].detail_zh == "模拟值班员：到现场 测量"
    door = next(event for event in events if event.kind is IncidentEventKind.VISITED)
    assert "户 模拟" in door.detail_zh
    assert "记录" in door.detail_zh


def test_what_was_noted_is_in_the_audit_without_its_words(town: Town, container: Container) -> None:
    container.incident_desk.comment(town.incident.incident_id, "红色招牌", "P4")
    newest = container.records.audit(1)[0]
    assert (newest.action, newest.by, newest.subject) == ("incident_noted", "P4", town.incident.incident_id)
    assert NoteKind.COMMENTED.value in newest.detail
    assert "红色" not in newest.detail
    assert container.records.verify_audit() is None


@pytest.mark.parametrize("words", ["", "   ", "长" * (NOTE_LETTERS_MAX + 1)])
def test_a_note_has_words_and_not_too_many(town: Town, container: Container, words: str) -> None:
    with pytest.raises(UsageError):
        container.incident_desk.comment(town.incident.incident_id, words, "P4")


def test_nobody_notes_at_an_incident_that_is_not_there_or_as_a_stranger(town: Town, container: Container) -> None:
    with pytest.raises(UsageError):
        container.incident_desk.put_away("no-such", "x", "P4")
    with pytest.raises(UsageError):
        container.incident_desk.assign(town.incident.incident_id, "nobody", "P4")
    with pytest.raises(UsageError):
        container.incident_desk.comment(town.incident.incident_id, "x", "nobody")
