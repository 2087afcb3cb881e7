"""Handing over a shift: a note and the open incidents go from one person to the next, and the channels are told.

The note stands in the incidents' records alone: what a person writes may name a merchant, and never goes into a chat.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.figures import percent
from alerts.model.incidents import Incident
from alerts.model.kinds import MessageKind
from alerts.notification.on_duty import Roster
from grid.assets import Person
from grid.errors import UsageError
from grid.text import Text
from service.clock import Clock
from service.notify.audiences import Audience
from service.response.incident_desk import IncidentDesk
from stores.records.changes import Changes, NewMessage
from stores.records.records import Records

NAMED_MAX = 10
"""So many open incidents are named in the message; the pages have them all."""


@dataclass(frozen=True)
class HandedOver:
    """Who gave the shift to whom, and what was open then."""

    by: Person
    to: Person
    station_id: str
    incidents: tuple[Incident, ...]


class Handover:
    """Hands shifts over."""

    def __init__(self, records: Records, clock: Clock, audiences: Sequence[Audience]) -> None:
        """Keep the parts."""
        self._records = records
        self._clock = clock
        self._audiences = audiences
        self._desk = IncidentDesk(records, clock)

    def hand_over(self, station_id: str, by: str, to: str, note: str) -> HandedOver:
        """Record it at each open incident of a station and tell the channels that serve it. Raises UsageError."""
        roster = Roster(self._records.ledger())
        if station_id not in roster.zone:
            raise UsageError(
                Text(f"没有供电所 {station_id}", f"there is no station {station_id}"),
                where="--station",
                remedy=Text(f"可用的：{'、'.join(roster.zone)}", f"the stations are {', '.join(roster.zone)}"),
            )
        giving, taking = _person(roster, by, "--by"), _person(roster, to, "--to")
        of_station = [
            incident
            for incident in self._records.incidents(open_only=True)
            if incident.transformer_id in roster.transformer
            and roster.transformer[incident.transformer_id].station_id == station_id
        ]
        incidents = tuple(sorted(of_station, key=lambda i: (-i.last_load_rate, i.transformer_id)))
        for incident in incidents:
            if note.strip():
                self._desk.comment(incident.incident_id, f"交接 {taking.name}：{note}", by)
            self._desk.assign(incident.incident_id, to, by)
        handed_over = HandedOver(giving, taking, station_id, incidents)
        self._tell(handed_over)
        return handed_over

    def _tell(self, handed_over: HandedOver) -> None:
        now_us, station_id = self._clock.now_us(), handed_over.station_id
        serving = [a for a in self._audiences if a.is_everybody or station_id in a.stations] or self._audiences
        message = NewMessage(
            key=f"handover/{station_id}/{handed_over.by.person_id}/{handed_over.to.person_id}/{now_us}",
            kind=MessageKind.SHIFT_HANDED_OVER,
            station_id=station_id,
            incident_id=None,
            text=handover_text(handed_over),
            created_at_us=now_us,
            channels=tuple(dict.fromkeys(channel for audience in serving for channel in audience.channels)),
            mentions=(handed_over.to.person_id,),
        )
        self._records.commit(Changes(messages=(message,)))


def handover_text(handed_over: HandedOver) -> Text:
    """Return what the channels are told: who has the shift now, and what is open. No words of a person's own."""
    by, to, incidents = handed_over.by.name, handed_over.to.name, handed_over.incidents
    named = incidents[:NAMED_MAX]
    more = len(incidents) - len(named)
    zh = "、".join(f"{i.transformer_id} {percent(i.last_load_rate).zh}" for i in named)
    en = ", ".join(f"{i.transformer_id} {percent(i.last_load_rate).en}" for i in named)
    if more:
        zh, en = f"{zh} 等，另有 {more} 个", f"{en} and {more} more"
    if not incidents:
        return Text(f"【交接班】{by} → {to}：没有未结事件。", f"[shift handed over] {by} → {to}: no incident is open.")
    return Text(
        f"【交接班】{by} → {to}：未结事件 {len(incidents)} 个：{zh}。交接说明见事件记录。",
        f"[shift handed over] {by} → {to}: {len(incidents)} open: {en}. The note stands in their records.",
    )


def _person(roster: Roster, person_id: str, option: str) -> Person:
    if person_id not in roster.person:
        raise UsageError(
            Text(f"台账里没有人员 {person_id}", f"the ledger knows no person {person_id}"),
            where=option,
            remedy=Text("请给出 people.csv 中的 person_id", "give a person_id of people.csv"),
        )
    return roster.person[person_id]
