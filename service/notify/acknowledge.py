"""Somebody says "I have it": one door for the desk, the phone, the command and the link in a message."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from alerts.model.incidents import Incident, IncidentEvent, IncidentEventKind, IncidentState
from alerts.notification import call_words
from grid.assets import Person
from grid.errors import UsageError
from grid.text import Text
from service.clock import Clock
from service.notify.links import AcknowledgeLinks, LinkFor
from stores.records.calls import Acknowledgement
from stores.records.records import Records


class Way(Enum):
    """How somebody said it."""

    DESK = "desk"
    PHONE = "phone"
    COMMAND = "command"
    LINK = "link"


class Outcome(Enum):
    """What came of it."""

    RECORDED = "recorded"
    ALREADY = "already"
    """Somebody had it before, perhaps the same person."""
    OVER = "over"
    """The incident is over: nobody needs to have it."""
    NO_LINK = "no_link"
    """The link is not ours, or too old."""


@dataclass(frozen=True)
class Acknowledged:
    """The outcome, and who has the incident now."""

    outcome: Outcome
    incident: Incident | None = None
    person: Person | None = None
    has_it: Person | None = None


class Acknowledger:
    """Takes incidents for people."""

    def __init__(self, records: Records, clock: Clock, links: AcknowledgeLinks) -> None:
        """Keep the parts."""
        self._records = records
        self._clock = clock
        self._links = links

    def take(self, incident_id: str, person_id: str, way: Way, link: LinkFor | None = None) -> Acknowledged:
        """Record that a person has an incident.

        Raises UsageError for an incident or a person that is unknown, StoreError when it could not be recorded.
        """
        incident = self._records.incident(incident_id)
        people = {person.person_id: person for person in self._records.ledger().people}
        person = people.get(person_id)
        if incident is None or person is None:
            unknown = incident_id if incident is None else person_id
            raise UsageError(
                Text(f"没有 {unknown}", f"there is no {unknown}"),
                where=Text("接手", "acknowledge"),
                remedy=Text("请核对事件编号和人员编号", "check the incident's and the person's id"),
            )
        if incident.state is not IncidentState.OPEN:
            return Acknowledged(Outcome.OVER, incident, person)
        now_us = self._clock.now_us()
        text = call_words.has_it(person)
        told = IncidentEvent(incident_id, now_us, IncidentEventKind.ACKNOWLEDGED, text.zh, text.en)
        said = Acknowledgement(incident_id, person_id, way.value, now_us)
        if self._records.acknowledge(said, told, link.digest if link else None):
            return Acknowledged(Outcome.RECORDED, incident, person, person)
        before = self._records.acknowledgement(incident_id)
        return Acknowledged(Outcome.ALREADY, incident, person, people.get(before.person_id) if before else None)

    def look_at_link(self, token: str) -> Acknowledged:
        """Return what a link would do, and change nothing: for the page that it opens, and for previews of chats."""
        link = self._links.read(token, self._clock.now_us())
        incident = self._records.incident(link.incident_id) if link else None
        if link is None or incident is None:
            return Acknowledged(Outcome.NO_LINK)
        people = {person.person_id: person for person in self._records.ledger().people}
        before = self._records.acknowledgement(link.incident_id)
        if incident.state is not IncidentState.OPEN:
            return Acknowledged(Outcome.OVER, incident, people.get(link.person_id))
        outcome = Outcome.ALREADY if before else Outcome.RECORDED
        has_it = people.get(before.person_id) if before else None
        return Acknowledged(outcome, incident, people.get(link.person_id), has_it)

    def use_link(self, token: str) -> Acknowledged:
        """Take the incident of a link for its person, once. Raises StoreError when it could not be recorded."""
        link = self._links.read(token, self._clock.now_us())
        if link is None:
            return Acknowledged(Outcome.NO_LINK)
        try:
            return self.take(link.incident_id, link.person_id, Way.LINK, link)
        except UsageError:
            return Acknowledged(Outcome.NO_LINK)
