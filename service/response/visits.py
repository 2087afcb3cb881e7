"""The one door for answers: the page, the command and the simulated team all come in here.

What comes in is checked against incident, list and people before it is recorded, with a line in the audit
record. Personal data leave here too, one merchant at a time, to a named person with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from alerts.model.incidents import Incident
from alerts.outreach.planner import Visit, VisitResult
from grid.assets import Merchant, Person
from grid.errors import RedvestError, UsageError
from grid.text import Text
from service.access.rights import EVERY_RIGHT, Action, Rights
from service.clock import Clock
from stores.records.records import Records

REASON_LETTERS_MAX = 200


class NotOnList(RedvestError):
    """The merchant is known, but no list of that incident names the door. The answer is "no"."""


@dataclass(frozen=True)
class Contact:
    """How to reach one merchant: personal data, for the person who asked and nobody else."""

    merchant_id: str
    contact_name: str
    phone: str


class VisitRecorder:
    """Takes answers and gives out contacts. Safe to share between threads."""

    def __init__(self, records: Records, clock: Clock) -> None:
        """Keep the store and the clock."""
        self._records = records
        self._clock = clock
        self._rights = EVERY_RIGHT

    def seen_by(self, rights: Rights) -> VisitRecorder:
        """Return the same door for answers as an account may use it: what it may not see does not exist."""
        seen = VisitRecorder(self._records.seen_by(rights.visible), self._clock)
        seen._rights = rights
        return seen

    def sees(self, merchant_id: str) -> bool:
        """Return whether a merchant exists for who asks."""
        return self._records.sees_merchant(merchant_id)

    def record_visit(self, incident_id: str, merchant_id: str, result: VisitResult, by: str) -> Visit:
        """Record one result at one door and return it. An answer may also come after the incident has closed.

        Raises UsageError for an unknown incident, merchant or person, NotOnList when the door is on no list
        of the incident.
        """
        self._need(Action.ANSWER)
        incident = self._incident(incident_id)
        merchant = self._merchant(merchant_id)
        person = self._person(by)
        lists = self._records.outreach_revisions(incident.incident_id)
        if not any(door.merchant_id == merchant.merchant_id for outreach in lists for door in outreach.doors):
            raise NotOnList(
                Text(
                    f"商户 {merchant_id} 不在事件 {incident.incident_id} 的名单上",
                    f"merchant {merchant_id} is not on the list of incident {incident.incident_id}",
                ),
                remedy=Text(
                    f"查看名单：redvest outreach {incident.incident_id}",
                    f"see the list: redvest outreach {incident.incident_id}",
                ),
            )
        visit = Visit(
            incident_id=incident.incident_id,
            merchant_id=merchant.merchant_id,
            result=result,
            recorded_at_us=self._clock.now_us(),
            recorded_by=person.person_id,
        )
        self._records.record_visit(visit, person.person_id)
        return visit

    def reveal(self, merchant_id: str, by: str, reason: str) -> Contact:
        """Return how to reach a merchant; who asked and why is in the audit record before it is shown.

        Raises UsageError for an unknown merchant or person, or without a reason.
        """
        self._need(Action.REVEAL)
        merchant = self._merchant(merchant_id)
        person = self._person(by)
        reason = " ".join(reason.split())
        if not reason:
            raise UsageError(
                Text("没有写明理由", "there is no reason given"),
                where=Text("查看电话", "reveal"),
                remedy=Text("请用几个字说明用途", "say in a few words what it is for"),
            )
        if len(reason) > REASON_LETTERS_MAX:
            raise UsageError(
                Text("理由太长", "the reason is too long"),
                where=Text("查看电话", "reveal"),
                remedy=Text(f"最多 {REASON_LETTERS_MAX} 个字", f"use {REASON_LETTERS_MAX} letters"),
            )
        self._records.record_reveal(merchant.merchant_id, person.person_id, reason, self._clock.now_us())
        return Contact(merchant.merchant_id, merchant.contact_name, merchant.phone)

    def _need(self, action: Action) -> None:
        if not self._rights.may(action):
            raise UsageError(
                Text("这个账号没有这项权限", "this account has no right to that"),
                remedy=Text("请用有权限的账号登录", "sign in with an account that has"),
            )

    def _incident(self, incident_id: str) -> Incident:
        incident = self._records.incident(incident_id)
        if incident is None:
            raise UsageError(
                Text(f"没有事件 {incident_id}", f"there is no incident {incident_id}"),
                remedy=Text("请查看 redvest incidents", "see redvest incidents"),
            )
        return incident

    def _merchant(self, merchant_id: str) -> Merchant:
        merchants = self._records.ledger().merchants
        found = next((merchant for merchant in merchants if merchant.merchant_id == merchant_id), None)
        if found is None or not self._records.sees_merchant(merchant_id):
            raise UsageError(
                Text(f"台账里没有商户 {merchant_id}", f"the ledger knows no merchant {merchant_id}"),
                remedy=Text("请使用名单上的编号", "take the id from the list"),
            )
        return found

    def _person(self, person_id: str) -> Person:
        found = next((person for person in self._records.ledger().people if person.person_id == person_id), None)
        if found is None:
            raise UsageError(
                Text(f"台账里没有人员 {person_id}", f"the ledger knows no person {person_id}"),
                remedy=Text(
                    "请给出 people.csv 中的 person_id，例如您自己的", "give a person_id of people.csv, such as your own"
                ),
            )
        return found
