"""The figures of a report: by service grid and its responsible person, and the burden on merchants.

Silence counts for nothing here: the time of an incident ends with its last reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerts.model.handling import NOT_HANDLED, Handling
from alerts.model.incidents import Incident, IncidentState
from alerts.model.kinds import LevelName, known_level
from alerts.outreach.planner import OutreachList, Visit, VisitResult
from grid.assets import Ledger, Role
from grid.timestamps import MINUTE_US
from stores.records.records import Records


@dataclass(frozen=True)
class ReportedIncident:
    """One incident with all that people did about it."""

    incident: Incident
    lists: Sequence[OutreachList]
    visits: Sequence[Visit]
    """The newest at each door."""
    handling: Handling


@dataclass(frozen=True)
class GridReport:
    """What happened in one service grid."""

    grid_id: str
    grid_name: str
    responsible: str
    """Names of its grid leads, else of its community leads."""
    incidents: int
    overloads: int
    minutes_above: float
    """From opening to end, to the last reading where it is open or its end is unknown."""
    peak_load_rate: float
    peak_transformer_id: str
    doors: int
    """On any list."""
    asked: int
    """Doors where somebody was spoken to or nobody was in."""
    agreed: int
    refused: int
    absent: int
    not_reached: int
    """Doors on a list that nobody went to, or where nobody was in."""
    agreed_kw: float
    """Offers of the doors that agreed: what was promised, not what was measured."""
    taken: int
    """Incidents that somebody took or was given."""


@dataclass(frozen=True)
class Burden:
    """How often one merchant was asked."""

    merchant_id: str
    asks: int
    agreed: int


@dataclass(frozen=True)
class Report:
    """Everything that is told of a span of time."""

    from_us: int
    to_us: int
    grids: tuple[GridReport, ...]
    """Those with an incident, the most minutes above the line first."""
    visits: int
    """Doors where somebody was met or nobody was in, in all incidents."""
    successes: int
    """Doors that agreed."""
    merchants_asked: int
    agreed_kw: float
    burdens: tuple[Burden, ...]
    """The merchants that were asked most, at most `BURDENS_MAX`."""

    @property
    def visits_per_success(self) -> float | None:
        """Return how many visits one agreement took (the field's figures: 1.54 before portraits, 1.17 after)."""
        return self.visits / self.successes if self.successes else None

    @property
    def kw_per_visit(self) -> float | None:
        """Return what one visit brought in promises [kW]."""
        return self.agreed_kw / self.visits if self.visits else None


BURDENS_MAX = 20


def report_of(records: Records, from_us: int, to_us: int) -> Report:
    """Return the report of what opened in [from_us, to_us). Raises StoreError."""
    opened = [
        incident
        for incident in records.incidents(since_us=from_us)
        if from_us <= incident.opened_at_us < to_us and incident.state is not IncidentState.RETRACTED
    ]
    known = records.handling([incident.incident_id for incident in opened])
    reported = [
        ReportedIncident(
            incident,
            records.outreach_revisions(incident.incident_id),
            tuple(records.current_visits(incident.incident_id).values()),
            known.get(incident.incident_id, NOT_HANDLED),
        )
        for incident in opened
    ]
    return figures_of(reported, records.ledger(), from_us, to_us)


def figures_of(reported: Sequence[ReportedIncident], ledger: Ledger, from_us: int, to_us: int) -> Report:
    """Return the figures of incidents that opened in [from_us, to_us)."""
    grid_of = {t.transformer_id: t.grid_id for t in ledger.transformers}
    names = {grid.grid_id: grid.name for grid in ledger.grids}
    by_grid: dict[str, list[ReportedIncident]] = {}
    for one in reported:
        by_grid.setdefault(grid_of.get(one.incident.transformer_id, ""), []).append(one)
    grids = [_grid(grid_id, names.get(grid_id, ""), of_grid, ledger) for grid_id, of_grid in by_grid.items()]
    visits = [visit for one in reported for visit in one.visits]
    asked = Counter(visit.merchant_id for visit in visits)
    agreed = Counter(visit.merchant_id for visit in visits if visit.result.brings_relief)
    burdens = [Burden(merchant_id, asks, agreed[merchant_id]) for merchant_id, asks in asked.items()]
    return Report(
        from_us,
        to_us,
        tuple(sorted(grids, key=lambda grid: (-grid.minutes_above, grid.grid_id))),
        visits=len(visits),
        successes=sum(agreed.values()),
        merchants_asked=len(asked),
        agreed_kw=sum(grid.agreed_kw for grid in grids),
        burdens=tuple(sorted(burdens, key=lambda each: (-each.asks, each.merchant_id))[:BURDENS_MAX]),
    )


def _grid(grid_id: str, name: str, of_grid: Sequence[ReportedIncident], ledger: Ledger) -> GridReport:
    worst = max(of_grid, key=lambda one: one.incident.peak_load_rate).incident
    results = Counter(visit.result for one in of_grid for visit in one.visits)
    doors = sum(len(_offers(one.lists)) for one in of_grid)
    met = sum(results.values()) - results[VisitResult.ABSENT]
    return GridReport(
        grid_id=grid_id,
        grid_name=name,
        responsible=_responsible(grid_id, ledger),
        incidents=len(of_grid),
        overloads=sum(_is_overload(one.incident.level) for one in of_grid),
        minutes_above=sum(_minutes(one.incident) for one in of_grid),
        peak_load_rate=worst.peak_load_rate,
        peak_transformer_id=worst.transformer_id,
        doors=doors,
        asked=sum(results.values()),
        agreed=sum(count for result, count in results.items() if result.brings_relief),
        refused=results[VisitResult.REFUSED],
        absent=results[VisitResult.ABSENT],
        not_reached=max(doors - met, 0),
        agreed_kw=sum(_agreed_kw(one) for one in of_grid),
        taken=sum(bool(one.handling.acknowledged_by or one.handling.assigned_to) for one in of_grid),
    )


def _is_overload(level: str) -> bool:
    known = known_level(level)
    return known is not None and known.of_total is LevelName.OVERLOAD


def _minutes(incident: Incident) -> float:
    ended_us = incident.closed_at_us
    if ended_us is None or incident.state is IncidentState.UNKNOWN:
        ended_us = incident.last_reading_at_us
    return max(ended_us - incident.opened_at_us, 0) / MINUTE_US


def _offers(lists: Iterable[OutreachList]) -> Mapping[str, float]:
    return {door.merchant_id: door.offer_kw for made in lists for door in made.doors}


def _agreed_kw(one: ReportedIncident) -> float:
    offers = _offers(one.lists)
    return sum(offers.get(visit.merchant_id, 0.0) for visit in one.visits if visit.result.brings_relief)


def _responsible(grid_id: str, ledger: Ledger) -> str:
    for role in (Role.GRID_LEAD, Role.COMMUNITY_LEAD):
        found = [p.name for p in ledger.people if grid_id and p.grid_id == grid_id and p.role is role]
        if found:
            return "、".join(found)
    return ""
