"""Answers from phones: each is named by the phone, and is recorded exactly once however often it is sent."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from sqlalchemy import insert, select

from alerts.outreach.planner import Visit, VisitResult
from stores.records.database import Database, alone
from stores.records.outreach import record_visit
from stores.records.schema import door, phone_answer


class Taken(Enum):
    """What became of an answer."""

    STORED = "stored"
    SAME_AGAIN = "same_again"
    ANOTHER_BODY = "another_body"
    """The name is taken by an answer that says something else; that one stays."""


@dataclass(frozen=True)
class PhoneAnswer:
    """What somebody tapped at a door."""

    answer_id: str
    """A UUID that the phone made."""
    body_hash: str
    incident_id: str
    merchant_id: str
    result: VisitResult
    switched_off_units: int | None
    setpoint_c: float | None
    lights_off: bool | None
    note: str
    answered_at_us: int | None
    """By the phone's clock."""
    recorded_at_us: int
    recorded_by: str
    reassigned: bool
    """The door was somebody else's by the time the answer came."""


@dataclass(frozen=True)
class DoorHolder:
    """Who a door belongs to, by one revision of its list."""

    revision: int
    assigned_to: str


class PhoneAnswers:
    """The table of answers. Safe to share between threads; each call is one transaction."""

    def __init__(self, database: Database) -> None:
        """Keep the database."""
        self._database = database

    def take(self, answer: PhoneAnswer) -> tuple[Taken, PhoneAnswer]:
        """Record an answer with its visit, all or nothing. Return what became of it, and the answer that counts."""
        with self._database.writing() as connection:
            alone(connection, "phone answers")
            asked = select(phone_answer).where(phone_answer.c.answer_id == answer.answer_id)
            before = connection.execute(asked).mappings().first()
            if before is not None:
                kept = PhoneAnswer(**{**before, "result": VisitResult(before["result"])})
                same = (kept.body_hash, kept.recorded_by) == (answer.body_hash, answer.recorded_by)
                return (Taken.SAME_AGAIN if same else Taken.ANOTHER_BODY), kept
            row = {field.name: getattr(answer, field.name) for field in fields(answer)}
            connection.execute(insert(phone_answer).values({**row, "result": answer.result.value}))
            visit = Visit(
                answer.incident_id, answer.merchant_id, answer.result, answer.recorded_at_us, answer.recorded_by
            )
            record_visit(connection, visit, answer.recorded_by)
            return Taken.STORED, answer

    def of_incident(self, incident_id: str) -> tuple[PhoneAnswer, ...]:
        """Return the answers of an incident in the order in which they were recorded."""
        asked = select(phone_answer).where(phone_answer.c.incident_id == incident_id)
        with self._database.reading() as connection:
            rows = connection.execute(asked.order_by(phone_answer.c.recorded_at_us)).mappings()
            return tuple(PhoneAnswer(**{**row, "result": VisitResult(row["result"])}) for row in rows)

    def holders(self, incident_id: str, merchant_id: str) -> tuple[DoorHolder, ...]:
        """Return who a door belonged to, revision by revision, oldest first; nothing where it is on no list."""
        mine = (door.c.incident_id == incident_id) & (door.c.merchant_id == merchant_id)
        asked = select(door.c.revision, door.c.assigned_to).where(mine).order_by(door.c.revision)
        with self._database.reading() as connection:
            return tuple(DoorHolder(row.revision, row.assigned_to) for row in connection.execute(asked))
