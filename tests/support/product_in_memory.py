"""The product without stores and broker, in a few lines of the real rules: what the simulated team works against.

day = play(town, ledger)               # the whole scenario, with the team
day.percent("11:30"), day.product.incidents, day.product.visits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from alerts.model.incidents import Incident, IncidentState
from alerts.outreach.advice import is_to_be_called_on_again
from alerts.outreach.ask import AskState, state_after
from alerts.outreach.planner import (
    AdviceKind,
    OutreachList,
    OutreachSettings,
    Visit,
    VisitResult,
    advise,
    candidates,
    make_list,
    spare_doors,
)
from alerts.outreach.release import Release, plan_release, taking_part
from alerts.rules.rule_set import parse_rule_set
from alerts.rules.series import SortedRates
from alerts.verdicts.engine import VerdictEngine
from grid.assets import Ledger, Phase, Transformer
from grid.electrical import LoadRates, power_factor
from grid.readings import ReadingBatch
from grid.timestamps import HOUR_US, MINUTE_US
from service.demo.simulated_team import SimulatedTeam, Task
from simulator.scenario.day import minute_of
from simulator.town.town import Town

RECENT_MINUTES = 15


class Product:
    """Sees readings, opens incidents, makes lists, takes answers."""

    def __init__(
        self,
        ledger: Ledger,
        town: Town,
        change: Callable[[OutreachList], OutreachList] = lambda made: made,
        settings: OutreachSettings | None = None,
        releases: bool = False,
    ) -> None:
        """Start with no incident. `change` is done to each list before the team sees it."""
        file = resources.files("alerts.rules") / "rulesets" / "early-warning.toml"
        self._engine = VerdictEngine(
            [parse_rule_set(file.read_text(encoding="utf-8"), file.name)], 20, town.fleet.transformer_ids
        )
        self._ledger, self._fleet, self._change = ledger, town.fleet, change
        self._settings = settings or OutreachSettings()
        self._recent: list[tuple[ReadingBatch, LoadRates]] = []
        self._enough: set[str] = set()
        self._releases = releases
        self._now_us = 0
        self.incidents: dict[str, Incident] = {}
        self.lists: dict[str, OutreachList] = {}
        self.visits: list[Visit] = []
        self.released: list[Release] = []
        self.asks: dict[str, list[tuple[int, AskState]]] = {}
        self.all_lists: list[OutreachList] = []

    def see(self, readings: ReadingBatch, now_us: int) -> None:
        """Take the readings of one moment."""
        self._now_us = now_us
        rates = LoadRates(readings, self._fleet)
        self._recent = [*self._recent[-RECENT_MINUTES:], (readings, rates)]
        block = SortedRates.of(
            readings.transformer, readings.measured_at_us, rates.load_rate, rates.worst_phase_load_rate
        )
        for change in self._engine.advance(block).incidents:
            self.incidents[change.incident.incident_id] = change.incident
        for incident in self.incidents.values():
            number = self._fleet.number[incident.transformer_id]
            self._follow(
                replace(
                    incident,
                    last_load_rate=float(rates.load_rate[number]),
                    last_reading_at_us=int(readings.measured_at_us[number]),
                )
            )

    def open_tasks(self) -> Sequence[Task]:
        """Return what the team has to do."""
        return [
            self._task(incident_id, made)
            for incident_id, made in self.lists.items()
            if self.incidents[incident_id].state is not IncidentState.RETRACTED
        ]

    def _task(self, incident_id: str, made: OutreachList) -> Task:
        newest = {visit.merchant_id: visit for visit in self.visits}
        again = frozenset(m for m, visit in newest.items() if is_to_be_called_on_again(visit, made))
        released = frozenset(one.merchant_id for one in self.released)
        return Task(incident_id, made.doors, frozenset(newest) - again, incident_id in self._enough, again, released)

    def record_visit(self, incident_id: str, merchant_id: str, result: VisitResult, by: str) -> None:
        """Take one answer."""
        self.visits.append(Visit(incident_id, merchant_id, result, self._now_us, by))

    def _follow(self, incident: Incident) -> None:
        transformer = self._ledger.transformer(incident.transformer_id)
        assert transformer is not None
        number = self._fleet.number[incident.transformer_id]
        hours = np.array([batch.measured_at_us[number] for batch, _ in self._recent]) / HOUR_US
        rates = np.array([rate.load_rate[number] for _, rate in self._recent])
        trend = float(np.polyfit(hours - hours[-1], rates, 1)[0]) if len(rates) > 1 else float("nan")
        factor = float(np.mean([power_factor(batch)[number] for batch, _ in self._recent]))
        worst = list(Phase)[int(np.argmax(self._recent[-1][1].phase_load_rate[number]))]
        merchants = [m for m in self._ledger.merchants if m.transformer_id == incident.transformer_id]
        previous = self.lists.get(incident.incident_id)
        if previous is not None:
            ranked = candidates(
                incident, merchants, self._ledger.appliances, self.visits, self._now_us, self._settings, worst
            )
            held = len(rates) > RECENT_MINUTES and float(rates.max()) <= previous.target_load_rate
            advice = advise(
                previous, self.visits, incident.last_load_rate, self._settings, incident=incident,
                transformer=transformer, power_factor=factor, spare_doors=spare_doors(previous, ranked),
                trend_per_hour=trend, has_held=held,
                was_enough=self.asks.get(incident.incident_id, [(0, None)])[-1][1] is AskState.ENOUGH,
            )  # fmt: skip
            self._note(incident.incident_id, state_after(advice))
            if advice.kind is AdviceKind.ENOUGH and incident.state is not IncidentState.OPEN and self._releases:
                self._release(incident, transformer, factor, trend)
            if advice.kind is not AdviceKind.MORE_DOORS:
                return
        made = make_list(
            incident, transformer, incident.last_load_rate, trend, factor, merchants, self._ledger.appliances,
            self._ledger.people, self.visits, self._now_us, self._settings, previous.revision + 1 if previous else 1,
            worst_phase=worst, previous=previous,
        )  # fmt: skip
        if made.doors or previous is None:
            self.lists[incident.incident_id] = self._change(made)
            self.all_lists.append(made)

    def _note(self, incident_id: str, state: AskState) -> None:
        """Keep where the ask stands: told "enough" or "wait", nobody sets out."""
        stays = state in (AskState.ENOUGH, AskState.WAITING)
        (self._enough.add if stays else self._enough.discard)(incident_id)
        states = self.asks.setdefault(incident_id, [])
        if not states or states[-1][1] is not state:
            states.append((self._now_us, state))

    def _release(self, incident: Incident, transformer: Transformer, factor: float, trend: float) -> None:
        plan = plan_release(
            taking_part(self.all_lists, self.visits, incident.incident_id), self.released, incident.last_load_rate,
            self._settings, transformer=transformer, power_factor=factor, now_us=self._now_us, trend_per_hour=trend,
        )  # fmt: skip
        if plan.due is not None:
            self.released += [Release(incident.incident_id, m, self._now_us) for m in plan.due.merchant_ids]


@dataclass(frozen=True)
class Day:
    """A scenario played to its end."""

    town: Town
    readings: ReadingBatch
    load_rate: NDArray[np.float64]
    """(minutes, transformers)"""
    product: Product

    def of(self, transformer_id: str) -> NDArray[np.float64]:
        """Return the load rates of one transformer, one a minute."""
        return self.load_rate[:, self.town.fleet.number[transformer_id]]

    def between(self, transformer_id: str, first: str, last: str) -> NDArray[np.float64]:
        """Return the load rates from one clock time to another, both included."""
        start = int(self.town.scenario.minute(self.town.scenario.starts_at_us))
        return self.of(transformer_id)[minute_of(first) - start : minute_of(last) - start + 1]

    def percent(self, clock_time: str, transformer_id: str = "YX06") -> float:
        """Return the load rate [%] at a clock time."""
        return 100.0 * float(self.between(transformer_id, clock_time, clock_time)[0])

    def clock_minute(self, timestamp: int) -> float:
        """Return the local minute of the day of a moment [µs]."""
        return self.town.scenario.minute(timestamp)


def play(
    town: Town,
    ledger: Ledger,
    *,
    with_team: bool = True,
    change: Callable[[OutreachList], OutreachList] = lambda made: made,
    tick_minutes: int = 1,
    releases: bool = False,
) -> Day:
    """Play the whole scenario; the product sees every minute, the team works in ticks of `tick_minutes`."""
    product = Product(ledger, town, change, releases=releases)
    team = SimulatedTeam(town, ledger, product, product)
    seen: list[ReadingBatch] = []
    now_us, rows = town.scenario.starts_at_us, len(town.fleet)
    while not town.is_over:
        if with_team:
            team.advance_to(now_us)
        readings = town.advance_to(now_us)
        for i in range(0, len(readings), rows):
            minute = readings.take(np.arange(i, i + rows))
            product.see(minute, int(minute.measured_at_us[0]))
            seen.append(minute)
        now_us += tick_minutes * MINUTE_US
    together = ReadingBatch.concatenate(seen)
    return Day(town, together, LoadRates(together, town.fleet).load_rate.reshape(-1, rows), product)
