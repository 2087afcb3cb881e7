"""Takes refused messages again when somebody asks for it: from the quarantine, by the way that all messages go.

What is asked for stands in the records, with how far it came, so that it outlives a restart.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256

from collector.message import Message
from service.collecting.pipeline import Pipeline
from stores.journal.journal import Journal
from stores.records.changes import Changes
from stores.records.records import Records

STATE = "rejects_to_take"
"""Under this name the request is kept in the records."""
AT_ONCE = 1_000

log = logging.getLogger("redvest.collect")


@dataclass(frozen=True)
class TakeRequest:
    """Which rejects are to be taken again: of some reasons, received since a moment, in a stretch of their numbers."""

    reasons: tuple[str, ...]
    since_us: int
    after_no: int
    up_to_no: int


def ask_to_take(records: Records, request: TakeRequest) -> None:
    """Leave a request to the collector; one that is under way is replaced."""
    records.commit(Changes(states=((STATE, json.dumps(asdict(request))),)))


class RejectsAgain:
    """Follows the request, some messages in each step. Raises StoreError as the pipeline does; nothing is lost then."""

    def __init__(self, pipeline: Pipeline, journal: Journal, records: Records) -> None:
        """Take from a journal what the pipeline refused."""
        self._pipeline = pipeline
        self._journal = journal
        self._records = records

    def step(self, now_us: int) -> None:
        """Take the next messages of a request, if there is one."""
        asked = self._records.state(STATE)
        if not asked:
            return
        try:
            request = TakeRequest(**json.loads(asked))
        except (ValueError, TypeError) as error:
            log.error("the request to take rejects again cannot be read (%s); ask again: redvest rejects --take", error)
            self._records.commit(Changes(states=((STATE, ""),)))
            return
        found = self._journal.rejects_between(
            request.after_no, request.up_to_no, request.reasons, request.since_us, AT_ONCE
        )
        if not found:
            log.info("refused messages were taken again")
            self._records.commit(Changes(states=((STATE, ""),)))
            return
        # A batch was kept once for each of its bad rows; what was cut off in keeping cannot be read again.
        whole = {(r.topic, r.sha256): r for _, r in found if sha256(r.payload).hexdigest() == r.sha256}
        messages = [Message(r.topic, r.payload, now_us, 0, 0, 0, False) for r in whole.values()]
        if messages:
            self._pipeline.tick(messages, now_us, any_age=True)
        ask_to_take(self._records, replace(request, after_no=found[-1][0]))


def reasons_of(named: Sequence[str]) -> tuple[str, ...]:
    """Return the reasons that are taken again when these are named; none: what was refused for its age."""
    return tuple(named) or ("time_too_old",)
