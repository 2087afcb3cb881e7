"""The read side: what pages draw and commands print, asked of the stores at one moment of the clock.

Nothing here changes a store; answers go in through `service.response.visits`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from alerts.effect.words import effect_sentence
from alerts.model.incidents import Incident, IncidentState
from alerts.model.kinds import LevelName
from alerts.model.outreach_model import Visit
from alerts.rules.rule_set import Level, RuleSet
from grid.assets import Person, Station, Transformer
from grid.errors import UsageError
from grid.text import Text
from grid.timestamps import HOUR_US
from service.access.rights import EVERY_RIGHT, Rights
from service.clock import Clock
from service.queries.advice import advice_on
from service.queries.alarm_audit import AuditedAlarms, audited_alarms
from service.queries.answers import (
    BaselineBand,
    Curve,
    Freshness,
    IncidentPage,
    IncidentRow,
    MyIncident,
    MyList,
    TransformerPage,
    Wall,
)
from service.queries.answers_system import CollectorState, RejectRow, System
from service.queries.collector import CollectorAsker
from service.queries.curve import curve_between
from service.queries.data_quality import FlaggedMeter, flagged_meters, quality_in
from service.queries.effect import EffectKeeper, ScopeEffect, effects_of
from service.queries.find import Found, find
from service.queries.fleet import fleet_now, one_now, silence_of, with_trends
from service.queries.incidents import (
    door_rows,
    find_incident,
    incident_row,
    incident_rows,
    marks_of,
    told_by_active_power_alone,
)
from service.queries.ledger_view import Ground, GroundKeeper
from service.queries.now import counts_of, covered_ids, in_order_of_urgency, with_lost_feeders
from service.queries.outages import outage_lines
from service.queries.privacy import masked
from service.queries.rules import reason_of, rule_lines
from service.queries.shown_to import doors_shown_to, incident_shown_to, rejects_shown_to, transformer_shown_to
from service.queries.sources import QueryOptions, Sources
from service.queries.system import MESSAGES_LOOKED_AT, alarms_of, dead_messages, message_rows, reject_rows
from service.queries.timeline import timeline
from stores.journal.journal import Journal
from stores.records.records import AuditEntry, Records

__all__ = ["Queries", "QueryOptions"]

HANDLED_ROWS = 200
"""So many rows of a list of incidents say who has them."""
ADVISED_ROWS = 12
"""Maximum number of rows in a list of incidents that say what to do next: each reads its visits and readings."""
_CURVE_BEFORE_US = HOUR_US
_CURVE_AFTER_US = HOUR_US


class Queries:
    """Answers about now. Safe to share between threads. Every method raises StoreError when a store cannot answer."""

    def __init__(
        self,
        journal: Callable[[], Journal | None],
        records: Records,
        rules: Sequence[RuleSet],
        clock: Clock,
        options: QueryOptions,
        collector_state: Callable[[], CollectorState] | None = None,
    ) -> None:
        """Keep the parts. `journal` gives the reader, or None while no collector has ever written one."""
        self.options = options
        self.rights = EVERY_RIGHT
        self._rules, self._collector_state = tuple(rules), collector_state
        self._sources = Sources(journal, records, tuple(rules), clock, options)
        self._journal = journal
        self._records = records
        self._clock = clock
        self._keeper = GroundKeeper(journal, records)
        self._effects = EffectKeeper(self._sources)
        self._collector = CollectorAsker(collector_state)

    @property
    def ladder(self) -> tuple[Level, ...]:
        """Return the load-rate levels of the rule set that calls people, the lowest line first: what is drawn."""
        return self._sources.calling.ladder

    def seen_by(self, rights: Rights) -> Queries:
        """Return the same read side as an account sees it: what it may not see is not there."""
        seen = Queries(
            self._journal, self._records.seen_by(rights.visible), self._rules, self._clock, self.options,
            self._collector_state,
        )  # fmt: skip
        seen.rights, seen._collector = rights, self._collector
        return seen

    def first_zone(self) -> str:
        """Return the time zone of the first station."""
        return self._keeper.ground().first_zone

    def collector_state(self) -> CollectorState | None:
        """Return what the collector says of itself, some seconds old; None where nobody can be asked."""
        return self._collector.state()

    def now_us(self) -> int:
        """Return the moment of the installation's clock [µs]."""
        return self._clock.now_us()

    def wall(self) -> Wall:
        """Return what is heavy now, what is blind, and the open incidents."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        incidents = self._records.incidents(open_only=True)
        silence = silence_of(self._sources, ground, now_us)
        every = with_lost_feeders(fleet_now(self._sources, ground, now_us, incidents), ground, silence)
        transformers = in_order_of_urgency(every, self._sources.calling)
        by_weight = sorted(incidents, key=lambda i: (i.level == LevelName.OVERLOAD, i.last_load_rate), reverse=True)
        counts = counts_of(transformers, len(incidents), sum(i.blind for i in incidents))
        dead = dead_messages(self._records)
        return Wall(
            now_us=now_us,
            zone=ground.first_zone,
            stations=ground.ledger.stations,
            grids=ground.ledger.grids,
            transformers=tuple(with_trends(self._sources, ground, now_us, transformers)),
            open_incidents=self._with_advice(self._rows(by_weight, ground), ground, now_us),
            counts=counts,
            alarms=(
                *outage_lines(transformers, ground),
                *alarms_of(counts, silence, ZoneInfo(ground.first_zone), self._collector.state(), dead),
            ),
        )

    def curve(self, transformer_id: str, from_us: int, to_us: int, step_us: int | None = None) -> Curve:
        """Return the readings of one transformer in [from_us, to_us].

        With `step_us` each step is told by its heaviest reading: nothing is averaged away, no value is invented.
        Raises UsageError for a transformer that the ledger does not know.
        """
        ground = self._keeper.ground()
        transformer = ground.known_transformer(transformer_id)
        return curve_between(self._journal(), ground, transformer, from_us, to_us, step_us)

    def zone_of(self, transformer_id: str) -> str:
        """Return the time zone of a transformer's station, of the first station for one that is not known."""
        ground = self._keeper.ground()
        return ground.zone(ground.transformer(transformer_id))

    def transformers(self) -> tuple[Transformer, ...]:
        """Return the transformers of the ledger, in its order."""
        return self._keeper.ground().ledger.transformers

    def transformer(self, transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
        """Return everything about one transformer; marks lie in [from_us, to_us]. Raises UsageError if unknown."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        transformer = ground.known_transformer(transformer_id)
        own = [i for i in self._records.incidents(since_us=from_us) if i.transformer_id == transformer_id]
        visits = [v for i in own for v in self._records.visits(i.incident_id) if from_us <= v.recorded_at_us <= to_us]
        merchants = ground.view.customers(transformer_id, now_us)
        station, grid = ground.stations.get(transformer.station_id), ground.grids.get(transformer.grid_id)
        page = TransformerPage(
            now_us=now_us,
            current=one_now(self._sources, ground, now_us, transformer),
            zone=ground.zone(transformer),
            station_name=station.name if station else transformer.station_id,
            grid_name=grid.name if grid else transformer.grid_id,
            team=tuple(masked(p) for p in ground.ledger.people if p.grid_id and p.grid_id == transformer.grid_id),
            merchants=len(merchants),
            protected_merchants=sum(m.protected for m in merchants),
            incidents=self._rows(own, ground),
            marks=marks_of(own, visits, ground, now_us),
            rules=rule_lines(self._sources),
            quality=quality_in(self._journal(), ground, transformer_id, now_us),
        )
        return transformer_shown_to(page, self.rights)

    def incidents(self, open_only: bool = False, since_us: int | None = None) -> tuple[IncidentRow, ...]:
        """Return incidents, newest first."""
        return self._rows(self._records.incidents(open_only=open_only, since_us=since_us), self._keeper.ground())

    def incident(self, incident_id: str) -> IncidentPage:
        """Return everything about one incident. The id may be shortened to a unique part. Raises UsageError if none."""
        now_us, ground, journal = self._clock.now_us(), self._keeper.ground(), self._journal()
        incident = self.find_incident(incident_id)
        revisions = self._records.outreach_revisions(incident.incident_id)
        current_visits = self._records.current_visits(incident.incident_id)
        row = incident_row(
            incident, ground, revisions, current_visits, bool(told_by_active_power_alone(journal, ground, [incident]))
        )
        from_us = incident.opened_at_us - _CURVE_BEFORE_US
        until_us = now_us if incident.closed_at_us is None else min(now_us, incident.closed_at_us + _CURVE_AFTER_US)
        doors = door_rows(incident.incident_id, ground, revisions, current_visits)
        band, effect = self._whole_effect(incident, current_visits, ground)
        page = IncidentPage(
            band=band,
            effect=effect,
            now_us=now_us,
            row=self._handled([row], ground)[0],
            reason=reason_of(self._sources, row),
            events=timeline(
                self._records.events(incident.incident_id),
                self._records.visits(incident.incident_id),
                revisions,
                ground,
                {row.door.merchant_id for row in doors_shown_to(doors, self.rights)},
            ),
            outreach=revisions[-1] if revisions else None,
            doors=doors,
            advice=advice_on(self._sources, ground, incident, now_us),
            ask=self._records.ask(incident.incident_id),
            releases=self._records.releases(incident.incident_id),
            current=one_now(self._sources, ground, now_us, row.transformer),
            curve=curve_between(journal, ground, row.transformer, from_us, until_us),
            marks=marks_of([incident], self._records.visits(incident.incident_id), ground, now_us),
        )
        return incident_shown_to(page, self.rights)

    def effect(self, incident_id: str) -> tuple[IncidentRow, tuple[ScopeEffect, ...]]:
        """Return an incident with what its visits brought: as a whole, then by wave and door. Raises UsageError."""
        ground, journal = self._keeper.ground(), self._journal()
        incident = self.find_incident(incident_id)
        active_only = bool(told_by_active_power_alone(journal, ground, [incident]))
        row = incident_row(incident, ground, (), {}, active_only)
        return row, effects_of(self._sources, ground, incident)

    def _whole_effect(
        self, incident: Incident, visits: Mapping[str, Visit], ground: Ground
    ) -> tuple[BaselineBand | None, Text | None]:
        """Return baseline and effect of a whole incident in which somebody agreed; else nothing."""
        if not any(visit.result.brings_relief for visit in visits.values()):
            return None, None
        whole = self._effects.of(ground, incident)[0]
        return whole.band, effect_sentence(whole.effect)

    def find_incident(self, incident_id: str) -> Incident:
        """Return the incident of an id or of a unique part of one. Raises UsageError when there is none or several."""
        return find_incident(self._records, incident_id)

    def find(self, words: str) -> tuple[Found, ...]:
        """Return what has a page and fits the words, as far as this account may see it."""
        return find(words, self._keeper.ground(), self._records.incidents(), self.rights)

    def people(self) -> tuple[Person, ...]:
        """Return our people, phones masked."""
        return tuple(masked(person) for person in self._keeper.ground().ledger.people)

    def my_list(self, person_id: str) -> MyList:
        """Return the doors of open incidents that one person has to walk. Raises UsageError if unknown."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        person = ground.people.get(person_id)
        if person is None:
            raise UsageError(
                Text(f"台账里没有人员 {person_id!r}", f"the ledger knows no person {person_id!r}"),
                remedy=Text("请使用 people.csv 中的 person_id", "take a person_id of people.csv"),
            )
        incidents = list(self._records.incidents(open_only=True))
        asked = [self._records.incident(a.incident_id) for a in self._records.asks() if a.state.sends_people]
        incidents += [i for i in asked if i is not None and i.state is IncidentState.CLOSED]
        # The heaviest area first, where one team has several.
        incidents.sort(key=lambda i: i.last_load_rate, reverse=True)
        mine = [self._to_walk(incident, person, ground, now_us) for incident in incidents]
        return MyList(now_us=now_us, person=masked(person), incidents=tuple(m for m in mine if m is not None))

    def rejects(
        self, limit: int = 100, since_us: int | None = None, *, with_values: bool = False
    ) -> tuple[RejectRow, ...]:
        """Return refused payloads, newest first; `with_values`: also values that are missing in readings taken."""
        journal = self._journal()
        if journal is None:
            return ()
        return rejects_shown_to(reject_rows(journal.rejects(limit, since_us, with_values=with_values)), self.rights)

    def alarms(self, from_us: int, to_us: int) -> AuditedAlarms:
        """Return how what people were told in [from_us, to_us) stands against the limits."""
        ground = self._keeper.ground()
        return audited_alarms(self._records, ground.ledger, ground.first_zone, from_us, to_us)

    def flagged_meters(self) -> tuple[FlaggedMeter, ...]:
        """Return the meters that people were told to check of late, those still in doubt first."""
        now_us, ground, journal = self._clock.now_us(), self._keeper.ground(), self._journal()
        return flagged_meters(self._records, journal, ground, now_us) if journal else ()

    def audit(self, limit: int) -> tuple[AuditEntry, ...]:
        """Return the newest lines of the audit record, newest first."""
        return self._records.audit(limit)

    def stations(self) -> tuple[Station, ...]:
        """Return the stations of the ledger."""
        return self._keeper.ground().ledger.stations

    def system(self) -> System:
        """Return what stands behind the wall."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        incidents = self._records.incidents(open_only=True)
        transformers = fleet_now(self._sources, ground, now_us, incidents)
        silence = silence_of(self._sources, ground, now_us)
        covered = covered_ids(ground, silence)
        unheard = [t for t in transformers if t.freshness in (Freshness.SILENT, Freshness.OLD)]
        counts = counts_of(transformers, len(incidents), sum(i.blind for i in incidents))
        journal = self._journal()
        totals = journal.counts() if journal else None
        messages = message_rows(self._records.messages(MESSAGES_LOOKED_AT))
        channels = self._records.channel_counts()
        collector, dead = self._collector.state(), sum(of.dead for of in channels.values())
        return System(
            now_us=now_us,
            zone=ground.first_zone,
            counts=counts,
            readings=totals.readings if totals else 0,
            duplicates=totals.duplicates if totals else 0,
            conflicts=totals.conflicts if totals else 0,
            rejects=totals.rejects if totals else 0,
            rejects_dropped=totals.rejects_dropped if totals else 0,
            blocks=totals.blocks if totals else 0,
            journal_bytes=totals.bytes if totals else 0,
            ledger_version=ground.ledger_version,
            merchants=len(ground.merchants),
            people=len(ground.people),
            silent=tuple(t for t in unheard if t.transformer.transformer_id not in covered),
            covered=sum(t.transformer.transformer_id in covered for t in unheard),
            lost_feeders=silence.feeders if silence is not None and silence.blind is None else (),
            never_seen=tuple(t.transformer for t in transformers if t.freshness is Freshness.NEVER),
            messages=messages,
            messages_waiting=sum(of.waiting for of in channels.values()),
            messages_dead=dead,
            collector=collector,
            alarms=alarms_of(counts, silence, ZoneInfo(ground.first_zone), collector, dead),
        )

    def _with_advice(self, rows: Sequence[IncidentRow], ground: Ground, now_us: int) -> tuple[IncidentRow, ...]:
        """Return rows of open incidents, the first of them with what to do next."""
        if not self.rights.visible.merchants:
            return tuple(rows)
        first = [
            replace(row, advice=advice_on(self._sources, ground, row.incident, now_us)) for row in rows[:ADVISED_ROWS]
        ]
        return (*first, *rows[ADVISED_ROWS:])

    def _rows(self, incidents: Sequence[Incident], ground: Ground) -> tuple[IncidentRow, ...]:
        return self._handled(incident_rows(self._records, self._journal(), ground, incidents), ground)

    def _handled(self, rows: Sequence[IncidentRow], ground: Ground) -> tuple[IncidentRow, ...]:
        """Return rows with how each of the first stands with people."""
        known = self._records.handling([row.incident.incident_id for row in rows[:HANDLED_ROWS]])
        found = []
        for row in rows:
            handling = known.get(row.incident.incident_id)
            if handling is not None:
                person = ground.people.get(handling.assigned_to or handling.acknowledged_by)
                row = replace(row, handling=handling, has_it=person.name if person else "")
            found.append(row)
        return tuple(found)

    def _to_walk(self, incident: Incident, person: Person, ground: Ground, now_us: int) -> MyIncident | None:
        """Return what a person has to walk of an incident; None where that is nothing."""
        transformer = ground.transformer(incident.transformer_id)
        if person.grid_id and transformer.grid_id != person.grid_id:
            return None
        revisions = self._records.outreach_revisions(incident.incident_id)
        visits = self._records.current_visits(incident.incident_id)
        rows = door_rows(incident.incident_id, ground, revisions, visits)
        doors = tuple(row for row in rows if row.door.assigned_to == person.person_id)
        if not doors:
            return None
        by_active_power = bool(told_by_active_power_alone(self._journal(), ground, [incident]))
        return MyIncident(
            row=incident_row(incident, ground, revisions, visits, by_active_power),
            advice=advice_on(self._sources, ground, incident, now_us),
            current=one_now(self._sources, ground, now_us, transformer),
            doors=doors,
        )
