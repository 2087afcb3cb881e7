"""The outbox: each message is delivered on each of its channels, or dead with a reason, and never forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from grid.errors import StoreError
from grid.text import Text
from grid.timestamps import MINUTE_US
from stores.records.changes import Changes, NewMessage
from stores.records.outbox import DeliveryState
from stores.records.records import Records
from tests.support.record_store import KINDS, NOON_US, an_incident, new_database, with_tables


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    with new_database(request.param, tmp_path) as url:
        yield url


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    with Records(with_tables(url)) as records:
        records.commit(Changes(incidents=(an_incident(),)))
        yield records


def a_message(key: str, minute: int = 0, channels: tuple[str, ...] = ("robot",)) -> NewMessage:
    text = Text("YX06 严重重载 95.33 %", "YX06 severe heavy load 95.33 %")
    return NewMessage(key, "incident_opened", "S1", "YX06-a", text, NOON_US + minute * MINUTE_US, channels)


def test_a_message_is_due_on_each_of_its_channels_under_one_number(records: Records) -> None:
    records.commit(Changes(messages=(a_message("opened", channels=("robot", "file")),)))
    robot, file = records.due_messages(NOON_US, 9)
    assert (robot.channel, file.channel) == ("robot", "file")
    assert robot.message_no == file.message_no
    assert robot.delivery_no != file.delivery_no
    assert (robot.text, robot.kind, robot.station_id, robot.incident_id, robot.created_at_us) == (
        Text("YX06 严重重载 95.33 %", "YX06 severe heavy load 95.33 %"),
        "incident_opened",
        "S1",
        "YX06-a",
        NOON_US,
    )


def test_what_is_delivered_is_not_due_again_even_when_recorded_again(records: Records) -> None:
    message = a_message("opened", channels=("robot", "file"))
    records.commit(Changes(messages=(message,)))
    robot, file = records.due_messages(NOON_US, 9)
    records.mark_delivered(robot.delivery_no, NOON_US + 1)
    records.commit(Changes(messages=(replace(message, text=Text("新", "new"), channels=("robot", "file", "mail")),)))
    assert records.due_messages(NOON_US, 9) == (file,)


def test_a_failed_delivery_is_due_again_at_its_time_and_counts_its_attempts(records: Records) -> None:
    records.commit(Changes(messages=(a_message("opened"),)))
    (due,) = records.due_messages(NOON_US, 9)
    records.mark_failed(due.delivery_no, "connection refused", NOON_US + MINUTE_US)
    assert records.due_messages(NOON_US + MINUTE_US - 1, 9) == ()
    (again,) = records.due_messages(NOON_US + MINUTE_US, 9)
    assert again == replace(due, attempts=1)
    (told,) = records.messages(1)[0].deliveries
    assert (told.state, told.attempts, told.last_error) == (DeliveryState.PENDING, 1, "connection refused")


def test_a_delivery_that_is_given_up_keeps_its_reason(records: Records) -> None:
    records.commit(Changes(messages=(a_message("opened", channels=("robot", "file")),)))
    robot, file = records.due_messages(NOON_US, 9)
    records.mark_failed(robot.delivery_no, "200 with errcode 310000", None)
    assert records.due_messages(NOON_US + 10**15, 9) == (file,)
    dead, waiting = records.messages(1)[0].deliveries
    assert (dead.state, dead.last_error, dead.next_attempt_at_us) == (
        DeliveryState.DEAD,
        "200 with errcode 310000",
        None,
    )
    assert waiting.state is DeliveryState.PENDING


def test_messages_wait_for_their_time_and_come_oldest_first(records: Records) -> None:
    later, first, second = a_message("c", minute=30), a_message("a", 0, ("robot", "file")), a_message("b", minute=0)
    records.commit(Changes(messages=(first, second, later)))
    due = records.due_messages(NOON_US + MINUTE_US, 9)
    assert [(one.message_no, one.channel) for one in due] == [(1, "robot"), (1, "file"), (2, "robot")]
    assert len(records.due_messages(NOON_US + MINUTE_US, 2)) == 2


def test_a_deliverer_that_died_before_noting_it_delivers_again_under_the_same_number(
    records: Records, url: str
) -> None:
    records.commit(Changes(messages=(a_message("opened"),)))
    taken = records.due_messages(NOON_US, 9)
    with Records(url) as next_deliverer:
        assert next_deliverer.due_messages(NOON_US, 9) == taken


def test_a_delivered_one_tells_when(records: Records) -> None:
    records.commit(Changes(messages=(a_message("opened"), a_message("closed", minute=1))))
    records.mark_delivered(records.due_messages(NOON_US, 1)[0].delivery_no, NOON_US + 7)
    newest, oldest = records.messages(9)
    assert (newest.key, oldest.key) == ("closed", "opened")
    assert (oldest.deliveries[0].state, oldest.deliveries[0].delivered_at_us) == (DeliveryState.DELIVERED, NOON_US + 7)


def test_two_thousand_messages_are_put_and_each_is_due_once(records: Records) -> None:
    records.commit(Changes(messages=tuple(a_message(f"m{i}") for i in range(2000))))
    assert len({due.message_no for due in records.due_messages(NOON_US, 5000)}) == 2000


def test_an_unknown_delivery_is_refused(records: Records) -> None:
    with pytest.raises(StoreError, match="no delivery 7"):
        records.mark_delivered(7, NOON_US)
