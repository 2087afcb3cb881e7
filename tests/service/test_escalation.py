"""A message that must reach somebody goes on to the next person until somebody has it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.model.handling import IncidentNote, NoteKind
from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState
from alerts.model.kinds import MessageKind
from alerts.notification.event import Notification, NotificationEvent
from alerts.notification.on_duty import Roster
from grid.assets import Shift
from grid.errors import UsageError
from grid.text import same
from grid.timestamps import HOUR_US, MINUTE_US, parse_timestamp_us
from service.notify.acknowledge import Acknowledger, Outcome, Way
from service.notify.escalation import ACKNOWLEDGED, UNANSWERED, Escalation, EscalationSettings
from service.notify.links import VALID_US, AcknowledgeLinks
from stores.records.changes import Changes
from stores.records.records import Records
from tests.alerts.test_on_duty import a_ledger

NOON_US = parse_timestamp_us("2021-07-24T11:00:00+08:00")
SETTINGS = EscalationSettings({"severe_heavy": 10.0, "overload": 5.0}, 15.0)
INCIDENT = Incident(
    incident_id="YX06-1",
    transformer_id="YX06",
    rule="early-warning@1",
    level="severe_heavy",
    state=IncidentState.OPEN,
    first_reading_at_us=NOON_US,
    opened_at_us=NOON_US,
    opened_load_rate=0.95,
    peak_load_rate=0.95,
    peak_at_us=NOON_US,
    last_load_rate=0.95,
    last_reading_at_us=NOON_US,
)


class Clock:
    """A clock that is set."""

    speed = 1.0

    def __init__(self) -> None:
        self.at_us = NOON_US

    def now_us(self) -> int:
        """Return the moment [µs]."""
        return self.at_us


class Desk:
    """A station with one open incident, and what its people are told minute by minute."""

    def __init__(self, records: Records, *shifts: Shift, incident: Incident = INCIDENT) -> None:
        self.records = records
        self.ledger = a_ledger(*shifts)
        records.replace_ledger(self.ledger, "test", NOON_US)
        records.commit(Changes(incidents=(incident,)))
        self.incident = incident
        self.clock = Clock()
        self.acknowledger = Acknowledger(records, self.clock, AcknowledgeLinks(b"k" * 32))
        self.restart()

    def restart(self) -> None:
        """Begin anew from the records."""
        self.escalation = Escalation(self.records, Roster(self.ledger), SETTINGS)

    def after(self, minutes: float) -> tuple[NotificationEvent, ...]:
        """Return what is said at a moment after the opening."""
        self.clock.at_us = NOON_US + round(minutes * MINUTE_US)
        changes, said = self.escalation.look([self.incident], self.clock.at_us)
        self.records.commit(changes)
        self.escalation.recorded(changes)
        return said

    def called(self, kind: MessageKind = MessageKind.INCIDENT_OPENED) -> tuple[str, ...]:
        """Return whom a message of a kind about the incident calls now."""
        event = NotificationEvent("k", kind, "ST01", "severe_heavy", 1, NOON_US, same(""), "YX06", 0.95, "YX06-1")
        about = Notification("k", kind, "ST01", "severe_heavy", 1, same(""), self.clock.at_us, "YX06-1", ("k",))
        return self.escalation.called_by(about, [event])

    def timeline(self) -> list[IncidentEventKind]:
        return [event.kind for event in self.records.events("YX06-1")]


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(f"sqlite:///{tmp_path / 'records.sqlite'}") as store:
        store.migrate()
        yield store


def test_the_members_are_called_first_then_lead_then_desk_then_head(records: Records) -> None:
    desk = Desk(records)
    assert desk.after(0) == ()
    assert desk.called() == ("M1", "M2")
    assert desk.after(9.9) == ()
    said = [desk.after(minutes) for minutes in (10, 20, 30)]
    assert [event.kind for (event,) in said] == [UNANSWERED] * 3
    assert "Member one, Member two did not answer within 10 min. Now called, grid lead: Lead." in said[0][0].text.en
    assert "Member one、Member two 10 分钟内没有应答，现请供电网格长 Lead 处理。" in said[0][0].text.zh
    assert "Lead did not answer" in said[1][0].text.en
    assert "Desk one, Desk two did not answer within 10 min. Now called, station head: Head." in said[2][0].text.en
    assert desk.called(UNANSWERED) == ("H1",)
    assert desk.timeline() == [IncidentEventKind.CALLED] + [IncidentEventKind.UNANSWERED] * 3


def test_at_the_end_of_the_chain_the_last_are_called_again_less_and_less_often(records: Records) -> None:
    desk = Desk(records)
    told = [minute for minute in range(0, 300) if desk.after(minute)]
    assert told == [10, 20, 30, 40, 60, 100, 180, 260]


def test_an_overload_waits_less_long(records: Records) -> None:
    desk = Desk(records, incident=replace(INCIDENT, level="overload"))
    desk.after(0)
    assert desk.after(4.9) == ()
    assert len(desk.after(5)) == 1


def test_somebody_has_it_and_the_others_are_told_once(records: Records) -> None:
    desk = Desk(records)
    desk.after(0)
    desk.after(10)
    assert desk.acknowledger.take("YX06-1", "L1", Way.DESK).outcome is Outcome.RECORDED
    (event,) = desk.after(11)
    assert event.kind == ACKNOWLEDGED
    assert "Lead (grid lead) has it; the others need not answer." in event.text.en
    assert "供电网格长 Lead 已接手" in event.text.zh
    assert desk.called(ACKNOWLEDGED) == ("L1", "M1", "M2"), "everybody who was called hears it"
    assert desk.called() == (), "nobody is called any more"
    assert [desk.after(minutes) for minutes in (12, 30, 240)] == [(), (), ()]
    assert IncidentEventKind.ACKNOWLEDGED in desk.timeline()
    assert records.audit(1)[0].action == "incident_acknowledged"


def test_what_the_desk_has_put_away_calls_nobody_any_more(records: Records) -> None:
    desk = Desk(records)
    desk.after(0)
    note = IncidentNote("YX06-1", NoteKind.PUT_AWAY, NOON_US, "D1", "load was transferred")
    line = IncidentEvent("YX06-1", NOON_US, IncidentEventKind.PUT_AWAY, "结束处置", "ended the desk's work")
    records.record_note(note, line)
    assert [desk.after(minutes) for minutes in (10, 30, 240)] == [(), (), ()]


def test_a_restart_goes_on_where_it_stood(records: Records) -> None:
    desk = Desk(records)
    desk.after(0)
    desk.after(10)
    desk.restart()
    assert desk.after(11) == (), "nobody is called twice"
    assert "Lead did not answer" in desk.after(20)[0].text.en
    desk.acknowledger.take("YX06-1", "D1", Way.PHONE)
    desk.restart()
    assert desk.after(60) == ()


def test_the_first_who_says_so_has_it(records: Records) -> None:
    desk = Desk(records)
    assert desk.acknowledger.take("YX06-1", "M1", Way.PHONE).outcome is Outcome.RECORDED
    late = desk.acknowledger.take("YX06-1", "M2", Way.DESK)
    assert (late.outcome, late.has_it and late.has_it.person_id) == (Outcome.ALREADY, "M1")
    with pytest.raises(UsageError, match="nobody"):
        desk.acknowledger.take("YX06-1", "nobody", Way.COMMAND)


def test_a_link_counts_once_for_its_person_and_only_when_it_is_used(records: Records) -> None:
    desk = Desk(records)
    token = AcknowledgeLinks(b"k" * 32).token("YX06-1", "M1", NOON_US)
    assert desk.acknowledger.look_at_link(token).outcome is Outcome.RECORDED
    assert records.acknowledgement("YX06-1") is None, "chats open links to preview them"
    used = desk.acknowledger.use_link(token)
    assert (used.outcome, used.person and used.person.person_id) == (Outcome.RECORDED, "M1")
    assert desk.acknowledger.use_link(token).outcome is Outcome.ALREADY
    taken = records.acknowledgement("YX06-1")
    assert taken is not None and (taken.person_id, taken.way) == ("M1", "link")


def test_a_link_that_is_changed_foreign_or_old_is_refused(records: Records) -> None:
    desk = Desk(records)
    links = AcknowledgeLinks(b"k" * 32)
    good = links.token("YX06-1", "M1", NOON_US)
    said, _, signature = good.partition(".")
    other = links.token("YX06-1", "M2", NOON_US).partition(".")[0]
    foreign = AcknowledgeLinks(b"x" * 32).token("YX06-1", "M1", NOON_US)
    for bad in ("", ".", "a.b", said, f"{other}.{signature}", foreign, good[:-2], "é.ü", good + "A" * 600):
        assert desk.acknowledger.use_link(bad).outcome is Outcome.NO_LINK, bad
    desk.clock.at_us += VALID_US + 1
    assert desk.acknowledger.use_link(good).outcome is Outcome.NO_LINK
    assert records.acknowledgement("YX06-1") is None


def test_an_incident_that_is_over_needs_nobody(records: Records) -> None:
    desk = Desk(records, incident=replace(INCIDENT, state=IncidentState.CLOSED, closed_at_us=NOON_US))
    assert desk.acknowledger.take("YX06-1", "M1", Way.DESK).outcome is Outcome.OVER


def test_nobody_is_called_to_history(records: Records) -> None:
    desk = Desk(records, incident=replace(INCIDENT, opened_at_us=NOON_US - 3 * HOUR_US))
    assert desk.after(0) == ()
    assert records.calls("YX06-1") == ()


def test_the_key_of_links_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    token = AcknowledgeLinks.of_folder(tmp_path).token("YX06-1", "M1", NOON_US)
    assert AcknowledgeLinks.of_folder(tmp_path).read(token, NOON_US) is not None
    (key,) = tmp_path.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
