"""How merchants answer, and how the simulated team walks: a list in, answers out through the desk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
import pytest

from alerts.outreach.planner import Ask, Door, VisitResult
from grid.assets import Ledger
from grid.errors import StoreError
from grid.text import Text, same
from grid.timestamps import MINUTE_US
from service.demo.simulated_team import Entered, SimulatedTeam, Task
from simulator.scenario.parts import Character
from simulator.scenario.scenario import load_scenario
from simulator.town.peer_effect import Example
from simulator.town.people import Measures, People, Reply
from simulator.town.town import Town
from stores.ledger_files import read_ledger

SCENARIO = load_scenario("yx06-24-july")
ELEVEN_US = SCENARIO.midnight_us + 11 * 60 * MINUTE_US
ASK = Measures(switch_off_units=2, setpoint_to_c=26.0, lights_off=True)


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    found, faults = read_ledger(SCENARIO.ledger_folder)
    assert found is not None and not faults
    return found


def street_of(reply: Reply, ledger: Ledger) -> People:
    """Return people who all answer alike."""
    shares = {r.value: float(r is reply) for r in Reply}
    if reply is Reply.ABSENT:
        shares["does"] = 1.0
    alike = msgspec.structs.replace(SCENARIO.people, character=(Character(category="*", **shares),))
    return People(ledger, msgspec.structs.replace(SCENARIO, people=alike), 1)


def test_answers_depend_on_the_seed_and_the_merchant_and_on_nobody_else(ledger: Ledger) -> None:
    people, again = People(ledger, SCENARIO, 24), People(ledger, SCENARIO, 24)
    fewer = People(replace(ledger, merchants=ledger.merchants[::-3]), SCENARIO, 24)
    other = People(ledger, SCENARIO, 25)
    answers = {m.merchant_id: people.answer(m.merchant_id, ASK, ELEVEN_US) for m in ledger.merchants}
    assert answers == {m.merchant_id: again.answer(m.merchant_id, ASK, ELEVEN_US) for m in ledger.merchants[::-1]}
    for merchant in ledger.merchants[::-3]:
        assert fewer.answer(merchant.merchant_id, ASK, ELEVEN_US) == answers[merchant.merchant_id]
    assert answers != {m.merchant_id: other.answer(m.merchant_id, ASK, ELEVEN_US) for m in ledger.merchants}


def test_every_kind_of_answer_occurs_on_the_street(ledger: Ledger) -> None:
    found = {
        People(ledger, SCENARIO, seed).answer(m.merchant_id, ASK, ELEVEN_US).reply
        for seed in range(5)
        for m in ledger.merchants
    }
    assert found == set(Reply)


def test_the_protected_refuse_and_follow_nobody(ledger: Ledger) -> None:
    people = street_of(Reply.DOES, ledger)
    for merchant in ledger.merchants:
        reply = people.answer(merchant.merchant_id, ASK, ELEVEN_US).reply
        assert reply is (Reply.REFUSES if merchant.protected else Reply.DOES)
        assert (people.temper(merchant.merchant_id).follows_after_hours == float("inf")) is merchant.protected


def shop(ledger: Ledger) -> str:
    return next(m.merchant_id for m in ledger.merchants if m.transformer_id == "YX06" and not m.protected)


@pytest.mark.parametrize("reply", [Reply.REFUSES, Reply.ABSENT, Reply.PROMISES_ONLY])
def test_who_does_not_do_it_switches_nothing_off(ledger: Ledger, reply: Reply) -> None:
    answer = street_of(reply, ledger).answer(shop(ledger), ASK, ELEVEN_US)
    assert answer.reply is reply and answer.actions == () and answer.ends_at_us > ELEVEN_US


def test_who_does_it_goes_from_unit_to_unit_while_the_team_is_there(ledger: Ledger) -> None:
    answer = street_of(Reply.DOES, ledger).answer(shop(ledger), ASK, ELEVEN_US)
    assert [action.measures.switch_off_units for action in answer.actions] == [0, 1, 2]
    assert answer.actions[-1].at_us == answer.ends_at_us
    assert [action.at_us for action in answer.actions] == sorted(action.at_us for action in answer.actions)


def test_who_does_it_later_does_it_after_the_team_has_left(ledger: Ledger) -> None:
    answer = street_of(Reply.DOES_LATER, ledger).answer(shop(ledger), ASK, ELEVEN_US)
    (action,) = answer.actions
    assert 10 * MINUTE_US <= action.at_us - answer.ends_at_us <= 40 * MINUTE_US


def test_who_is_asked_again_and_again_grows_tired_of_it(ledger: Ledger) -> None:
    people = street_of(Reply.DOES, ledger)
    shops = [m.merchant_id for m in ledger.merchants if not m.protected]

    def willing(visits_before: int) -> int:
        return sum(people.answer(m, ASK, ELEVEN_US, visits_before).reply is Reply.DOES for m in shops)

    assert len(shops) == willing(0) > willing(1) > willing(3)


def test_neighbours_follow_an_example_and_nobody_follows_nobody(ledger: Ledger) -> None:
    people = street_of(Reply.DOES, ledger)
    street = [m for m in ledger.merchants if m.transformer_id == "YX06"]
    only_street = replace(ledger, merchants=tuple(street))

    def followers(taking_part: list[int], hours: int) -> set[int]:
        example, found = Example(only_street, people, 3), set()
        takes_part = [i in taking_part for i in range(len(street))]
        for _ in range(hours * 60):
            found |= set(example.follow(np.array(takes_part), 1.0).nonzero()[0].tolist())
        return found

    assert followers([], 12) == set()
    near_the_end = followers([0, 1, 2], 12)
    assert near_the_end and near_the_end <= {3, 4, 5}


@dataclass
class VisitRecorder:
    """Gives one task and takes answers; refuses them while `is_down`."""

    doors: Sequence[Door]
    enough: bool = False
    is_down: bool = False
    answered: set[str] = field(default_factory=set)
    entered: list[tuple[str, VisitResult, str]] = field(default_factory=list)

    def open_tasks(self) -> Sequence[Task]:
        return [Task("I1", tuple(self.doors), frozenset(self.answered), self.enough)]

    def record_visit(self, incident_id: str, merchant_id: str, result: VisitResult, by: str) -> None:
        if self.is_down:
            raise StoreError(same("the store is away"))
        self.entered.append((merchant_id, result, by))


def door(order: int, merchant_id: str, assigned_to: str) -> Door:
    return Door(order, merchant_id, Ask(2, 3, 22.0, 26.0, True), 3.0, 0.65, assigned_to, Text("", ""))


def doors(ledger: Ledger, assigned: Sequence[str]) -> list[Door]:
    shops = [m.merchant_id for m in ledger.merchants if m.transformer_id == "YX06" and not m.protected]
    return [door(i, merchant_id, who) for i, (merchant_id, who) in enumerate(zip(shops, assigned, strict=False), 1)]


def walk(ledger: Ledger, visit_recorder: VisitRecorder, minutes: int) -> tuple[SimulatedTeam, list[Entered]]:
    team = SimulatedTeam(Town.of(ledger, SCENARIO), ledger, visit_recorder, visit_recorder)
    found: list[Entered] = []
    for minute in range(minutes):
        found += team.advance_to(ELEVEN_US + minute * MINUTE_US)
    return team, found


def test_nobody_sets_out_before_the_time_of_the_scenario(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 5))
    team = SimulatedTeam(Town.of(ledger, SCENARIO), ledger, visit_recorder, visit_recorder)
    assert team.advance_to(ELEVEN_US - MINUTE_US) == ()
    assert visit_recorder.entered == []


def test_everybody_walks_their_own_doors_in_order(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 6 + ["P04"] * 6 + ["P05"] * 6 + ["P06"] * 6))
    _, entered = walk(ledger, visit_recorder, 25)
    for person in ("P03", "P04", "P05", "P06"):
        own = [d.merchant_id for d in visit_recorder.doors if d.assigned_to == person]
        visited = [e.merchant_id for e in entered if e.by == person]
        assert visited and visited == own[: len(visited)]


def test_who_has_finished_helps_the_colleague_with_the_most_left(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 12))
    _, entered = walk(ledger, visit_recorder, 120)
    assert sorted(e.merchant_id for e in entered) == sorted(d.merchant_id for d in visit_recorder.doors)
    assert {e.by for e in entered} == {"P03", "P04", "P05", "P06"}


def test_each_door_is_visited_once_and_not_where_somebody_has_been(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03", "P04"] * 6))
    visit_recorder.answered = {visit_recorder.doors[0].merchant_id, visit_recorder.doors[5].merchant_id}
    _, entered = walk(ledger, visit_recorder, 120)
    visited = [e.merchant_id for e in entered]
    assert len(visited) == len(set(visited)) == 10
    assert visit_recorder.answered.isdisjoint(visited)


def test_a_door_of_another_town_is_left_to_others(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder([door(1, "ELSEWHERE", "P03"), *doors(ledger, ["P03"] * 2)])
    _, entered = walk(ledger, visit_recorder, 60)
    assert [e.merchant_id for e in entered] == [d.merchant_id for d in visit_recorder.doors[1:]]


def test_when_it_is_enough_the_visits_going_on_end_and_no_other_begins(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 8 + ["P04"] * 8))
    team, entered = walk(ledger, visit_recorder, 10)
    visit_recorder.enough = True
    more = [e for minute in range(10, 90) for e in team.advance_to(ELEVEN_US + minute * MINUTE_US)]
    assert entered and len(more) <= 4
    assert len(entered) + len(more) < len(visit_recorder.doors)


def test_an_answer_the_store_cannot_take_is_entered_when_it_can(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 3), is_down=True)
    team, entered = walk(ledger, visit_recorder, 60)
    assert entered == [] and visit_recorder.entered == []
    visit_recorder.is_down = False
    entered += team.advance_to(ELEVEN_US + 60 * MINUTE_US)
    assert len(entered) == len(visit_recorder.entered) == 3


def test_one_look_after_an_hour_enters_what_an_hour_of_looks_does(ledger: Ledger) -> None:
    often, once = VisitRecorder(doors(ledger, ["P03"] * 6)), VisitRecorder(doors(ledger, ["P03"] * 6))
    _, entered = walk(ledger, often, 61)
    late = SimulatedTeam(Town.of(ledger, SCENARIO), ledger, once, once)
    assert list(late.advance_to(ELEVEN_US + 60 * MINUTE_US)) == entered


def test_what_the_team_saw_is_what_it_enters(ledger: Ledger) -> None:
    visit_recorder = VisitRecorder(doors(ledger, ["P03"] * 40))
    _, entered = walk(ledger, visit_recorder, 400)
    people = People(ledger, SCENARIO, SCENARIO.seed)
    seen: dict[Reply, set[VisitResult]] = {}
    for answer in entered:
        reply = people.answer(answer.merchant_id, ASK, ELEVEN_US).reply
        seen.setdefault(reply, set()).add(answer.result)
    expected = {
        Reply.DOES: {VisitResult.DONE},
        Reply.DOES_LATER: {VisitResult.AGREED},
        Reply.PROMISES_ONLY: {VisitResult.AGREED},
        Reply.REFUSES: {VisitResult.REFUSED},
        Reply.ABSENT: {VisitResult.ABSENT},
    }
    assert len(seen) >= 4
    assert seen == {reply: expected[reply] for reply in seen}


def test_walking_takes_time_by_the_number_of_doors(ledger: Ledger) -> None:
    people = People(ledger, SCENARIO, 1)
    assert people.walking_us(0) == 0
    assert people.walking_us(-15) == people.walking_us(15) == 2 * MINUTE_US
