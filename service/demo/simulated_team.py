"""The simulated team: walks the product's own list through the simulated town and enters answers like anybody.

It knows nothing but what a real team knows: the open incidents with their lists, whether it is enough, and
what is said at the door. Answers go in through the desk, the same door as the page. Moments are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from alerts.model.incidents import IncidentState
from alerts.outreach.planner import AdviceKind, Ask, Door, VisitResult
from grid.assets import Ledger
from grid.errors import StoreError
from grid.timestamps import MINUTE_US
from simulator.scenario.day import minute_of
from simulator.town.people import Answer, Measures, Reply
from simulator.town.town import Town

if TYPE_CHECKING:
    from service.queries.queries import Queries

TASKS_LOOKED_AT = 10
"""The newest incidents: a team of a demo has one or two."""
_RESULT = {
    Reply.DOES: VisitResult.DONE,
    Reply.DOES_LATER: VisitResult.AGREED,
    Reply.PROMISES_ONLY: VisitResult.AGREED,
    Reply.REFUSES: VisitResult.REFUSED,
    Reply.ABSENT: VisitResult.ABSENT,
}
"""What the team sees: who does it at once has done it, a promise is an agreement, whatever comes of it."""


@dataclass(frozen=True)
class Task:
    """An open incident as a team sees it."""

    incident_id: str
    doors: tuple[Door, ...]
    """Of the newest list, in walking order."""
    answered: frozenset[str]
    """Merchants with a result already."""
    enough: bool
    again: frozenset[str] = frozenset()
    """Merchants at whose doors nobody was at home, named again by the newest list."""
    released: frozenset[str] = frozenset()
    """Merchants who were told that they may switch back."""


class Tasks(Protocol):
    """Where the team reads what there is to do."""

    def open_tasks(self) -> Sequence[Task]:
        """Return the open incidents that have a list."""
        ...


class AnswerRecorder(Protocol):
    """Where the team enters answers; `service.response.visits.VisitRecorder` is one."""

    def record_visit(self, incident_id: str, merchant_id: str, result: VisitResult, by: str) -> object:
        """Record one result at one door."""
        ...


class QueriesTasks:
    """The tasks of a real installation, asked of its read side."""

    def __init__(self, queries: Queries) -> None:
        """Keep the read side."""
        self._queries = queries

    def open_tasks(self) -> Sequence[Task]:
        """Return the open incidents that have a list. Raises StoreError when a store cannot answer."""
        rows = [row for row in self._queries.incidents() if row.incident.state is not IncidentState.RETRACTED]
        pages = [self._queries.incident(row.incident.incident_id) for row in rows[:TASKS_LOOKED_AT]]
        return [
            Task(
                page.row.incident.incident_id,
                page.outreach.doors,
                frozenset(door.door.merchant_id for door in page.doors if door.result is not None),
                page.advice is None or page.advice.kind is AdviceKind.ENOUGH or page.advice.wait_minutes > 0.0,
                frozenset(door.door.merchant_id for door in page.doors if door.result is None),
                frozenset(one.merchant_id for one in page.releases),
            )
            for page in pages
            if page.outreach is not None and (page.advice is not None or page.releases)
        ]


@dataclass(frozen=True)
class Entered:
    """One answer as the team entered it, for whoever watches the rehearsal."""

    at_us: int
    incident_id: str
    merchant_id: str
    result: VisitResult
    by: str


@dataclass
class _Walker:
    person_id: str
    free_at_us: int
    place: float = 0.0
    """Walk order of the door the walker stands at."""
    visit: tuple[str, str, Answer] | None = None
    """Incident, merchant and outcome of the visit going on."""


class SimulatedTeam:
    """A team at work in a town. Call `advance_to` before the town's own, with the same moment."""

    def __init__(self, town: Town, ledger: Ledger, tasks: Tasks, visit_recorder: AnswerRecorder) -> None:
        """Line up the people of the ledger whose roles the scenario sends out."""
        visit = town.scenario.visit
        starts_at_us = town.scenario.midnight_us + minute_of(visit.starts_at) * MINUTE_US
        self._town = town
        self._tasks = tasks
        self._visit_recorder = visit_recorder
        team = [person.person_id for person in ledger.people if person.role in visit.roles]
        apart_us = round(visit.pairs_apart_minutes * MINUTE_US)
        self._walkers = [_Walker(person, starts_at_us + i * apart_us) for i, person in enumerate(team)]
        self._place = {m.merchant_id: float(m.walk_order or 0) for m in ledger.merchants}
        self._taken: dict[str, int] = {}
        """How often somebody set out to a merchant."""
        self._released: set[str] = set()
        self._visits: dict[str, int] = {}
        self._to_enter: list[Entered] = []
        self._open: Sequence[Task] = ()
        self._looked_at_us = -1

    def advance_to(self, now_us: int) -> tuple[Entered, ...]:
        """Let the team work until `now_us` [µs]; return the answers it entered.

        It looks at its tasks once a minute. An answer that the store cannot take is entered next time.
        """
        if not self._walkers or now_us < min(walker.free_at_us for walker in self._walkers):
            return ()
        if now_us - self._looked_at_us >= MINUTE_US:
            self._open = self._tasks.open_tasks()
            self._looked_at_us = now_us
            self._tell_who_may_switch_back()
        while True:
            walker = min(self._walkers, key=lambda w: w.free_at_us)
            if walker.free_at_us > now_us:
                break
            self._leave(walker)
            if not self._set_out(walker):
                walker.free_at_us = now_us + MINUTE_US
        return self._enter()

    def _tell_who_may_switch_back(self) -> None:
        for task in self._open:
            for merchant_id in sorted((task.released - self._released) & self._place.keys()):
                self._released.add(merchant_id)
                self._town.release(merchant_id)

    def _leave(self, walker: _Walker) -> None:
        if walker.visit is None:
            return
        incident_id, merchant_id, answer = walker.visit
        walker.visit = None
        self._to_enter.append(
            Entered(answer.ends_at_us, incident_id, merchant_id, _RESULT[answer.reply], walker.person_id)
        )

    def _set_out(self, walker: _Walker) -> bool:
        """Send a walker to the next door, if there is one. What happens there is settled on arrival."""
        found = self._next_door(walker)
        if found is None:
            return False
        incident_id, door = found
        merchant_id = door.merchant_id
        place = self._place.get(merchant_id, walker.place)
        arrives_at_us = walker.free_at_us + self._town.people.walking_us(place - walker.place)
        before = self._visits.get(merchant_id, 0)
        answer = self._town.people.answer(merchant_id, measures_of(door.ask), arrives_at_us, before)
        for action in answer.actions:
            self._town.apply_answer(merchant_id, action.measures, action.at_us)
        self._taken[merchant_id] = self._taken.get(merchant_id, 0) + 1
        self._visits[merchant_id] = before + 1
        walker.place, walker.visit, walker.free_at_us = place, (incident_id, merchant_id, answer), answer.ends_at_us
        return True

    def _next_door(self, walker: _Walker) -> tuple[str, Door] | None:
        """Return the walker's own next door, else the last one of the colleague who has the most left."""
        left = [
            (task.incident_id, door)
            for task in self._open
            if not task.enough
            for door in task.doors
            if self._is_for_us(door, task)
        ]
        own = [pair for pair in left if pair[1].assigned_to in (walker.person_id, "")]
        if own:
            return own[0]
        counts: dict[str, int] = {}
        for _, door in left:
            counts[door.assigned_to] = counts.get(door.assigned_to, 0) + 1
        busiest = max(counts, key=lambda person: (counts[person], person), default=None)
        return next((pair for pair in reversed(left) if pair[1].assigned_to == busiest), None)

    def _is_for_us(self, door: Door, task: Task) -> bool:
        """Return whether a door is in our town, and nobody has been there, or nobody was at home then."""
        merchant_id = door.merchant_id
        if merchant_id not in self._place or merchant_id in task.answered:
            return False
        was_there = self._taken.get(merchant_id, 0)
        return was_there == 0 or (merchant_id in task.again and was_there == 1)

    def _enter(self) -> tuple[Entered, ...]:
        entered: list[Entered] = []
        while self._to_enter:
            answer = self._to_enter[0]
            try:
                self._visit_recorder.record_visit(answer.incident_id, answer.merchant_id, answer.result, answer.by)
            except StoreError:
                break
            entered.append(self._to_enter.pop(0))
        return tuple(entered)


def measures_of(ask: Ask) -> Measures:
    """Return an ask of the outreach list in the simulator's words."""
    return Measures(ask.switch_off_units, ask.setpoint_to_c, ask.lights_off)
