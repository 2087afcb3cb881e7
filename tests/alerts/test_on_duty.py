"""Who is on duty at a moment: roster, substitutes, the grid's own team, those who stand by."""

from __future__ import annotations

import pytest

from alerts.notification.on_duty import Roster, Source
from grid.assets import Ledger, Person, Role, ServiceGrid, Shift, Station, Transformer
from grid.timestamps import parse_timestamp_us

PEOPLE = (
    Person("M1", "Member one", Role.MEMBER, "G1"),
    Person("M2", "Member two", Role.MEMBER, "G1"),
    Person("M9", "Member elsewhere", Role.MEMBER, "G2"),
    Person("L1", "Lead", Role.GRID_LEAD, "G1"),
    Person("D1", "Desk one", Role.DUTY),
    Person("D2", "Desk two", Role.DUTY),
    Person("H1", "Head", Role.STATION_HEAD),
)


def a_ledger(*shifts: Shift, people: tuple[Person, ...] = PEOPLE) -> Ledger:
    return Ledger(
        stations=(Station("ST01", "Station", "Asia/Shanghai"), Station("ST02", "Other", "Asia/Urumqi")),
        grids=(ServiceGrid("G1", "Grid", "ST01", "Community"), ServiceGrid("G2", "Grid two", "ST01", "Community")),
        transformers=(Transformer("YX06", "Six", "ST01", 400.0, "G1"),),
        people=people,
        roster=shifts,
    )


def on(ledger: Ledger, role: Role, at: str, grid_id: str = "G1") -> list[str]:
    return [each.person.person_id for each in Roster(ledger).of_role(role, "ST01", grid_id, parse_timestamp_us(at))]


def test_people_without_a_line_are_on_whenever_their_role_is_called_and_only_for_their_grid() -> None:
    assert on(a_ledger(), Role.MEMBER, "2021-07-24T11:00:00+08:00") == ["M1", "M2"]
    assert on(a_ledger(), Role.MEMBER, "2021-07-24T11:00:00+08:00", "G2") == ["M9"]
    assert on(a_ledger(), Role.DUTY, "2021-07-24T11:00:00+08:00") == ["D1", "D2"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2021-07-23T07:59:59+08:00", []),
        ("2021-07-23T08:00:00+08:00", ["D1"]),
        ("2021-07-23T19:59:59+08:00", ["D1"]),
        ("2021-07-23T20:00:00+08:00", ["D2"]),
        ("2021-07-24T07:59:00+08:00", ["D2"]),
        ("2021-07-24T09:00:00+08:00", []),
        ("2021-07-23T00:30:00Z", ["D1"]),
    ],
)
def test_shifts_follow_the_station_s_time_and_run_past_midnight(at: str, expected: list[str]) -> None:
    friday = [Shift("D1", "5", "", "08:00", "20:00"), Shift("D2", "5", "", "20:00", "08:00")]
    assert on(a_ledger(*friday), Role.DUTY, at) == expected


def test_a_date_counts_instead_of_the_weekdays_of_that_day() -> None:
    ledger = a_ledger(
        Shift("D1", "12345", "", "08:00", "20:00"),
        Shift("D1", "", "2021-07-23", "12:00", "14:00"),
        Shift("D2", "67", "", "08:00", "20:00"),
    )
    assert on(ledger, Role.DUTY, "2021-07-23T09:00:00+08:00") == []
    assert on(ledger, Role.DUTY, "2021-07-23T13:00:00+08:00") == ["D1"]
    assert on(ledger, Role.DUTY, "2021-07-22T09:00:00+08:00") == ["D1"]


def test_a_substitute_is_on_instead_whatever_their_own_role() -> None:
    ledger = a_ledger(Shift("L1", "", "2021-07-24", "00:00", "24:00", "M2"))
    (found,) = Roster(ledger).of_role(Role.GRID_LEAD, "ST01", "G1", parse_timestamp_us("2021-07-24T11:00:00+08:00"))
    assert (found.person.person_id, found.role, found.source, found.in_place_of) == (
        "M2",
        Role.GRID_LEAD,
        Source.SUBSTITUTE,
        "L1",
    )


def test_the_chain_leaves_out_steps_where_nobody_is_on() -> None:
    ledger = a_ledger(*(Shift(each, "1", "", "08:00", "20:00") for each in ("M1", "M2", "D1", "D2")))
    steps = Roster(ledger).steps("ST01", "G1", parse_timestamp_us("2021-07-24T11:00:00+08:00"))
    assert [[each.person.person_id for each in step] for step in steps] == [["L1"], ["H1"]]


def test_outside_all_rosters_those_who_stand_by_are_called() -> None:
    ledger = a_ledger(*(Shift(each.person_id, "1", "", "08:00", "20:00") for each in PEOPLE))
    roster = Roster(ledger, ("M9", "gone"))
    ((found,),) = roster.steps("ST01", "G1", parse_timestamp_us("2021-07-24T11:00:00+08:00"))
    assert (found.person.person_id, found.source) == ("M9", Source.STAND_BY)
    assert Roster(ledger).steps("ST01", "G1", parse_timestamp_us("2021-07-24T11:00:00+08:00")) == ()
