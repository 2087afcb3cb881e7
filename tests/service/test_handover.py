"""A shift is handed over: the open incidents go to the next person, the channels are told, the note stays at home."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.incidents import IncidentState
from grid.errors import UsageError
from service.notify.audiences import Audience
from service.notify.handover import Handover
from stores.records.changes import Changes
from stores.records.records import Records
from tests.alerts.test_on_duty import a_ledger
from tests.service.test_escalation import INCIDENT, NOON_US, Clock

ROBOTS = (Audience(("desk",)), Audience(("mine",), ("ST01",)), Audience(("other",), ("ST02",)))
NOTE = "模拟小吃店 13800000001 答应十二点前停两台"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.migrate()
        store.replace_ledger(a_ledger(), "test", NOON_US)
        over = replace(INCIDENT, incident_id="YX06-0", state=IncidentState.CLOSED, closed_at_us=NOON_US)
        store.commit(Changes(incidents=(INCIDENT, over)))
        yield store


def test_open_incidents_and_the_note_go_to_the_next_person_and_the_channels_are_told(records: Records) -> None:
    done = Handover(records, Clock(), ROBOTS).hand_over("ST01", "D1", "D2", NOTE)
    assert [incident.incident_id for incident in done.incidents] == ["YX06-1"]
    assert records.handling(["YX06-1"])["YX06-1"].assigned_to == "D2"
    assert any(NOTE in event.detail_zh for event in records.events("YX06-1"))
    (message,) = records.messages(9)
    assert message.text.zh == "【交接班】Desk one → Desk two：未结事件 1 个：YX06 95%。交接说明见事件记录。"
    assert "13800000001" not in message.text.zh + message.text.en
    assert {delivery.channel for delivery in message.deliveries} == {"desk", "mine"}
    assert records.due_messages(NOON_US, 9)[0].mentions == ("D2",)


def test_a_quiet_shift_says_so(records: Records) -> None:
    Handover(records, Clock(), ROBOTS).hand_over("ST02", "D1", "D2", "")
    assert records.messages(1)[0].text.en == "[shift handed over] Desk one → Desk two: no incident is open."


@pytest.mark.parametrize(("station", "by", "to"), [("ST9", "D1", "D2"), ("ST01", "X", "D2"), ("ST01", "D1", "X")])
def test_unknown_stations_and_people_are_refused_before_anything_is_recorded(
    records: Records, station: str, by: str, to: str
) -> None:
    with pytest.raises(UsageError):
        Handover(records, Clock(), ROBOTS).hand_over(station, by, to, NOTE)
    assert records.messages(9) == ()
    assert records.handling(["YX06-1"]) == {}
