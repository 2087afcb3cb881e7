"""The read side: what pages draw and commands print, asked of the stores at one moment of the clock.

Nothing here changes a store; answers go in through `service.desk`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from alerts.incidents import Incident, IncidentState
from alerts.messages import incident_reason, level_line
from alerts.outreach import Advice, OutreachSettings, advise, candidates, spare_doors
from alerts.rules import IncidentPart, RuleSet
from alerts.silence import Silence, SilenceSettings
from grid.assets import Merchant, Person, Transformer
from grid.electrical import LoadRates
from grid.errors import UsageError
from grid.moments import DAY_US, HOUR_US, MINUTE_US
from grid.readings import ReadingBatch
from grid.text import Text
from service.alarms import AuditedAlarms, audited_alarms
from service.clock import Clock
from service.queries_answers import (
    CollectorState,
    Curve,
    IncidentPage,
    IncidentRow,
    MyIncident,
    MyList,
    RejectRow,
    RuleLine,
    System,
    TransformerNow,
    TransformerPage,
    Wall,
)
from service.queries_curve import curve_of, thinned
from service.queries_ground import Ground, GroundKeeper
from service.queries_incidents import (
    door_rows,
    find_incident,
    incident_row,
    marks_of,
    told_by_active_power_alone,
)
from service.queries_now import (
    Moment,
    all_now,
    counts_of,
    covered_ids,
    in_order_of_urgency,
    never_seen,
    open_levels,
    silence_now,
    with_lost_feeders,
)
from service.queries_privacy import mask_phone
from service.queries_system import MESSAGES_LOOKED_AT, alarms_of, message_rows, reject_rows
from service.queries_trust import DoubtfulMeter, TrustOfLate, doubtful_meters, trust_of_late
from service.recent import RECENT_MINUTES, feeds_back, slopes_per_hour, typical_power_factor
from stores.journal import Journal
from stores.records import Records

__all__ = ["Queries", "QueryOptions"]

_PROGRESS_ROWS_MAX = 100
"""Rows of open incidents that tell the progress of their list; the other rows come without."""
_VISIT_HISTORY_DAYS = 365
_COLLECTOR_ASKED_EVERY_SECONDS = 5.0
_CURVE_BEFORE_US = HOUR_US
_CURVE_AFTER_US = HOUR_US


@dataclass(frozen=True)
class QueryOptions:
    """The settings that the read side depends on."""

    outreach: OutreachSettings
    silence: SilenceSettings = field(default_factory=SilenceSettings)
    gap_minutes: float = 20.0
    """A hole in a curve longer than this is drawn as a hole."""
    trends_max: int = 60
    """Trends are computed for so many of the most urgent transformers."""


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
        self._journal = journal
        self._records = records
        self._rules = tuple(rules)
        self._calling = next((r for r in rules if any(v.incident is IncidentPart.OPENS for v in r.levels)), rules[0])
        self._clock = clock
        self.options = options
        self._keeper = GroundKeeper(journal, records)
        self._ask_collector = collector_state
        self._collector_lock = threading.Lock()
        self._collector: CollectorState | None = None
        self._collector_asked_at = -_COLLECTOR_ASKED_EVERY_SECONDS

    def now_us(self) -> int:
        """Return the moment of the installation's clock [µs]."""
        return self._clock.now_us()

    def wall(self) -> Wall:
        """Return what is heavy now, what is blind, and the open incidents."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        incidents = self._records.incidents(open_only=True)
        silence = self._silence(ground, now_us)
        every = with_lost_feeders(self._all_now(ground, now_us, incidents), ground, silence)
        transformers = in_order_of_urgency(every, self._calling)
        by_weight = sorted(incidents, key=lambda i: (i.level == "overload", i.last_load_rate), reverse=True)
        counts = counts_of(transformers, len(incidents), sum(i.blind for i in incidents))
        return Wall(
            now_us=now_us,
            zone=ground.first_zone,
            stations=ground.ledger.stations,
            transformers=tuple(self._with_trends(ground, now_us, transformers)),
            open_incidents=self._rows(by_weight, ground),
            counts=counts,
            alarms=alarms_of(
                counts, silence, ZoneInfo(ground.first_zone), self._collector_state(), self._dead_messages()
            ),
        )

    def curve(self, transformer_id: str, from_us: int, to_us: int, step_us: int | None = None) -> Curve:
        """Return the readings of one transformer in [from_us, to_us].

        With `step_us` each step is told by its heaviest reading: nothing is averaged away, no value is invented.
        Raises UsageError for a transformer that the ledger does not know.
        """
        ground = self._keeper.ground()
        return self._curve(ground, ground.known_transformer(transformer_id), from_us, to_us, step_us)

    def transformers(self) -> tuple[Transformer, ...]:
        """Return the transformers of the ledger, in its order."""
        return self._keeper.ground().ledger.transformers

    def transformer(self, transformer_id: str, from_us: int, to_us: int) -> TransformerPage:
        """Return everything about one transformer; marks lie in [from_us, to_us]. Raises UsageError if unknown."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        transformer = ground.known_transformer(transformer_id)
        own = [i for i in self._records.incidents(since_us=from_us) if i.transformer_id == transformer_id]
        visits = [v for i in own for v in self._records.visits(i.incident_id) if from_us <= v.recorded_at_us <= to_us]
        merchants = _merchants_of(ground, transformer_id)
        station, grid = ground.stations.get(transformer.station_id), ground.grids.get(transformer.grid_id)
        return TransformerPage(
            now_us=now_us,
            current=self._one_now(ground, now_us, transformer),
            zone=ground.zone(transformer),
            station_name=station.name if station else transformer.station_id,
            grid_name=grid.name if grid else transformer.grid_id,
            team=tuple(_masked(p) for p in ground.ledger.people if p.grid_id and p.grid_id == transformer.grid_id),
            merchants=len(merchants),
            protected_merchants=sum(m.protected for m in merchants),
            incidents=self._rows(own, ground),
            marks=marks_of(own, visits, ground, now_us),
            rules=self._rule_lines(),
            trust=self._trust(ground, transformer_id, now_us),
        )

    def _trust(self, ground: Ground, transformer_id: str, now_us: int) -> TrustOfLate | None:
        journal, number = self._journal(), ground.numbers.get(transformer_id)
        if journal is None or number is None or transformer_id not in ground.transformers:
            return None
        return trust_of_late(journal, ground.fleet, number, now_us)

    def incidents(self, open_only: bool = False, since_us: int | None = None) -> tuple[IncidentRow, ...]:
        """Return incidents, newest first."""
        return self._rows(self._records.incidents(open_only=open_only, since_us=since_us), self._keeper.ground())

    def incident(self, incident_id: str) -> IncidentPage:
        """Return everything about one incident. The id may be shortened to a unique part. Raises UsageError if none."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        incident = self.find_incident(incident_id)
        revisions = self._records.outreach_revisions(incident.incident_id)
        current_visits = self._records.current_visits(incident.incident_id)
        row = incident_row(incident, ground, revisions, current_visits, bool(self._active_only(ground, [incident])))
        until_us = now_us if incident.closed_at_us is None else min(now_us, incident.closed_at_us + _CURVE_AFTER_US)
        current = self._one_now(ground, now_us, row.transformer)
        return IncidentPage(
            now_us=now_us,
            row=row,
            reason=self._reason(row),
            events=self._records.events(incident.incident_id),
            outreach=revisions[-1] if revisions else None,
            doors=door_rows(incident.incident_id, ground, revisions, current_visits),
            advice=self._advice(ground, incident, now_us),
            current=current,
            curve=self._curve(ground, row.transformer, incident.opened_at_us - _CURVE_BEFORE_US, until_us),
            marks=marks_of([incident], self._records.visits(incident.incident_id), ground, now_us),
        )

    def find_incident(self, incident_id: str) -> Incident:
        """Return the incident of an id or of a unique part of one. Raises UsageError when there is none or several."""
        return find_incident(self._records, incident_id)

    def people(self) -> tuple[Person, ...]:
        """Return our people, phones masked."""
        return tuple(_masked(person) for person in self._keeper.ground().ledger.people)

    def my_list(self, person_id: str) -> MyList:
        """Return the doors of open incidents that one person has to walk. Raises UsageError if unknown."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        person = ground.people.get(person_id)
        if person is None:
            raise UsageError(f"the ledger knows no person {person_id!r}", remedy="take a person_id of people.csv")
        mine = []
        for incident in self._records.incidents(open_only=True):
            transformer = ground.transformer(incident.transformer_id)
            if person.grid_id and transformer.grid_id != person.grid_id:
                continue
            revisions = self._records.outreach_revisions(incident.incident_id)
            visits = self._records.current_visits(incident.incident_id)
            rows = door_rows(incident.incident_id, ground, revisions, visits)
            doors = tuple(row for row in rows if row.door.assigned_to == person_id)
            if doors:
                mine.append(
                    MyIncident(
                        row=incident_row(
                            incident, ground, revisions, visits, bool(self._active_only(ground, [incident]))
                        ),
                        advice=self._advice(ground, incident, now_us),
                        current=self._one_now(ground, now_us, transformer),
                        doors=doors,
                    )
                )
        return MyList(now_us=now_us, person=_masked(person), incidents=tuple(mine))

    def rejects(self, limit: int = 100, since_us: int | None = None) -> tuple[RejectRow, ...]:
        """Return refused payloads, newest first."""
        journal = self._journal()
        return reject_rows(journal.rejects(limit, since_us)) if journal else ()

    def alarms(self, from_us: int, to_us: int) -> AuditedAlarms:
        """Return how what people were told in [from_us, to_us) stands against the limits."""
        ground = self._keeper.ground()
        return audited_alarms(self._records, ground.ledger, ground.first_zone, from_us, to_us)

    def doubtful_meters(self) -> tuple[DoubtfulMeter, ...]:
        """Return the meters that people were told to check of late, those still in doubt first."""
        now_us, ground, journal = self._clock.now_us(), self._keeper.ground(), self._journal()
        return doubtful_meters(self._records, journal, ground, now_us) if journal else ()

    def system(self) -> System:
        """Return what stands behind the wall."""
        now_us, ground = self._clock.now_us(), self._keeper.ground()
        incidents = self._records.incidents(open_only=True)
        transformers = self._all_now(ground, now_us, incidents)
        silence = self._silence(ground, now_us)
        covered = covered_ids(ground, silence)
        unheard = [t for t in transformers if t.freshness.value in ("silent", "old")]
        counts = counts_of(transformers, len(incidents), sum(i.blind for i in incidents))
        journal = self._journal()
        totals = journal.counts() if journal else None
        messages = message_rows(self._records.messages(MESSAGES_LOOKED_AT))
        collector, dead = self._collector_state(), self._dead_messages()
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
            never_seen=tuple(t.transformer for t in transformers if t.freshness.value == "never"),
            messages=messages,
            messages_waiting=sum(m.state == "pending" for m in messages),
            messages_dead=dead,
            collector=collector,
            alarms=alarms_of(counts, silence, ZoneInfo(ground.first_zone), collector, dead),
        )

    @property
    def _silent_after_us(self) -> int:
        return self.options.silence.silent_us

    def _silence(self, ground: Ground, now_us: int) -> Silence | None:
        return silence_now(self._journal(), ground, now_us, self.options.silence)

    def _all_now(
        self,
        ground: Ground,
        now_us: int,
        incidents: Sequence[Incident],
        wanted: Sequence[Transformer] | None = None,
    ) -> list[TransformerNow]:
        journal = self._journal()
        if journal is None:
            return [never_seen(each) for each in (ground.ledger.transformers if wanted is None else wanted)]
        moment = Moment(
            now_us=now_us,
            latest=journal.latest(),
            last_received=journal.last_received(),
            open_episodes=open_levels(self._records.episodes(open_only=True), self._calling),
            open_incidents={i.transformer_id: i.incident_id for i in incidents},
            silent_after_us=self._silent_after_us,
        )
        return all_now(ground, moment, self._calling, wanted)

    def _one_now(self, ground: Ground, now_us: int, transformer: Transformer) -> TransformerNow:
        found = self._all_now(ground, now_us, self._records.incidents(open_only=True), [transformer])
        return self._with_trends(ground, now_us, found)[0]

    def _with_trends(
        self, ground: Ground, now_us: int, transformers: Sequence[TransformerNow]
    ) -> Sequence[TransformerNow]:
        journal = self._journal()
        chosen = [
            ground.numbers[t.transformer.transformer_id]
            for t in transformers[: self.options.trends_max]
            if t.freshness.value == "fresh"
        ]
        if journal is None or not chosen:
            return transformers
        from_us = now_us - round(RECENT_MINUTES * MINUTE_US)
        # One seek for each slot and transformer; reading the slots whole would read every other transformer too.
        batch = ReadingBatch.concatenate([journal.series(number, from_us, now_us) for number in chosen])
        slopes = slopes_per_hour(batch, LoadRates(batch, ground.fleet).load_rate)
        by_id = {i: slopes[n] for i, n in ground.numbers.items() if n in slopes}
        return [
            replace(t, trend_per_hour=by_id[t.transformer.transformer_id])
            if t.transformer.transformer_id in by_id
            else t
            for t in transformers
        ]

    def _curve(
        self, ground: Ground, transformer: Transformer, from_us: int, to_us: int, step_us: int | None = None
    ) -> Curve:
        journal, number = self._journal(), ground.numbers.get(transformer.transformer_id)
        known = journal is not None and number is not None and transformer.transformer_id in ground.transformers
        batch = journal.series(number, from_us, to_us) if known and journal and number is not None else None
        curve = curve_of(transformer.transformer_id, batch or ReadingBatch.empty(), ground.fleet)
        return thinned(curve, step_us) if step_us else curve

    def _rows(self, incidents: Sequence[Incident], ground: Ground) -> tuple[IncidentRow, ...]:
        told = 0
        rows = []
        active_only = self._active_only(ground, incidents[:_PROGRESS_ROWS_MAX])
        for incident in incidents:
            tells = incident.state is IncidentState.OPEN and told < _PROGRESS_ROWS_MAX
            told += tells
            revisions = self._records.outreach_revisions(incident.incident_id) if tells else ()
            visits = self._records.current_visits(incident.incident_id) if revisions else {}
            rows.append(incident_row(incident, ground, revisions, visits, incident.incident_id in active_only))
        return tuple(rows)

    def _active_only(self, ground: Ground, incidents: Sequence[Incident]) -> frozenset[str]:
        return told_by_active_power_alone(self._journal(), ground, incidents)

    def _reason(self, row: IncidentRow) -> Text:
        """Return the incident's reason by the rule set that it cites; without that file, by the one in force."""
        cited = next((r for r in self._rules if r.cited == row.incident.rule), self._calling)
        known = next((v for v in cited.levels if v.name == row.incident.level), cited.levels[0])
        return incident_reason(row.incident, known, ZoneInfo(row.zone))

    def _rule_lines(self) -> tuple[RuleLine, ...]:
        return tuple(
            RuleLine(
                cited=rule_set.cited,
                title=rule_set.title,
                level=level.name,
                words=level_line(level),
                calls_people=level.incident is not IncidentPart.NONE,
            )
            for rule_set in self._rules
            for level in rule_set.levels
        )

    def _advice(self, ground: Ground, incident: Incident, now_us: int) -> Advice | None:
        """Return what the response of the collector goes by too: the same rules on the same records."""
        outreach = self._records.outreach(incident.incident_id)
        transformer = ground.transformers.get(incident.transformer_id)
        if outreach is None or transformer is None or incident.state is not IncidentState.OPEN:
            return None
        merchants = _merchants_of(ground, transformer.transformer_id)
        history = self._records.visits_since(now_us - _VISIT_HISTORY_DAYS * DAY_US)
        settings = self.options.outreach
        ranked = candidates(incident, merchants, ground.ledger.appliances, history, now_us, settings)
        recent = self._recent_readings(ground, incident)
        return advise(
            outreach,
            self._records.visits(incident.incident_id),
            incident.last_load_rate,
            settings,
            incident=incident,
            transformer=transformer,
            power_factor=typical_power_factor(recent),
            spare_doors=spare_doors(outreach, ranked),
            feeds_back=feeds_back(recent),
        )

    def _recent_readings(self, ground: Ground, incident: Incident) -> ReadingBatch:
        journal, number = self._journal(), ground.numbers.get(incident.transformer_id)
        if journal is None or number is None:
            return ReadingBatch.empty()
        last = incident.last_reading_at_us
        return journal.series(number, last - round(RECENT_MINUTES * MINUTE_US), last)

    def _dead_messages(self) -> int:
        return sum(m.state == "dead" for m in message_rows(self._records.messages(MESSAGES_LOOKED_AT)))

    def _collector_state(self) -> CollectorState | None:
        """Return what the collector says of itself, asked every few seconds however many pages ask us."""
        if self._ask_collector is None:
            return None
        with self._collector_lock:
            if time.monotonic() - self._collector_asked_at >= _COLLECTOR_ASKED_EVERY_SECONDS:
                self._collector = self._ask_collector()
                self._collector_asked_at = time.monotonic()
            return self._collector


def _merchants_of(ground: Ground, transformer_id: str) -> list[Merchant]:
    return [m for m in ground.ledger.merchants if m.transformer_id == transformer_id]


def _masked(person: Person) -> Person:
    return replace(person, phone=mask_phone(person.phone), chat_id="")
