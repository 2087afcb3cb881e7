"""Which open incidents still have to be followed: those whose last reading brought no news, a little later.

News of an incident never comes here: it is recorded and followed with the readings that brought it.
"""

from __future__ import annotations

from itertools import islice

from grid.timestamps import SECOND_US

ROUND_EVERY_US = SECOND_US
"""An incident that only goes on is looked at once in so long: people see it on pages that refresh every few seconds."""
FOLLOWED_AT_ONCE = 25
"""Maximum number followed in one step, some 10 ms: what is new does not wait for hundreds (practice)."""


class FollowUps:
    """Open incidents that wait to be followed, in rounds. Bounded by how many are open; a crash may forget them all.

    What a start judges again brings each of them back.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._round: dict[str, None] = {}
        """Still to come in the round under way."""
        self._next: dict[str, None] = {}
        self._begun_us = -ROUND_EVERY_US

    def put_off(self, incident_id: str) -> None:
        """Take in an incident; one that waits already keeps its turn."""
        if incident_id not in self._round:
            self._next[incident_id] = None

    def drop(self, incident_id: str) -> None:
        """Forget an incident: it is over, or was just followed."""
        self._round.pop(incident_id, None)
        self._next.pop(incident_id, None)

    def take(self, now_us: int) -> tuple[str, ...]:
        """Return the incidents to follow now, those that wait longest first; they wait no more."""
        # Also when the clock was set back, a new round begins.
        if not self._round and self._next and not 0 <= now_us - self._begun_us < ROUND_EVERY_US:
            self._round, self._next, self._begun_us = self._next, {}, now_us
        taken = tuple(islice(self._round, FOLLOWED_AT_ONCE))
        for incident_id in taken:
            del self._round[incident_id]
        return taken

    def take_all(self) -> tuple[str, ...]:
        """Return every incident that waits; they wait no more."""
        taken = (*self._round, *self._next)
        self._round, self._next = {}, {}
        return taken
