"""Who a message calls, looked up when it goes out: their chat id of today, and a link while nobody has the incident."""

from __future__ import annotations

import logging
import threading

from grid.assets import Person
from service.clock import Clock
from service.notify.channels.notice import Mention
from service.notify.escalation import CALLING
from service.notify.links import PATH, AcknowledgeLinks
from service.settings.settings import Settings
from stores.records.outbox import DueMessage
from stores.records.records import Records

log = logging.getLogger("redvest.delivery")


class Mentions:
    """Looks people up in the ledger in force."""

    def __init__(self, records: Records, clock: Clock, settings: Settings) -> None:
        """Prepare; the key of the links is made when it is first needed."""
        self._records = records
        self._clock = clock
        self._settings = settings
        self._lock = threading.Lock()
        self._version = -1
        self._person: dict[str, Person] = {}
        self._links: AcknowledgeLinks | None = None

    def of(self, message: DueMessage) -> tuple[Mention, ...]:
        """Return whom a message calls; those who left the ledger meanwhile are left out. Raises StoreError."""
        if not message.mentions:
            return ()
        people = self._people()
        wants_answer = (
            message.kind in CALLING
            and message.incident_id is not None
            and message.ended_at_us is None
            and self._records.acknowledgement(message.incident_id) is None
        )
        return tuple(
            Mention(
                person.person_id,
                person.chat_id,
                person.name,
                self._url(message.incident_id, person.person_id) if wants_answer and message.incident_id else "",
            )
            for person in (people[each] for each in message.mentions if each in people)
        )

    def _people(self) -> dict[str, Person]:
        with self._lock:
            version = self._records.ledger_version()
            if version != self._version:
                self._person = {person.person_id: person for person in self._records.ledger().people}
                self._version = version
            return self._person

    def _url(self, incident_id: str, person_id: str) -> str:
        try:
            with self._lock:
                if self._links is None:
                    self._links = AcknowledgeLinks.of_folder(self._settings.data.folder)
        except OSError as error:
            log.error("no links to acknowledge: %s", error)
            return ""
        return f"{self._settings.link}{PATH}{self._links.token(incident_id, person_id, self._clock.now_us())}"
