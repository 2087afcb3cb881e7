"""Answers that come from phones: whose door it is or was, and exactly once."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.model.outreach_model import VisitResult
from service.access.rights import Action, Rights
from service.clock import Clock
from stores.records.phone_answers import PhoneAnswer, Taken
from stores.records.records import Records

__all__ = ["NewAnswer", "PhoneDesk", "Taken"]


@dataclass(frozen=True)
class NewAnswer:
    """What was tapped at a door."""

    answer_id: str
    body_hash: str
    incident_id: str
    merchant_id: str
    result: VisitResult
    switched_off_units: int | None
    setpoint_c: float | None
    lights_off: bool | None
    note: str
    answered_at_us: int | None


class PhoneDesk:
    """Takes answers from phones. Safe to share between threads."""

    def __init__(self, records: Records, clock: Clock) -> None:
        """Keep the store and the clock."""
        self._records = records
        self._clock = clock

    def take(self, answer: NewAnswer, rights: Rights) -> tuple[Taken, PhoneAnswer] | None:
        """Record an answer; None where the door is none that this person has or had, or may answer for.

        A door that was handed to somebody else meanwhile still takes the answer, marked as reassigned, and so does an
        incident that is over: what was said at a door is never refused.
        """
        if not (rights.may(Action.ANSWER) and rights.person_id):
            return None
        holders = self._records.phone_answers.holders(answer.incident_id, answer.merchant_id)
        had = any(holder.assigned_to == rights.person_id for holder in holders)
        if not holders or not (had or self._may_answer_for_others(answer.incident_id, rights)):
            return None
        newest = holders[-1]
        recorded = PhoneAnswer(
            **vars(answer),
            recorded_at_us=self._clock.now_us(),
            recorded_by=rights.person_id,
            reassigned=had and newest.assigned_to != rights.person_id,
        )
        return self._records.phone_answers.take(recorded)

    def _may_answer_for_others(self, incident_id: str, rights: Rights) -> bool:
        if rights.visible.doors_of:
            return False
        return self._records.seen_by(rights.visible).incident(incident_id) is not None
