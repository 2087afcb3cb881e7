"""An open incident that only goes on is followed once a second; its news at once; neither is lost with a crash."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.model.incidents import IncidentEventKind, IncidentState
from alerts.notification.throttling_state import ThrottlingState
from alerts.outreach.ask import AskState
from alerts.outreach.planner import Visit, VisitResult
from grid.assets import Transformer
from grid.timestamps import HOUR_US, MINUTE_US, SECOND_US
from service.collecting import pipeline
from service.notify.policy import STATE_NAME
from service.response.follow_ups import FOLLOWED_AT_ONCE, FollowUps
from stores.records import database
from tests.service.test_pipeline import NOON, Station1, a_town, message

NOW = NOON + HOUR_US


@pytest.fixture
def station(tmp_path: Path) -> Any:
    """A fresh installation."""
    made = Station1(tmp_path)
    yield made
    made.close()


def last_recorded(station: Station1) -> tuple[float, int]:
    """Load rate and minute of the newest reading that the only incident's row knows."""
    incident = station.incident()
    return incident.last_load_rate, (incident.last_reading_at_us - NOON) // MINUTE_US


def with_a_reading_put_off(station: Station1) -> None:
    """Leave an incident whose newest reading came in the same second as one that was followed already."""
    for minute, rate in enumerate([0.95, 0.94, 0.93]):
        station.tick([("T1", minute, rate)], NOW)
    assert last_recorded(station) == (0.94, 1)


def test_an_incident_that_only_goes_on_is_written_down_once_a_second_with_its_newest_reading(station: Any) -> None:
    with_a_reading_put_off(station)
    station.tick([("T1", 3, 0.92)], NOW + SECOND_US - 1)
    assert last_recorded(station) == (0.94, 1)
    station.tick([("T1", 4, 0.91)], NOW + SECOND_US)
    assert last_recorded(station) == (0.91, 4)
    station.tick([("T1", 5, 0.90)], NOW + SECOND_US + 1)
    station.pipeline.look(NOW + 2 * SECOND_US)
    assert last_recorded(station) == (0.90, 5)


def test_no_news_is_ever_put_off(station: Any) -> Any:
    def kinds() -> set[IncidentEventKind]:
        return {
            event.kind
            for incident in station.records.incidents()
            for event in station.records.events(incident.incident_id)
        }

    with_a_reading_put_off(station)
    assert station.records.outreach(station.incident().incident_id) is not None
    station.tick([("T1", 3, 1.01)], NOW)
    assert last_recorded(station) == (1.01, 3)
    assert (station.incident().level, IncidentEventKind.RAISED in kinds()) == ("overload", True)
    station.tick([("T1", 4, 0.95)], NOW)
    station.tick([("T1", 2, 1.05, 9)], NOW)
    assert (station.incident().peak_load_rate, IncidentEventKind.REVISED in kinds()) == (1.05, True)
    station.pipeline.look(NOW + 16 * MINUTE_US)
    assert station.incident().blind
    station.tick([("T1", 5, 0.94)], NOW + 16 * MINUTE_US)
    assert not station.incident().blind
    station.tick([("T1", minute, 0.7) for minute in range(6, 20)], NOW + 16 * MINUTE_US)
    assert station.incident().state is IncidentState.CLOSED


def test_a_late_reading_retracts_at_once_and_the_record_keeps_the_newest_reading(station: Any) -> None:
    station.tick([("T1", 0, 0.92)], NOW)
    station.tick([("T1", minute, 0.8) for minute in range(1, 15) if minute != 6], NOW)
    for minute in (15, 16, 17):
        station.tick([("T1", minute, 0.93)], NOW)
    station.tick([("T1", 6, 0.87)], NOW)
    gone = next(i for i in station.records.incidents() if i.state is IncidentState.RETRACTED)
    assert (gone.first_reading_at_us, gone.last_reading_at_us) == (NOON + 15 * MINUTE_US, NOON + 17 * MINUTE_US)


def test_enough_is_said_a_second_later_at_the_most(station: Any) -> None:
    station.tick([("T1", 0, 0.95)], NOW)
    station.tick([("T1", 1, 0.94)], NOW)
    station.tick([("T1", 2, 0.77)], NOW)
    assert "incident_enough" not in kinds_waiting(station)
    station.pipeline.look(NOW + SECOND_US)
    assert "incident_enough" in kinds_waiting(station)


def kinds_waiting(station: Any) -> set[str]:
    """Return the kinds of what waits to be said."""
    kept = ThrottlingState.from_json(station.records.state(STATE_NAME))
    return {waiting.event.kind for waiting in kept.waiting}


def test_the_ask_outlives_its_incident_until_the_target_is_met(station: Any) -> None:
    station.tick([("T1", 0, 0.95)], NOON)
    incident_id = station.incident().incident_id
    assert station.records.ask(incident_id).state is AskState.ASKING
    station.tick([("T1", minute, 0.83) for minute in range(1, 20)], NOON + 20 * MINUTE_US)
    assert station.records.incident(incident_id).state is IncidentState.CLOSED
    station.pipeline.look(NOON + 21 * MINUTE_US)
    assert station.records.ask(incident_id).state.sends_people
    station.tick([("T1", minute, 0.75) for minute in range(20, 40)], NOON + 40 * MINUTE_US)
    station.pipeline.look(NOON + 41 * MINUTE_US)
    assert station.records.ask(incident_id).state is AskState.OVER  # nobody took part: nobody has to be told


def test_a_visit_brings_more_doors_though_the_readings_wait(station: Any) -> None:
    with_a_reading_put_off(station)
    incident_id = station.incident().incident_id
    for i, door in enumerate(station.records.outreach(incident_id).doors):
        station.records.record_visit(Visit(incident_id, door.merchant_id, VisitResult.REFUSED, NOW + i, "P1"), "P1")
    station.pipeline.look(NOW)
    assert station.records.outreach(incident_id).revision == 2


@pytest.mark.parametrize("cleanly", [True, False])
@pytest.mark.parametrize("checkpoint", ["none", "before", "behind"])
def test_what_was_put_off_is_recorded_after_a_stop_or_a_crash(station: Any, cleanly: bool, checkpoint: str) -> None:
    if checkpoint == "none":
        station.pipeline._checkpoints.is_due = lambda readings: False
    if checkpoint == "before":
        station.pipeline.keep_checkpoint()
    with_a_reading_put_off(station)
    if checkpoint == "behind":
        station.pipeline.keep_checkpoint()
    station.restart(NOW, cleanly=cleanly)
    station.a_second_later()
    assert last_recorded(station) == (0.93, 2)


def test_nothing_is_put_off_past_the_cursor(station: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with_a_reading_put_off(station)
    monkeypatch.setattr(pipeline, "CURSOR_SAVED_EVERY_SECONDS", -1.0)
    station.tick([("T2", 3, 0.5)], NOW)
    assert last_recorded(station) == (0.93, 2)


def test_a_new_ledger_finds_what_was_put_off(station: Any) -> None:
    with_a_reading_put_off(station)
    larger = replace(a_town(), transformers=(*a_town().transformers, Transformer("T4", "T4", "S1", 400.0, "G1")))
    station.records.replace_ledger(larger, "test", NOW)
    station.pipeline.look(NOW)
    assert last_recorded(station) == (0.93, 2)


def test_what_cannot_be_followed_now_is_followed_when_the_records_answer_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_SECONDS", 0.1)
    station = Station1(tmp_path)
    with_a_reading_put_off(station)
    with closing(sqlite3.connect(tmp_path / "records.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        station.tick([("T1", 3, 0.92)], NOW + SECOND_US)
        assert station.acknowledged[-1] == message(NOW + SECOND_US, "T1", 3, 0.92)
        other.execute("ROLLBACK")
    station.tick([("T2", 4, 0.5)], NOW + SECOND_US)
    assert last_recorded(station) == (0.92, 3)
    station.close()


def test_hundreds_are_followed_a_few_at_a_time_each_in_its_turn() -> None:
    waiting = FollowUps()
    ids = [f"incident {i}" for i in range(2 * FOLLOWED_AT_ONCE + 1)]
    for incident_id in ids:
        waiting.put_off(incident_id)
    taken = list(waiting.take(NOW))
    assert len(taken) == FOLLOWED_AT_ONCE
    waiting.put_off(ids[-1])  # it waits already
    waiting.put_off(ids[0])  # it was followed: it waits for the next round
    taken += waiting.take(NOW + 1)
    taken += waiting.take(NOW + 2)
    assert taken == ids
    assert waiting.take(NOW + 3) == ()
    assert waiting.take(NOW + SECOND_US) == (ids[0],)


def test_a_clock_that_was_set_back_keeps_nobody_waiting() -> None:
    waiting = FollowUps()
    waiting.put_off("one")
    assert waiting.take(NOW) == ("one",)
    waiting.put_off("one")
    assert waiting.take(NOW - HOUR_US) == ("one",)


def test_an_incident_that_is_over_waits_no_more() -> None:
    waiting = FollowUps()
    for incident_id in ("one", "two", "three"):
        waiting.put_off(incident_id)
    waiting.drop("two")
    assert waiting.take_all() == ("one", "three")
    assert waiting.take(NOW) == ()
